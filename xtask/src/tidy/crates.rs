//! What the manifests may say: who may depend on whom, who alone may use a heavy or dangerous library, and that
//! versions and lints stand in one place.

use toml::{Table, Value};

use super::Finding;
use super::source::Tree;

const ROOT: &str = "Cargo.toml";
const DEPENDENCIES_PAGE: &str = "docs/dependencies.md";
/// Fakes and generators: for tests of every crate, whatever its place in the list.
const DEV_ONLY: &str = "testkit";
/// The tools stand outside the path of an event.
const OUTSIDE: &str = "xtask";

/// Libraries that one crate alone may use, with the reason.
const OWNERS: &[(&str, &[&str], &str)] = &[
    (
        "lake",
        &["arrow", "datafusion", "deltalake", "object_store", "parquet"],
        "nothing else waits for arrow to compile",
    ),
    ("egress", &["reqwest"], "one way out over HTTP, with one set of address rules"),
];

/// One member of the workspace.
struct Crate {
    name: String,
    manifest: String,
    table: Table,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Normal,
    Dev,
}

/// The members in the order of the root manifest. A manifest that does not parse is left out: cargo says why.
fn members(tree: &Tree) -> Vec<Crate> {
    let table = |path: &str| tree.text(path)?.parse::<Table>().ok();
    let listed = table(ROOT).and_then(|root| root.get("workspace")?.get("members")?.as_array().cloned());
    listed
        .unwrap_or_default()
        .iter()
        .filter_map(Value::as_str)
        .filter_map(|folder| {
            let manifest = format!("{folder}/Cargo.toml");
            let table = table(&manifest)?;
            let name = table.get("package")?.get("name")?.as_str()?.to_owned();
            Some(Crate { name, manifest, table })
        })
        .collect()
}

impl Crate {
    /// Every dependency with its kind, those of single targets included.
    fn dependencies(&self) -> Vec<(Kind, &str, &Value)> {
        let targets = self.table.get("target").and_then(Value::as_table);
        let tables =
            std::iter::once(&self.table).chain(targets.into_iter().flat_map(Table::values).filter_map(Value::as_table));
        tables
            .flat_map(|table| {
                [("dependencies", Kind::Normal), ("build-dependencies", Kind::Normal), ("dev-dependencies", Kind::Dev)]
                    .into_iter()
                    .filter_map(|(key, kind)| Some((kind, table.get(key)?.as_table()?)))
            })
            .flat_map(|(kind, table)| table.iter().map(move |(name, value)| (kind, name.as_str(), value)))
            .collect()
    }
}

pub(super) fn order(tree: &Tree) -> Vec<Finding> {
    let members = members(tree);
    let mut findings = Vec::new();
    for (place, member) in members.iter().enumerate().filter(|(_, member)| member.name != OUTSIDE) {
        for (kind, name, _) in member.dependencies() {
            let above = members.iter().position(|other| other.name == name).is_none_or(|other| other < place);
            let message = match (name, kind) {
                (DEV_ONLY, Kind::Dev) => continue,
                (DEV_ONLY, Kind::Normal) => format!("`{DEV_ONLY}` may be used in tests only"),
                _ if above => continue,
                _ => {
                    format!("`{name}` stands below `{}` in the members of {ROOT}: an event meets it later", member.name)
                }
            };
            findings.push(Finding::new(&member.manifest, 0, message));
        }
    }
    findings
}

pub(super) fn owners(tree: &Tree) -> Vec<Finding> {
    let members = members(tree);
    let mut findings = Vec::new();
    for (owner, libraries, reason) in OWNERS {
        for member in members.iter().filter(|member| member.name != *owner) {
            let used = member.dependencies().into_iter().filter(|(_, name, _)| libraries.contains(name));
            findings.extend(used.map(|(_, name, _)| {
                Finding::new(&member.manifest, 0, format!("only `{owner}` may use `{name}`: {reason}"))
            }));
        }
    }
    findings
}

pub(super) fn manifests(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for member in members(tree) {
        let inherits =
            |value: Option<&Value>| value.and_then(|v| v.get("workspace")).and_then(Value::as_bool) == Some(true);
        if !inherits(member.table.get("lints")) {
            findings.push(Finding::new(&member.manifest, 0, "no `[lints] workspace = true`"));
        }
        let own_version = member.dependencies().into_iter().filter(|(_, _, value)| !inherits(Some(value)));
        findings.extend(own_version.map(|(_, name, _)| {
            Finding::new(&member.manifest, 0, format!("write `{name}.workspace = true`: versions stand in {ROOT}"))
        }));
    }
    findings
}

pub(super) fn documented(tree: &Tree) -> Vec<Finding> {
    let root = tree.text(ROOT).and_then(|text| text.parse::<Table>().ok()).unwrap_or_default();
    let listed = root.get("workspace").and_then(|table| table.get("dependencies")).and_then(Value::as_table);
    let page = tree.text(DEPENDENCIES_PAGE).unwrap_or_default();
    let external = listed.into_iter().flatten().filter(|(_, value)| value.get("path").is_none());
    external
        .filter(|(name, _)| !page.lines().any(|line| line.starts_with(&format!("| `{name}`"))))
        .map(|(name, _)| {
            let message = format!("no row for `{name}`: what it is for, what else was looked at, how it is kept");
            Finding::new(DEPENDENCIES_PAGE, 0, message)
        })
        .collect()
}
