//! What a visitor is asked, in full: the part of a page's settings that the browser SDK reads, made from the workspace,
//! the regime of the visitor's region and a language. The contract is `web/sdk/src/settings.ts`, field by field; a test
//! of the browser holds the two together.
//!
//! The words get a hash over exactly what is shown, so that a choice on record says which sentences it was made under,
//! and the sentences can be kept beside it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;
use workspace::{
    Banner, Before, ConsentRules, Control, Direction, DoNotTrack, FIRST_LANGUAGE, First, Link, Model, Regime, Site,
    Source, Tag, TakeOver, Vendor, Words, Workspace,
};

use crate::digest::sha256;
use crate::notice::{self, Notice};

/// The version of the contract with the SDK. A change that an older SDK would misread raises it.
const CONTRACT: u8 = 1;

/// What one visitor gets.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Experience<'w> {
    v: u8,
    region: Option<&'w str>,
    regime: RegimeShown<'w>,
    source: SourceShown<'w>,
    before: Before,
    categories: Vec<CategoryShown<'w>>,
    #[serde(skip_serializing_if = "slice_is_empty")]
    vendors: &'w [Vendor],
    #[serde(skip_serializing_if = "Option::is_none")]
    do_not_track: Option<DoNotTrack>,
    texts: Texts,
    #[serde(skip_serializing_if = "slice_is_empty")]
    tags: &'w [Tag],
    #[serde(skip_serializing_if = "Option::is_none")]
    consent_mode: Option<&'w BTreeMap<String, workspace::Category>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    surfaces: Vec<workspace::Surface>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tcf: Option<&'w workspace::Tcf>,
    #[serde(skip_serializing_if = "slice_is_empty")]
    frames: &'w [String],
    #[serde(skip_serializing_if = "slice_is_empty")]
    hand_off: &'w [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    take_over: Option<TakeOverShown<'w>>,
    storage: Storage<'w>,
    control: ControlShown,
}

fn slice_is_empty<T>(slice: &[T]) -> bool {
    slice.is_empty()
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct RegimeShown<'w> {
    id: &'static str,
    version: u32,
    models: BTreeMap<&'w str, Model>,
    first: First,
    lifetime_days: u16,
    reask_days: u16,
    gpc: &'static workspace::GpcMeaning,
    #[serde(skip_serializing_if = "is_false")]
    confirm_opt_in: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_false(value: &bool) -> bool {
    !value
}

#[derive(Debug, Clone, Serialize)]
struct TakeOverShown<'w> {
    from: &'w [workspace::Platform],
    /// The categories whose grants count: they were given to the words of today, with all of today's vendors named.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    grants: Vec<&'w str>,
}

#[derive(Debug, Clone, Serialize)]
struct SourceShown<'w> {
    category: &'w str,
}

#[derive(Debug, Clone, Serialize)]
struct CategoryShown<'w> {
    id: &'w str,
    #[serde(skip_serializing_if = "slice_is_empty")]
    aliases: &'w [workspace::Category],
    name: String,
    description: String,
    #[serde(skip_serializing_if = "slice_is_empty")]
    erase: &'w [String],
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Storage<'w> {
    identifier_days: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<&'w str>,
}

#[derive(Debug, Clone, Serialize)]
struct ControlShown {
    kind: Control,
}

/// The words of one language with what tells them from others.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Texts {
    language: String,
    #[serde(skip_serializing_if = "is_left_to_right")]
    dir: Direction,
    version: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    ask_again_below: Option<u32>,
    hash: String,
    title: String,
    body: String,
    accept: String,
    reject: String,
    choose: String,
    save: String,
    close: String,
    control: String,
    withdraw: String,
    always: String,
    gpc: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    confirm: Option<String>,
    over_gpc: OverGpc,
    reload: String,
    reload_button: String,
    receipt: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    elsewhere: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    links: Vec<LinkShown>,
}

/// What the second step of an opt-in over the browser's signal says: what the signal asks for and what granting undoes.
#[derive(Debug, Clone, Serialize)]
struct OverGpc {
    title: String,
    body: String,
    allow: String,
    keep: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_left_to_right(dir: &Direction) -> bool {
    *dir == Direction::Ltr
}

/// A link of the first layer. Without an address it opens the preference centre.
#[derive(Debug, Clone, Serialize)]
struct LinkShown {
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    href: Option<String>,
}

/// What was shown, kept so that a hash on record can be shown again: the words and the categories in one language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// SHA-256 of `text`, in hex: the hash that choices name.
    pub hash: String,
    /// The version of the words.
    pub version: u32,
    /// BCP 47.
    pub language: String,
    /// The words as JSON with sorted keys.
    pub text: String,
}

impl<'w> Experience<'w> {
    /// What a page of `source` shows to a visitor of `region` whose browser asks for `accept_language`.
    pub fn new(workspace: &'w Workspace, source: &'w Source, region: Option<&'w str>, accept_language: &str) -> Self {
        let (rules, site) = (&workspace.consent, workspace.site(source));
        let banner = site.banner();
        let regime = rules.regime(region);
        let row = regime.row();
        let published: Vec<&str> = banner.languages.keys().map(String::as_str).collect();
        let language = choose(accept_language, &published);
        let words = banner.words(language).unwrap_or_default();
        let optional =
            rules.categories.iter().map(|rule| rule.name.as_str()).filter(|name| *name != workspace::REQUIRED);
        let models = optional.map(|name| (name, regime.model(name))).collect();
        Self {
            v: CONTRACT,
            region,
            regime: RegimeShown {
                id: regime.id(),
                version: Regime::table_version(),
                models,
                first: row.first,
                lifetime_days: row.lifetime_days,
                reask_days: row.reask_days,
                gpc: &row.gpc,
                confirm_opt_in: row.confirm_opt_in,
            },
            source: SourceShown { category: source.category.as_str() },
            before: banner.before(regime),
            categories: categories(workspace, &words),
            vendors: &banner.vendors,
            do_not_track: (rules.do_not_track == DoNotTrack::AsGpc).then_some(DoNotTrack::AsGpc),
            texts: texts(site, regime, language, &words),
            tags: &banner.tags,
            consent_mode: banner.consent_mode.as_ref(),
            surfaces: banner.surfaces(),
            tcf: banner.tcf.as_ref(),
            frames: &banner.frames,
            hand_off: &banner.hand_off,
            take_over: banner.take_over.as_ref().map(|taken| take_over(workspace, banner, taken)),
            storage: Storage { identifier_days: banner.identifier_days, domain: banner.cookie_domain.as_deref() },
            control: ControlShown { kind: banner.control },
        }
    }
}

impl Experience<'_> {
    /// With a link to the notice: where the workspace publishes one of its own, else the generated one at `generated`.
    /// Without a `notice` block there is none to link to.
    #[must_use]
    pub fn with_notice(mut self, workspace: &Workspace, generated: &str) -> Self {
        let language = &self.texts.language;
        let own = workspace.consent.notice.as_ref().and_then(|rules| rules.url.clone());
        if let Some(text) = Notice::link_text(workspace, language) {
            let href = own.unwrap_or_else(|| format!("{generated}?language={language}"));
            self.texts.links.push(LinkShown { text, href: Some(href) });
        }
        self
    }

    /// Every key by which a stamp may name a category.
    pub fn keys(&self) -> Vec<&str> {
        let mut keys = Vec::new();
        for category in &self.categories {
            keys.push(category.id);
            keys.extend(category.aliases.iter().map(workspace::Category::as_str));
        }
        keys
    }
}

/// What a page may take over from the platform before.
fn take_over<'w>(workspace: &'w Workspace, banner: &'w Banner, taken: &'w TakeOver) -> TakeOverShown<'w> {
    let promised = taken.grants.iter().filter(|promised| promised.version == banner.version);
    let optional = || workspace.consent.categories.iter().map(|rule| &rule.name).filter(|name| !name.is_required());
    let grants = promised.flat_map(|promised| optional().filter(|name| banner.are_named(name, &promised.vendors)));
    TakeOverShown { from: &taken.from, grants: grants.map(workspace::Category::as_str).collect() }
}

/// Everything that a workspace may show on any of its sites, each language under each kind of regime: to be kept before it
/// is shown.
pub fn everything_shown(workspace: &Workspace) -> Vec<Shown> {
    let mut all: BTreeMap<String, Shown> = BTreeMap::new();
    for site in workspace.sites() {
        for language in site.banner().languages.keys() {
            let words = site.banner().words(language).unwrap_or_default();
            let each = Regime::all().map(|regime| shown(site, regime, language, &words));
            // Sites mostly show the same.
            all.extend(each.map(|shown| (shown.hash.clone(), shown)));
        }
    }
    all.into_values().collect()
}

/// The hash of what somebody under a regime is shown on a site today; `None` in a language that it does not publish.
pub fn hash_shown(site: Site<'_>, regime: Regime, language: &str) -> Option<String> {
    let words = site.banner().words(language)?;
    Some(shown(site, regime, language, &words).hash)
}

/// The hashes of all sentences that a banner shows in each language, for whoever asks whether they changed.
pub fn words_shown(rules: &ConsentRules, banner: &Banner) -> BTreeMap<String, BTreeSet<String>> {
    let hashes = |language: &String| {
        let words = banner.words(language).unwrap_or_default();
        let of = |regime| sha256(&said(rules, banner, (regime, language), &words).to_string());
        (language.clone(), Regime::all().map(of).collect())
    };
    banner.languages.keys().map(hashes).collect()
}

fn categories<'w>(workspace: &'w Workspace, words: &Words) -> Vec<CategoryShown<'w>> {
    let rules = &workspace.consent.categories;
    // `required` first, as the SDK shows them.
    let (required, optional): (Vec<_>, Vec<_>) = rules.iter().partition(|rule| rule.name.is_required());
    let shown = |rule: &'w workspace::CategoryRule| {
        let said = words.category(rule.name.as_str());
        CategoryShown {
            id: rule.name.as_str(),
            aliases: &rule.aliases,
            name: said.name,
            description: said.description,
            erase: &rule.erase,
        }
    };
    required.into_iter().chain(optional).map(shown).collect()
}

/// The words that a regime shows: the United States want the control to be called by the law's own words.
fn texts(site: Site<'_>, regime: Regime, language: &str, words: &Words) -> Texts {
    let banner = site.banner();
    let row = regime.row();
    let said = |place: &str| words.said(place).to_owned();
    let has_link = row.links.contains(&Link::Choices);
    Texts {
        language: language.to_owned(),
        dir: words.dir.unwrap_or_default(),
        version: banner.version,
        ask_again_below: banner.ask_again_below,
        hash: shown(site, regime, language, words).hash,
        title: said("title"),
        body: said("body"),
        accept: said("accept"),
        reject: said("reject"),
        choose: said("choose"),
        save: said("save"),
        close: said("close"),
        control: said(if has_link { "choices_link" } else { "control" }),
        withdraw: said("withdraw"),
        always: said("always"),
        gpc: said("gpc"),
        confirm: row.confirm_opt_in.then(|| said("confirm")),
        over_gpc: OverGpc {
            title: said("over_gpc_title"),
            body: said("over_gpc"),
            allow: said("over_gpc_allow"),
            keep: said("over_gpc_keep"),
        },
        reload: said("reload"),
        reload_button: said("reload_button"),
        receipt: said("receipt"),
        elsewhere: banner.other_devices.then(|| said("elsewhere")),
        links: if has_link { vec![LinkShown { text: said("choices_link"), href: None }] } else { Vec::new() },
    }
}

/// The sentences, and what is known to hold with them, as a receipt says it.
fn shown(site: Site<'_>, regime: Regime, language: &str, words: &Words) -> Shown {
    let (workspace, banner) = (site.workspace(), site.banner());
    let mut all = said(&workspace.consent, banner, (regime, language), words);
    for (name, fact) in notice::facts(workspace, regime, language) {
        all[name] = fact;
    }
    // `serde_json` keeps the keys of its maps in order, so equal words have equal text.
    let text = all.to_string();
    let hash = sha256(&text);
    Shown { hash, version: banner.version, language: language.to_owned(), text }
}

/// The sentences alone.
fn said(rules: &ConsentRules, banner: &Banner, (regime, language): (Regime, &str), words: &Words) -> Value {
    let row = regime.row();
    let mut places = words.at.clone();
    if !row.links.contains(&Link::Choices) {
        places.remove("choices_link");
    }
    if !row.confirm_opt_in {
        places.remove("confirm");
    }
    if !banner.other_devices {
        places.remove("elsewhere");
    }
    let mut named = BTreeMap::new();
    for rule in &rules.categories {
        named.insert(rule.name.as_str(), words.category(rule.name.as_str()));
    }
    let vendors: Vec<&Vendor> = banner.vendors.iter().collect();
    serde_json::json!({ "language": language, "words": places, "categories": named, "vendors": vendors })
}

/// The published language that fits `Accept-Language` best (RFC 9110 §12.5.4): by weight, then by order; `de-AT` takes
/// `de` where there is no own. Without a fit English, else the first that is published.
pub(crate) fn choose<'l>(accept: &str, published: &[&'l str]) -> &'l str {
    let mut wanted: Vec<(f32, &str)> = accept
        .split(',')
        .filter_map(|one| {
            let mut parts = one.split(';').map(str::trim);
            let code = parts.next().filter(|code| !code.is_empty())?;
            let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(Ok(1.0), str::parse).ok()?;
            (weight > 0.0).then_some((weight, code))
        })
        .collect();
    wanted.sort_by(|a, b| b.0.total_cmp(&a.0));
    let is = |code: &str| published.iter().copied().find(|one| one.eq_ignore_ascii_case(code));
    let primary = |code: &'_ str| code.split('-').next().unwrap_or_default().to_owned();
    let fits = wanted.iter().find_map(|(_, code)| is(code).or_else(|| is(&primary(code))));
    fits.or_else(|| is(FIRST_LANGUAGE)).or_else(|| published.first().copied()).unwrap_or(FIRST_LANGUAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace(consent: &str) -> Workspace {
        let yaml = format!("workspace: acme\nsources: [{{ name: web, kind: browser }}]\nconsent: {consent}");
        workspace::parse(&yaml, &|_| None).expect("valid")
    }

    fn document(consent: &str, region: Option<&str>, accept: &str) -> serde_json::Value {
        let workspace = workspace(consent);
        serde_json::to_value(Experience::new(&workspace, &workspace.sources[0], region, accept)).expect("JSON")
    }

    #[test]
    fn the_region_decides_what_holds_and_what_is_shown() {
        let of = |region| document("{ default_regime: by-region, regions: { GB: uk-statistics } }", region, "");
        let check = |region, id: &str, performance: &str, first: &str, control: &str| {
            let document = of(region);
            let regime = &document["regime"];
            let seen =
                [&regime["id"], &regime["models"]["performance"], &regime["first"], &document["texts"]["control"]];
            assert_eq!(seen, [id, performance, first, control], "{region:?}");
        };
        check(Some("DE"), "eu", "opt-in", "ask", "Privacy choices");
        check(Some("GB"), "uk-statistics", "exempt", "ask", "Privacy choices");
        check(Some("US-CA"), "us", "opt-out", "none", "Your Privacy Choices");
        check(None, "rest", "opt-in", "ask", "Your Privacy Choices");
    }

    #[test]
    fn without_a_word_about_consent_everybody_is_asked() {
        let document = document("{}", Some("US-CA"), "");
        assert_eq!((&document["regime"]["id"], &document["before"]), (&"opt-in".into(), &"block".into()));
    }

    #[test]
    fn the_browsers_language_is_taken_where_it_is_published() {
        let check = |accept: &str, expected: &str| {
            assert_eq!(choose(accept, &["de", "en", "pt-BR"]), expected, "{accept}");
        };
        check("de-AT,de;q=0.9,en;q=0.8", "de");
        check("fr,en;q=0.5,de;q=0.7", "de");
        check("PT-br", "pt-BR");
        check("de;q=0, en", "en");
        check("fr", "en");
        check("", "en");
        check("*;q=x,,;", "en");
        assert_eq!(choose("fr", &["es", "it"]), "es");
    }

    #[test]
    fn the_hash_is_that_of_what_a_receipt_says() {
        let hash = |consent: &str| document(consent, None, "")["texts"]["hash"].as_str().map(str::to_owned);
        let plain = hash("{}");
        assert_eq!(plain, hash("{ do_not_track: as-gpc, banner: { control: none, version: 4 } }"));
        assert_ne!(plain, hash("{ banner: { languages: { en: { title: Hello } } } }"));
        assert_ne!(plain, hash("{ default_regime: us }"), "another control is another sentence");
        let notice =
            "notice: { site: Shop, controller: { name: Acme, address: 1 High Street, email: p@acme.example } }";
        assert_ne!(plain, hash(&format!("{{ {notice} }}")), "who is responsible stands in it");
        let words = |consent: &str| {
            let rules = workspace(consent).consent;
            words_shown(&rules, &rules.banner)
        };
        assert_eq!(words("{}"), words(&format!("{{ {notice} }}")));
        let workspace = workspace("{}");
        let kept = everything_shown(&workspace);
        assert!(kept.iter().any(|shown| Some(&shown.hash) == plain.as_ref()));
        assert!(kept.iter().all(|shown| shown.text.contains("Your privacy on this site")));
    }

    #[test]
    fn the_interfaces_of_the_iab_come_with_what_they_say() {
        let banner = "surfaces: [trustarc, gpp], frames: ['https://shop.example'], \
                      vendors: [{ id: ads, name: Ads, category: targeting, tcf: 755 }], \
                      tcf: { cmp_id: 31, cmp_version: 4, publisher_country: DE, vendor_list: /v.json, \
                             purposes: { 1: functionality, 3: targeting } }";
        let document = document(&format!("{{ banner: {{ {banner} }} }}"), None, "");
        assert_eq!(document["surfaces"], serde_json::json!(["trustarc", "gpp", "tcf", "frames"]));
        assert_eq!(
            (&document["frames"][0], &document["vendors"][0]["tcf"]),
            (&"https://shop.example".into(), &755.into())
        );
        let tcf = serde_json::json!({
            "cmpId": 31, "cmpVersion": 4, "publisherCountry": "DE", "vendorList": "/v.json",
            "purposes": { "1": "functionality", "3": "targeting" },
        });
        assert_eq!(document["tcf"], tcf);
    }

    #[test]
    fn one_language_fits_into_its_budget() {
        let bytes = document("{}", None, "").to_string().len();
        assert!(bytes < 5 * 1024, "{bytes} bytes before compression");
    }
}
