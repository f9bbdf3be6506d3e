//! The generated notice: what it says of the demo workspace, and that it says nothing that the configuration makes untrue.

use std::collections::BTreeSet;
use std::path::Path;

use consent::{Block, Declaration, Experience, Notice, Section, recipients};
use workspace::{Vendor, Words, Workspace};

const PARTY: &str = "{ name: Shop Ltd, address: '1 Road, Town', email: privacy@shop.example }";

fn file(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    std::fs::read_to_string(path).expect("a file of the repository")
}

fn demo() -> Workspace {
    workspace::parse(&file("crates/server/src/demo/workspace.yaml"), &|_| None).expect("the demo is valid")
}

/// A shop whose consent block has `consent`, and whose notice has `notice`, in YAML.
fn shop(consent: &str, notice: &str) -> Workspace {
    let yaml = format!(
        "workspace: shop\nsources: [{{ name: web, kind: browser }}]\ndestinations:\n  - {{ name: crm, kind: webhook, sources: \
         [web], purpose: analytics, categories: [performance], recipient: service_provider }}\n  - {{ name: off, kind: \
         webhook, sources: [web], purpose: sale, categories: [targeting], enabled: false }}\n  - {{ name: bare, kind: \
         webhook, sources: [web], purpose: analytics }}\nconsent:\n  notice: {{ site: Shop, controller: {PARTY}{notice} }}\n{consent}"
    );
    workspace::parse(&yaml, &|_| None).expect("valid")
}

/// Every sentence, piece by piece.
fn pieces(notice: &Notice<'_>) -> Vec<String> {
    let of = |block: &Block| match block {
        Block::Text { text } | Block::Heading { text } => vec![text.clone()],
        Block::List { items } => items.clone(),
        Block::Lines { lines } => lines.clone(),
        Block::Links { links } => links.iter().map(|link| link.text.clone()).collect(),
        Block::Vendor { title, text, links, .. } => {
            [vec![title.clone(), text.clone()], links.iter().map(|link| link.text.clone()).collect()].concat()
        }
        Block::Table { rows, .. } => rows.concat(),
    };
    notice.sections.iter().flat_map(|section| section.blocks.iter().flat_map(of)).collect()
}

fn says(notice: &Notice<'_>, sentence: &str) -> bool {
    pieces(notice).iter().any(|piece| piece.contains(sentence))
}

/// The text of a page: without markup, its characters as they are read.
fn read(html: &str) -> String {
    let text: String = html.split('<').filter_map(|part| part.split_once('>')).map(|(_, text)| text).collect();
    let plain = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    plain.iter().fold(text, |text, (html, plain)| text.replace(html, plain))
}

#[test]
fn every_sentence_of_the_table_stands_in_the_notice_of_the_demo() {
    let workspace = demo();
    let page = read(&Notice::new(workspace.template(), "en").expect("the demo has a notice").to_html());
    let table = file("docs/reference/notice-statements.md");
    let rows: Vec<Vec<&str>> = table
        .lines()
        .filter(|line| line.starts_with('|') && !line.contains("---") && !line.contains("| Ours says |"))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    assert!(rows.len() > 80, "{} statements", rows.len());
    for row in rows {
        let [statement, ours, why] = row.as_slice() else { panic!("three columns: {row:?}") };
        assert!(!ours.is_empty() || !why.is_empty(), "{statement}: what is left out says why");
        assert!(page.contains(ours), "{statement}: the notice does not say `{ours}`");
    }
}

#[test]
fn each_vendor_of_the_demo_stands_in_it_with_a_way_out() {
    let workspace = demo();
    let notice = Notice::new(workspace.template(), "en").expect("the demo has a notice");
    let known: Vec<&Vendor> =
        workspace.consent.banner.vendors.iter().filter(|vendor| vendor.about.company.is_some()).collect();
    assert_eq!(known.len(), 24, "the vendors of the notice that it is modelled on");
    let entries = notice.sections.iter().flat_map(|section| &section.blocks).filter_map(|block| match block {
        Block::Vendor { id, text, links, .. } => Some((id, text, links)),
        _ => None,
    });
    let entries: Vec<_> = entries.collect();
    for vendor in known {
        let (_, text, links) = entries.iter().find(|(id, ..)| **id == vendor.id).expect("it has an entry");
        assert!(text.contains(&vendor.name), "{}: {text}", vendor.id);
        let hrefs: Vec<&str> = links.iter().map(|link| link.href.as_str()).collect();
        let own = vendor.about.opt_out.page.as_deref();
        assert!(own.is_none_or(|page| hrefs.contains(&page)), "{}: {hrefs:?}", vendor.id);
        assert!(vendor.policy.as_deref().is_some_and(|policy| hrefs.contains(&policy)), "{}: {hrefs:?}", vendor.id);
    }
    for tool in workspace::OptOutTool::ALL {
        assert!(says(&notice, tool.title()));
    }
}

// Obligation 8.
#[test]
fn recipients_are_the_destinations_that_run() {
    let check = |workspace: &Workspace, expected: &[&str]| {
        let running: Vec<&str> =
            workspace.destinations.iter().filter(|one| one.enabled).map(|one| one.name.as_str()).collect();
        assert_eq!(running, expected);
        let notice = Notice::new(workspace.template(), "en").expect("a notice");
        let listed: Vec<&str> = notice.recipients.iter().map(|one| one.destination).collect();
        assert_eq!(listed, expected);
        let section = notice.sections.iter().find(|section| section.id == "recipients").expect("listed");
        let rows = section.blocks.iter().find_map(|block| match block {
            Block::Table { rows, .. } => Some(rows.len()),
            _ => None,
        });
        assert_eq!(rows, Some(expected.len()));
    };
    check(&demo(), &["echo", "operations"]);
    let shop = shop("", ", recipients: { crm: { name: CRM Ltd, country: Germany } }");
    check(&shop, &["crm", "bare"]);
    let seen = recipients(&shop);
    assert_eq!((seen[0].name, seen[0].country), ("CRM Ltd", Some("Germany")));
    let notice = Notice::new(shop.template(), "en").expect("a notice");
    assert!(says(&notice, "it gets nothing at present"), "without a category a destination gets nothing");
}

// Obligation 8.
#[test]
fn it_says_what_is_configured_and_not_otherwise() {
    let says = |consent: &str, notice: &str, sentence: &str| {
        let workspace = shop(consent, notice);
        says(&Notice::new(workspace.template(), "en").expect("a notice"), sentence)
    };
    let ignored = "does not respond to DNT";
    assert!(says("", "", ignored) && !says("  do_not_track: as-gpc\n", "", ignored));
    assert!(says("  do_not_track: as-gpc\n", "", "treats DNT as it treats GPC"));
    let asked = "Where the law asks for your consent first";
    assert!(says("", "", asked) && !says("  default_regime: opt-out\n", "", asked));
    assert!(says("  default_regime: opt-out\n", "", "they run until you refuse"));
    assert!(says("", "", "declares no web beacons"));
    assert!(says("", ", beacons: { emails: true }", "Our e-mails may carry web beacons"));
    let image = "  banner: { tags: [{ id: t, kind: img, src: /p, categories: [targeting], purpose: advertising }] }\n";
    assert!(says(image, "", "We use web beacons together with cookies"), "an image is a beacon, whatever is declared");
    assert!(
        says("", "", "uses no Flash cookies") && says("", ", flash_cookies: true", "may still lie in Flash cookies")
    );
    assert!(says("  banner: { identifier_days: 30 }\n", "", "ends 30 days after it was made"));
    assert!(says("  banner: { control: none }\n", "", "where our pages link to them"));
    assert!(!says("", "", "to opt out of the sale") && says("  default_regime: us\n", "", "to opt out of the sale"));
}

#[test]
fn every_language_is_whole_and_reads_in_its_direction() {
    for language in Words::languages() {
        let more =
            format!(", languages: {{ {language}: {{ reviewed: R }} }}, accounts: K, beacons: {{ emails: true }}");
        let workspace = shop("  banner: { vendors: [{ id: doubleclick }, { id: heap }] }\n", &more);
        let notice = Notice::new(workspace.template(), "en, de;q=0.1").expect("a notice");
        assert_eq!(notice.language, language);
        let html = notice.to_html();
        let dir = if language == "ar" { "rtl" } else { "ltr" };
        assert!(html.contains(&format!("<html lang=\"{language}\" dir=\"{dir}\">")), "{language}");
        for piece in pieces(&notice) {
            assert!(!piece.trim().is_empty() && !piece.contains('{'), "{language}: `{piece}`");
        }
        assert!(!html.contains("<script") && !html.contains("style="), "nothing that a policy would stop");
    }
}

#[test]
fn what_is_written_stays_text() {
    let nasty = ", accounts: '<b>{site}</b>', storage_locations: ['\"><script>alert(1)</script>']";
    let workspace = shop("", nasty);
    let html = Notice::new(workspace.template(), "en").expect("a notice").to_html();
    assert!(!html.contains("<script") && !html.contains("<b>"), "markup of a workspace is not markup");
    assert!(html.contains("&lt;b&gt;{site}&lt;/b&gt;"), "what is filled in is not filled in again");
}

#[test]
fn the_declaration_lists_every_key_and_needs_no_notice() {
    let yaml = "workspace: shop\nsources: [{ name: web, kind: browser }, { name: api, kind: server, basis: contract }]\nconsent: { \
                banner: { surfaces: [trustarc], vendors: [{ id: heap }] } }";
    let workspace = workspace::parse(yaml, &|_| None).expect("valid");
    assert!(Notice::new(workspace.template(), "en").is_none(), "it would name nobody");
    let keys = |workspace: &Workspace| -> BTreeSet<String> {
        let cookies = Declaration::new(workspace.template(), "de").cookies;
        assert!(cookies.iter().all(|one| !one.what_for.is_empty() && !one.lasts_words.is_empty()));
        cookies.iter().map(|one| format!("{} {} {} {}", one.name, one.kind.name(), one.lasts, one.category)).collect()
    };
    let all = keys(&workspace);
    for key in [
        "assent_choice cookie 180d required",
        "ajs_anonymous_id cookie 90d performance",
        "assent_id cookie 90d performance",
        "ajs_user_traits local until-deleted performance",
        "assent_queue:* local until-deleted performance",
        "notice_preferences cookie 180d required",
        "_hp2_id.* cookie 13mo performance",
    ] {
        assert!(all.contains(key), "{key} in {all:#?}");
    }
    let unasked = "workspace: shop\nsources: [{ name: web, kind: browser, sdk: assent, compat: segment }]\nconsent: { \
                   default_regime: eu, banner: { before: { eu: always-load } } }";
    let unasked = keys(&workspace::parse(unasked, &|_| None).expect("valid"));
    assert!(unasked.contains("assent_choice cookie 400d required"), "a refusal ends it for good: {unasked:#?}");
    let without_pages = workspace::parse("workspace: shop", &|_| None).expect("valid");
    assert!(keys(&without_pages).is_empty(), "who has no pages stores nothing in browsers");
}

#[test]
fn the_banner_links_to_the_notice_or_to_the_workspaces_own() {
    let link = |notice: &str| {
        let workspace = shop("", notice);
        let experience = Experience::new(&workspace, &workspace.sources[0], None, "en");
        let shown = experience.with_notice(&workspace, "https://cdp.example/v1/projects/wk/notice");
        serde_json::to_value(shown).expect("JSON")["texts"]["links"][0].clone()
    };
    let generated = link("");
    assert_eq!(
        (&generated["text"], &generated["href"]),
        (&"Cookie notice".into(), &"https://cdp.example/v1/projects/wk/notice?language=en".into())
    );
    assert_eq!(link(", url: 'https://shop.example/cookies'")["href"], "https://shop.example/cookies");
}

#[test]
fn the_same_configuration_has_the_same_fingerprint() {
    let hash = |notice: &str| Notice::new(shop("", notice).template(), "en").map(|notice| notice.hash);
    assert_eq!(hash(""), hash(""));
    assert_ne!(hash(""), hash(", storage_locations: [Berlin]"));
    let ids: BTreeSet<&str> = Notice::new(demo().template(), "en")
        .into_iter()
        .flat_map(|notice| notice.sections)
        .map(|Section { id, .. }| id)
        .collect();
    assert_eq!(ids.len(), 12, "each section has an address of its own");
}

/// What a receipt says of the union's regime beside the words.
fn facts(workspace: &Workspace, language: &str) -> String {
    let shown = consent::everything_shown(workspace);
    let of = |regime: &str| {
        let hash =
            consent::hash_shown(workspace.template(), workspace::Regime::named(regime).expect("a row"), language);
        let shown = shown.iter().find(|shown| Some(&shown.hash) == hash.as_ref()).expect("it is kept");
        serde_json::from_str::<serde_json::Value>(&shown.text).expect("JSON")
    };
    let (mut eu, us) = (of("eu"), of("us"));
    assert_eq!((&us["jurisdiction"], &us["validity"]), (&"us".into(), &"P400D".into()));
    for words in ["words", "categories", "vendors"] {
        eu.as_object_mut().expect("an object").remove(words);
    }
    serde_json::to_string_pretty(&eu).expect("JSON")
}

#[test]
fn a_receipt_says_who_is_responsible_and_what_holds() {
    let more = ", retention: [{ what: { en: Events, de: Ereignisse }, lasts: 13mo }], storage_locations: [Berlin], dpo: { email: d@shop.example }, \
                languages: { en: {}, de: { reviewed: 'J. Roe, 2026-11-20' } }, recipients: { crm: { name: CRM Ltd, country: Germany } }";
    let german = shop("  banner: { languages: { en: {}, de: { reviewed: 'J. Roe, 2026-11-20' } } }", more);
    insta::assert_snapshot!(facts(&german, "de"), @r#"
    {
      "contact": "d@shop.example",
      "controllers": [
        {
          "address": "1 Road, Town",
          "contact": "privacy@shop.example",
          "name": "Shop Ltd",
          "type": "controller"
        }
      ],
      "jurisdiction": "eu",
      "language": "de",
      "lawful_basis": [
        "consent"
      ],
      "pii_types": [
        "identifiers",
        "usage",
        "device",
        "region"
      ],
      "purposes": [
        "functionality",
        "performance",
        "targeting"
      ],
      "recipients": [
        {
          "address": "Germany",
          "name": "CRM Ltd",
          "purpose": "analytics",
          "type": "service_provider"
        }
      ],
      "retention": [
        {
          "name": "identifier",
          "validity": "P90D"
        },
        {
          "name": "Ereignisse",
          "validity": "P13M"
        }
      ],
      "rights": [
        "access",
        "rectification",
        "erasure",
        "restriction",
        "portability",
        "objection",
        "withdrawal",
        "complaint"
      ],
      "storage_locations": [
        "Berlin"
      ],
      "validity": "P180D",
      "withdrawal": "at any time, by the choices that the site shows again when asked, or by its form"
    }
    "#);
    let yaml = "workspace: shop\nsources: [{ name: web, kind: browser }]\ndestinations: [{ name: secret, kind: echo, sources: [web], categories: [performance], purpose: analytics }]";
    let silent = workspace::parse(yaml, &|_| None).expect("valid");
    assert!(!facts(&silent, "en").contains("secret"), "nobody is named where nothing is published");
}
