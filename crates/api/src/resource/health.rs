//! How a destination is doing.

use control::Tenant;
use delivery::Status;
use event::Millis;
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
    /// When the oldest event that waits was received; `null` when none does. Looked at every few seconds.
    pub(crate) oldest_waiting_at: Option<At>,
    /// When the newest event that arrived was received; `null` when none did.
    pub(crate) newest_delivered_at: Option<At>,
    /// How many seconds ago that was.
    pub(crate) freshness_s: Option<u64>,
    /// Half of the events of the last minutes took at most so long from their receipt to their arrival; `null` when none
    /// arrived.
    pub(crate) p50_ms: Option<u64>,
    /// 99 of 100 took at most so long.
    pub(crate) p99_ms: Option<u64>,
    /// Withdrawals that it is to be told of and was not.
    pub(crate) untold_withdrawals: u64,
    /// When the oldest of them arrived; `null` when there is none.
    pub(crate) oldest_untold_at: Option<At>,
}

/// Why nothing goes.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Pause {
    /// The code of what happened last; `by_operator` when somebody wants it so.
    reason: &'static str,
    /// When it is tried again; `null`: when somebody lets it go on.
    until: Option<At>,
    /// Who paused it; `null`: nobody, it does not answer.
    pub(crate) by: Option<String>,
    /// Since when somebody wants it so.
    since: Option<At>,
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
    let untold = found.as_ref().map(|one| one.untold).unwrap_or_default();
    let health = match found.map(|one| one.status) {
        Some(Ok(status)) => running(&status, api.clock.now()),
        Some(Err(reason)) if is_enabled => {
            let last_error = Some(LastError { at: None, status: 0, text: reason });
            Health { state: "failed", last_error, ..running(&Status::default(), Millis(0)) }
        }
        None if is_enabled => Health { state: "failed", ..running(&Status::default(), Millis(0)) },
        Some(Err(_)) | None => Health { state: "disabled", ..running(&Status::default(), Millis(0)) },
    };
    Health { untold_withdrawals: untold.waiting, oldest_untold_at: untold.oldest.map(At), ..health }
}

fn running(status: &Status, now: Millis) -> Health {
    let sum = |result: &str| {
        let totals = status.totals.iter().filter(|(outcome, _)| outcome.result() == result);
        totals.map(|(_, events)| events).sum()
    };
    Health {
        state: if status.paused.is_some() || status.held.is_some() { "paused" } else { "running" },
        delivered: sum("delivered"),
        withheld: sum("withheld"),
        filtered: sum("filtered"),
        rejected: sum("rejected"),
        dead_lettered: sum("dead_lettered"),
        waiting: status.waiting,
        in_flight: status.in_flight,
        backlog_bytes: status.backlog_bytes,
        paused: paused(status),
        last_error: status.last_error.as_ref().map(|error| LastError {
            at: Some(At(error.at)),
            status: error.status,
            text: error.text.clone(),
        }),
        oldest_waiting_at: status.oldest_waiting.map(At),
        newest_delivered_at: status.newest_delivered.map(At),
        freshness_s: status.newest_delivered.map(|newest| u64::try_from((now.0 - newest.0) / 1_000).unwrap_or(0)),
        p50_ms: status.latency.map(|latency| latency.p50_ms),
        p99_ms: status.latency.map(|latency| latency.p99_ms),
        untold_withdrawals: 0,
        oldest_untold_at: None,
    }
}

/// What a person wants comes before what the receiver does.
fn paused(status: &Status) -> Option<Pause> {
    if let Some(held) = &status.held {
        let (by, since) = (Some(held.by.clone()), Some(At(held.since)));
        return Some(Pause { reason: "by_operator", until: None, by, since });
    }
    status.paused.map(|paused| Pause {
        reason: paused.cause.code(),
        until: Some(At(paused.until)),
        by: None,
        since: None,
    })
}
