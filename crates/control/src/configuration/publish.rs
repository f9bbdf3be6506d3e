//! What a change of the consent block must say about itself, so that a number and a name mean what they seem to mean.
//!
//! - **`banner.version` stands for sentences.** Every choice on record names it, and visitors are asked again by it. So
//!   whoever changes what visitors of a published language are shown (its words, the vendors, the categories) gives it a
//!   higher number, and nobody gives it a lower one. Another language more or less changes nobody's sentences. Where
//!   nobody ever wrote a `banner`, there is no number to give: a category more or less is then free, and what was shown is
//!   told by its hash, as everywhere.
//! - **`reviewed` stands for words that somebody has read.** Where the words of a language change, it must change too.
//!
//! Both hold for each site too: `banner.version` stands for what all of them show, and `reviewed` of a source's `banner` for the
//! words that stand there. A source that is new, or gone, changes nobody's sentences.
//!
//! What is compared is what was published before, which is what the store has; so what is written for the first
//! time is free. Words that come with Assent are those of this release on both sides: a release that changes them is
//! not noticed here.

use std::collections::BTreeMap;

use workspace::{Banner, ConsentRules, FIRST_LANGUAGE, ObjectKind, REQUIRED, SiteBanner, Words};

use super::store::StoredWorkspace;

/// How a workspace asks, on each of its sites.
#[derive(Debug, PartialEq)]
pub(super) struct Published {
    rules: ConsentRules,
    /// Whether anybody ever wrote how.
    is_written: bool,
    /// What each source says otherwise.
    sites: BTreeMap<String, Option<SiteBanner>>,
}

impl Published {
    /// As it is stored; `None` where an older release wrote it and this one cannot read it any more.
    pub(super) fn of(workspace: &StoredWorkspace) -> Option<Self> {
        let block = workspace.object(ObjectKind::Consent, ObjectKind::Consent.name()).map(|object| object.body.clone());
        let sources = workspace.objects.iter().filter(|object| object.kind == ObjectKind::Source);
        let sites = sources.map(|source| Some((source.name.clone(), SiteBanner::written(&source.body).ok()?)));
        let sites: BTreeMap<String, Option<SiteBanner>> = sites.collect::<Option<_>>()?;
        let is_written = block.is_some() || sites.values().any(Option::is_some);
        Some(Self { rules: ConsentRules::written(block.unwrap_or_default()).ok()?, is_written, sites })
    }

    fn version(&self) -> u32 {
        self.rules.banner.version
    }

    /// Whether nobody ever wrote a banner.
    fn is_plain(&self) -> bool {
        self.rules.banner == Banner::default() && self.sites.values().all(Option::is_none)
    }

    /// The banner of a source.
    fn banner(&self, site: Option<&SiteBanner>) -> Banner {
        site.map_or_else(|| self.rules.banner.clone(), |site| site.over(&self.rules.banner))
    }

    /// The language in which the sentences change from these to others, and the source where it is not everywhere.
    fn changed<'p>(&'p self, after: &Self) -> Option<(Option<&'p str>, String)> {
        let changed = |was: Option<&SiteBanner>, is: Option<&SiteBanner>| {
            let shown = |of: &Self, site| consent::words_shown(&of.rules, &of.banner(site));
            let (was, is) = (shown(self, was), shown(after, is));
            was.into_iter().find(|(language, hashes)| is.get(language).is_some_and(|is| is != hashes))
        };
        let of_site = |(name, was): (&'p String, &Option<SiteBanner>)| {
            let is = after.sites.get(name)?.as_ref();
            // Where both inherit, it is the template's change.
            let (was, is) = if was.is_none() && is.is_none() { return None } else { (was.as_ref(), is) };
            changed(was, is).map(|(language, _)| (Some(name.as_str()), language))
        };
        if self == after {
            return None;
        }
        let everywhere = changed(None, None).map(|(language, _)| (None, language));
        everywhere.or_else(|| self.sites.iter().find_map(of_site))
    }
}

/// The version that a change must give the banner and does not.
pub(super) fn missing_version(before: &Published, after: &Published) -> Option<u32> {
    let is_free = !before.is_written || (before.is_plain() && after.is_plain());
    let is_told = after.version() > before.version();
    (!is_free && !is_told && before.changed(after).is_some()).then(|| before.version().saturating_add(1))
}

/// Whether one may follow another, or why not and what to write.
pub(super) fn check(before: &Published, after: &Published) -> Result<(), String> {
    if !before.is_written || (before.is_plain() && after.is_plain()) {
        return Ok(());
    }
    let (was, is) = (before.version(), after.version());
    if let Some((source, language)) = before.changed(after).filter(|_| is <= was) {
        let place = source.map(|source| format!(" of source `{source}`")).unwrap_or_default();
        return Err(format!(
            "what visitors{place} are shown (words, vendors or categories) changes in language `{language}` and \
             `banner.version` is still {is}: choices on record name that number, so a number stands for one text; write \
             `version: {}`",
            was.saturating_add(1)
        ));
    }
    if is < was {
        return Err(format!(
            "`banner.version` goes back from {was} to {is}, which stands for an older text: write {was}"
        ));
    }
    before.rules.banner.languages.keys().try_for_each(|language| {
        let who = |of: &Published| reviewer(&of.rules.banner.languages, language);
        reviewed("", language, (who(before), who(after)), || words(before, language) != words(after, language))
    })?;
    let both =
        before.sites.iter().filter_map(|(name, was)| Some((name, was.as_ref()?, after.sites.get(name)?.as_ref()?)));
    for (name, was, is) in both {
        for language in was.languages.keys() {
            let who = |of: &SiteBanner| reviewer(&of.languages, language);
            let said =
                |of: &SiteBanner| of.languages.get(language).map(|words| Words { reviewed: None, ..words.clone() });
            reviewed(&format!("source `{name}`: "), language, (who(was), who(is)), || said(was) != said(is))?;
        }
    }
    Ok(())
}

fn reviewer(languages: &BTreeMap<String, Words>, language: &str) -> Option<String> {
    languages.get(language).and_then(|words| words.reviewed.clone())
}

/// Refuses the name of somebody who has read other words.
fn reviewed(
    place: &str,
    language: &str,
    (was, is): (Option<String>, Option<String>),
    changed: impl Fn() -> bool,
) -> Result<(), String> {
    let (Some(by), true) = (&was, was == is) else { return Ok(()) };
    if language == FIRST_LANGUAGE || !changed() {
        return Ok(());
    }
    Err(format!(
        "{place}the words of banner language `{language}` change and `reviewed` still says `{by}`, who has read others: let \
         somebody who speaks it read every sentence, then name them and the day, as `reviewed: \"Jane Roe, 2026-11-20\"`"
    ))
}

/// Every sentence of a language by its place.
fn words(of: &Published, language: &str) -> BTreeMap<String, String> {
    let Some(words) = of.rules.banner.words(language) else { return BTreeMap::new() };
    let mut all: BTreeMap<String, String> = words.at.iter().map(|(at, said)| (at.clone(), said.clone())).collect();
    let names = of.rules.categories.iter().map(|rule| rule.name.as_str());
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

    fn published(sources: &str, consent: &str) -> Published {
        let yaml = format!("workspace: acme\nsources: [{sources}]\nconsent: {consent}");
        let workspace = workspace::parse(&yaml, &|_| None).expect("valid");
        let sites = workspace.sources.into_iter().map(|source| (source.name.to_string(), source.banner)).collect();
        Published { rules: workspace.consent, is_written: true, sites }
    }

    fn check_all((sources, consent): (&str, &str), (then, after): (&str, &str), expected: &str) {
        let (before, after) = (published(sources, consent), published(then, after));
        let said = super::check(&before, &after).err().unwrap_or_else(|| "published".to_owned());
        assert!(said.contains(expected), "{before:?} → {after:?}: {said}");
        let missing = missing_version(&before, &after);
        assert_eq!(missing.is_some(), said.contains("write `version:"), "{said}");
    }

    fn check(before: &str, after: &str, expected: &str) {
        let web = "{ name: web, kind: browser }";
        check_all((web, before), (web, after), expected);
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

    #[test]
    fn the_words_of_a_site_are_counted_by_the_same_number() {
        let site = |words: &str| format!("{{ name: shop, kind: browser, banner: {{ {words} }} }}");
        let plain = "{ name: shop, kind: browser }";
        let (one, two) = ("{ banner: { version: 1 } }", "{ banner: { version: 2 } }");
        let hello = &site("languages: { en: { title: Hello } }");
        let shop = "what visitors of source `shop` are shown";
        check_all((plain, one), (hello, one), shop);
        check_all((plain, one), (hello, two), "published");
        check_all((hello, one), (&site("languages: { en: { title: Hi } }"), one), "write `version: 2`");
        check_all((hello, one), (plain, one), shop);
        check_all((hello, one), (hello, "{ banner: { languages: { en: { body: Other } } } }"), "write `version: 2`");
        // Nobody's sentences.
        check_all((plain, one), (&site("control: none, surfaces: [gpp]"), one), "published");
        check_all((plain, one), (&site("languages: { de: { reviewed: 'J. Roe, 2026-11-20' } }"), one), "published");
        check_all((plain, one), (&format!("{plain}, {}", hello.replace("shop", "new")), one), "published");
        check_all((&format!("{plain}, {}", hello.replace("shop", "old")), one), (plain, one), "published");
    }

    #[test]
    fn who_has_read_the_words_of_a_site_has_not_read_others() {
        let site = |german: &str| {
            format!("{{ name: shop, kind: browser, banner: {{ languages: {{ de: {{ {german} }} }} }} }}")
        };
        let template = |version: u32, german: &str| {
            format!("{{ banner: {{ version: {version}, languages: {{ en: {{}}, de: {{ {german} }} }} }} }}")
        };
        let (one, two) =
            (&template(1, "reviewed: 'K. Doe, 2026-11-01'"), &template(2, "reviewed: 'K. Doe, 2026-11-01'"));
        let first = &site("reviewed: 'J. Roe, 2026-11-20', title: Hallo");
        check_all(
            (first, one),
            (&site("reviewed: 'J. Roe, 2026-11-20', title: Moin"), two),
            "source `shop`: the words",
        );
        check_all((first, one), (&site("reviewed: 'J. Roe, 2026-11-22', title: Moin"), two), "published");
        // The template's reader answers for the template's words.
        check_all((first, one), (first, &template(2, "reviewed: 'K. Doe, 2026-11-02', body: Neu")), "published");
    }
}
