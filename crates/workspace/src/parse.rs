//! From a YAML file to a valid [`Workspace`]: secrets filled in, unknown keys refused with the nearest known one.

use serde_json::Value;

use crate::validate::{self, Invalid};
use crate::{Body, CategoryRule, ConsentRules, Workspace, site};

/// Why a file is not a workspace.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// Not YAML, or not of the model's shape.
    #[error("{0}")]
    Shape(String),
    /// A `${env:NAME}` without a value.
    #[error("`{path}` asks for the environment variable `{name}`, which is not set")]
    Unset {
        /// Where it stands, as `destinations[0].settings.token`.
        path: String,
        /// The variable.
        name: String,
    },
    /// It reads, but contradicts itself.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}

/// Reads a workspace. `env` answers `${env:NAME}`; it is handed in because only the server may read the environment.
pub fn parse(yaml: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<Workspace, ParseError> {
    read(yaml_value(yaml)?, env)
}

/// YAML as it is written.
pub(crate) fn yaml_value(yaml: &str) -> Result<Value, ParseError> {
    serde_norway::from_str(yaml).map_err(|error| ParseError::Shape(error.to_string()))
}

/// Reads a workspace as [`parse`] does, from what its file says.
pub(crate) fn read(mut value: Value, env: &dyn Fn(&str) -> Option<String>) -> Result<Workspace, ParseError> {
    fill_secrets(&mut value, "", env)?;
    if let Some(Value::Array(sources)) = value.get("sources") {
        sources.iter().try_for_each(site::check)?;
    }
    let mut workspace: Workspace =
        serde_json::from_value(value).map_err(|error| ParseError::Shape(with_hint(&error.to_string())))?;
    complete(&mut workspace.consent);
    workspace.inherit();
    validate::validate(&workspace)?;
    Ok(workspace)
}

/// A workspace has `required`, whether it says so or not.
fn complete(consent: &mut ConsentRules) {
    let categories = &mut consent.categories;
    if !categories.iter().any(|rule| rule.name.is_required()) {
        categories.splice(0..0, CategoryRule::defaults().into_iter().filter(|rule| rule.name.is_required()));
    }
}

impl ConsentRules {
    /// Reads a consent block by itself. References to variables stay as they are written.
    pub fn written(block: Body) -> Result<Self, ParseError> {
        let read = serde_json::from_value(Value::Object(block));
        let mut rules: Self = read.map_err(|error| ParseError::Shape(with_hint(&error.to_string())))?;
        complete(&mut rules);
        Ok(rules)
    }
}

impl Workspace {
    /// This workspace with another consent block, refused for what would keep it from being stored. References to
    /// variables stay as they are written: whoever may look at a draft may not see what they refer to.
    pub fn with_consent(&self, consent: Body) -> Result<Self, ParseError> {
        let mut drafted = Self { consent: ConsentRules::written(consent)?, ..self.clone() };
        drafted.inherit();
        validate::validate(&drafted)?;
        Ok(drafted)
    }
}

/// The variable that a text refers to, when it is a reference.
pub fn env_reference(text: &str) -> Option<&str> {
    text.strip_prefix("${env:").and_then(|rest| rest.strip_suffix('}'))
}

/// Puts what `${env:NAME}` refers to in its place, everywhere in a value. `path` is the value's own, for messages.
pub fn fill_secrets(value: &mut Value, path: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<(), ParseError> {
    match value {
        Value::String(text) => {
            if let Some(name) = env_reference(text) {
                *text = env(name).ok_or_else(|| ParseError::Unset { path: path.to_owned(), name: name.to_owned() })?;
            }
            Ok(())
        }
        Value::Array(items) => {
            items.iter_mut().enumerate().try_for_each(|(at, item)| fill_secrets(item, &format!("{path}[{at}]"), env))
        }
        Value::Object(fields) => fields.iter_mut().try_for_each(|(key, field)| {
            let inner = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            fill_secrets(field, &inner, env)
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

/// Turns serde's "unknown field `x`, expected one of `a`, `b`" into a sentence that names the nearest one.
pub fn with_hint(message: &str) -> String {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let Some((unknown, known)) = quoted.split_first() else { return message.to_owned() };
    if !message.starts_with("unknown ") {
        return message.to_owned();
    }
    let nearest = known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(unknown, name), name))
        .min()
        .filter(|(distance, name)| *distance <= name.len().max(unknown.len()) / 2);
    match nearest {
        Some((_, name)) => format!("{message}; did you mean `{name}`?"),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;

    const GOOD: &str = r#"
workspace: acme
sources:
  - { name: web, kind: browser, write_key: wk_demo }
  - { name: api, kind: server, write_key: wk_server, basis: contract }
destinations:
  - name: echo
    kind: webhook
    sources: [web, api]
    settings: { url: "http://127.0.0.1:9999/hook", allow_private: true, token: "${env:TOKEN}" }
    categories: [performance]
    purpose: analytics
    recipient: service_provider
consent:
  default_regime: opt-in
  regions: { US: opt-out, US-CA: opt-out }
  categories: [required, { name: performance, aliases: [C0002, ta-2] }]
"#;

    fn check(yaml: &str) -> String {
        let env = |name: &str| (name == "TOKEN").then(|| "t".to_owned());
        match parse(yaml, &env) {
            Ok(workspace) => format!("{} with {} sources", workspace.name(), workspace.sources.len()),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_file_of_the_design_is_read() {
        assert_eq!(check(GOOD), "acme with 2 sources");
        let workspace = parse(GOOD, &|_| Some("secret".to_owned())).expect("valid");
        assert_eq!(workspace.destinations[0].settings["token"], "secret");
        assert_eq!(workspace.consent.category("ta-2").map(crate::Category::as_str), Some("performance"));
        assert_eq!(workspace.consent.regime(Some("US-CO")), crate::Regime::OPT_OUT);
        assert_eq!(workspace.consent.regime(Some("DE")), crate::Regime::OPT_IN);
    }

    #[test]
    fn a_destination_is_a_vendor_that_visitors_are_shown() {
        let with = |vendor: &str, vendors: usize| {
            let listed = (0..vendors).map(|at| format!("{{ id: v{at}x, name: V, category: performance }}"));
            let listed = listed.collect::<Vec<_>>().join(", ");
            let yaml = GOOD.replace("purpose: analytics", &format!("purpose: analytics\n    vendor: {vendor}"));
            check(&format!("{yaml}  banner: {{ vendors: [{listed}] }}\n"))
        };
        assert_snapshot!(with("v31x", 40), @"acme with 2 sources");
        assert_snapshot!(with("v32x", 40), @"destination `echo` is vendor `v32x`, number 33 of `banner.vendors`; a destination can be one of the first 32: move it up");
        assert_snapshot!(with("v1y", 2), @"destination `echo` is vendor `v1y`, which is not among `banner.vendors`; did you mean `v1x`?");
        assert_snapshot!(with("ga", 0), @"destination `echo` is vendor `ga`, which is not among `banner.vendors`");
    }

    #[test]
    fn a_rule_about_children_says_who_is_one() {
        let with = |children: &str| check(&format!("{GOOD}  children: {children}\n"));
        assert_snapshot!(with("{ name: band, denied: [teen, kid], parent: [kid] }"), @"acme with 2 sources");
        assert_eq!(with("{ name: band, denied: [teen, ''] }"), with("{ name: band, denied: [] }"));
        assert_snapshot!(with("{ name: band, denied: [] }"), @"`consent.children` needs the `name` of the field that says who is a child, and in `denied` the values that say so");
        assert_snapshot!(with("{ name: band, denied: [teen], parent: [kid] }"), @"`consent.children.parent` names `kid`, which is not in `denied`: whoever needs a parent is a child");
        let categories = |name: &str| check(&GOOD.replace("aliases: [C0002, ta-2]", &format!("aliases: ['{name}']")));
        assert_snapshot!(categories("use:sale_and_sharing"), @"a category may not be called `use:sale_and_sharing`: Assent uses names that begin so itself");
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place_and_a_way_out() {
        assert_snapshot!(check("workspace: acme\nsorces: []"), @"unknown field `sorces`, expected one of `workspace`, `sources`, `destinations`, `alerts`, `consent`; did you mean `sources`?");
        assert_snapshot!(check("workspace: Acme"), @"`Acme` is not a name: use 1 to 63 of a-z, 0-9, `-` and `_`, starting with a letter or a digit");
        assert_snapshot!(check(&GOOD.replace("kind: browser", "kind: brwser")), @"unknown variant `brwser`, expected one of `browser`, `mobile`, `server`; did you mean `browser`?");
        assert_snapshot!(check(&GOOD.replace("TOKEN", "MISSING")), @"`destinations[0].settings.token` asks for the environment variable `MISSING`, which is not set");
        assert_snapshot!(check(&GOOD.replace(", basis: contract", "")), @"source `api` is of kind `server` and needs a `basis`: say by what right it collects (`contract`, `legitimate_interests`, `consent`, …)");
        assert_snapshot!(check(&GOOD.replace("[web, api]", "[web, app]")), @"destination `echo` reads from source `app`, which does not exist; sources are `web`, `api`");
        assert_snapshot!(check(&GOOD.replace("categories: [performance]", "categories: [perf]")), @"destination `echo` asks for category `perf`, which does not exist; categories are `required`, `performance`");
        assert_snapshot!(check(&GOOD.replace("categories: [performance]", "categories: [required]")), @"destination `echo` has category `required` for purpose `analytics`: nobody can refuse `required`, so it may not be used for analytics, advertising, sale or sharing");
        assert_snapshot!(check(&GOOD.replace("wk_server", "wk_demo")), @"sources `web` and `api` have the same write key");
        assert_snapshot!(check(&GOOD.replace("name: api", "name: web")), @"there are two sources named `web`");
        let with_alert = |watches: &str| {
            format!(
                "{GOOD}\nalerts: [{{ name: late, when: oldest_waiting, above_minutes: 5, destination: {watches} }}]"
            )
        };
        assert_snapshot!(check(&with_alert("echo")), @"acme with 2 sources");
        assert_snapshot!(check(&with_alert("ecko")), @"alert `late` watches destination `ecko`, which does not exist; destinations are `echo`");
    }
}
