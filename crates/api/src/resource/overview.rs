//! How a workspace is doing, and what needs attention first.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use control::Tenant;
use event::Millis;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::Api;
use crate::error::{Error, ErrorBody, Result};
use crate::extract::Asked;
use crate::history::{Counter, MINUTES_MAX};
use crate::resource::alert::{self, AlertStanding};
use crate::resource::health::{self, Health};
use crate::resource::workspace::Here;
use crate::router::Operations;
use crate::server_facts::Storage;
use crate::time::At;

pub(super) fn routes() -> Vec<Operations> {
    vec![routes!(show_overview)]
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Span {
    /// How many minutes to look back: 1 to 1440, 60 without it.
    #[serde(default = "an_hour")]
    #[param(minimum = 1, maximum = 1440)]
    minutes: u16,
}

fn an_hour() -> u16 {
    60
}

/// Events of a minute.
#[derive(Debug, Serialize, ToSchema)]
struct MinuteCount {
    /// Its beginning.
    at: At,
    /// How many.
    count: u64,
}

/// Events not stored for lack of consent.
#[derive(Debug, Serialize, ToSchema)]
struct RefusedCount {
    /// Why.
    reason: String,
    /// How many.
    count: u64,
}

/// Events not kept because of what they are.
#[derive(Debug, Serialize, ToSchema)]
struct DiscardedCount {
    /// Why.
    code: String,
    /// How many.
    count: u64,
}

/// A destination in the span.
#[derive(Debug, Serialize, ToSchema)]
struct DestinationActivity {
    /// Its name.
    name: String,
    /// Events that arrived in the span.
    delivered: u64,
    /// Events kept back by consent, a signal or law in the span.
    withheld: u64,
    /// Events that asked not to go there in the span.
    filtered: u64,
    /// Events that it will never take, in the span.
    rejected: u64,
    /// Events given up in the span.
    dead_lettered: u64,
    /// How it is doing now.
    health: Health,
}

/// Something to look at.
#[derive(Debug, Serialize, ToSchema)]
struct Attention {
    /// `error` or `warning`.
    #[schema(schema_with = crate::schema::severity)]
    severity: &'static str,
    /// What.
    text: String,
    /// Where in the console: a path below the workspace.
    link: String,
}

/// How a workspace is doing.
#[derive(Debug, Serialize, ToSchema)]
struct Overview {
    /// The server's time.
    now: At,
    /// Since when it counts: its start. Earlier minutes are zero because nobody counted.
    counted_since: Option<At>,
    /// Events taken, by minute.
    accepted: Vec<MinuteCount>,
    /// Events not stored for lack of consent, most first.
    refused: Vec<RefusedCount>,
    /// Events not kept because of what they are, most first.
    discarded: Vec<DiscardedCount>,
    /// The destinations, in the order of their configuration.
    destinations: Vec<DestinationActivity>,
    /// What needs attention first.
    attention: Vec<Attention>,
    /// The disk; `null` when it cannot be asked.
    storage: Option<Storage>,
}

/// How the workspace is doing, and what needs attention first.
#[utoipa::path(
    get, path = "/api/v1/workspaces/{workspace}/overview", tag = "overview",
    params(("workspace" = String, Path, description = "The workspace"), Span),
    responses(
        (status = 200, body = Overview, description = "How it is doing"),
        (status = 400, body = ErrorBody, description = "A span that cannot be"),
        (status = 404, body = ErrorBody, description = "No such workspace"),
    ),
)]
async fn show_overview(State(api): State<Api>, Here(tenant): Here, Asked(span): Asked<Span>) -> Result<Json<Overview>> {
    if !(1..=MINUTES_MAX).contains(&usize::from(span.minutes)) {
        return Err(Error::invalid(format!("`minutes` must be between 1 and {MINUTES_MAX}")));
    }
    let look = std::sync::Arc::clone(&api.storage);
    let storage = tokio::task::spawn_blocking(move || look()).await.unwrap_or_default();
    let (workspace, now) = (tenant.name(), api.clock.now());
    let from = Millis(now.0 - (i64::from(span.minutes) - 1) * 60_000);
    let most_first = |counter| {
        // Of all sources: the last label says why.
        let mut by_reason = BTreeMap::<String, u64>::new();
        for (mut labels, count) in api.history.sums(&workspace, counter, from) {
            *by_reason.entry(labels.pop().unwrap_or_default()).or_default() += count;
        }
        let mut sums: Vec<(String, u64)> = by_reason.into_iter().collect();
        sums.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        sums
    };
    let accepted = api.history.minutes(&workspace, Counter::Accepted, from, now);
    let destinations = destinations(&api, &tenant, from);
    Ok(Json(Overview {
        now: At(now),
        counted_since: api.history.since().map(At),
        accepted: accepted.into_iter().map(|(at, count)| MinuteCount { at: At(at), count }).collect(),
        refused: most_first(Counter::Refused)
            .into_iter()
            .map(|(reason, count)| RefusedCount { reason, count })
            .collect(),
        discarded: most_first(Counter::Discarded)
            .into_iter()
            .map(|(code, count)| DiscardedCount { code, count })
            .collect(),
        attention: attention(&tenant.workspace, &alert::standing(&api, &workspace), &destinations, storage, now),
        destinations,
        storage,
    }))
}

fn destinations(api: &Api, tenant: &Tenant, from: Millis) -> Vec<DestinationActivity> {
    let results = api.history.sums(&tenant.name(), Counter::Results, from);
    let activity = |name: &str| {
        let sum = |result: &str| results.get(&vec![name.to_owned(), result.to_owned()]).copied().unwrap_or(0);
        DestinationActivity {
            name: name.to_owned(),
            delivered: sum("delivered"),
            withheld: sum("withheld"),
            filtered: sum("filtered"),
            rejected: sum("rejected"),
            dead_lettered: sum("dead_lettered"),
            health: health::of(api, tenant, name),
        }
    };
    tenant.workspace.destinations.iter().map(|model| activity(model.name.as_str())).collect()
}

/// An event that waits so long needs somebody to look.
const LATE_S: i64 = 300;

/// Errors before warnings.
fn attention(
    workspace: &workspace::Workspace,
    alerts: &[(String, AlertStanding)],
    destinations: &[DestinationActivity],
    storage: Option<Storage>,
    now: Millis,
) -> Vec<Attention> {
    let mut all = Vec::new();
    let mut say = |severity, text: String, link: String| all.push(Attention { severity, text, link });
    for (name, one) in alerts.iter().filter(|(_, one)| one.state == "firing") {
        let about = one.about.as_ref().map_or_else(String::new, |about| format!(" about `{about}`"));
        say("error", format!("the alert `{name}` is firing{about}"), "settings/alerts".to_owned());
    }
    if storage.is_some_and(|disk| disk.free_bytes < disk.disk_bytes / 10) {
        say(
            "error",
            "less than a tenth of the disk is free: events are refused when it is full".to_owned(),
            "settings".to_owned(),
        );
    }
    for one in destinations {
        let (name, link) = (&one.name, format!("destinations/{}", one.name));
        match (one.health.state, &one.health.paused) {
            ("failed", _) => say("error", format!("`{name}` could not be started"), link.clone()),
            ("paused", Some(paused)) if let Some(by) = &paused.by => {
                say("warning", format!("`{name}` was paused by {by}"), link.clone());
            }
            ("paused", _) => say("error", format!("`{name}` is paused until it answers again"), link.clone()),
            _ => {}
        }
        let waits_s = one.health.oldest_waiting_at.map_or(0, |oldest| (now.0 - oldest.0.0) / 1_000);
        if waits_s >= LATE_S {
            say("warning", format!("`{name}` is behind: an event waits for {} minutes", waits_s / 60), link.clone());
        }
        // What was sent again since does not count any more.
        let given_up = one.dead_lettered.min(one.health.dead_lettered);
        if given_up > 0 {
            say("error", format!("`{name}`: {given_up} events were given up"), format!("{link}/dead-letters"));
        }
        let rejected = one.rejected.min(one.health.rejected);
        if rejected > 0 {
            say("warning", format!("`{name}` rejected {rejected} events for good"), format!("{link}/errors"));
        }
    }
    for risk in workspace.risks() {
        say("warning", risk.to_string(), format!("sources/{}", risk.source()));
    }
    all.sort_by_key(|one| one.severity != "error");
    all
}
