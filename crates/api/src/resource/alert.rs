//! Alerts: what somebody wants to be told about, how it stands, and what was told.

use alerts::{State as Stand, Tried};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use control::{Action, AlertNotice, Edit, Entry, Object, SendState, Tenant};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_axum::routes;
use workspace::ObjectKind;

use crate::Api;
use crate::access::Caller;
use crate::error::{Code, Error, ErrorBody, Result};
use crate::extract::{Asked, Body};
use crate::resource::configured::{Fields, Seen, said, said_of};
use crate::resource::workspace::{Here, Of};
use crate::router::Operations;
use crate::time::At;

pub(super) fn routes() -> Vec<Operations> {
    vec![
        routes!(list_alerts, create_alert),
        routes!(show_alert, change_alert, delete_alert),
        routes!(test_alert),
        routes!(list_notices),
    ]
}

/// Notices of a page.
const ROWS: u32 = 50;

/// An alert with how it stands.
#[derive(Debug, Serialize, ToSchema)]
struct Alert {
    #[serde(flatten)]
    written: AlertWritten,
    /// The file that declares it, so that it cannot be changed here; `null`: it can.
    declared_by: Option<String>,
    /// Its version, to be sent with a change.
    version: i64,
    /// What it has found: nothing while it is at rest.
    standing: Vec<AlertStanding>,
}

/// How an alert stands about one destination or source.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AlertStanding {
    /// Which; `null`: it is about the server.
    pub(super) about: Option<String>,
    /// `pending` (it holds, not for long enough yet) or `firing`.
    #[schema(schema_with = crate::schema::alert_state)]
    pub(super) state: &'static str,
    /// Since when.
    since: At,
    /// The figure of the last look; `null`: it is not known.
    figure: Option<f64>,
}

/// What is written about an alert.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct AlertWritten {
    /// Its name.
    name: String,
    /// What it watches.
    #[schema(schema_with = crate::schema::alert_condition)]
    when: String,
    /// The destination that it watches; `null`: each by itself.
    destination: Option<String>,
    /// The source that it watches; `null`: each by itself.
    source: Option<String>,
    /// The reason of refusals that it watches; `null`: all.
    reason: Option<String>,
    /// Above how many of a hundred.
    above_percent: Option<f64>,
    /// Above how many minutes.
    above_minutes: Option<u32>,
    /// Above how many pages without a choice.
    above_pages: Option<u32>,
    /// Above how many business days.
    above_business_days: Option<u32>,
    /// Over how long a share is taken.
    window_minutes: u32,
    /// How long it holds before anybody is told.
    for_minutes: u32,
    /// After how long it is told again while it holds.
    repeat_after_hours: u32,
    /// The ways: `{"webhook": {"url", "secret", "allow_private"}}` or `{"email": [addresses]}`. `{"secret": true}` stands for
    /// a secret; sent back with the same address, it keeps it.
    #[schema(value_type = Vec<Object>)]
    notify: Vec<Map<String, Value>>,
    /// Whether it watches.
    enabled: bool,
}

/// An alert to create or to write anew. What is left out is as in a workspace file.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes what `control` reads, for the OpenAPI document")]
struct AlertToWrite {
    /// Its name. Cannot be changed.
    #[schema(pattern = "^[a-z0-9][a-z0-9_-]{0,62}$")]
    name: String,
    /// What it watches.
    #[schema(schema_with = crate::schema::alert_condition)]
    when: String,
    /// For `failure_rate`, `oldest_waiting` and `untold_withdrawals`: one destination.
    destination: Option<String>,
    /// For `refusals` and `no_choices`: one source.
    source: Option<String>,
    /// For `refusals`: one reason or code.
    reason: Option<String>,
    /// For `failure_rate`, `refusals` and `disk`, which must say it: above how many of a hundred.
    above_percent: Option<f64>,
    /// For `oldest_waiting`, which must say it: above how many minutes.
    above_minutes: Option<u32>,
    /// For `no_choices`, which must say it: above how many pages that were told how to ask, without one choice.
    above_pages: Option<u32>,
    /// For `untold_withdrawals`, which must say it: above how many business days (Monday to Friday, in UTC).
    #[schema(maximum = 14)]
    above_business_days: Option<u32>,
    /// Over how long a share is taken: 5 without it.
    window_minutes: Option<u32>,
    /// How long it holds before anybody is told: 5 without it.
    for_minutes: Option<u32>,
    /// After how long it is told again while it holds: 4 without it.
    repeat_after_hours: Option<u32>,
    /// The ways: `{"webhook": {"url", "secret", "allow_private"}}` or `{"email": [addresses]}`.
    #[schema(value_type = Option<Vec<Object>>)]
    notify: Option<Vec<Map<String, Value>>>,
    /// Whether it watches.
    enabled: Option<bool>,
}

#[derive(Debug, Serialize, ToSchema)]
struct AlertList {
    items: Vec<Alert>,
    /// The cursor of the next page.
    next: Option<String>,
    /// Whether this server can send e-mail.
    sends_email: bool,
}

/// What came of a test on one way.
#[derive(Debug, Serialize, ToSchema)]
struct TestSend {
    /// The way.
    to: String,
    /// Whether it arrived.
    ok: bool,
    /// Why it did not.
    error: Option<String>,
}

/// What came of a test.
#[derive(Debug, Serialize, ToSchema)]
struct AlertTest {
    /// One for each way, in their order.
    sends: Vec<TestSend>,
}

/// Something that was told, or was to be told.
#[derive(Debug, Serialize, ToSchema)]
struct Notice {
    /// Its number; later ones are higher.
    id: i64,
    /// When.
    at: At,
    /// The alert.
    alert: String,
    /// The destination or source; `null`: it is about the server.
    about: Option<String>,
    /// `firing`, `repeated` or `resolved`.
    #[schema(schema_with = crate::schema::notice_kind)]
    kind: &'static str,
    /// The figure of that moment; `null`: there was none any more.
    figure: Option<f64>,
    /// The threshold of that moment.
    above: f64,
    /// What both count: `percent`, `minutes`, `pages` or `business days`.
    unit: String,
    /// What became of it on each way.
    sends: Vec<NoticeSend>,
}

/// What became of a notice on one way.
#[derive(Debug, Serialize, ToSchema)]
struct NoticeSend {
    /// The way.
    to: String,
    /// `waiting` (it is tried again), `sent` or `failed` (it was given up).
    #[schema(schema_with = crate::schema::send_state)]
    state: &'static str,
    /// Attempts so far.
    attempts: u32,
    /// When it is tried next, or was settled.
    at: At,
    /// Why the last attempt failed.
    error: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct NoticePage {
    items: Vec<Notice>,
    /// The cursor of the next page, for `before`.
    next: Option<String>,
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct NoticeFilter {
    /// Older than this notice: the `next` of the page before.
    #[serde(default)]
    before: Option<i64>,
}

fn named(about: String) -> Option<String> {
    (!about.is_empty()).then_some(about)
}

impl From<AlertNotice> for Notice {
    fn from(notice: AlertNotice) -> Self {
        let AlertNotice { id, subject, kind, at, figure, above, unit, sends, .. } = notice;
        let sends = sends.into_iter().map(|send| NoticeSend {
            to: send.to,
            state: match send.state {
                SendState::Waiting => "waiting",
                SendState::Sent => "sent",
                SendState::Failed => "failed",
            },
            attempts: send.attempts,
            at: At(send.at),
            error: send.error,
        });
        let (alert, about, sends) = (subject.alert, named(subject.about), sends.collect());
        Self { id, at: At(at), alert, about, kind: kind.name(), figure, above, unit, sends }
    }
}

/// What an alert has found, by what it is about.
pub(super) fn standing(api: &Api, workspace: &str) -> Vec<(String, AlertStanding)> {
    let shown = |one: alerts::Standing| {
        let (state, since) = match one.state {
            Stand::AtRest => return None,
            Stand::Pending { since } => ("pending", since),
            Stand::Firing { since, .. } => ("firing", since),
        };
        Some((one.alert, AlertStanding { about: named(one.about), state, since: At(since), figure: one.figure }))
    };
    api.alerts.standing(workspace).into_iter().filter_map(shown).collect()
}

fn shown(api: &Api, tenant: &Tenant, object: Object) -> Result<Alert> {
    let read: std::result::Result<AlertWritten, _> = serde_json::from_value(object.body.into());
    let written = read.map_err(|error| Error::internal("read an alert that it stores", &error))?;
    let standing = standing(api, &tenant.name());
    let standing = standing.into_iter().filter(|(alert, _)| *alert == written.name).map(|(_, one)| one).collect();
    Ok(Alert { written, declared_by: object.declared_by, version: object.version, standing })
}

async fn edited(api: &Api, who: &Caller, tenant: &Tenant, edit: Edit) -> Result<Json<Alert>> {
    let object = api.configuration.edit(&who.0, &tenant.name(), edit).await?;
    let object = object.ok_or_else(|| Error::internal("find what it has just stored", &"it is gone"))?;
    Ok(Json(shown(api, tenant, object)?))
}

/// All alerts by name, with how they stand.
#[utoipa::path(
    get, path = "/api/v1/workspaces/{workspace}/alerts", tag = "alerts",
    params(("workspace" = String, Path, description = "The workspace")),
    responses(
        (status = 200, body = AlertList, description = "All of them"),
        (status = 404, body = ErrorBody, description = "No such workspace"),
    ),
)]
async fn list_alerts(State(api): State<Api>, Here(tenant): Here) -> Result<Json<AlertList>> {
    let objects = api.configuration.objects(&tenant.name(), ObjectKind::Alert).await?;
    let items = objects.into_iter().map(|object| shown(&api, &tenant, object)).collect::<Result<_>>()?;
    Ok(Json(AlertList { items, next: None, sends_email: api.alerts.sends_email() }))
}

/// One alert.
#[utoipa::path(
    get, path = "/api/v1/workspaces/{workspace}/alerts/{name}", tag = "alerts",
    params(
        ("workspace" = String, Path, description = "The workspace"),
        ("name" = String, Path, description = "The alert"),
    ),
    responses(
        (status = 200, body = Alert, description = "As it is"),
        (status = 404, body = ErrorBody, description = "No such alert"),
    ),
)]
async fn show_alert(State(api): State<Api>, Of { tenant, name }: Of) -> Result<Json<Alert>> {
    let object = api.configuration.object(&tenant.name(), ObjectKind::Alert, &name).await?;
    Ok(Json(shown(&api, &tenant, object)?))
}

/// Creates an alert; it watches from now on.
#[utoipa::path(
    post, path = "/api/v1/workspaces/{workspace}/alerts", tag = "alerts", request_body = AlertToWrite,
    params(("workspace" = String, Path, description = "The workspace")),
    responses(
        (status = 201, body = Alert, description = "Created"),
        (status = 400, body = ErrorBody, description = "It contradicts itself or the workspace"),
        (status = 409, body = ErrorBody, description = "The name is taken"),
    ),
)]
async fn create_alert(
    State(api): State<Api>,
    who: Caller,
    Here(tenant): Here,
    Body(fields): Body<Fields>,
) -> Result<(StatusCode, Json<Alert>)> {
    let edit = Edit::Create { kind: ObjectKind::Alert, body: said(fields) };
    Ok((StatusCode::CREATED, edited(&api, &who, &tenant, edit).await?))
}

/// Writes an alert anew, as a whole. What it has found stays.
#[utoipa::path(
    put, path = "/api/v1/workspaces/{workspace}/alerts/{name}", tag = "alerts", request_body = AlertToWrite,
    params(
        ("workspace" = String, Path, description = "The workspace"),
        ("name" = String, Path, description = "The alert"),
        Seen,
    ),
    responses(
        (status = 200, body = Alert, description = "Changed"),
        (status = 400, body = ErrorBody, description = "It contradicts itself or the workspace"),
        (status = 404, body = ErrorBody, description = "No such alert"),
        (status = 409, body = ErrorBody, description = "It was changed meanwhile, or a file declares it"),
    ),
)]
async fn change_alert(
    State(api): State<Api>,
    who: Caller,
    Of { tenant, name }: Of,
    Asked(seen): Asked<Seen>,
    Body(fields): Body<Fields>,
) -> Result<Json<Alert>> {
    let (if_version, body) = (seen.version()?, said_of(&name, fields));
    edited(&api, &who, &tenant, Edit::Replace { kind: ObjectKind::Alert, name, body, if_version }).await
}

/// Removes an alert. Nobody is told that what it found is over.
#[utoipa::path(
    delete, path = "/api/v1/workspaces/{workspace}/alerts/{name}", tag = "alerts",
    params(
        ("workspace" = String, Path, description = "The workspace"),
        ("name" = String, Path, description = "The alert"),
        Seen,
    ),
    responses(
        (status = 204, description = "Gone"),
        (status = 404, body = ErrorBody, description = "No such alert"),
        (status = 409, body = ErrorBody, description = "It was changed meanwhile, or a file declares it"),
    ),
)]
async fn delete_alert(
    State(api): State<Api>,
    who: Caller,
    Of { tenant, name }: Of,
    Asked(seen): Asked<Seen>,
) -> Result<StatusCode> {
    let edit = Edit::Delete { kind: ObjectKind::Alert, name, if_version: seen.version()? };
    api.configuration.edit(&who.0, &tenant.name(), edit).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sends a notice that is marked as a test on each way of an alert, and says what came of it.
#[utoipa::path(
    post, path = "/api/v1/workspaces/{workspace}/alerts/{name}/test", tag = "alerts",
    params(
        ("workspace" = String, Path, description = "The workspace"),
        ("name" = String, Path, description = "The alert"),
    ),
    responses(
        (status = 200, body = AlertTest, description = "What came of it, good or bad"),
        (status = 404, body = ErrorBody, description = "No such alert"),
        (status = 429, body = ErrorBody, description = "Others are being tried out"),
    ),
)]
async fn test_alert(State(api): State<Api>, Caller(who): Caller, Of { tenant, name }: Of) -> Result<Json<AlertTest>> {
    let busy = || Error::new(Code::Busy, "as many tests are under way as may").retry_after(5);
    let _seat = std::sync::Arc::clone(&api.bounds().tests).try_acquire_owned().map_err(|_| busy())?;
    let workspace = tenant.name();
    let rule = tenant.workspace.alerts.iter().find(|rule| rule.name.as_str() == name);
    let rule = rule.ok_or_else(|| Error::no_such("alert", &name))?;
    let (actor, action, kind) = (who.actor(), Action::Test, ObjectKind::Alert.name());
    let in_workspace = Some(workspace.to_string());
    let entry = Entry { actor, action, workspace: in_workspace, kind, object: name, before: None, after: None };
    api.store.append_audit(&[entry], api.clock.now()).await?;
    let tried = api.alerts.test(&workspace, rule).await;
    let send = |Tried { to, error }| TestSend { to, ok: error.is_none(), error };
    Ok(Json(AlertTest { sends: tried.into_iter().map(send).collect() }))
}

/// What alerts told, newest first, and what became of it.
#[utoipa::path(
    get, path = "/api/v1/workspaces/{workspace}/alert-notices", tag = "alerts",
    params(("workspace" = String, Path, description = "The workspace"), NoticeFilter),
    responses(
        (status = 200, body = NoticePage, description = "A page; the latest 500 are kept"),
        (status = 400, body = ErrorBody, description = "A value that cannot be"),
        (status = 404, body = ErrorBody, description = "No such workspace"),
    ),
)]
async fn list_notices(
    State(api): State<Api>,
    Here(tenant): Here,
    Asked(filter): Asked<NoticeFilter>,
) -> Result<Json<NoticePage>> {
    let notices = api.store.notices(&tenant.name(), filter.before, ROWS).await?;
    let is_full = notices.len() >= ROWS as usize;
    let next = notices.last().filter(|_| is_full).map(|last| last.id.to_string());
    Ok(Json(NoticePage { items: notices.into_iter().map(Notice::from).collect(), next }))
}
