//! What a banner may not be: words that are missing or steer, languages that nobody has read, categories that hold what
//! they must not, and habits that a regime forbids. Each refusal says why, because whoever wrote it may have been told to.
//!
//! Size, colour and order of the buttons are not configured, so they need no rule: the browser SDK makes them equal.

mod notice;
mod vendor;

use std::collections::HashSet;

use crate::validate::Invalid;
use crate::words::{FIRST_LANGUAGE, PLACES};
use crate::{
    Banner, Before, Model, Promised, Purpose, Regime, Sdk, Source, SourceKind, Tag, TakeOver, Words, Workspace,
};

/// A button's words may not be a paragraph.
const BUTTON_CHARS_MAX: usize = 40;
/// Beyond this a text is not read, and the settings of a page grow.
const TEXT_CHARS_MAX: usize = 1_000;
/// Of the longer of accept and reject to the shorter: a long word beside a short one is a small button beside a big one.
const BUTTON_RATIO_MAX: usize = 3;
/// What holds longer than the guidance of any regime for an identifier (CNIL: thirteen months).
const IDENTIFIER_DAYS_MAX: u16 = 395;
/// What a vendor is called.
const NAME_CHARS_MAX: usize = 80;
const ID_BYTES_MAX: usize = 64;
const URL_BYTES_MAX: usize = 300;
/// What is said about a category.
const CATEGORY_CHARS_MAX: usize = 500;
/// A TC string has twelve bits for each.
const TCF_NUMBER_MAX: u16 = 4_095;
/// Of TCF 2.2 and later.
const TCF_PURPOSES: u8 = 11;
const TCF_FEATURES: u8 = 2;
/// Each is an entry in every page's settings.
const ENTRIES_MAX: usize = 100;

/// Checks how a workspace asks, on each of its sites as a visitor meets it there.
pub(crate) fn banner(workspace: &Workspace) -> Result<(), Invalid> {
    template(&workspace.consent.banner)?;
    one(workspace, &workspace.consent.banner)?;
    for source in &workspace.sources {
        let banner = workspace.site(source).banner();
        let refused = |Invalid(why): Invalid| match &source.banner {
            Some(_) => Invalid(format!("source `{}`, `banner`: {why}", source.name)),
            None => Invalid(why),
        };
        before(source, banner).map_err(refused)?;
        if source.banner.is_some() {
            one(workspace, banner).map_err(refused)?;
        }
    }
    tcf(workspace, &workspace.consent.banner)?;
    workspace.consent.notice.as_ref().map_or(Ok(()), |said| notice::notice(workspace, said))
}

/// Checks what is one for all sites.
fn template(banner: &Banner) -> Result<(), Invalid> {
    if banner.version == 0 || banner.ask_again_below.is_some_and(|below| below > banner.version) {
        return refuse("`banner.version` counts from 1, and `ask_again_below` is at most the version".to_owned());
    }
    if !(1..=IDENTIFIER_DAYS_MAX).contains(&banner.identifier_days) {
        let days = banner.identifier_days;
        return refuse(format!(
            "`banner.identifier_days` is {days}; it is 1 to {IDENTIFIER_DAYS_MAX} (thirteen months)"
        ));
    }
    if banner.languages.is_empty() {
        return refuse("`banner.languages` is empty: nobody could be asked; publish at least one".to_owned());
    }
    banner.hand_off.iter().try_for_each(|origin| site("hand_off", origin))?;
    banner.take_over.as_ref().map_or(Ok(()), |taken| take_over(banner, taken))
}

/// Checks what is taken over from another platform.
fn take_over(banner: &Banner, taken: &TakeOver) -> Result<(), Invalid> {
    if taken.from.is_empty() {
        return refuse(
            "`banner.take_over.from` is empty: name `onetrust` or `trustarc`, or leave the block out".to_owned(),
        );
    }
    let Some(Promised { version, vendors }) = &taken.grants else { return Ok(()) };
    if *version == 0 || *version > banner.version {
        return refuse(format!(
            "`banner.take_over.grants.version` is {version}; it names words that this banner has published: 1 to {}",
            banner.version
        ));
    }
    match vendors.iter().find(|id| banner.vendors.iter().all(|vendor| vendor.id != **id)) {
        Some(id) => {
            refuse(format!("`banner.take_over.grants.vendors` names `{id}`, which is not among `banner.vendors`"))
        }
        None => Ok(()),
    }
}

/// Checks how one site asks.
fn one(workspace: &Workspace, banner: &Banner) -> Result<(), Invalid> {
    banner.languages.iter().try_for_each(|(code, over)| language(banner, code, over))?;
    contents(workspace, banner)?;
    banner.frames.iter().try_for_each(|origin| site("frames", origin))
}

fn refuse<T>(why: String) -> Result<T, Invalid> {
    Err(Invalid(why))
}

fn is_language(code: &str) -> Result<(), Invalid> {
    let is_code = !code.is_empty() && code.len() <= 35 && code.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if is_code { Ok(()) } else { refuse(format!("`{code}` is not a language: write a code as `de` or `pt-BR`")) }
}

/// An address that a page links to.
fn is_link(url: &str) -> bool {
    url.starts_with("https://")
        && url.len() <= URL_BYTES_MAX
        && !url.chars().any(|c| c.is_whitespace() || c.is_control())
}

fn language(banner: &Banner, code: &str, over: &Words) -> Result<(), Invalid> {
    is_language(code)?;
    if let Some(place) = over.at.keys().find(|place| !PLACES.contains(&place.as_str())) {
        let near = PLACES.iter().max_by(|a, b| strsim::jaro(a, place).total_cmp(&strsim::jaro(b, place)));
        let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        return refuse(format!("banner language `{code}` has words at `{place}`, which is no place{hint}"));
    }
    let Some(words) = banner.words(code) else { return Ok(()) };
    if code != FIRST_LANGUAGE && words.reviewed.as_deref().is_none_or(|who| who.trim().is_empty()) {
        return refuse(format!(
            "banner language `{code}` is a draft and cannot be published: let somebody who speaks it read every \
             sentence, then name them, as `reviewed: \"Jane Roe, 2026-11-20\"`"
        ));
    }
    if let Some(place) = PLACES.iter().find(|place| words.said(place).trim().is_empty()) {
        return refuse(format!("banner language `{code}` has no words at `{place}`"));
    }
    if let Some((place, _)) = words.at.iter().find(|(_, said)| said.chars().count() > TEXT_CHARS_MAX) {
        return refuse(format!("banner language `{code}` has more than {TEXT_CHARS_MAX} characters at `{place}`"));
    }
    let long = |said: &crate::CategoryWords| {
        said.name.chars().count() > NAME_CHARS_MAX || said.description.chars().count() > CATEGORY_CHARS_MAX
    };
    if let Some((name, _)) = words.categories.iter().find(|(_, said)| said.name.trim().is_empty() || long(said)) {
        return refuse(format!(
            "banner language `{code}`: category `{name}` has a name of 1 to {NAME_CHARS_MAX} characters and a description \
             of at most {CATEGORY_CHARS_MAX}"
        ));
    }
    buttons(code, &words)
}

/// Accepting and refusing are said alike (EDPB Taskforce 2023; 11 CCR 7004).
fn buttons(code: &str, words: &Words) -> Result<(), Invalid> {
    let count = |place: &str| words.said(place).chars().count();
    if let Some(place) = ["accept", "reject", "choose", "save", "over_gpc_allow", "over_gpc_keep"]
        .into_iter()
        .find(|place| count(place) > BUTTON_CHARS_MAX)
    {
        return refuse(format!(
            "banner language `{code}`: `{place}` is a button and has more than {BUTTON_CHARS_MAX} characters"
        ));
    }
    for (yes, no) in [("accept", "reject"), ("over_gpc_allow", "over_gpc_keep")] {
        if words.said(yes) == words.said(no) {
            return refuse(format!("banner language `{code}`: `{yes}` and `{no}` say the same"));
        }
        let (long, short) = (count(yes), count(no));
        if long.max(short) > BUTTON_RATIO_MAX * long.min(short) {
            return refuse(format!(
                "banner language `{code}`: `{yes}` and `{no}` are of unlike length ({long} and {short} characters), \
                 which makes one button larger than the other; accepting and refusing must be equal"
            ));
        }
    }
    Ok(())
}

fn before(source: &Source, banner: &Banner) -> Result<(), Invalid> {
    if source.kind != SourceKind::Browser {
        return Ok(());
    }
    let (name, category) = (&source.name, &source.category);
    for (&regime, before) in &banner.before {
        let asks = asks_first(regime, category.as_str());
        match before {
            Before::Cookieless if asks => {
                return refuse(format!(
                    "`banner.before.{regime}: cookieless` is not lawful: source `{name}` collects under `{category}`, \
                     which is opt-in under this regime, with or without cookies; write `block` or `buffer`"
                ));
            }
            Before::AlwaysLoad if !asks => {
                return refuse(format!(
                    "`banner.before.{regime}: always-load` says nothing: source `{name}` collects under `{category}`, \
                     which needs no choice under this regime; leave it out"
                ));
            }
            // Segment's script waits for whoever asks there.
            Before::AlwaysLoad if source.sdk() == Sdk::Assent && source.compat.is_none() => {
                return refuse(format!(
                    "`banner.before.{regime}: always-load` loses what it sends: source `{name}` takes no event of \
                     unknown consent; write `compat: segment` and `sdk: assent` on it, or say `always-load` in the \
                     `banner` of the source that has them"
                ));
            }
            _ => {}
        }
    }
    Ok(())
}

fn asks_first(regime: Regime, category: &str) -> bool {
    regime.model(category) == Model::OptIn
}

fn contents(workspace: &Workspace, banner: &Banner) -> Result<(), Invalid> {
    let known = |category: &crate::Category| workspace.consent.categories.iter().any(|rule| rule.name == *category);
    if banner.vendors.len() > ENTRIES_MAX || banner.tags.len() > ENTRIES_MAX {
        return refuse(format!("the banner has more than {ENTRIES_MAX} vendors or tags"));
    }
    let mut ids = HashSet::new();
    for vendor in &banner.vendors {
        let (id, category) = (&vendor.id, &vendor.category);
        if !ids.insert(id.as_str()) {
            return refuse(format!("there are two vendors `{id}`"));
        }
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
        if id.is_empty() || id.len() > ID_BYTES_MAX || !id.chars().all(is_plain) {
            return refuse(format!(
                "vendor `{id}`: an id has 1 to {ID_BYTES_MAX} of a-z, A-Z, 0-9, `-`, `_`, `.`, `:`"
            ));
        }
        if !known(category) {
            return refuse(format!("vendor `{id}` belongs to category `{category}`, which does not exist"));
        }
        vendor::vendor(workspace, vendor)?;
    }
    let mut tags = HashSet::new();
    for tag in &banner.tags {
        if !tags.insert(tag.id.as_str()) {
            return refuse(format!("there are two tags `{}`", tag.id));
        }
        one_tag(tag, &known, &ids)?;
        exempt(workspace, tag)?;
    }
    let mapped = banner.consent_mode.iter().flatten();
    match mapped.into_iter().find(|(_, category)| !known(category)) {
        Some((consent, category)) => {
            refuse(format!("`consent_mode.{consent}` is granted by category `{category}`, which does not exist"))
        }
        None => Ok(()),
    }
}

/// What the IAB's numbers can be, and categories that exist.
fn tcf(workspace: &Workspace, banner: &Banner) -> Result<(), Invalid> {
    let known = |category: &crate::Category| workspace.consent.categories.iter().any(|rule| rule.name == *category);
    let Some(tcf) = &banner.tcf else { return Ok(()) };
    if !(1..=TCF_NUMBER_MAX).contains(&tcf.cmp_id) || tcf.cmp_version > TCF_NUMBER_MAX {
        return refuse(format!(
            "`tcf.cmp_id` is the number that the IAB gave you as a consent platform, 1 to {TCF_NUMBER_MAX}, and \
             `cmp_version` is at most that: without a registration leave `tcf` out"
        ));
    }
    if tcf.publisher_country.len() != 2 || !tcf.publisher_country.chars().all(|c| c.is_ascii_uppercase()) {
        return refuse(format!("`tcf.publisher_country` is `{}`: write two letters as `DE`", tcf.publisher_country));
    }
    if !is_address(&tcf.vendor_list) {
        return refuse(format!(
            "`tcf.vendor_list` is `{}`: write an `https://` address or a path of the site under which you serve the \
             IAB's list",
            tcf.vendor_list
        ));
    }
    let numbered =
        [("purposes", &tcf.purposes, TCF_PURPOSES), ("special_features", &tcf.special_features, TCF_FEATURES)];
    for (name, map, most) in numbered {
        if let Some(number) = map.keys().find(|number| !(1..=most).contains(*number)) {
            return refuse(format!("`tcf.{name}.{number}` does not exist: there are 1 to {most}"));
        }
        if let Some((number, category)) = map.iter().find(|(_, category)| !known(category) || category.is_required()) {
            return refuse(format!(
                "`tcf.{name}.{number}` is granted by category `{category}`, which does not exist or cannot be refused"
            ));
        }
    }
    Ok(())
}

/// An origin is a scheme and a host: with a path it would never be equal to one.
fn site(place: &str, origin: &str) -> Result<(), Invalid> {
    let local = |origin: &'_ str| {
        let names = ["http://localhost", "http://127.0.0.1"];
        names.iter().any(|name| origin.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(':')))
    };
    let host = origin.split_once("://").map_or("", |(_, host)| host);
    let is_plain = !host.is_empty() && !host.contains(['/', '*', '?', '#', ' ', '@']);
    if is_plain && (origin.starts_with("https://") || local(origin)) && origin.len() <= URL_BYTES_MAX {
        return Ok(());
    }
    refuse(format!("`banner.{place}`: `{origin}` is not the origin of a site: write it as `https://shop.example`"))
}

fn is_address(src: &str) -> bool {
    (src.starts_with("https://") || src.starts_with('/')) && !src.starts_with("//")
}

/// What a regime exempts from asking are a site's own statistics and nothing else.
fn exempt(workspace: &Workspace, tag: &Tag) -> Result<(), Invalid> {
    let used = workspace.consent.regimes();
    let is_exempt =
        |category: &crate::Category| used.iter().find(|regime| regime.model(category.as_str()) == Model::Exempt);
    match tag.categories.iter().find_map(is_exempt).filter(|_| tag.purpose != Purpose::Analytics) {
        Some(regime) => refuse(format!(
            "tag `{}` is for purpose `{}` under a category that regime `{regime}` exempts for the site's own statistics: \
             use another category",
            tag.id, tag.purpose
        )),
        None => Ok(()),
    }
}

fn one_tag(tag: &Tag, known: &impl Fn(&crate::Category) -> bool, vendors: &HashSet<&str>) -> Result<(), Invalid> {
    let id = &tag.id;
    if let Some(category) = tag.categories.iter().find(|category| !known(category)) {
        return refuse(format!("tag `{id}` waits for category `{category}`, which does not exist"));
    }
    if let Some(vendor) = tag.vendor.as_deref().filter(|vendor| !vendors.contains(vendor)) {
        return refuse(format!("tag `{id}` belongs to vendor `{vendor}`, which is not among `banner.vendors`"));
    }
    if tag.categories.is_empty() {
        return refuse(format!("tag `{id}` waits for no category: name one, `required` if nobody may refuse it"));
    }
    if tag.categories.iter().all(crate::Category::is_required) && !tag.purpose.may_be_required() {
        return refuse(format!(
            "tag `{id}` is under `required` for purpose `{}`: nobody can refuse `required`, so it may not be used for \
             analytics, advertising, sale or sharing",
            tag.purpose
        ));
    }
    if tag.categories.iter().all(crate::Category::is_required) {
        vendor::not_required(&format!("tag `{id}`"), &vendor::by_address(&tag.src))?;
    }
    if !is_address(&tag.src) {
        return refuse(format!(
            "tag `{id}` comes from `{}`: write an `https://` address or a path of the site",
            tag.src
        ));
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    pub(super) fn check(banner: &str, expected: &str) {
        let yaml =
            format!("workspace: acme\nsources: [{{ name: web, kind: browser }}]\nconsent:\n  banner: {banner}\n");
        let said = crate::parse(&yaml, &|_| None).map_or_else(|error| error.to_string(), |_| "published".to_owned());
        assert!(said.contains(expected), "{banner}: {said}");
    }

    #[test]
    fn what_may_be_published() {
        check("{}", "published");
        check("{ languages: { en: {}, de: { reviewed: 'J. Roe, 2026-11-20' } } }", "published");
        check("{ before: { us: cookieless, eu: buffer } }", "published");
        check(
            "{ vendors: [{ id: ga, name: GA, category: performance }], tags: [{ id: ga, kind: script, \
               src: 'https://ga.example/a.js', categories: [performance], purpose: analytics, vendor: ga }] }",
            "published",
        );
    }

    #[test]
    fn a_language_that_nobody_has_read_is_a_draft() {
        check("{ languages: { de: {} } }", "`de` is a draft");
        check("{ languages: { de: { reviewed: ' ' } } }", "`de` is a draft");
        check("{ languages: {} }", "nobody could be asked");
        check("{ languages: { nl: { reviewed: R, title: Hoi } } }", "no words at `body`");
        check("{ languages: { en: { titel: Hi } } }", "did you mean `title`?");
        check("{ languages: { 'e n': {} } }", "is not a language");
    }

    #[test]
    fn buttons_are_equal_in_words_too() {
        check("{ languages: { en: { reject: 'No, I do not want any of this now' } } }", "of unlike length");
        check("{ languages: { en: { reject: Accept all } } }", "say the same");
        check("{ languages: { en: { reject: '' } } }", "no words at `reject`");
        check(
            "{ languages: { en: { over_gpc_keep: 'No' } } }",
            "`over_gpc_allow` and `over_gpc_keep` are of unlike length",
        );
        check(&format!("{{ languages: {{ en: {{ accept: {} }} }} }}", "a".repeat(41)), "is a button");
    }

    #[test]
    fn nothing_is_collected_unasked_where_the_law_asks() {
        check("{ before: { eu: cookieless } }", "is not lawful");
        check("{ before: { opt-in: cookieless } }", "is not lawful");
        check("{ before: { uk-statistics: cookieless } }", "published");
        check("{ before: { moon: block } }", "unknown regime `moon`");
    }

    #[test]
    fn what_is_exempt_are_own_statistics() {
        let tag = |regime: &str, purpose: &str| {
            let yaml = format!(
                "workspace: acme\nconsent:\n  regions: {{ GB: {regime} }}\n  banner: {{ tags: [{{ id: t, kind: img, src: /p, \
                 categories: [performance], purpose: {purpose} }}] }}\n"
            );
            crate::parse(&yaml, &|_| None).map_or_else(|error| error.to_string(), |_| "published".to_owned())
        };
        assert!(tag("uk-statistics", "advertising").contains("exempts"));
        assert_eq!(tag("uk-statistics", "analytics"), "published");
        assert_eq!(tag("uk", "advertising"), "published");
    }

    #[test]
    fn vendors_are_named_shortly_and_link_to_their_own_page() {
        let vendor = |more: &str| format!("{{ vendors: [{{ category: performance, {more} }}] }}");
        check(&vendor("id: 'Google Analytics', name: GA"), "an id has");
        check(&vendor("id: ga, name: ''"), "its name has");
        check(&vendor("id: ga, name: GA, policy: 'javascript:alert(1)'"), "its policy is an `https://`");
    }

    #[test]
    fn tcf_is_for_who_is_registered_and_names_what_there_is() {
        let tcf = |more: &str| format!("{{ tcf: {{ publisher_country: DE, vendor_list: /vendors.json, {more} }} }}");
        check(&tcf("cmp_id: 31, cmp_version: 1, purposes: { 1: functionality, '3': targeting }"), "published");
        check(&tcf("cmp_id: 0, cmp_version: 1, purposes: {}"), "without a registration");
        check(&tcf("cmp_id: 31, cmp_version: 1, purposes: { 12: targeting }"), "there are 1 to 11");
        check(&tcf("cmp_id: 31, cmp_version: 1, purposes: { 1: required }"), "cannot be refused");
        check(&tcf("cmp_id: 31, cmp_version: 1, purposes: {}, special_features: { 1: ads }"), "does not exist");
        check(
            "{ tcf: { cmp_id: 1, cmp_version: 1, publisher_country: de, vendor_list: /v, purposes: {} } }",
            "as `DE`",
        );
        check(
            "{ tcf: { cmp_id: 1, cmp_version: 1, publisher_country: DE, vendor_list: //v, purposes: {} } }",
            "https://",
        );
        check("{ surfaces: [gpp] }", "published");
        check("{ surfaces: [tcf] }", "unknown variant");
    }

    #[test]
    fn frames_are_origins() {
        check("{ frames: ['https://shop.example', 'http://localhost:3000', 'http://127.0.0.1:3000'] }", "published");
        for wrong in
            ["https://shop.example/", "*", "http://shop.example", "https://*.example", "http://localhost.example"]
        {
            check(&format!("{{ frames: ['{wrong}'] }}"), "is not the origin of a site");
            check(&format!("{{ hand_off: ['{wrong}'] }}"), "`banner.hand_off`");
        }
    }

    #[test]
    fn what_is_taken_over_names_platforms_words_and_vendors_that_there_are() {
        let taken = |grants: &str| {
            format!(
                "{{ version: 2, vendors: [{{ id: ga, name: GA, category: performance }}], \
                 take_over: {{ from: [onetrust, trustarc]{grants} }} }}"
            )
        };
        check(&taken(""), "published");
        check(&taken(", grants: { version: 2, vendors: [ga] }"), "published");
        check(&taken(", grants: { version: 3, vendors: [] }"), "1 to 2");
        check(&taken(", grants: { version: 1, vendors: [ads] }"), "not among `banner.vendors`");
        check(&taken(", grants: { version: 1 }"), "missing field `vendors`");
        check("{ take_over: { from: [] } }", "`banner.take_over.from` is empty");
        check("{ take_over: { from: [didomi] } }", "unknown variant");
    }

    // Obligation 5.
    #[test]
    fn nothing_hides_under_required() {
        let tag = |more: &str| format!("{{ tags: [{{ id: t, kind: img, src: /p, {more} }}] }}");
        check(&tag("categories: [required], purpose: advertising"), "nobody can refuse `required`");
        check(&tag("categories: [required], purpose: service"), "published");
        check(&tag("categories: [], purpose: service"), "waits for no category");
        check(&tag("categories: [ads], purpose: advertising"), "which does not exist");
        check(&tag("categories: [targeting], purpose: advertising, vendor: x"), "not among `banner.vendors`");
        check(
            "{ tags: [{ id: t, kind: img, src: 'http://x', categories: [targeting], purpose: advertising }] }",
            "`https://`",
        );
    }
}
