//! What a receipt says beside the words that were shown: who is responsible, what is collected and by what right, who
//! receives it, where it lies, for how long, and which rights there are, under the names of ISO/IEC TS 27560.
//!
//! What the `notice` block must say is there when there is one. Recipients are then published with the notice; where none is
//! published, a receipt does not give away what a workspace calls its destinations.

use serde::Serialize;
use serde_json::{Map, Value, json};
use workspace::{Lifetime, NoticeRules, Party, Purpose, REQUIRED, RecipientRole, Regime, Unit, Workspace};

use super::{Gets, duties, recipients};

/// The facts of a workspace, for somebody under a regime who reads a language.
pub(crate) fn facts(workspace: &Workspace, regime: Regime, language: &str) -> Map<String, Value> {
    let rules = &workspace.consent;
    let purposes: Vec<&str> =
        rules.categories.iter().map(|rule| rule.name.as_str()).filter(|name| *name != REQUIRED).collect();
    let mut facts = Map::new();
    let mut say = |name: &str, value: Value| facts.insert(name.to_owned(), value);
    say("purposes", json!(purposes));
    say("jurisdiction", json!(regime.id()));
    say("validity", json!(format!("P{}D", regime.row().lifetime_days)));
    say("withdrawal", json!("at any time, by the choices that the site shows again when asked, or by its form"));
    say("lawful_basis", json!(duties::bases(workspace)));
    if let Some(notice) = &rules.notice {
        facts.extend(published(workspace, notice, language));
    }
    facts
}

/// A recipient, in the standard's words.
#[derive(Serialize)]
struct Receives<'w> {
    name: &'w str,
    #[serde(rename = "type")]
    kind: RecipientRole,
    purpose: &'w Purpose,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<&'w str>,
}

/// What is published with the notice.
fn published(workspace: &Workspace, notice: &NoticeRules, language: &str) -> Map<String, Value> {
    let controller = (&notice.controller, "controller");
    let representative = notice.representative.as_ref().map(|party| (party, "representative"));
    let parties = std::iter::once(controller).chain(representative);
    let identifier =
        json!({ "name": "identifier", "validity": format!("P{}D", workspace.consent.banner.identifier_days) });
    let kept = notice
        .retention
        .iter()
        .map(|kept| json!({ "name": kept.what.in_language(language), "validity": duration(kept.lasts) }));
    let receives = recipients(workspace).into_iter().filter(|recipient| recipient.gets != Gets::Nothing);
    let receives: Vec<Receives<'_>> = receives
        .map(|to| Receives { name: to.name, kind: to.role, purpose: to.purpose, address: to.country })
        .collect();
    let facts = json!({
        "controllers": parties.map(|(party, kind)| named(party, kind)).collect::<Vec<_>>(),
        "contact": notice.dpo.as_ref().map(|contact| &contact.email),
        "authority": notice.authority,
        "pii_types": notice.data,
        "recipients": receives,
        "storage_locations": notice.storage_locations,
        "retention": std::iter::once(identifier).chain(kept).collect::<Vec<_>>(),
        "rights": duties::rights_of(workspace, notice),
    });
    let facts = facts.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    facts.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// As ISO 8601 has it, where it is a time.
fn duration(lasts: Lifetime) -> String {
    let Lifetime::For(number, unit) = lasts else { return lasts.to_string() };
    match unit {
        Unit::Second => format!("PT{number}S"),
        Unit::Minute => format!("PT{number}M"),
        Unit::Hour => format!("PT{number}H"),
        Unit::Day => format!("P{number}D"),
        Unit::Month => format!("P{number}M"),
        Unit::Year => format!("P{number}Y"),
    }
}

fn named(party: &Party, kind: &str) -> Value {
    json!({ "name": party.name, "address": party.address, "contact": party.email, "type": kind })
}
