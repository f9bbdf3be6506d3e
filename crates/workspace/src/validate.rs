//! What a workspace may not say, each with a sentence that tells what to do.

use std::collections::{HashMap, HashSet};

use event::Slug;

use crate::banner::{VENDOR_PREFIX, VENDORS_OF_DESTINATIONS_MAX};
use crate::{Alert, Category, Condition, Destination, Regime, SourceKind, Workspace, lint};

/// One bit each in the gate, as the vendors of destinations and some names of Assent's own.
const CATEGORIES_MAX: usize = 24;
/// How Assent names what is no category among the words of a choice.
const RESERVED: [&str; 4] = [VENDOR_PREFIX, "use:", "age:", "parent:"];
/// Each is looked at every few seconds.
const ALERTS_MAX: usize = 200;

/// A contradiction inside a workspace.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(pub String);

/// Checks a workspace as a whole. Whether a destination's kind and settings exist is the registry's to say.
pub(crate) fn validate(workspace: &Workspace) -> Result<(), Invalid> {
    sources(workspace)?;
    let consent = &workspace.consent;
    if consent.categories.len() > CATEGORIES_MAX {
        return Err(Invalid(format!("there are {} categories, {CATEGORIES_MAX} at most", consent.categories.len())));
    }
    unique("categories", consent.categories.iter().flat_map(|rule| std::iter::once(&rule.name).chain(&rule.aliases)))?;
    let names = consent.categories.iter().flat_map(|rule| std::iter::once(&rule.name).chain(&rule.aliases));
    if let Some(name) = names.into_iter().find(|name| RESERVED.iter().any(|own| name.as_str().starts_with(own))) {
        return Err(Invalid(format!("a category may not be called `{name}`: Assent uses names that begin so itself")));
    }
    record_days(consent.record_days)?;
    children(workspace)?;
    for (name, category) in &consent.choice_traits {
        known_category(workspace, category, &format!("the trait `{name}` means"))?;
    }
    lint::banner(workspace)?;
    unique("destinations named", workspace.destinations.iter().map(|destination| &destination.name))?;
    workspace.destinations.iter().try_for_each(|destination| one_destination(workspace, destination))?;
    if workspace.alerts.len() > ALERTS_MAX {
        return Err(Invalid(format!("there are {} alerts, {ALERTS_MAX} at most", workspace.alerts.len())));
    }
    unique("alerts named", workspace.alerts.iter().map(|alert| &alert.name))?;
    workspace.alerts.iter().try_for_each(|alert| one_alert(workspace, alert))
}

/// A record that goes while its choice may still hold could not demonstrate it (GDPR Art. 7(1)).
fn record_days(days: u16) -> Result<(), Invalid> {
    let least = Regime::all().map(|regime| regime.row().lifetime_days).max().unwrap_or_default();
    if days < least {
        return Err(Invalid(format!(
            "`consent.record_days` is {days}; it is at least {least}, the longest that a choice holds under any regime"
        )));
    }
    Ok(())
}

/// What it watches must be there: a rule about a name that was mistyped would never tell anything.
fn one_alert(workspace: &Workspace, alert: &Alert) -> Result<(), Invalid> {
    let destinations = || workspace.destinations.iter().map(|destination| &destination.name);
    let sources = || workspace.sources.iter().map(|source| &source.name);
    let (what, watched, known): (_, _, Vec<&Slug>) = match &alert.condition {
        Condition::FailureRate { destination, .. }
        | Condition::OldestWaiting { destination, .. }
        | Condition::UntoldWithdrawals { destination, .. } => ("destination", destination, destinations().collect()),
        Condition::Refusals { source, .. } | Condition::NoChoices { source, .. } => {
            ("source", source, sources().collect())
        }
        Condition::Disk { .. } => return Ok(()),
    };
    let Some(watched) = watched.as_ref().filter(|watched| !known.contains(watched)) else { return Ok(()) };
    let known = list(known.into_iter().map(Slug::as_str));
    let name = &alert.name;
    Err(Invalid(format!("alert `{name}` watches {what} `{watched}`, which does not exist; {what}s are {known}")))
}

fn sources(workspace: &Workspace) -> Result<(), Invalid> {
    unique("sources named", workspace.sources.iter().map(|source| &source.name))?;
    let mut keys: HashMap<&str, &Slug> = HashMap::new();
    for source in &workspace.sources {
        if source.kind == SourceKind::Server && source.basis.is_none() {
            return Err(Invalid(format!(
                "source `{}` is of kind `server` and needs a `basis`: say by what right it collects (`contract`, \
                 `legitimate_interests`, `consent`, …)",
                source.name
            )));
        }
        if source.banner.is_some() && source.kind != SourceKind::Browser {
            return Err(Invalid(format!(
                "source `{}` has a `banner`, which is for sources of kind `browser`: nothing else shows one",
                source.name
            )));
        }
        known_category(workspace, &source.category, &format!("source `{}` collects under", source.name))?;
        if let Some(key) = &source.write_key {
            if key.expose().is_empty() || key.expose().contains(':') {
                return Err(Invalid(format!("the write key of source `{}` is empty or contains `:`", source.name)));
            }
            if let Some(other) = keys.insert(key.expose(), &source.name) {
                return Err(Invalid(format!("sources `{other}` and `{}` have the same write key", source.name)));
            }
        }
    }
    Ok(())
}

fn one_destination(workspace: &Workspace, destination: &Destination) -> Result<(), Invalid> {
    let name = &destination.name;
    for wanted in &destination.sources {
        if !workspace.sources.iter().any(|source| source.name == *wanted) {
            let known = list(workspace.sources.iter().map(|source| source.name.as_str()));
            return Err(Invalid(format!(
                "destination `{name}` reads from source `{wanted}`, which does not exist; sources are {known}"
            )));
        }
    }
    for category in destination.categories() {
        known_category(workspace, category, &format!("destination `{name}` asks for"))?;
    }
    vendor(workspace, destination)?;
    let only_required = !destination.is_unmapped() && destination.categories().iter().all(Category::is_required);
    if only_required && !destination.purpose.may_be_required() {
        return Err(Invalid(format!(
            "destination `{name}` has category `required` for purpose `{}`: nobody can refuse `required`, so it may \
             not be used for analytics, advertising, sale or sharing",
            destination.purpose
        )));
    }
    Ok(())
}

/// The vendor that a destination is must be one that a visitor is shown.
fn vendor(workspace: &Workspace, destination: &Destination) -> Result<(), Invalid> {
    let Some(wanted) = &destination.vendor else { return Ok(()) };
    let vendors = &workspace.consent.banner.vendors;
    let name = &destination.name;
    match vendors.iter().position(|vendor| vendor.id == *wanted) {
        Some(place) if place < VENDORS_OF_DESTINATIONS_MAX => Ok(()),
        Some(place) => Err(Invalid(format!(
            "destination `{name}` is vendor `{wanted}`, number {} of `banner.vendors`; a destination can be one of the \
             first {VENDORS_OF_DESTINATIONS_MAX}: move it up",
            place + 1
        ))),
        None => {
            let near = nearest(wanted, vendors.iter().map(|vendor| vendor.id.as_str()));
            let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            Err(Invalid(format!(
                "destination `{name}` is vendor `{wanted}`, which is not among `banner.vendors`{hint}"
            )))
        }
    }
}

/// What somebody may have meant, if it is near enough.
fn nearest<'n>(wanted: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let distances = known.map(|name| (strsim::damerau_levenshtein(wanted, name), name)).min();
    distances.filter(|(distance, name)| *distance <= name.len().max(wanted.len()) / 2).map(|(_, name)| name)
}

/// A rule about children that names nobody, or of whose values one is too young without being a child, is a mistake that
/// nothing would show.
fn children(workspace: &Workspace) -> Result<(), Invalid> {
    let Some(children) = &workspace.consent.children else { return Ok(()) };
    // An event without the field has no value, so an empty one would say nothing of anybody.
    let says_nothing = children.denied.is_empty() || children.denied.iter().any(String::is_empty);
    if children.name.is_empty() || says_nothing {
        return Err(Invalid(
            "`consent.children` needs the `name` of the field that says who is a child, and in `denied` the values that \
             say so"
                .to_owned(),
        ));
    }
    match children.parent.iter().find(|value| !children.denied.contains(value)) {
        Some(value) => Err(Invalid(format!(
            "`consent.children.parent` names `{value}`, which is not in `denied`: whoever needs a parent is a child"
        ))),
        None => Ok(()),
    }
}

fn known_category(workspace: &Workspace, category: &Category, who: &str) -> Result<(), Invalid> {
    let categories = &workspace.consent.categories;
    if categories.iter().any(|rule| rule.name == *category) {
        return Ok(());
    }
    let known = list(categories.iter().map(|rule| rule.name.as_str()));
    Err(Invalid(format!("{who} category `{category}`, which does not exist; categories are {known}")))
}

fn unique<'a, T: std::hash::Hash + Eq + std::fmt::Display + 'a>(
    what: &str,
    names: impl Iterator<Item = &'a T>,
) -> Result<(), Invalid> {
    let mut seen = HashSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(Invalid(format!("there are two {what} `{name}`")));
        }
    }
    Ok(())
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    if quoted.is_empty() { "none".to_owned() } else { quoted.join(", ") }
}
