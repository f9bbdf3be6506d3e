//! What a destination did not get: errors by what was answered, and dead letters that can be sent again.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use control::Action;
use delivery::{DeadLetter, ErrorGroup, LetterFilter, LetterMark, Resend};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::routes;
use workspace::ObjectKind;

use crate::Api;
use crate::access::Caller;
use crate::error::{Error, ErrorBody, Result};
use crate::extract::{Asked, Body};
use crate::resource::operate::entry;
use crate::resource::workspace::Of;
use crate::router::Operations;
use crate::time::{At, moment};

pub(super) fn routes() -> Vec<Operations> {
    vec![
        routes!(list_destination_errors),
        routes!(list_dead_letters),
        routes!(retry_dead_letters),
        routes!(list_retries),
    ]
}

/// Dead letters of a page.
const LETTERS: usize = 50;
/// Dead letters that may be named in one request.
const IDS_MAX: usize = 500;
/// Bytes of a text to look for.
const TEXT_BYTES_MAX: usize = 200;

/// Events that failed in the same way, an event once for each attempt.
#[derive(Debug, Serialize, ToSchema)]
struct DestinationError {
    /// `rejected`, `dead_lettered` or `waiting`.
    result: &'static str,
    /// The code of the reason.
    reason: &'static str,
    /// The status of the answer, 0 without one.
    status: u16,
    /// What was answered, or why nothing was; masked and cut.
    text: String,
    /// How many.
    count: u64,
    /// When it was first seen.
    first_at: At,
    /// When it was last seen.
    last_at: At,
    /// Some of the events.
    sample_message_ids: Vec<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct DestinationErrors {
    items: Vec<DestinationError>,
    /// The cursor of the next page.
    next: Option<String>,
}

/// An event that was rejected or given up, or a stretch of the log that was given up as a whole.
#[derive(Debug, Serialize, ToSchema)]
struct Letter {
    /// Names it; `null` for a stretch, which cannot be sent again by name.
    id: Option<String>,
    /// When it was given up.
    at: At,
    /// The event's `messageId`; `null` for a stretch, and when the log does not have the event any more: then it cannot
    /// be sent again either.
    message_id: Option<String>,
    /// How many events: more than one for a stretch only.
    events: u64,
    /// `rejected` or `dead_lettered`.
    result: &'static str,
    /// The code of the reason.
    reason: &'static str,
    /// The status of the last answer, 0 without one.
    status: u16,
    /// What was answered; masked and cut.
    text: String,
    /// Attempts that were made.
    attempts: u32,
}

#[derive(Debug, Serialize, ToSchema)]
struct LetterPage {
    items: Vec<Letter>,
    /// The cursor of the next page, for `before`.
    next: Option<String>,
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct LetterQuery {
    /// The code of the reason.
    #[serde(default)]
    reason: Option<String>,
    /// Given up at or after this moment (RFC 3339).
    #[serde(default)]
    from: Option<String>,
    /// Given up before this moment.
    #[serde(default)]
    to: Option<String>,
    /// A part of what was answered.
    #[serde(default)]
    text: Option<String>,
    /// The `next` of the page before.
    #[serde(default)]
    before: Option<String>,
}

/// Which dead letters to send again; what is left out does not matter.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Retry {
    /// Only these.
    #[serde(default)]
    #[schema(max_items = 500)]
    ids: Option<Vec<String>>,
    /// The code of the reason.
    #[serde(default)]
    reason: Option<String>,
    /// Given up at or after this moment (RFC 3339).
    #[serde(default)]
    from: Option<String>,
    /// Given up before this moment.
    #[serde(default)]
    to: Option<String>,
    /// A part of what was answered.
    #[serde(default)]
    text: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct RetryAsked {
    /// The `id` of the retry.
    job: String,
}

/// What was asked to be sent again.
#[derive(Debug, Serialize, ToSchema)]
struct RetryProgress {
    /// Names it.
    id: String,
    /// When it was asked.
    at: At,
    /// By whom.
    by: String,
    /// `searching`, `sending` or `done`.
    #[schema(schema_with = crate::schema::retry_state)]
    state: &'static str,
    /// Events taken up again.
    taken: u64,
    /// Of those, the ones that arrived.
    delivered: u64,
    /// Of those, the ones that consent keeps back today.
    withheld: u64,
    /// Of those, the ones that failed for good again.
    failed: u64,
    /// Events that the log does not have any more.
    gone: u64,
}

#[derive(Debug, Serialize, ToSchema)]
struct Retries {
    items: Vec<RetryProgress>,
    /// The cursor of the next page.
    next: Option<String>,
}

impl From<ErrorGroup> for DestinationError {
    fn from(group: ErrorGroup) -> Self {
        let outcome = group.outcome();
        Self {
            result: outcome.result(),
            reason: outcome.reason(),
            status: group.status,
            text: group.text,
            count: group.count,
            first_at: At(group.first),
            last_at: At(group.last),
            sample_message_ids: group.samples,
        }
    }
}

impl From<DeadLetter> for Letter {
    fn from(letter: DeadLetter) -> Self {
        Self {
            id: letter.id(),
            at: At(letter.at),
            message_id: letter.message_id,
            events: letter.events,
            result: letter.outcome.result(),
            reason: letter.outcome.reason(),
            status: letter.status,
            text: letter.text,
            attempts: letter.attempts,
        }
    }
}

impl From<Resend> for RetryProgress {
    fn from(resend: Resend) -> Self {
        let state = match (resend.next, resend.is_over()) {
            (Some(_), _) => "searching",
            (None, false) => "sending",
            (None, true) => "done",
        };
        let Resend { number, at, by, taken, delivered, withheld, failed, gone, .. } = resend;
        Self { id: number.to_string(), at: At(at), by, state, taken, delivered, withheld, failed, gone }
    }
}

fn filter(
    ids: &[String],
    reason: Option<String>,
    (from, to): (Option<&str>, Option<&str>),
    text: Option<String>,
) -> Result<LetterFilter> {
    if ids.len() > IDS_MAX {
        return Err(Error::invalid(format!("`ids` names more than {IDS_MAX} dead letters")));
    }
    if [&reason, &text].into_iter().flatten().any(|text| text.len() > TEXT_BYTES_MAX) {
        return Err(Error::invalid(format!("`reason` or `text` has more than {TEXT_BYTES_MAX} bytes")));
    }
    let place = |id: &String| {
        DeadLetter::place_of(id)
            .ok_or_else(|| Error::invalid(format!("`{}` is not the id of a dead letter", crate::error::shortened(id))))
    };
    let places = ids.iter().map(place).collect::<Result<_>>()?;
    Ok(LetterFilter { places, reason, from: moment("from", from)?, to: moment("to", to)?, text })
}

fn mark(text: &str) -> Result<LetterMark> {
    let wrong = || Error::invalid("`before` is not the `next` of a page");
    let parts: Vec<&str> = text.split('.').collect();
    let [segment, frame, record, event] = parts[..] else { return Err(wrong()) };
    let read = || -> Option<LetterMark> {
        let (segment, frame) = (segment.parse().ok()?, frame.parse().ok()?);
        Some(LetterMark { segment, frame, record: record.parse().ok()?, event: event.parse().ok()? })
    };
    read().ok_or_else(wrong)
}

/// What went wrong at a destination in the last seven days, by result, reason and answer, latest first.
#[utoipa::path(
    get, path = "/api/v1/workspaces/{workspace}/destinations/{name}/errors", tag = "destinations",
    params(
        ("workspace" = String, Path, description = "The workspace"),
        ("name" = String, Path, description = "The destination"),
    ),
    responses(
        (status = 200, body = DestinationErrors, description = "All groups"),
        (status = 404, body = ErrorBody, description = "No such destination"),
        (status = 409, body = ErrorBody, description = "It does not run"),
    ),
)]
async fn list_destination_errors(State(api): State<Api>, Of { tenant, name }: Of) -> Result<Json<DestinationErrors>> {
    let workspace = tenant.name();
    api.configuration.object(&workspace, ObjectKind::Destination, &name).await?;
    let groups = api.delivery.errors(&workspace, &name).await?;
    Ok(Json(DestinationErrors { items: groups.into_iter().map(Into::into).collect(), next: None }))
}

/// Events that a destination rejected or that were given up, of the last seven days, latest first. What is being sent
/// again is not among them.
#[utoipa::path(
    get, path = "/api/v1/workspaces/{workspace}/destinations/{name}/dead-letters", tag = "destinations",
    params(
        ("workspace" = String, Path, description = "The workspace"),
        ("name" = String, Path, description = "The destination"),
        LetterQuery,
    ),
    responses(
        (status = 200, body = LetterPage, description = "A page"),
        (status = 400, body = ErrorBody, description = "A value that cannot be"),
        (status = 404, body = ErrorBody, description = "No such destination"),
        (status = 429, body = ErrorBody, description = "Others look already"),
    ),
)]
async fn list_dead_letters(
    State(api): State<Api>,
    Of { tenant, name }: Of,
    Asked(query): Asked<LetterQuery>,
) -> Result<Json<LetterPage>> {
    let workspace = tenant.name();
    api.configuration.object(&workspace, ObjectKind::Destination, &name).await?;
    let LetterQuery { reason, from, to, text, before } = query;
    let filter = filter(&[], reason, (from.as_deref(), to.as_deref()), text)?;
    let before = before.as_deref().map(mark).transpose()?;
    let busy = || Error::new(crate::error::Code::Busy, "as many look through results as may").retry_after(5);
    let seat = std::sync::Arc::clone(&api.bounds().letters).try_acquire_owned().map_err(|_| busy())?;
    let delivery = std::sync::Arc::clone(&api.delivery);
    // On its own: the search goes on when whoever asked hangs up, and has its seat until it ends.
    let found = tokio::spawn(async move {
        let found = delivery.dead_letters((&workspace, &name), filter, before, LETTERS).await;
        drop(seat);
        found
    });
    let page = found.await.map_err(|error| Error::internal("look for dead letters", &error))??;
    let shown = |mark: LetterMark| format!("{}.{}.{}.{}", mark.segment, mark.frame, mark.record, mark.event);
    Ok(Json(LetterPage { items: page.letters.into_iter().map(Into::into).collect(), next: page.next.map(shown) }))
}

/// Sends dead letters again: those named, those of a filter, or all. They are read from the log, pass the gate of today
/// and count no longer as given up. What the log does not have any more is counted and stays given up.
#[utoipa::path(
    post, path = "/api/v1/workspaces/{workspace}/destinations/{name}/dead-letters/retry", tag = "destinations",
    request_body = Retry,
    params(
        ("workspace" = String, Path, description = "The workspace"),
        ("name" = String, Path, description = "The destination"),
    ),
    responses(
        (status = 202, body = RetryAsked, description = "It will be done, also after a restart"),
        (status = 400, body = ErrorBody, description = "A value that cannot be"),
        (status = 404, body = ErrorBody, description = "No such destination"),
        (status = 409, body = ErrorBody, description = "It does not run"),
        (status = 429, body = ErrorBody, description = "Too much is being sent again already"),
    ),
)]
async fn retry_dead_letters(
    State(api): State<Api>,
    who: Caller,
    of: Of,
    Body(retry): Body<Retry>,
) -> Result<(StatusCode, Json<RetryAsked>)> {
    let workspace = of.tenant.name();
    api.configuration.object(&workspace, ObjectKind::Destination, &of.name).await?;
    let Retry { ids, reason, from, to, text } = retry;
    let ids = match ids {
        Some(ids) if ids.is_empty() => return Err(Error::invalid("`ids` names nothing: leave it out to mean all")),
        ids => ids.unwrap_or_default(),
    };
    // What answers say may name people, and the audit log outlives their erasure: that there was a text, not which.
    let has_text = text.as_ref().map(|_| "…");
    let what = json!({ "ids": &ids, "reason": &reason, "from": &from, "to": &to, "text": has_text });
    let filter = filter(&ids, reason, (from.as_deref(), to.as_deref()), text)?;
    // Told first, as a pause is: an answer that comes too late is done all the same.
    api.delivery.is_paused(&workspace, &of.name)?;
    api.store.append_audit(&[entry(&who, &of, Action::Retry, Some(what))], api.clock.now()).await?;
    let number = api.delivery.resend(&workspace, &of.name, filter, who.0.actor()).await?;
    Ok((StatusCode::ACCEPTED, Json(RetryAsked { job: number.to_string() })))
}

/// What was asked to be sent again, and how far it is, latest first.
#[utoipa::path(
    get, path = "/api/v1/workspaces/{workspace}/destinations/{name}/dead-letters/retries", tag = "destinations",
    params(
        ("workspace" = String, Path, description = "The workspace"),
        ("name" = String, Path, description = "The destination"),
    ),
    responses(
        (status = 200, body = Retries, description = "The latest"),
        (status = 404, body = ErrorBody, description = "No such destination"),
        (status = 409, body = ErrorBody, description = "It does not run"),
    ),
)]
async fn list_retries(State(api): State<Api>, Of { tenant, name }: Of) -> Result<Json<Retries>> {
    let workspace = tenant.name();
    api.configuration.object(&workspace, ObjectKind::Destination, &name).await?;
    let resends = api.delivery.resends(&workspace, &name).await?;
    Ok(Json(Retries { items: resends.into_iter().map(Into::into).collect(), next: None }))
}
