//! Runs the golden vectors that the browser SDK runs too.

use std::collections::BTreeMap;

use consent::{Arrival, Choice, Choices, Decision, Held, Preferences, Rules, Signals, Stamp, Use, When, Wishes, Words};
use event::Millis;
use serde::Deserialize;
use workspace::{Basis, ConsentRules, DoNotTrack, Regime};

const DECIDE: &str = include_str!("../../vectors/decide.json");
const COLLECT: &str = include_str!("../../vectors/collect.json");
const FUZZ: &str = include_str!("../../vectors/fuzz.json");
const REGIMES: &str = include_str!("../../vectors/regimes.json");

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct MadeChoice {
    granted: Vec<String>,
    refused: Vec<String>,
    /// How long ago.
    days: i64,
    /// To which version of the banner's words; somebody else's where there is none.
    words: Option<u32>,
}

const NOW: Millis = Millis(1_795_298_400_000);
const DAY_MS: i64 = 86_400_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DecideVector {
    name: String,
    stamp: serde_json::Value,
    #[serde(default)]
    choices: Vec<MadeChoice>,
    #[serde(rename = "use")]
    purpose: serde_json::Value,
    integrations: Option<serde_json::Value>,
    bundled: Option<Vec<String>>,
    do_not_track: Option<DoNotTrack>,
    expect: String,
}

fn rules(do_not_track: Option<DoNotTrack>, ask_again_below: Option<u32>) -> Rules {
    let mut rules =
        ConsentRules { do_not_track: do_not_track.unwrap_or(DoNotTrack::Ignore), ..ConsentRules::default() };
    rules.banner.ask_again_below = ask_again_below;
    for rule in &mut rules.categories {
        if rule.name.as_str() == "performance" {
            rule.aliases.push(workspace::Category::new("C0002"));
        }
    }
    let vendors = r#"[{"id": "ga", "name": "GA", "category": "performance"},
        {"id": "hotjar", "name": "Hotjar", "category": "performance"}]"#;
    rules.banner.vendors = serde_json::from_str(vendors).expect("vendors");
    Rules::new(&rules)
}

fn known(rules: &Rules, choices: &[MadeChoice], regime: Regime) -> Choices {
    let when = When::new(NOW, regime, rules);
    choices.iter().fold(Choices::default(), |known, made| {
        let granted = made.granted.iter().map(|name| (rules.categories.key(name), true));
        let refused = made.refused.iter().map(|name| (rules.categories.key(name), false));
        let choice = Choice::partial(&rules.categories, granted.chain(refused));
        known.and_held(Held::said(choice, Millis(NOW.0 - made.days * DAY_MS), Words::of(made.words)), when)
    })
}

fn preferences(map: &BTreeMap<String, bool>) -> Preferences<'_> {
    Preferences(map.iter().map(|(key, value)| (key.as_str().into(), *value)).collect())
}

fn read<T: serde::de::DeserializeOwned>(value: &serde_json::Value, key: &str) -> Option<T> {
    value.get(key).map(|value| serde_json::from_value(value.clone()).expect("the vector has the field's kind"))
}

fn decided(vector: &DecideVector) -> String {
    let rules = rules(vector.do_not_track, None);
    let sent: BTreeMap<String, bool> = read(&vector.stamp, "preferences").unwrap_or_default();
    let stamp = Stamp {
        origin: read(&vector.stamp, "origin").expect("each vector names an origin"),
        preferences: preferences(&sent),
        signals: Signals {
            gpc: read(&vector.stamp, "gpc").unwrap_or(false),
            dnt: read(&vector.stamp, "dnt").unwrap_or(false),
        },
        regime: read(&vector.stamp, "regime").unwrap_or(Regime::OPT_IN),
        basis: read(&vector.stamp, "basis").unwrap_or(Basis::Consent),
    };
    let categories: Vec<String> = read(&vector.purpose, "categories").unwrap_or_default();
    let destination: workspace::Destination = serde_json::from_value(serde_json::json!({
        "name": "echo", "kind": "webhook", "sources": [],
        "categories": categories,
        "purpose": vector.purpose.get("purpose").cloned().unwrap_or("analytics".into()),
        "recipient": vector.purpose.get("recipient").cloned().unwrap_or("service_provider".into()),
        "vendor": vector.purpose.get("vendor").cloned(),
        "unmapped": vector.purpose.get("unmapped").cloned().unwrap_or("deny".into()),
        "unstamped": vector.purpose.get("unstamped").cloned().unwrap_or("deny".into()),
    }))
    .expect("the vector describes a destination");
    let purpose = Use::of_destination(&destination, "Webhook", &rules.categories);
    let integrations = vector.integrations.as_ref().map(ToString::to_string);
    let metadata = vector.bundled.as_ref().map(|bundled| serde_json::json!({"bundled": bundled}).to_string());
    let wishes = Wishes { integrations: integrations.as_deref(), metadata: metadata.as_deref() };
    match consent::decide(known(&rules, &vector.choices, stamp.regime), &stamp, wishes, &purpose, &rules) {
        Decision::Allow => "allow".to_owned(),
        Decision::Deny(reason) => reason.code().to_owned(),
    }
}

// Obligations 10, 16, 24.
#[test]
fn decide_answers_the_golden_vectors() {
    let vectors: Vec<DecideVector> = serde_json::from_str(DECIDE).expect("vectors are JSON");
    assert!(vectors.len() >= 60, "only {} vectors", vectors.len());
    for vector in &vectors {
        assert_eq!(decided(vector), vector.expect, "{}", vector.name);
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CollectVector {
    name: String,
    kind: String,
    basis: Option<String>,
    compat: Option<String>,
    category: Option<String>,
    preferences: Option<BTreeMap<String, bool>>,
    #[serde(default)]
    choices: Vec<MadeChoice>,
    #[serde(default)]
    gpc: bool,
    regime: Option<Regime>,
    ask_again_below: Option<u32>,
    expect: String,
}

/// Random states with the answers of the browser's SDK, which its own tests hold to them.
#[test]
fn decide_answers_as_the_browser_does() {
    let vectors: Vec<DecideVector> = serde_json::from_str(FUZZ).expect("vectors are JSON");
    assert_eq!(vectors.len(), 500);
    for vector in &vectors {
        assert_eq!(decided(vector), vector.expect, "{}", vector.name);
    }
}

fn collected(vector: &CollectVector) -> String {
    let rules = rules(None, vector.ask_again_below);
    let regime = vector.regime.unwrap_or(Regime::OPT_IN);
    let mut source = serde_json::json!({"name": "web", "kind": vector.kind});
    for (key, value) in [("basis", &vector.basis), ("compat", &vector.compat), ("category", &vector.category)] {
        if let Some(value) = value {
            source[key] = value.clone().into();
        }
    }
    let source: workspace::Source = serde_json::from_value(source).expect("the vector describes a source");
    let arrival = Arrival {
        sent: vector.preferences.as_ref().map(preferences),
        known: known(&rules, &vector.choices, regime),
        signals: Signals { gpc: vector.gpc, dnt: false },
        regime,
    };
    match consent::collect(&source, &rules, arrival) {
        Ok(stamp) => stamp.origin.name().to_owned(),
        Err(reason) => reason.code().to_owned(),
    }
}

#[test]
fn collect_answers_the_golden_vectors() {
    let vectors: Vec<CollectVector> = serde_json::from_str(COLLECT).expect("vectors are JSON");
    assert!(vectors.len() >= 20, "only {} vectors", vectors.len());
    for vector in &vectors {
        assert_eq!(collected(vector), vector.expect, "{}", vector.name);
    }
}

#[derive(Deserialize)]
struct RegimeVectors {
    collect: Vec<CollectVector>,
    decide: Vec<DecideVector>,
}

#[test]
fn both_answer_the_vectors_of_the_regimes() {
    let vectors: RegimeVectors = serde_json::from_str(REGIMES).expect("vectors are JSON");
    for vector in &vectors.collect {
        assert_eq!(collected(vector), vector.expect, "{}", vector.name);
    }
    for vector in &vectors.decide {
        assert_eq!(decided(vector), vector.expect, "{}", vector.name);
    }
}
