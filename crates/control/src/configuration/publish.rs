//! What a change of the consent block must say about itself, so that a number and a name mean what they seem to mean.
//!
//! - **`banner.version` stands for sentences.** Every choice on record names it, and visitors are asked again by it. So
//!   whoever changes what visitors of a published language are shown (its words, the vendors, the categories) gives it a
//!   higher number, and nobody gives it a lower one. Another language more or less changes nobody's sentences. Where
//!   nobody ever wrote a `banner`, there is no number to give: a category more or less is then free, and what was shown is
//!   told by its hash, as everywhere.
//! - **`reviewed` stands for words that somebody has read.** Where the words of a language change, it must change too.
//!
//! What is compared is what was published before, which is what the store has; so a block that is written for the first
//! time is free. Words that come with Assent are those of this release on both sides: a release that changes them is
//! not noticed here.

use std::collections::BTreeMap;

use workspace::{Banner, ConsentRules, FIRST_LANGUAGE, REQUIRED};

/// Whether one block may follow another, or why not and what to write.
pub(super) fn check(before: &ConsentRules, after: &ConsentRules) -> Result<(), String> {
    if [before, after].iter().all(|rules| rules.banner == Banner::default()) {
        return Ok(());
    }
    let (was, is) = (before.banner.version, after.banner.version);
    let [shown_before, shown_after] = [before, after].map(consent::words_shown);
    let changed = shown_before
        .iter()
        .find(|(language, hashes)| shown_after.get(language.as_str()).is_some_and(|after| after != *hashes));
    if let Some((language, _)) = changed.filter(|_| is <= was) {
        return Err(format!(
            "what visitors are shown (words, vendors or categories) changes in language `{language}` and `banner.version` \
             is still {is}: choices on record name that number, so a number stands for one text; write `version: {}`",
            was.saturating_add(1)
        ));
    }
    if is < was {
        return Err(format!(
            "`banner.version` goes back from {was} to {is}, which stands for an older text: write {was}"
        ));
    }
    before.banner.languages.keys().try_for_each(|language| reviewed(before, after, language))
}

fn reviewed(before: &ConsentRules, after: &ConsentRules, language: &str) -> Result<(), String> {
    let who = |rules: &ConsentRules| rules.banner.languages.get(language).and_then(|words| words.reviewed.clone());
    let (Some(by), true) = (who(before), who(before) == who(after)) else { return Ok(()) };
    if language == FIRST_LANGUAGE || words(before, language) == words(after, language) {
        return Ok(());
    }
    Err(format!(
        "the words of banner language `{language}` change and `reviewed` still says `{by}`, who has read others: let \
         somebody who speaks it read every sentence, then name them and the day, as `reviewed: \"Jane Roe, 2026-11-20\"`"
    ))
}

/// Every sentence of a language by its place.
fn words(rules: &ConsentRules, language: &str) -> BTreeMap<String, String> {
    let Some(words) = rules.banner.words(language) else { return BTreeMap::new() };
    let mut all: BTreeMap<String, String> = words.at.iter().map(|(at, said)| (at.clone(), said.clone())).collect();
    let names = rules.categories.iter().map(|rule| rule.name.as_str());
    for name in names.chain([REQUIRED]) {
        let said = words.category(name);
        all.insert(format!("categories.{name}.name"), said.name);
        all.insert(format!("categories.{name}.description"), said.description);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(consent: &str) -> ConsentRules {
        let yaml = format!("workspace: acme\nsources: [{{ name: web, kind: browser }}]\nconsent: {consent}");
        workspace::parse(&yaml, &|_| None).expect("valid").consent
    }

    fn check(before: &str, after: &str, expected: &str) {
        let said = super::check(&rules(before), &rules(after)).err().unwrap_or_else(|| "published".to_owned());
        assert!(said.contains(expected), "{before} → {after}: {said}");
    }

    #[test]
    fn another_text_has_another_number() {
        let english = |more: &str, words: &str| format!("{{ banner: {{ {more}, languages: {{ en: {words} }} }} }}");
        check(&english("version: 3", "{}"), &english("version: 3", "{ title: Hello }"), "write `version: 4`");
        check(&english("version: 3", "{}"), &english("version: 4", "{ title: Hello }"), "published");
        check(&english("version: 3", "{}"), &english("version: 9", "{}"), "published");
        check(&english("version: 3", "{}"), &english("version: 2", "{}"), "goes back from 3 to 2");
        check("{}", "{ banner: { vendors: [{ id: ga, name: GA, category: performance }] } }", "write `version: 2`");
        let with_banner = |categories: &str| format!("{{ categories: [{categories}], banner: {{ control: none }} }}");
        check(&with_banner("performance"), &with_banner("performance, research"), "write `version: 2`");
    }

    #[test]
    fn what_nobody_is_shown_needs_none() {
        for after in [
            "{ do_not_track: as-gpc }",
            "{ categories: [performance, research] }",
            "{ default_regime: by-region, regions: { GB: uk-statistics } }",
            "{ banner: { identifier_days: 30, before: { eu: buffer }, surfaces: [onetrust] } }",
            "{ banner: { languages: { en: {}, de: { reviewed: 'J. Roe, 2026-11-20' } } } }",
        ] {
            check("{}", after, "published");
        }
        let alias = "{ categories: [functionality, { name: performance, aliases: [C0002] }, targeting] }";
        check("{ categories: [functionality, performance, targeting] }", alias, "published");
    }

    #[test]
    fn who_has_read_other_words_has_not_read_these() {
        let german = |version: u32, words: &str| {
            format!("{{ banner: {{ version: {version}, languages: {{ en: {{}}, de: {{ {words} }} }} }} }}")
        };
        let first = german(1, "reviewed: 'J. Roe, 2026-11-20'");
        check(&first, &german(2, "reviewed: 'J. Roe, 2026-11-20', title: Hallo"), "still says `J. Roe, 2026-11-20`");
        check(&first, &german(2, "reviewed: 'J. Roe, 2026-11-22', title: Hallo"), "published");
        check(&first, &german(1, "reviewed: 'K. Doe, 2026-11-22'"), "published");
        check(&first, &german(2, "reviewed: 'J. Roe, 2026-11-20'"), "published");
        // A category that they have not read about either.
        let more = "{ categories: [performance, research], banner: { version: 2, languages: \
                    { en: {}, de: { reviewed: 'J. Roe, 2026-11-20' } } } }";
        check(&first, more, "still says");
    }
}
