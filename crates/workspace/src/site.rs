//! One site of a workspace: what its banner says or does otherwise than the workspace's, which is the template that it
//! inherits from.
//!
//! What is presentation of a site can be another on each: words, control, tags. What a choice consists of cannot (vendors,
//! categories, the version that it names), because a choice that was made on one site counts on all of them. So this is a
//! type of its own, which has no place for those; whoever writes one is told why, and where it is set.
//!
//! The banner that holds on a site is made here and nowhere else, when a workspace is read; [`crate::Workspace::site`] hands
//! it out.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::parse::with_hint;
use crate::validate::Invalid;
use crate::{Banner, Before, Body, Category, Control, FIRST_LANGUAGE, Regime, Surface, Tag, Words, Workspace};

/// What a source's banner says otherwise. What is left out is the workspace's.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SiteBanner {
    /// Words over the workspace's, language by language and place by place; or a language that this site alone has.
    pub languages: BTreeMap<String, Words>,
    /// By regime, what is done with calls made before a choice.
    pub before: BTreeMap<Regime, Before>,
    /// How a visitor finds the choices again.
    pub control: Option<Control>,
    /// Google's consent types → the category that grants them, all of them.
    pub consent_mode: Option<BTreeMap<String, Category>>,
    /// Beside the workspace's; one with the id of a tag of the workspace's stands in its place.
    pub tags: Vec<Tag>,
    /// Other consent platforms' surfaces, all of them.
    pub surfaces: Option<Vec<Surface>>,
    /// Origins of sites that show each other's pages in frames, all of them.
    pub frames: Option<Vec<String>>,
    /// The domain of the cookies.
    pub cookie_domain: Option<String>,
}

/// What is one for all sites, with why and where it is set.
const OF_WORKSPACE: [(&str, &str, &str); 9] = [
    ("version", COUNTED, "consent.banner.version"),
    ("ask_again_below", COUNTED, "consent.banner.ask_again_below"),
    ("vendors", "a visitor refuses a vendor on all sites at once", "consent.banner.vendors"),
    ("tcf", "its strings say what was chosen for all sites", "consent.banner.tcf"),
    ("identifier_days", "what is collected under an identifier is the workspace's", "consent.banner.identifier_days"),
    ("hand_off", "two sites hand a choice to each other by one list", "consent.banner.hand_off"),
    ("other_devices", "who is signed in is signed in to the workspace", "consent.banner.other_devices"),
    ("take_over", "a choice that is taken over counts on all sites", "consent.banner.take_over"),
    ("categories", "a choice is made of the same categories on all sites", "consent.categories"),
];
const COUNTED: &str = "choices that were made on different sites are compared by it";

impl SiteBanner {
    /// The banner that holds on the site. Every field is named, so that a new one must be decided here.
    pub fn over(&self, template: &Banner) -> Banner {
        let Self { languages, before, control, consent_mode, tags, surfaces, frames, cookie_domain } = self;
        let mut all = template.languages.clone();
        for (code, over) in languages {
            let words = laid_over(template.languages.get(code), over);
            all.insert(code.clone(), words);
        }
        Banner {
            version: template.version,
            ask_again_below: template.ask_again_below,
            languages: all,
            before: template.before.iter().chain(before).map(|(regime, before)| (*regime, *before)).collect(),
            control: control.unwrap_or(template.control),
            consent_mode: consent_mode.clone().or_else(|| template.consent_mode.clone()),
            vendors: template.vendors.clone(),
            tags: replaced(&template.tags, tags, |tag| tag.id.as_str()),
            surfaces: surfaces.clone().unwrap_or_else(|| template.surfaces.clone()),
            tcf: template.tcf.clone(),
            frames: frames.clone().unwrap_or_else(|| template.frames.clone()),
            hand_off: template.hand_off.clone(),
            other_devices: template.other_devices,
            take_over: template.take_over.clone(),
            identifier_days: template.identifier_days,
            cookie_domain: cookie_domain.clone().or_else(|| template.cookie_domain.clone()),
        }
    }

    /// What the body of a source says of its banner; `None` where it says nothing.
    pub fn written(source: &Body) -> Result<Option<Self>, Invalid> {
        let banner = match source.get(BANNER) {
            None | Some(Value::Null) => return Ok(None),
            Some(banner) => banner,
        };
        let name = source.get("name").and_then(Value::as_str).unwrap_or_default();
        let has = |key: &str| banner.get(key).is_some();
        if let Some((key, why, place)) = OF_WORKSPACE.into_iter().find(|(key, ..)| has(key)) {
            return Err(Invalid(format!(
                "source `{name}`: `banner.{key}` cannot be another on one site, because {why}; it is set at `{place}`"
            )));
        }
        let read = Self::deserialize(banner);
        let read =
            read.map_err(|error| Invalid(format!("source `{name}`, `banner`: {}", with_hint(&error.to_string()))))?;
        // Laid over the workspace's, the second would be gone without a word.
        let twice = read.tags.iter().enumerate().find(|(at, tag)| read.tags[..*at].iter().any(|one| one.id == tag.id));
        if let Some((_, tag)) = twice {
            return Err(Invalid(format!(
                "source `{name}`, `banner`: there are two tags `{}`; give one another `id`",
                tag.id
            )));
        }
        Ok(Some(read))
    }

    /// Takes out of a site's banner, as it is written, what belongs to the site's host: it stays with its source when the
    /// rest is published. Another site's browsers would refuse the cookies.
    pub fn take_of_host(banner: &mut Body) -> Body {
        OF_HOST.iter().filter_map(|key| banner.remove_entry(*key)).filter(|(_, said)| !said.is_null()).collect()
    }

    /// Puts what a site's banner says into the workspace's, as both are written: every site that inherits then shows what
    /// [`SiteBanner::over`] had the one show.
    pub fn publish(site: &Body, template: &mut Body) {
        for (key, said) in site.iter().filter(|(_, said)| !said.is_null()) {
            let whole = match (key.as_str(), said, template.remove(key)) {
                (LANGUAGES, Value::Object(said), below) => all_languages(said, below),
                (TAGS, Value::Array(said), Some(Value::Array(below))) => {
                    Value::Array(replaced(&below, said, |tag| tag["id"].as_str().unwrap_or_default()))
                }
                (BEFORE, Value::Object(said), Some(Value::Object(mut below))) => {
                    below.extend(said.clone());
                    Value::Object(below)
                }
                _ => said.clone(),
            };
            template.insert(key.clone(), whole);
        }
    }
}

const BANNER: &str = "banner";
const OF_HOST: [&str; 2] = ["cookie_domain", "frames"];
const LANGUAGES: &str = "languages";
const REVIEWED: &str = "reviewed";
const TAGS: &str = "tags";
const BEFORE: &str = "before";

/// Words of a site over those of the workspace. Who has read the workspace's has not read these.
fn laid_over(template: Option<&Words>, over: &Words) -> Words {
    let below = template.cloned().unwrap_or_default();
    let mut words = below.under(over);
    if !over.says_something() {
        words.reviewed = over.reviewed.clone().or(below.reviewed);
    }
    words
}

/// The items of `below`, each with the one of its id from `over` in its place, then the rest of `over`.
fn replaced<T: Clone>(below: &[T], over: &[T], id: impl Fn(&T) -> &str) -> Vec<T> {
    let named = |items: &[T], wanted: &str| items.iter().find(|item| id(item) == wanted).cloned();
    let kept = below.iter().map(|item| named(over, id(item)).unwrap_or_else(|| item.clone()));
    let new = over.iter().filter(|item| named(below, id(item)).is_none()).cloned();
    kept.chain(new).collect()
}

/// Checks what can be said better of a source as it is written than of its type.
pub(crate) fn check(source: &Value) -> Result<(), Invalid> {
    source.as_object().map_or(Ok(()), |source| SiteBanner::written(source).map(drop))
}

/// [`laid_over`] for each language, as they are written.
fn all_languages(said: &Body, below: Option<Value>) -> Value {
    let mut all = match below {
        Some(Value::Object(below)) => below,
        // A workspace that names none publishes the first.
        _ => Body::from_iter([(FIRST_LANGUAGE.to_owned(), Value::Object(Body::new()))]),
    };
    for (code, over) in said {
        let (Some(over), Value::Object(below)) =
            (over.as_object(), all.entry(code.clone()).or_insert_with(|| Value::Object(Body::new())))
        else {
            continue;
        };
        let is_empty = |said: &Value| said.is_null() || said.as_object().is_some_and(Body::is_empty);
        let over = || over.iter().filter(|(_, said)| !is_empty(said));
        if over().any(|(key, _)| key != REVIEWED) {
            below.remove(REVIEWED);
        }
        for (key, said) in over() {
            match (below.get_mut(key), said) {
                (Some(Value::Object(below)), Value::Object(said)) => below.extend(said.clone()),
                _ => drop(below.insert(key.clone(), said.clone())),
            }
        }
    }
    Value::Object(all)
}

/// A workspace as the visitors of one of its sources meet it. Only the workspace makes one, so banner and workspace belong
/// together.
#[derive(Debug, Clone, Copy)]
pub struct Site<'w> {
    workspace: &'w Workspace,
    banner: &'w Banner,
}

impl<'w> Site<'w> {
    pub(crate) fn new(workspace: &'w Workspace, banner: &'w Banner) -> Self {
        Self { workspace, banner }
    }

    /// What is the same on every site.
    pub fn workspace(self) -> &'w Workspace {
        self.workspace
    }

    /// How this one asks.
    pub fn banner(self) -> &'w Banner {
        self.banner
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, json};

    use super::*;
    use crate::parse;

    fn check(site: &str, template: &str, expected: &str) {
        let yaml = format!(
            "workspace: acme\nsources: [{{ name: web, kind: browser }}, {{ name: shop, kind: browser, banner: {site} }}]\n\
             consent: {{ banner: {template} }}"
        );
        let said = parse(&yaml, &|_| None).map_or_else(|error| error.to_string(), |_| "published".to_owned());
        assert!(said.contains(expected), "{site} over {template}: {said}");
    }

    #[test]
    fn what_is_the_workspaces_is_refused_with_the_reason_and_its_place() {
        for (key, value) in
            [("version", "2"), ("ask_again_below", "1"), ("identifier_days", "30"), ("categories", "[a]")]
        {
            check(&format!("{{ {key}: {value} }}"), "{}", &format!("source `shop`: `banner.{key}` cannot be another"));
        }
        check(
            "{ vendors: [{ id: heap }] }",
            "{}",
            "a visitor refuses a vendor on all sites at once; it is set at `consent.banner.vendors`",
        );
        check("{ tcf: {} }", "{}", "`consent.banner.tcf`");
        check("{ hand_off: [] }", "{}", "`consent.banner.hand_off`");
        check("{ other_devices: true }", "{}", "`consent.banner.other_devices`");
        check("{ take_over: { from: [onetrust] } }", "{}", "`consent.banner.take_over`");
        check("{ contol: none }", "{}", "source `shop`, `banner`: unknown field `contol`");
        check("{ contol: none }", "{}", "did you mean `control`?");
        let mobile = "workspace: acme\nsources: [{ name: app, kind: mobile, banner: {} }]";
        let said = parse(mobile, &|_| None).map_or_else(|error| error.to_string(), |_| String::new());
        assert!(said.contains("source `app` has a `banner`, which is for sources of kind `browser`"), "{said}");
    }

    #[test]
    fn what_a_visitor_of_a_site_would_meet_is_what_is_checked() {
        check(
            "{ languages: { en: { reject: 'No, I do not want any of this now' } } }",
            "{}",
            "source `shop`, `banner`: banner language `en`: `accept` and `reject` are of unlike length",
        );
        // Neither by itself is too long: beside the other's it is.
        check(
            "{ languages: { en: { reject: 'No' } } }",
            "{ languages: { en: { accept: Yes, reject: Nay } } }",
            "published",
        );
        check("{ languages: { en: { reject: 'No' } } }", "{}", "of unlike length (10 and 2 characters)");
        check(
            "{ before: { eu: cookieless } }",
            "{}",
            "source `shop`, `banner`: `banner.before.eu: cookieless` is not lawful",
        );
        check("{ before: { eu: block } }", "{ before: { eu: cookieless } }", "source `web` collects");
        let tag = |more: &str| format!("{{ tags: [{{ id: t, kind: img, src: /p, {more} }}] }}");
        check(
            &tag("categories: [required], purpose: advertising"),
            "{}",
            "source `shop`, `banner`: tag `t` is under `required`",
        );
        check(&tag("categories: [targeting], purpose: advertising, vendor: x"), "{}", "not among `banner.vendors`");
        check(
            &tag("categories: [targeting], purpose: advertising, vendor: heap"),
            "{ vendors: [{ id: heap }] }",
            "published",
        );
        check("{ frames: ['*'] }", "{}", "is not the origin of a site");
    }

    #[test]
    fn a_language_of_a_site_is_read_by_somebody_too() {
        let template = "{ languages: { en: {}, de: { reviewed: 'J. Roe' } } }";
        check(
            "{ languages: { de: { title: Hallo } } }",
            template,
            "source `shop`, `banner`: banner language `de` is a draft",
        );
        check("{ languages: { de: { title: Hallo, reviewed: 'K. Doe' } } }", template, "published");
        check("{ languages: { de: {} } }", template, "published");
        check("{ languages: { fr: {} } }", template, "`fr` is a draft");
        check("{ languages: { fr: { reviewed: 'K. Doe' } } }", template, "published");
        check("{ languages: { fr: { reviewed: 'K. Doe' } } }", "{ languages: {} }", "nobody could be asked");
    }

    #[test]
    fn a_site_lays_its_own_over_the_workspaces() {
        let yaml = "workspace: acme\nsources:\n- { name: web, kind: browser }\n- name: shop\n  kind: browser\n  banner:\n    \
            languages: { en: { title: Shop } }\n    before: { uk: buffer }\n    control: none\n    surfaces: []\n    \
            tags: [{ id: b, kind: img, src: /shop, categories: [targeting], purpose: advertising }, \
                   { id: c, kind: img, src: /c, categories: [targeting], purpose: advertising }]\n\
            consent:\n  banner:\n    version: 3\n    languages: { en: { body: Why } }\n    before: { eu: buffer }\n    surfaces: [gpp]\n    \
            vendors: [{ id: heap }]\n    tags: [{ id: a, kind: img, src: /a, categories: [targeting], purpose: advertising }, \
                   { id: b, kind: img, src: /b, categories: [targeting], purpose: advertising }]";
        let workspace = parse(yaml, &|_| None).expect("valid");
        let [web, shop] = [0, 1].map(|at| workspace.site(&workspace.sources[at]).banner());
        assert_eq!(web, &workspace.consent.banner);
        let words = shop.words("en").expect("published");
        assert_eq!((words.said("title"), words.said("body"), words.said("accept")), ("Shop", "Why", "Accept all"));
        let tags: Vec<_> = shop.tags.iter().map(|tag| format!("{} {}", tag.id, tag.src)).collect();
        assert_eq!(tags, ["a /a", "b /shop", "c /c"]);
        assert_eq!((shop.control, shop.surfaces.len(), shop.before.len()), (Control::None, 0, 2));
        assert_eq!((shop.version, shop.vendors.len()), (3, 1), "what is the workspace's stays");
        let drafted = workspace.with_consent(json!({ "banner": { "version": 4 } }).as_object().expect("a map").clone());
        let drafted = drafted.expect("valid");
        assert_eq!(drafted.site(&drafted.sources[1]).banner().version, 4, "a draft has sites too");
    }

    fn words() -> impl Strategy<Value = Value> {
        let place = prop::sample::select(vec!["title", "body", "close", "receipt"]);
        let text = prop::sample::select(vec!["One", "Two", "Three"]);
        let at = prop::collection::btree_map(place, text, 0..3);
        let category = prop::option::of(prop::sample::select(vec!["performance", "targeting"]));
        (at, category, prop::option::of(prop::sample::select(vec!["J. Roe", "K. Doe"]))).prop_map(
            |(at, category, by)| {
                let mut words: Body = at.into_iter().map(|(at, said)| (at.to_owned(), said.into())).collect();
                words.extend(
                    category
                        .map(|name| ("categories".to_owned(), json!({ name: { "name": name, "description": "D" } }))),
                );
                words.extend(by.map(|by| (REVIEWED.to_owned(), by.into())));
                Value::Object(words)
            },
        )
    }

    /// What both a template and a site may say.
    fn banner() -> impl Strategy<Value = Body> {
        let languages = prop::collection::btree_map(prop::sample::select(vec!["en", "de", "fr"]), words(), 1..3);
        let before = prop::collection::btree_map(
            prop::sample::select(vec!["eu", "us"]),
            prop::sample::select(vec!["block", "buffer"]),
            0..2,
        );
        let tags = prop::collection::btree_map(prop::sample::select(vec!["a", "b", "c"]), 0..3, 0..3);
        let control = prop::sample::select(vec!["none", "floating"]);
        let surfaces = prop::sample::select(vec!["gpp", "trustarc"]);
        let parts = (
            prop::option::of(languages),
            prop::option::of(before),
            prop::option::of(tags),
            prop::option::of(control),
            prop::option::of(surfaces),
        );
        parts.prop_map(|(languages, before, tags, control, surfaces)| {
            let tag = |(id, version)| {
                let src = format!("/{id}{version}");
                json!({ "id": id, "kind": "img", "src": src, "categories": ["targeting"], "purpose": "advertising" })
            };
            let tags = tags.map(|tags| tags.into_iter().map(tag).collect::<Vec<_>>());
            let parts = [
                (LANGUAGES, languages.map(|all| json!(all))),
                (BEFORE, before.map(|all| json!(all))),
                (TAGS, tags.map(Value::from)),
                ("control", control.map(Value::from)),
                ("surfaces", surfaces.map(|one| json!([one]))),
            ];
            parts.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect::<Map<_, _>>()
        })
    }

    fn template(written: &Body) -> Banner {
        Banner::deserialize(Value::Object(written.clone())).expect("a banner")
    }

    proptest! {
        #[test]
        fn who_says_nothing_shows_the_workspaces(written in banner()) {
            let template = template(&written);
            prop_assert_eq!(SiteBanner::default().over(&template), template);
        }

        #[test]
        fn what_is_published_is_what_the_site_showed(below in banner(), said in banner()) {
            let source = json!({ "name": "shop", "banner": said });
            let site = SiteBanner::written(source.as_object().expect("a map")).expect("valid").expect("there is one");
            let mut published = below.clone();
            SiteBanner::publish(&said, &mut published);
            prop_assert_eq!(template(&published), site.over(&template(&below)));
        }
    }
}
