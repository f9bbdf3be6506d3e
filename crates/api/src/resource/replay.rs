//! Replays: events of the lake sent to one destination once more, through the consent of today.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use control::Action;
use delivery::{Number, RATE_DEFAULT, RATE_MAX, Rehearsal, Replay, ReplayAsked, ReplayError, ReplayState, Selection};
use event::{Call, Millis};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::time::Duration;
use utoipa::ToSchema;
use utoipa_axum::routes;
use workspace::ObjectKind;

use crate::Api;
use crate::access::Caller;
use crate::error::{Code, Error, ErrorBody, Result};
use crate::extract::{Body, In};
use crate::resource::operate::entry;
use crate::resource::workspace::Of;
use crate::router::Operations;
use crate::time::At;

pub(super) fn routes() -> Vec<Operations> {
    vec![
        routes!(list_replays, start_replay),
        routes!(show_replay),
        routes!(pause_replay),
        routes!(resume_replay),
        routes!(cancel_replay),
    ]
}

/// How long a dry run looks at events.
const REHEARSED_FOR: Duration = Duration::from_secs(10);
/// Values of one kind in a selection.
const VALUES_MAX: usize = 500;
/// Bytes of one value.
const VALUE_BYTES_MAX: usize = 500;

/// Which events of the lake to send, and how fast.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ReplayWanted {
    /// Received at or after this moment (RFC 3339); from the first on without.
    #[serde(default)]
    from: Option<String>,
    /// Received before this moment; before now without.
    #[serde(default)]
    to: Option<String>,
    /// Only these calls: `track`, `identify`, `page`, `screen`, `group`, `alias`.
    #[serde(default)]
    #[schema(max_items = 500)]
    types: Vec<String>,
    /// Only tracks of these names.
    #[serde(default)]
    #[schema(max_items = 500)]
    events: Vec<String>,
    /// Only from these sources; the destination must read from them.
    #[serde(default)]
    #[schema(max_items = 500)]
    sources: Vec<String>,
    /// Only events with these `messageId`s.
    #[serde(default)]
    #[schema(max_items = 500)]
    message_ids: Vec<String>,
    /// Events per second, at most; 1,000 without.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 50_000)]
    rate_per_s: Option<u32>,
    /// Say what would be sent, and send nothing.
    #[serde(default)]
    dry_run: bool,
}

/// Events with one result.
#[derive(Debug, Serialize, ToSchema)]
struct ReplayResult {
    /// `delivered`, `withheld`, `filtered`, `rejected` or `dead_lettered`.
    result: &'static str,
    /// The code of the reason; empty for `delivered`.
    reason: &'static str,
    /// How many.
    count: u64,
}

/// The events that were asked for. Names of events and ids may name people: they are counted, and not shown.
#[derive(Debug, Serialize, ToSchema)]
struct ReplaySelection {
    /// Received at or after.
    from: Option<At>,
    /// Received before.
    to: At,
    /// Only these calls; all when empty.
    types: Vec<&'static str>,
    /// Only tracks of so many names; all events when 0.
    events: usize,
    /// Only from these sources.
    sources: Vec<String>,
    /// Only so many `messageId`s; all when 0.
    message_ids: usize,
}

/// A replay and how far it is.
#[derive(Debug, Serialize, ToSchema)]
struct ReplayProgress {
    /// Its number at its destination; traces name it.
    number: Number,
    /// When it was asked for.
    at: At,
    /// By whom.
    by: String,
    /// What.
    selection: ReplaySelection,
    /// Events per second, at most.
    rate_per_s: u32,
    /// `running`, `paused`, `finished`, `cancelled` or `failed`.
    #[schema(schema_with = crate::schema::replay_state)]
    state: &'static str,
    /// Why it failed.
    error: Option<String>,
    /// Why nothing is read at the moment, although it runs: it tries again.
    waits: Option<String>,
    /// When it ended.
    ended_at: Option<At>,
    /// How many events were meant at the start; `null` until they are counted.
    total: Option<u64>,
    /// Events that were taken up. Those without a result are on their way.
    taken: u64,
    /// Events that cannot be sent any more, because the vault does not know an identifier of theirs.
    gone: u64,
    /// Results so far.
    results: Vec<ReplayResult>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Replays {
    items: Vec<ReplayProgress>,
    /// The cursor of the next page.
    next: Option<String>,
}

/// A part of what a dry run looked at.
#[derive(Debug, Serialize, ToSchema)]
struct ReplayPart {
    /// The call, or the source.
    name: String,
    /// Events looked at.
    read: u64,
    /// Events that would be sent.
    sent: u64,
}

/// What a replay would do now.
#[derive(Debug, Serialize, ToSchema)]
struct ReplayRehearsal {
    /// How many events are meant.
    total: u64,
    /// How many of them were looked at.
    read: u64,
    /// Whether time was up before all were looked at: then all counts but `total` are of those.
    is_estimate: bool,
    /// Events that would be sent.
    sent: u64,
    /// Events that cannot be sent any more.
    gone: u64,
    /// What would become of the others.
    kept_back: Vec<ReplayResult>,
    /// By call.
    types: Vec<ReplayPart>,
    /// By source.
    sources: Vec<ReplayPart>,
}

#[derive(Debug, Deserialize)]
struct NumberOfPath {
    number: Number,
}

fn results(outcomes: impl Iterator<Item = (delivery::Outcome, u64)>) -> Vec<ReplayResult> {
    let row = |(outcome, count): (delivery::Outcome, u64)| ReplayResult {
        result: outcome.result(),
        reason: outcome.reason(),
        count,
    };
    outcomes.filter(|(_, count)| *count > 0).map(row).collect()
}

impl From<Replay> for ReplayProgress {
    fn from(replay: Replay) -> Self {
        let results = results(replay.outcomes());
        let state = replay.state.name();
        let Replay { number, at, by, selection, rate_per_s, ended_at, total, taken, gone, waits, .. } = replay;
        let error = if let ReplayState::Failed(reason) = replay.state { Some(reason) } else { None };
        let Selection { from, to, calls, events, sources, message_ids } = selection;
        let types = calls.into_iter().map(Call::name).collect();
        let (from, to, events, message_ids) = (from.map(At), At(to), events.len(), message_ids.len());
        let selection = ReplaySelection { from, to, types, events, sources, message_ids };
        let (at, ended_at) = (At(at), ended_at.map(At));
        Self { number, at, by, selection, rate_per_s, state, error, waits, ended_at, total, taken, gone, results }
    }
}

impl From<Rehearsal> for ReplayRehearsal {
    fn from(found: Rehearsal) -> Self {
        let parts = |tallies: std::collections::BTreeMap<String, delivery::Tally>| {
            let part = |(name, of): (String, delivery::Tally)| ReplayPart { name, read: of.read, sent: of.sent };
            tallies.into_iter().map(part).collect()
        };
        Self {
            total: found.total,
            read: found.read,
            is_estimate: found.is_estimate,
            sent: found.sent,
            gone: found.gone,
            kept_back: results(found.kept_back.into_iter()),
            types: parts(found.calls),
            sources: parts(found.sources),
        }
    }
}

impl From<ReplayError> for Error {
    fn from(error: ReplayError) -> Self {
        let said = error.to_string();
        match error {
            ReplayError::NoArchive => Self::new(Code::NotHere, said),
            ReplayError::Open(_) | ReplayError::State { .. } | ReplayError::Outrun { .. } => {
                Self::new(Code::ReplayState, said)
            }
            ReplayError::Unknown(number) => Self::no_such("replay", &number.to_string()),
            ReplayError::Selection(_) => Self::invalid(said),
            ReplayError::Archive(_) => Self::new(Code::NotReady, said).retry_after(10),
            ReplayError::Operate(error) => error.into(),
        }
    }
}

fn selection(wanted: &ReplayWanted, now: Millis) -> Result<Selection> {
    let ReplayWanted { from, to, types, events, sources, message_ids, .. } = wanted;
    for (name, values) in [("events", events), ("sources", sources), ("message_ids", message_ids), ("types", types)] {
        if values.len() > VALUES_MAX || values.iter().any(|value| value.len() > VALUE_BYTES_MAX) {
            return Err(Error::invalid(format!(
                "`{name}` has more than {VALUES_MAX} values, or one of more than {VALUE_BYTES_MAX} bytes"
            )));
        }
    }
    let call = |name: &String| {
        let named = Call::from_name(name);
        named.ok_or_else(|| Error::invalid(format!("`{}` is no call", crate::error::shortened(name))))
    };
    let (from, to) = (crate::time::moment("from", from.as_deref())?, crate::time::moment("to", to.as_deref())?);
    let to = to.unwrap_or(now);
    if from.is_some_and(|from| from >= to) {
        return Err(Error::invalid("`from` is not before `to`"));
    }
    let calls = types.iter().map(call).collect::<Result<_>>()?;
    let (events, sources, message_ids) = (events.clone(), sources.clone(), message_ids.clone());
    Ok(Selection { from, to, calls, events, sources, message_ids })
}

/// Sends events of the lake to a destination, through its mapping, its limits and the consent of today: what was
/// withdrawn since is withheld, and a later grant lets nothing more through. With `dry_run` it says what would be sent, and
/// sends nothing. One at a time for each destination.
#[utoipa::path(
    post, path = "/api/v1/workspaces/{workspace}/destinations/{name}/replays", tag = "destinations",
    request_body = ReplayWanted,
    params(
        ("workspace" = String, Path, description = "The workspace"),
        ("name" = String, Path, description = "The destination"),
    ),
    responses(
        (status = 200, body = ReplayRehearsal, description = "What would be sent (`dry_run`)"),
        (status = 202, body = ReplayProgress, description = "It will be done, also after a restart"),
        (status = 400, body = ErrorBody, description = "A value that cannot be"),
        (status = 404, body = ErrorBody, description = "No such destination"),
        (status = 409, body = ErrorBody, description = "It does not run, or a replay of it is not over"),
        (status = 429, body = ErrorBody, description = "As many dry runs as may be run already"),
        (status = 503, body = ErrorBody, description = "The lake does not answer"),
    ),
)]
async fn start_replay(
    State(api): State<Api>,
    who: Caller,
    of: Of,
    Body(wanted): Body<ReplayWanted>,
) -> Result<Response> {
    let workspace = of.tenant.name();
    api.configuration.object(&workspace, ObjectKind::Destination, &of.name).await?;
    let selection = selection(&wanted, api.clock.now())?;
    let rate_per_s = wanted.rate_per_s.unwrap_or(RATE_DEFAULT);
    if !(1..=RATE_MAX).contains(&rate_per_s) {
        return Err(Error::invalid(format!("`rate_per_s` is not between 1 and {RATE_MAX}")));
    }
    if wanted.dry_run {
        let busy = || Error::new(Code::Busy, "as many dry runs and queries as may be run already").retry_after(5);
        let _seat = api.bounds().queries.try_acquire().map_err(|_| busy())?;
        let found = api.delivery.rehearse((&workspace, &of.name), selection, REHEARSED_FOR).await?;
        return Ok(Json(ReplayRehearsal::from(found)).into_response());
    }
    api.delivery.is_paused(&workspace, &of.name)?;
    // Names of events and ids may name people, and the audit log outlives their erasure: how many, not which.
    let what = json!({
        "from": selection.from.map(At), "to": At(selection.to), "types": &wanted.types, "sources": &wanted.sources,
        "events": wanted.events.len(), "message_ids": wanted.message_ids.len(), "rate_per_s": rate_per_s,
    });
    api.store.append_audit(&[entry(&who, &of, Action::Replay, Some(what))], api.clock.now()).await?;
    let asked = ReplayAsked { selection, rate_per_s, by: who.0.actor() };
    let replay = api.delivery.replay((&workspace, &of.name), asked).await?;
    Ok((StatusCode::ACCEPTED, Json(ReplayProgress::from(replay))).into_response())
}

/// The replays of a destination, latest first; the last twenty.
#[utoipa::path(
    get, path = "/api/v1/workspaces/{workspace}/destinations/{name}/replays", tag = "destinations",
    params(
        ("workspace" = String, Path, description = "The workspace"),
        ("name" = String, Path, description = "The destination"),
    ),
    responses(
        (status = 200, body = Replays, description = "The latest"),
        (status = 404, body = ErrorBody, description = "No such destination"),
        (status = 409, body = ErrorBody, description = "It does not run"),
    ),
)]
async fn list_replays(State(api): State<Api>, Of { tenant, name }: Of) -> Result<Json<Replays>> {
    let workspace = tenant.name();
    api.configuration.object(&workspace, ObjectKind::Destination, &name).await?;
    let replays = api.delivery.replays(&workspace, &name).await?;
    Ok(Json(Replays { items: replays.into_iter().map(Into::into).collect(), next: None }))
}

/// One replay of a destination.
#[utoipa::path(
    get, path = "/api/v1/workspaces/{workspace}/destinations/{name}/replays/{number}", tag = "destinations",
    params(
        ("workspace" = String, Path, description = "The workspace"),
        ("name" = String, Path, description = "The destination"),
        ("number" = u16, Path, description = "The replay"),
    ),
    responses(
        (status = 200, body = ReplayProgress, description = "The replay"),
        (status = 400, body = ErrorBody, description = "No number"),
        (status = 404, body = ErrorBody, description = "No such destination, or no such replay of it"),
        (status = 409, body = ErrorBody, description = "The destination does not run"),
    ),
)]
async fn show_replay(
    State(api): State<Api>,
    Of { tenant, name }: Of,
    In(NumberOfPath { number }): In<NumberOfPath>,
) -> Result<Json<ReplayProgress>> {
    let workspace = tenant.name();
    api.configuration.object(&workspace, ObjectKind::Destination, &name).await?;
    let replays = api.delivery.replays(&workspace, &name).await?;
    let found = replays.into_iter().find(|replay| replay.number == number);
    Ok(Json(found.ok_or_else(|| Error::no_such("replay", &number.to_string()))?.into()))
}

/// Stops reading for a replay until it is resumed, also over a restart. What was taken up already still goes.
#[utoipa::path(
    post, path = "/api/v1/workspaces/{workspace}/destinations/{name}/replays/{number}/pause", tag = "destinations",
    params(
        ("workspace" = String, Path, description = "The workspace"),
        ("name" = String, Path, description = "The destination"),
        ("number" = u16, Path, description = "The replay"),
    ),
    responses(
        (status = 200, body = ReplayProgress, description = "It is paused"),
        (status = 400, body = ErrorBody, description = "No number"),
        (status = 404, body = ErrorBody, description = "No such destination, or no such replay of it"),
        (status = 409, body = ErrorBody, description = "It is over, or the destination does not run"),
    ),
)]
async fn pause_replay(
    State(api): State<Api>,
    who: Caller,
    of: Of,
    In(NumberOfPath { number }): In<NumberOfPath>,
) -> Result<Json<ReplayProgress>> {
    let workspace = told(&api, (&who, &of), number, "pause").await?;
    Ok(Json(api.delivery.pause_replay((&workspace, &of.name), number).await?.into()))
}

/// Lets a replay go on where it was: one that was paused, or the latest, when it failed.
#[utoipa::path(
    post, path = "/api/v1/workspaces/{workspace}/destinations/{name}/replays/{number}/resume", tag = "destinations",
    params(
        ("workspace" = String, Path, description = "The workspace"),
        ("name" = String, Path, description = "The destination"),
        ("number" = u16, Path, description = "The replay"),
    ),
    responses(
        (status = 200, body = ReplayProgress, description = "It goes on"),
        (status = 400, body = ErrorBody, description = "No number"),
        (status = 404, body = ErrorBody, description = "No such destination, or no such replay of it"),
        (status = 409, body = ErrorBody, description = "It is over, another came after it, or the destination does not run"),
    ),
)]
async fn resume_replay(
    State(api): State<Api>,
    who: Caller,
    of: Of,
    In(NumberOfPath { number }): In<NumberOfPath>,
) -> Result<Json<ReplayProgress>> {
    let workspace = told(&api, (&who, &of), number, "resume").await?;
    Ok(Json(api.delivery.resume_replay((&workspace, &of.name), number).await?.into()))
}

/// Ends a replay. What was taken up already still goes.
#[utoipa::path(
    post, path = "/api/v1/workspaces/{workspace}/destinations/{name}/replays/{number}/cancel", tag = "destinations",
    params(
        ("workspace" = String, Path, description = "The workspace"),
        ("name" = String, Path, description = "The destination"),
        ("number" = u16, Path, description = "The replay"),
    ),
    responses(
        (status = 200, body = ReplayProgress, description = "It is over"),
        (status = 400, body = ErrorBody, description = "No number"),
        (status = 404, body = ErrorBody, description = "No such destination, or no such replay of it"),
        (status = 409, body = ErrorBody, description = "It is over already, or the destination does not run"),
    ),
)]
async fn cancel_replay(
    State(api): State<Api>,
    who: Caller,
    of: Of,
    In(NumberOfPath { number }): In<NumberOfPath>,
) -> Result<Json<ReplayProgress>> {
    let workspace = told(&api, (&who, &of), number, "cancel").await?;
    Ok(Json(api.delivery.cancel_replay((&workspace, &of.name), number).await?.into()))
}

/// Told before it is done, as a pause of a destination is.
async fn told(api: &Api, (who, of): (&Caller, &Of), number: Number, step: &str) -> Result<std::sync::Arc<str>> {
    let workspace = of.tenant.name();
    api.configuration.object(&workspace, ObjectKind::Destination, &of.name).await?;
    let known = api.delivery.replays(&workspace, &of.name).await?.into_iter().any(|replay| replay.number == number);
    if !known {
        return Err(Error::no_such("replay", &number.to_string()));
    }
    let what = json!({ "replay": number, "step": step });
    api.store.append_audit(&[entry(who, of, Action::Replay, Some(what))], api.clock.now()).await?;
    Ok(workspace)
}
