//! How a destination is doing.

use control::Tenant;
use delivery::Status;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Api;
use crate::time::At;

/// The state of a destination since its results are kept.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `running`, `paused` (nothing goes until it answers again), `failed` (it could not be started) or `disabled`.
    #[schema(schema_with = crate::schema::health_state)]
    pub(crate) state: &'static str,
    /// Events that arrived.
    pub(crate) delivered: u64,
    /// Events that consent, a signal or law kept back.
    pub(crate) withheld: u64,
    /// Events that asked themselves not to go there.
    pub(crate) filtered: u64,
    /// Events that it will never take.
    pub(crate) rejected: u64,
    /// Events that were given up.
    pub(crate) dead_lettered: u64,
    /// Events taken up and not yet settled.
    pub(crate) waiting: u64,
    /// Requests in flight.
    pub(crate) in_flight: u64,
    /// Bytes of records behind the tail of the log.
    pub(crate) backlog_bytes: u64,
    /// Why nothing goes, when nothing goes.
    pub(crate) paused: Option<Pause>,
    /// The last thing that went wrong.
    pub(crate) last_error: Option<LastError>,
}

/// Why nothing goes.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Pause {
    /// The code of what happened last.
    reason: &'static str,
    /// When it is tried again.
    until: At,
}

/// Something that went wrong.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct LastError {
    /// When; `null` for a destination that could not be started.
    at: Option<At>,
    /// The status of the answer, 0 without one.
    status: u16,
    /// What, without secrets and personal data.
    text: String,
}

/// The state of a destination of a workspace.
pub(crate) fn of(api: &Api, tenant: &Tenant, name: &str) -> Health {
    let is_enabled = tenant.workspace.destinations.iter().any(|known| known.name.as_str() == name && known.enabled);
    let workspace = tenant.name();
    let all = api.delivery.overview();
    let found = all.into_iter().find(|one| one.workspace == workspace && &*one.destination == name);
    match found.map(|one| one.status) {
        Some(Ok(status)) => running(&status),
        Some(Err(reason)) if is_enabled => {
            let last_error = Some(LastError { at: None, status: 0, text: reason });
            Health { state: "failed", last_error, ..running(&Status::default()) }
        }
        None if is_enabled => Health { state: "failed", ..running(&Status::default()) },
        Some(Err(_)) | None => Health { state: "disabled", ..running(&Status::default()) },
    }
}

fn running(status: &Status) -> Health {
    let sum = |result: &str| {
        let totals = status.totals.iter().filter(|(outcome, _)| outcome.result() == result);
        totals.map(|(_, events)| events).sum()
    };
    Health {
        state: if status.paused.is_some() { "paused" } else { "running" },
        delivered: sum("delivered"),
        withheld: sum("withheld"),
        filtered: sum("filtered"),
        rejected: sum("rejected"),
        dead_lettered: sum("dead_lettered"),
        waiting: status.waiting,
        in_flight: status.in_flight,
        backlog_bytes: status.backlog_bytes,
        paused: status.paused.map(|paused| Pause { reason: paused.cause.code(), until: At(paused.until) }),
        last_error: status.last_error.as_ref().map(|error| LastError {
            at: Some(At(error.at)),
            status: error.status,
            text: error.text.clone(),
        }),
    }
}
