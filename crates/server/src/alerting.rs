//! Where alerts take their figures from: what is counted and shown anyway. Nothing here is on the path of an event.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use alerts::{Alerts, Figure, Mailer};
use api::{Counter, History};
use control::Tenant;
use delivery::{Delivery, Overview, Status, UntoldWithdrawals, business_days_since};
use event::{Millis, Slug};
use workspace::{Condition, Source, SourceKind};

use crate::engines::Engines;
use crate::settings::Settings;

/// How often rules are looked at. What they ask is in memory, but for the free space of the disk.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// After a start nobody has looked yet at what waits: for so long nothing is said about it.
const SETTLED_MS: i64 = 30_000;

/// The law leaves fifteen business days.
const BUSINESS_DAYS_GIVEN_UP: i64 = 16;

/// What figures are taken from.
struct Facts {
    history: Arc<History>,
    delivery: Arc<Delivery>,
    data_dir: PathBuf,
    began: Millis,
}

/// Alerts as this server runs them.
pub(crate) fn open(
    settings: &Settings,
    engines: &Engines,
    delivery: &Arc<Delivery>,
    history: &Arc<History>,
) -> anyhow::Result<Alerts> {
    let mailer = match (&settings.smtp_url, &settings.smtp_from) {
        (Some(url), Some(from)) => Some(Mailer::new(url.secret(), from)?),
        (None, None) => None,
        (Some(_), None) => {
            anyhow::bail!("`smtp_url` is set and `smtp_from` is not: say whom e-mail names as its sender")
        }
        (None, Some(_)) => anyhow::bail!("`smtp_from` is set and `smtp_url` is not: say which server sends e-mail"),
    };
    let facts = Facts {
        history: Arc::clone(history),
        delivery: Arc::clone(delivery),
        data_dir: engines.layout.root.clone(),
        began: engines.clock.now(),
    };
    Ok(Alerts::new(alerts::Options {
        store: Arc::clone(&engines.store),
        directory: Arc::clone(&engines.directory),
        clock: Arc::clone(&engines.clock),
        figures: Arc::new(move |tenant, condition, now| facts.figures(tenant, condition, now)),
        mailer,
        public_url: settings.public_url.clone(),
        look_every: LOOK_EVERY,
    }))
}

impl Facts {
    fn figures(&self, tenant: &Tenant, condition: &Condition, now: Millis) -> Vec<Figure> {
        let workspace = tenant.name();
        match condition {
            Condition::FailureRate { destination, window_minutes, .. } => {
                let results = self.history.sums(&workspace, Counter::Results, begin(*window_minutes, now));
                let is_whole = self.is_whole(*window_minutes, now);
                let of =
                    |name: &str, one: Option<&Overview>| failing(&results, name, one.map(|one| &one.status), is_whole);
                self.destinations(tenant, destination.as_ref().map(Slug::as_str), of)
            }
            Condition::OldestWaiting { destination, .. } => {
                let is_settled = now.0 - self.began.0 >= SETTLED_MS;
                let of = |_: &str, one: Option<&Overview>| waiting(one?, is_settled, now);
                self.destinations(tenant, destination.as_ref().map(Slug::as_str), of)
            }
            Condition::Refusals { source, reason, window_minutes, .. } => {
                let from = begin(*window_minutes, now);
                let sums = |counter| self.history.sums(&workspace, counter, from);
                let counts = Counts {
                    accepted: sums(Counter::Accepted),
                    not_stored: [sums(Counter::Refused), sums(Counter::Discarded)],
                    is_whole: self.is_whole(*window_minutes, now),
                };
                let of = |name: &str| counts.not_stored_percent(name, reason.as_deref());
                sources(tenant, source.as_ref(), |_| true, of)
            }
            Condition::NoChoices { source, window_minutes, .. } => {
                let from = begin(*window_minutes, now);
                let sums = |counter| self.history.sums(&workspace, counter, from);
                let (pages, choices) = (sums(Counter::Settings), sums(Counter::Choices));
                let is_whole = self.is_whole(*window_minutes, now);
                let of = |name: &str| pages_without_a_choice(&pages, &choices, name, is_whole);
                sources(tenant, source.as_ref(), |known| known.kind == SourceKind::Browser, of)
            }
            Condition::UntoldWithdrawals { destination, .. } => {
                let of = |_: &str, one: Option<&Overview>| Some(untold(&one?.untold, now));
                self.destinations(tenant, destination.as_ref().map(Slug::as_str), of)
            }
            Condition::Disk { .. } => vec![Figure { about: String::new(), value: used_percent(&self.data_dir) }],
        }
    }

    /// Whether the whole window was counted by this process.
    fn is_whole(&self, window_minutes: u32, now: Millis) -> bool {
        self.history.since().is_some_and(|since| now.0 - since.0 >= i64::from(window_minutes) * 60_000)
    }

    /// A figure of each destination that is switched on.
    fn destinations(
        &self,
        tenant: &Tenant,
        wanted: Option<&str>,
        figure: impl Fn(&str, Option<&Overview>) -> Option<f64>,
    ) -> Vec<Figure> {
        let workspace = tenant.name();
        let all = self.delivery.overview();
        let enabled = tenant.workspace.destinations.iter().filter(|known| known.enabled);
        let watched =
            enabled.map(|known| known.name.as_str()).filter(|name| wanted.is_none_or(|wanted| wanted == *name));
        watched
            .map(|name| {
                let found = all.iter().find(|one| one.workspace == workspace && &*one.destination == name);
                Figure { about: name.to_owned(), value: figure(name, found) }
            })
            .collect()
    }
}

/// A figure of each source that is switched on and meant.
fn sources(
    tenant: &Tenant,
    wanted: Option<&Slug>,
    is_meant: impl Fn(&Source) -> bool,
    figure: impl Fn(&str) -> Option<f64>,
) -> Vec<Figure> {
    let sources = tenant.workspace.sources.iter().filter(|known| known.enabled && is_meant(known));
    let watched = sources.filter(|known| wanted.is_none_or(|wanted| *wanted == known.name));
    watched.map(|known| Figure { about: known.name.to_string(), value: figure(known.name.as_str()) }).collect()
}

/// The first minute of a window; the one under way counts too.
fn begin(window_minutes: u32, now: Millis) -> Millis {
    Millis(now.0 - i64::from(window_minutes.saturating_sub(1)) * 60_000)
}

type Sums = BTreeMap<Vec<String>, u64>;

/// The share of attempts that failed. Where none was made: all, of one that does not start or does not answer.
fn failing(results: &Sums, name: &str, status: Option<&Result<Status, String>>, is_whole: bool) -> Option<f64> {
    let sum = |result: &str| results.get(&vec![name.to_owned(), result.to_owned()]).copied().unwrap_or(0);
    let failed = sum("waiting") + sum("rejected") + sum("dead_lettered");
    match status {
        Some(Err(_)) => Some(100.0),
        _ if failed + sum("delivered") > 0 => Some(percent(failed, failed + sum("delivered"))),
        Some(Ok(status)) if status.paused.is_some() => Some(100.0),
        _ => is_whole.then_some(0.0),
    }
}

/// How many minutes the oldest live event waits; of a destination that does not start, for how long it does not, if
/// something came for it since: the event itself may have waited longer.
fn waiting(one: &Overview, is_settled: bool, now: Millis) -> Option<f64> {
    let Ok(status) = &one.status else {
        return Some(one.stalled_since.map_or(0.0, |since| minutes(now.0 - since.0)));
    };
    match status.oldest_waiting {
        Some(oldest) => Some(minutes(now.0 - oldest.0)),
        // What waits besides is replayed or sent again, because somebody asked for it.
        None => (is_settled && (status.waiting == 0 || status.has_backlog == Some(false))).then_some(0.0),
    }
}

/// For how many business days the oldest withdrawal waits to be told; one that was given up counts as beyond them all for
/// as long as it shows.
fn untold(untold: &UntoldWithdrawals, now: Millis) -> f64 {
    let days = untold.oldest.map_or(0, |oldest| business_days_since(oldest, now));
    let days = if untold.given_up.is_some() { days.max(BUSINESS_DAYS_GIVEN_UP) } else { days };
    f64::from(u32::try_from(days).unwrap_or(u32::MAX))
}

/// What came from sources in a window.
struct Counts {
    accepted: Sums,
    /// For lack of consent, and for what they are; by source and why.
    not_stored: [Sums; 2],
    is_whole: bool,
}

impl Counts {
    fn not_stored_percent(&self, source: &str, reason: Option<&str>) -> Option<f64> {
        let own = |sums: &'_ Sums| -> Vec<(String, u64)> {
            let own = sums.iter().filter(|(labels, _)| labels.first().is_some_and(|of| of == source));
            own.map(|(labels, count)| (labels.last().cloned().unwrap_or_default(), *count)).collect()
        };
        let not_stored: Vec<(String, u64)> = self.not_stored.iter().flat_map(own).collect();
        let accepted: u64 = own(&self.accepted).iter().map(|(_, count)| count).sum();
        let came = accepted + not_stored.iter().map(|(_, count)| count).sum::<u64>();
        let meant = not_stored.iter().filter(|(why, _)| reason.is_none_or(|wanted| wanted == why));
        let meant: u64 = meant.map(|(_, count)| count).sum();
        if came > 0 { Some(percent(meant, came)) } else { self.is_whole.then_some(0.0) }
    }
}

/// How many pages of a source were told how to ask, if not one visitor chose; none, if one did. Before the window is
/// whole, only a choice says something: it might have come before anybody counted.
fn pages_without_a_choice(pages: &Sums, choices: &Sums, source: &str, is_whole: bool) -> Option<f64> {
    let of = |sums: &Sums| -> u64 {
        sums.iter().filter(|(labels, _)| labels.first().is_some_and(|of| of == source)).map(|(_, count)| count).sum()
    };
    if of(choices) > 0 {
        return Some(0.0);
    }
    is_whole.then(|| count(of(pages)))
}

#[expect(clippy::cast_precision_loss, reason = "a count of pages beyond 2^53 is shown rounded")]
fn count(pages: u64) -> f64 {
    pages as f64
}

fn used_percent(directory: &Path) -> Option<f64> {
    let disk = rustix::fs::statvfs(directory).ok()?;
    (disk.f_blocks > 0).then(|| percent(disk.f_blocks.saturating_sub(disk.f_bavail), disk.f_blocks))
}

#[expect(clippy::cast_precision_loss, reason = "a share is shown with one digit behind the point")]
fn percent(part: u64, whole: u64) -> f64 {
    part as f64 * 100.0 / whole as f64
}

#[expect(clippy::cast_precision_loss, reason = "a wait of 285,000 years is shown rounded")]
fn minutes(ms: i64) -> f64 {
    ms.max(0) as f64 / 60_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sums(rows: &[(&str, &str, u64)]) -> Sums {
        rows.iter().map(|(one, other, count)| (vec![(*one).to_owned(), (*other).to_owned()], *count)).collect()
    }

    #[test]
    fn failed_attempts_are_a_share_of_all() {
        let results = sums(&[
            ("hook", "delivered", 30),
            ("hook", "waiting", 9),
            ("hook", "rejected", 1),
            ("hook", "withheld", 70),
        ]);
        let running: Result<Status, String> = Ok(Status::default());
        assert_eq!(failing(&results, "hook", Some(&running), false), Some(25.0));
        assert_eq!(failing(&results, "idle", Some(&running), false), None, "nobody has looked for long enough");
        assert_eq!(failing(&results, "idle", Some(&running), true), Some(0.0));
        assert_eq!(failing(&results, "hook", Some(&Err("no such kind".to_owned())), true), Some(100.0));
    }

    #[test]
    fn what_waits_has_an_age() {
        let of = |oldest, waiting, has_backlog| Overview {
            workspace: "acme".into(),
            destination: "hook".into(),
            status: Ok(Status { oldest_waiting: oldest, waiting, has_backlog, ..Status::default() }),
            stalled_since: None,
            untold: UntoldWithdrawals::default(),
        };
        let now = Millis(600_000);
        assert_eq!(waiting(&of(Some(Millis(0)), 1, Some(true)), false, now), Some(10.0));
        assert_eq!(waiting(&of(None, 0, None), true, now), Some(0.0));
        assert_eq!(waiting(&of(None, 0, None), false, now), None, "right after a start nobody has looked");
        assert_eq!(waiting(&of(None, 3, None), true, now), None, "it was not looked at yet");
        assert_eq!(waiting(&of(None, 3, Some(true)), true, now), None, "it cannot be read now");
        assert_eq!(waiting(&of(None, 3, Some(false)), true, now), Some(0.0), "what waits is replayed");
        let stalled = |since| Overview { status: Err("a test".to_owned()), stalled_since: since, ..of(None, 0, None) };
        assert_eq!(waiting(&stalled(Some(Millis(0))), true, now), Some(10.0), "it does not even start");
        assert_eq!(waiting(&stalled(None), true, now), Some(0.0), "nothing came for it");
    }

    #[test]
    fn what_is_untold_has_an_age_in_business_days() {
        // Friday to Monday.
        let (friday, monday) = (Millis(1_795_176_000_000), Millis(1_795_176_000_000 + 3 * 86_400_000));
        let waits = UntoldWithdrawals { waiting: 1, oldest: Some(friday), given_up: None };
        assert_eq!(untold(&waits, monday).to_bits(), 1.0_f64.to_bits());
        assert_eq!(untold(&UntoldWithdrawals::default(), monday).to_bits(), 0.0_f64.to_bits());
        let given_up = UntoldWithdrawals { given_up: Some(monday), ..waits };
        assert!(untold(&given_up, monday) > 15.0, "it does not look repaired because nothing waits any more");
    }

    #[test]
    fn refusals_are_a_share_of_what_came() {
        let counts = Counts {
            accepted: BTreeMap::from([(vec!["web".to_owned()], 50), (vec!["api".to_owned()], 7)]),
            not_stored: [
                sums(&[("web", "no_consent", 30), ("api", "no_consent", 9)]),
                sums(&[("web", "event_too_large", 20)]),
            ],
            is_whole: true,
        };
        assert_eq!(counts.not_stored_percent("web", None), Some(50.0));
        assert_eq!(counts.not_stored_percent("web", Some("no_consent")), Some(30.0));
        assert_eq!(counts.not_stored_percent("quiet", None), Some(0.0));
    }

    // Obligation 22.
    #[test]
    fn pages_without_a_single_choice_are_counted() {
        let pages = BTreeMap::from([(vec!["web".to_owned()], 300), (vec!["shop".to_owned()], 40)]);
        let choices = sums(&[("shop", "anonymous", 1)]);
        assert_eq!(pages_without_a_choice(&pages, &choices, "web", true), Some(300.0));
        assert_eq!(pages_without_a_choice(&pages, &choices, "shop", true), Some(0.0), "one choice shows that it works");
        assert_eq!(pages_without_a_choice(&pages, &choices, "web", false), None, "one may have come before");
        assert_eq!(pages_without_a_choice(&pages, &choices, "quiet", true), Some(0.0));
    }
}
