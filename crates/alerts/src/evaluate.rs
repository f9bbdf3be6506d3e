//! What a figure does to the state of a rule: a fold without clock, disk or network.
//!
//! ```text
//! at rest ──above──▶ pending ──above for `for`──▶ firing ──not above for `for`──▶ at rest
//!    ▲                  │                           │ ▲
//!    └───not above──────┘                    repeated └─ every `repeat_after`, while above
//! ```
//!
//! A figure that is not known (nothing was counted yet after a start) neither begins an alert nor ends one, and time in
//! which nobody knew is neither time above nor time below: both begin to count anew ([`State::unwatched`]).
//!
//! The way back takes a minute at least, also for a rule without `for_minutes`: a figure that goes up and down at its
//! threshold would be told every two seconds otherwise.

use control::NoticeKind;
use event::Millis;
use serde::{Deserialize, Serialize};
use workspace::Alert;

/// How a rule stands about one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum State {
    /// The condition does not hold.
    #[default]
    AtRest,
    /// It holds, not for long enough yet.
    Pending {
        /// Since when.
        since: Millis,
    },
    /// Somebody was told.
    Firing {
        /// Since when it fires.
        since: Millis,
        /// When it was told last.
        told: Millis,
        /// Since when the condition does not hold any more.
        over_since: Option<Millis>,
    },
}

/// Below its threshold for so long, at least, before an alert is over.
const OVER_MS_MIN: i64 = 60_000;

impl State {
    /// The same after a time in which nobody looked, or could not tell.
    #[must_use]
    pub fn unwatched(self) -> Self {
        match self {
            Self::AtRest | Self::Pending { .. } => Self::AtRest,
            Self::Firing { since, told, .. } => Self::Firing { since, told, over_since: None },
        }
    }
}

/// How a rule stands after a look, and what has to be told.
pub fn evaluate(rule: &Alert, figure: Option<f64>, before: State, now: Millis) -> (State, Option<NoticeKind>) {
    let is_above = figure.map(|figure| figure > rule.condition.above());
    let for_ms = i64::from(rule.for_minutes) * 60_000;
    let is_over_for = |since: Millis, wanted_ms: i64| now.0 - since.0 >= wanted_ms;
    let fires = State::Firing { since: now, told: now, over_since: None };
    match (before, is_above) {
        (State::AtRest, Some(true)) if for_ms == 0 => (fires, Some(NoticeKind::Firing)),
        (State::AtRest, Some(true)) => (State::Pending { since: now }, None),
        (State::Pending { since }, Some(true)) if is_over_for(since, for_ms) => (fires, Some(NoticeKind::Firing)),
        (State::Pending { .. }, Some(false)) => (State::AtRest, None),
        (State::Firing { since, told, over_since }, Some(false)) => {
            let over = over_since.unwrap_or(now);
            if is_over_for(over, for_ms.max(OVER_MS_MIN)) {
                (State::AtRest, Some(NoticeKind::Resolved))
            } else {
                (State::Firing { since, told, over_since: Some(over) }, None)
            }
        }
        (State::Firing { since, told, .. }, Some(true)) => {
            let is_due = is_over_for(told, i64::from(rule.repeat_after_hours) * 3_600_000);
            let told = if is_due { now } else { told };
            (State::Firing { since, told, over_since: None }, is_due.then_some(NoticeKind::Repeated))
        }
        (state @ State::AtRest, Some(false)) | (state @ State::Pending { .. }, Some(true)) => (state, None),
        (state, None) => (state.unwatched(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    fn rule(for_minutes: u32) -> Alert {
        let yaml = format!(
            "{{workspace: acme, alerts: [{{name: full, when: disk, above_percent: 80, for_minutes: {for_minutes}, \
             repeat_after_hours: 1}}]}}"
        );
        let workspace = workspace::parse(&yaml, &|_| None).expect("a workspace");
        workspace.alerts.into_iter().next().expect("an alert")
    }

    /// What is told when, over looks at these minutes with these figures, from one state on.
    fn told(rule: &Alert, looks: &[(i64, Option<f64>)], mut state: State) -> (Vec<(i64, &'static str)>, State) {
        let mut all = Vec::new();
        for (minute, figure) in looks {
            let (after, notice) = evaluate(rule, *figure, state, Millis(minute * MINUTE));
            state = after;
            all.extend(notice.map(|kind| (*minute, kind.name())));
        }
        (all, state)
    }

    #[test]
    fn it_is_told_once_when_it_begins_and_once_when_it_is_over() {
        let looks = [
            (0, 10.0),
            (1, 90.0),
            (5, 91.0),
            (6, 92.0),
            (7, 93.0),
            (20, 90.0),
            (21, 80.0),
            (25, 79.0),
            (26, 10.0),
            (27, 10.0),
        ];
        let looks = looks.map(|(minute, figure)| (minute, Some(figure)));
        assert_eq!(told(&rule(5), &looks, State::AtRest), (vec![(6, "firing"), (26, "resolved")], State::AtRest));
    }

    #[test]
    fn a_blip_is_not_told_and_neither_is_a_pause_of_it() {
        let blip = [(0, Some(90.0)), (4, Some(90.0)), (5, Some(10.0)), (6, Some(90.0)), (10, Some(90.0))];
        assert_eq!(told(&rule(5), &blip, State::AtRest), (vec![], State::Pending { since: Millis(6 * MINUTE) }));
        let firing = State::Firing { since: Millis(0), told: Millis(0), over_since: None };
        let pause = [(10, Some(10.0)), (14, Some(10.0)), (15, Some(90.0)), (16, Some(10.0)), (20, Some(10.0))];
        assert!(told(&rule(5), &pause, firing).0.is_empty());
    }

    #[test]
    fn it_is_repeated_while_it_holds() {
        let looks: Vec<_> = (0..=150).map(|minute| (minute, Some(90.0))).collect();
        let (all, _) = told(&rule(0), &looks, State::AtRest);
        assert_eq!(all, [(0, "firing"), (60, "repeated"), (120, "repeated")]);
    }

    #[test]
    fn time_in_which_nobody_knew_counts_for_nothing() {
        let gap = [(0, Some(90.0)), (1, None), (20, Some(90.0)), (24, Some(90.0)), (25, Some(90.0))];
        assert_eq!(told(&rule(5), &gap, State::AtRest).0, [(25, "firing")], "five minutes that somebody saw");
        let firing = State::Firing { since: Millis(0), told: Millis(0), over_since: None };
        let gap = [(1, Some(10.0)), (2, None), (20, Some(10.0)), (24, Some(10.0)), (25, Some(10.0))];
        assert_eq!(told(&rule(5), &gap, firing).0, [(25, "resolved")]);
        assert_eq!(evaluate(&rule(0), None, firing, Millis(MINUTE)), (firing, None), "not over because nobody looked");
    }

    #[test]
    fn what_goes_up_and_down_at_its_threshold_is_told_once() {
        let (mut state, mut kinds) = (State::AtRest, Vec::new());
        for second in 0..300 {
            let figure = if second % 4 < 2 { 90.0 } else { 10.0 };
            let (after, kind) = evaluate(&rule(0), Some(figure), state, Millis(second * 1_000));
            state = after;
            kinds.extend(kind);
        }
        assert_eq!(kinds, [NoticeKind::Firing]);
    }

    #[test]
    fn a_state_reads_as_it_was_written() {
        let firing = State::Firing { since: Millis(0), told: Millis(0), over_since: Some(Millis(7)) };
        for state in [State::AtRest, State::Pending { since: Millis(3) }, firing] {
            let text = serde_json::to_string(&state).expect("plain values");
            assert_eq!(serde_json::from_str::<State>(&text).expect("what was written"), state);
        }
    }

    #[test]
    fn the_threshold_itself_is_not_above_it() {
        assert_eq!(evaluate(&rule(0), Some(80.0), State::AtRest, Millis(0)), (State::AtRest, None));
    }
}
