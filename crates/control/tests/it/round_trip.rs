//! apply → export → apply is the identity, on generated workspaces.

use std::collections::BTreeMap;

use control::{ApplyOptions, Secrets, StoredObject};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::setup::{Place, TestKinds, apply_how, file, run};

/// Texts that YAML would take for something else, or break at.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zäß ]{0,12}",
        "[ -~]{0,12}",
        prop::sample::select(vec![
            "",
            "no",
            "null",
            "~",
            "true",
            "1.10",
            "0x1F",
            "1e3",
            "2026-01-01",
            "- a",
            "a: b",
            "#x",
            "&a",
            "*a",
            "!t",
            "'",
            "\"",
            "%",
            "@x",
            "`x`",
            "line\nline",
            "tab\tx",
            " lead",
            "trail ",
            "=",
            "<<",
            "${env:HOME",
            "\u{85}",
            "\u{2028}",
            "\u{7f}",
            "\u{feff}x",
            "?",
            "|",
            ">",
            "0o7",
            "1_000",
            ".inf",
            ".nan",
            "-",
            "---",
            "...",
            "12:30:45",
        ])
        .prop_map(str::to_owned),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let plain = prop_oneof![
        text().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e9..1e9_f64).prop_map(Value::from),
        Just(Value::Null),
        Just(json!("${env:TOKEN}")),
    ];
    plain.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((text(), inner), 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn maybe(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Option<Value>> {
    prop::option::of(value)
}

fn one_of(values: &'static [&'static str]) -> impl Strategy<Value = Value> {
    prop::sample::select(values).prop_map(Value::from)
}

fn object(fields: Vec<(&'static str, Option<Value>)>) -> Value {
    let present = fields.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Value::Object(present.collect())
}

const CATEGORIES: &[&str] = &["required", "functionality", "performance", "targeting"];

fn source(number: usize) -> impl Strategy<Value = Value> {
    (
        one_of(&["browser", "mobile", "server"]),
        maybe(Just(json!(format!("wk_{number}")))),
        one_of(&["consent", "contract", "legitimate_interests"]),
        maybe(one_of(CATEGORIES)),
        maybe(Just(json!("segment"))),
        maybe(text().prop_map(Value::from)),
        maybe(any::<bool>().prop_map(Value::from)),
        maybe(one_of(&["none", "floating"])),
    )
        .prop_map(move |(kind, key, basis, category, compat, region, enabled, control)| {
            let is_page = kind == "browser";
            object(vec![
                ("name", Some(json!(format!("s{number}")))),
                ("kind", Some(kind)),
                ("write_key", key),
                ("basis", Some(basis)),
                ("category", category),
                ("compat", compat),
                ("region", region),
                ("enabled", enabled),
                ("banner", control.filter(|_| is_page).map(|control| json!({ "control": control }))),
            ])
        })
}

fn destination(number: usize, sources: usize) -> impl Strategy<Value = Value> {
    let settings = prop::collection::vec((text(), value()), 0..4);
    (
        one_of(&["webhook", "echo"]),
        prop::collection::vec(0..sources, 0..3),
        maybe(settings.prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>()))),
        maybe(prop::collection::vec(one_of(&["performance", "targeting"]), 0..3).prop_map(Value::from)),
        one_of(&["analytics", "service", "research"]),
        maybe(one_of(&["service_provider", "third_party"])),
        (maybe(one_of(&["deny", "allow"])), maybe(one_of(&["silent", "tell"]))),
        maybe(any::<bool>().prop_map(Value::from)),
    )
        .prop_map(move |(kind, from, settings, categories, purpose, recipient, (switch, told), enabled)| {
            let from: Vec<String> = from.into_iter().map(|number| format!("s{number}")).collect();
            object(vec![
                ("name", Some(json!(format!("d{number}")))),
                ("kind", Some(kind)),
                ("sources", Some(json!(from))),
                ("settings", settings),
                ("categories", categories),
                ("purpose", Some(purpose)),
                ("recipient", recipient),
                ("unmapped", switch.clone()),
                ("unstamped", switch),
                ("withdrawals", told),
                ("enabled", enabled),
            ])
        })
}

fn channel() -> impl Strategy<Value = Value> {
    let webhook = (maybe(Just(json!("${env:TOKEN}"))), maybe(any::<bool>().prop_map(Value::from))).prop_map(
        |(secret, private)| {
            let url = ("url", Some(json!("https://hooks.example/in")));
            json!({ "webhook": object(vec![url, ("secret", secret), ("allow_private", private)]) })
        },
    );
    let email = prop::collection::vec("[a-z.+]{1,5}[a-z]@[a-z]{1,8}", 1..3).prop_map(|to| json!({ "email": to }));
    prop_oneof![webhook, email].prop_filter("a dot stands between letters", |channel| {
        !channel.to_string().contains("..") && !channel.to_string().contains("\".")
    })
}

fn alert(number: usize, sources: usize, destinations: usize) -> impl Strategy<Value = Value> {
    let count = move |most: usize, name: char| {
        maybe((0..most.max(1)).prop_map(move |number| json!(format!("{name}{number}"))))
            .prop_map(move |named| named.filter(|_| most > 0))
    };
    (
        one_of(&["failure_rate", "oldest_waiting", "refusals", "no_choices", "untold_withdrawals", "disk"]),
        (count(destinations, 'd'), count(sources, 's'), maybe(text().prop_map(Value::from))),
        prop_oneof![(0..100_u32).prop_map(Value::from), (0.0..100.0_f64).prop_map(Value::from)],
        (maybe((1..60_u32).prop_map(Value::from)), maybe((0..60_u32).prop_map(Value::from))),
        maybe((1..48_u32).prop_map(Value::from)),
        maybe(prop::collection::vec(channel(), 0..3).prop_map(Value::from)),
        maybe(any::<bool>().prop_map(Value::from)),
    )
        .prop_map(
            move |(when, (destination, source, reason), above, (window, minutes), hours, notify, enabled)| {
                let is = |names: &[&str]| names.iter().any(|name| when == *name);
                object(vec![
                    ("name", Some(json!(format!("a{number}")))),
                    (
                        "destination",
                        destination.filter(|_| is(&["failure_rate", "oldest_waiting", "untold_withdrawals"])),
                    ),
                    ("source", source.filter(|_| is(&["refusals", "no_choices"]))),
                    ("reason", reason.filter(|_| is(&["refusals"]))),
                    ("above_percent", Some(above).filter(|_| is(&["failure_rate", "refusals", "disk"]))),
                    ("above_minutes", is(&["oldest_waiting"]).then(|| json!(7))),
                    ("above_business_days", is(&["untold_withdrawals"]).then(|| json!(5))),
                    ("above_pages", is(&["no_choices"]).then(|| json!(200))),
                    ("window_minutes", window.filter(|_| is(&["failure_rate", "refusals", "no_choices"]))),
                    ("for_minutes", minutes),
                    ("repeat_after_hours", hours),
                    ("notify", notify),
                    ("enabled", enabled),
                    ("when", Some(when)),
                ])
            },
        )
}

fn consent() -> impl Strategy<Value = Value> {
    let alias = prop::collection::vec("[A-Z]{3}", 0..1);
    let categories = (alias, any::<bool>()).prop_map(|(aliases, names)| {
        let second = if names { json!("performance") } else { json!({ "name": "performance", "aliases": aliases }) };
        json!(["required", "functionality", second, "targeting"])
    });
    let regions = prop::collection::btree_map("[A-Z]{2}", one_of(&["opt-in", "opt-out"]), 0..3);
    (
        maybe(one_of(&["opt-in", "opt-out"])),
        maybe(regions.prop_map(|regions: BTreeMap<_, _>| json!(regions))),
        maybe(categories),
        maybe(Just(json!({ "newsletter": "targeting" }))),
        maybe(one_of(&["ignore", "as-gpc"])),
    )
        .prop_map(|(regime, regions, categories, traits, dnt)| {
            object(vec![
                ("default_regime", regime),
                ("regions", regions),
                ("categories", categories),
                ("choice_traits", traits),
                ("do_not_track", dnt),
            ])
        })
}

fn workspace() -> impl Strategy<Value = Value> {
    (1..4_usize, 0..3_usize, 0..3_usize).prop_flat_map(|(sources, destinations, alerts)| {
        (
            (0..sources).map(source).collect::<Vec<_>>(),
            (0..destinations).map(|number| destination(number, sources)).collect::<Vec<_>>(),
            (0..alerts).map(|number| alert(number, sources, destinations)).collect::<Vec<_>>(),
            maybe(consent()),
        )
            .prop_map(|(sources, destinations, alerts, consent)| {
                object(vec![
                    ("workspace", Some(json!("acme"))),
                    ("sources", Some(Value::from(sources))),
                    ("destinations", Some(Value::from(destinations))),
                    ("alerts", Some(Value::from(alerts))),
                    ("consent", consent),
                ])
            })
    })
}

/// JSON is YAML when all but plain characters are escaped.
fn yaml(value: &Value) -> String {
    let escaped =
        |c: char| if c.is_ascii_graphic() || c == ' ' { c.to_string() } else { format!("\\u{:04x}", u32::from(c)) };
    value.to_string().chars().map(escaped).collect()
}

fn env(name: &str) -> Option<String> {
    (name == "TOKEN").then(|| "t".to_owned())
}

/// What a place has of `acme`, without when and by whom; and its export.
async fn after(place: &Place, yaml: &str, how: ApplyOptions) -> (usize, Vec<StoredObject>, String) {
    let store = place.store().await;
    let site = control::Site { env: &env, ..crate::setup::site(&*store) };
    let by = control::Principal::local("test");
    let applied = control::apply(site, &by, &[file("acme.yaml", yaml)], how).await.expect("applies");
    let stored = store.configuration().await.expect("reads");
    let workspace = stored.workspace("acme").expect("is stored");
    let text = control::export(workspace, Secrets::Literal, &TestKinds).expect("exports");
    (applied[0].changes.len(), workspace.objects.clone(), text)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn apply_export_apply_is_the_identity(written in workspace()) {
        run(async {
            let (here, there) = (Place::new(), Place::new());
            let how = ApplyOptions::once(false, false);
            let (_, stored, text) = after(&here, &yaml(&written), how).await;
            let again = after(&here, &text, how).await;
            prop_assert_eq!(&again, &(0, stored.clone(), text.clone()), "applied where it came from");
            let elsewhere = after(&there, &text, how).await;
            prop_assert_eq!(&elsewhere.2, &text, "applied elsewhere");
            let bodies = |objects: &[StoredObject]| objects.iter().map(|one| one.body.clone()).collect::<Vec<_>>();
            prop_assert_eq!(bodies(&elsewhere.1), bodies(&stored));
            let declared = after(&there, &text, ApplyOptions::at_start(true)).await;
            prop_assert_eq!(bodies(&declared.1), bodies(&stored), "declared by `--workspace`");
            Ok(())
        })?;
    }
}

#[test]
fn the_original_file_still_fits_after_its_export() {
    run(async {
        let place = Place::new();
        let store = place.store().await;
        let how = ApplyOptions::once(false, false);
        apply_how(&*store, &[file("acme.yaml", crate::setup::ACME)], how).await.expect("applies");
        let again = apply_how(&*store, &[file("acme.yaml", crate::setup::ACME)], how).await.expect("applies");
        assert_eq!(again[0].changes, []);
    });
}
