//! One attempt to tell a destination of one refusal, with the connections of its courier: through the gate, as everything.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use consent::Permitted;
use control::Telling;
use control::telling::UnreadableTelling;
use egress::SendError;
use vault::{KeyError, Keys};

use crate::attempt::Context;
use crate::destination::{Attempt, Inexpressible, verdict_of};
use crate::response::{Verdict, classify_error};

/// Choices of others outdate a permission; after so many in one attempt it is tried later.
const ASKED_MAX: u32 = 32;

/// What an attempt came to.
#[derive(Debug)]
pub(crate) enum Ended {
    /// It was taken.
    Told,
    /// Nothing of it is refused any more.
    TakenBack,
    /// What is sealed cannot be read, now or later.
    Unreadable(String),
    /// It was not sent: the destination is paused, or being changed.
    NotNow,
    /// It was not taken.
    Failed {
        /// Why, as a code.
        cause: &'static str,
        /// What the receiver asked for.
        after: Option<Duration>,
    },
}

/// Tells one thing once.
pub(crate) async fn attempt(context: Arc<Context>, keys: Keys, telling: Telling) -> Ended {
    let refusal = match control::telling::open(&keys, &context.workspace, &telling.untold) {
        Ok(refusal) => refusal,
        Err(UnreadableTelling::Key(KeyError::Unknown { .. })) => {
            return Ended::Failed { cause: "no_key", after: None };
        }
        Err(error) => return Ended::Unreadable(error.to_string()),
    };
    for _ in 0..ASKED_MAX {
        let now = context.clock.now();
        let Some(tenant) = context.directory.tenant(&context.workspace) else { return Ended::NotNow };
        tenant.learning.caught_up().await;
        let [anonymous_id, user_id] =
            [&refusal.anonymous_id, &refusal.user_id].map(|id| id.as_ref().map(|id| id.expose().as_str()));
        let identifiers = tenant.fingerprints.identify(anonymous_id, user_id).fingerprints();
        let Some(told) = tenant.gate.tell(&refusal, &identifiers, now) else { return Ended::TakenBack };
        let number = telling.attempts.saturating_add(1);
        let request = Permitted::try_combine(std::slice::from_ref(&told), |told| {
            Ok::<_, Inexpressible>(context.destination.withdrawal(&told[0], Attempt { number, now }))
        });
        // Asked after the permission: whoever changes or pauses it now outdates what was permitted before.
        let tenant_now = context.directory.tenant(&context.workspace);
        let is_served = tenant_now.is_some_and(|tenant| tenant.workspace.destinations.contains(&context.model));
        let Some(Ok(request)) = request.filter(|_| is_served && !context.held.load(Ordering::SeqCst)) else {
            return Ended::NotNow;
        };
        return match context.egress.send(request, &tenant.gate).await {
            Err(SendError::Stale) => continue,
            Err(error) => ended(classify_error(&error)),
            Ok(answer) => ended(verdict_of(&context.destination.classify(&answer, context.clock.now()), 0)),
        };
    }
    Ended::Failed { cause: "busy", after: None }
}

fn ended(verdict: Verdict) -> Ended {
    match verdict {
        Verdict::Delivered => Ended::Told,
        Verdict::Retry { cause, after } => Ended::Failed { cause: cause.code(), after },
        // What is rejected is tried again too, as long as there is time: a receiver that did not know of withdrawals can
        // learn it, and the duty to tell does not end with its answer.
        Verdict::Split(cause) | Verdict::Pause(cause) | Verdict::Rejected(cause) => {
            Ended::Failed { cause: cause.code(), after: None }
        }
    }
}
