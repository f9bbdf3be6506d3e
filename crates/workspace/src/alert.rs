//! Alerts: what somebody wants to be told about, and how.
//!
//! A rule is written flat, with the unit in each name, and read into a type that cannot hold a threshold of another
//! condition: what does not belong together is refused where it is written, with the key that is meant.

use event::{Secret, Slug};
use serde::{Deserialize, Serialize};

/// How long a condition holds before anybody is told, unless the rule says otherwise.
pub(crate) const FOR_MINUTES: u32 = 5;
/// Over how long a share is taken, unless the rule says otherwise.
pub(crate) const WINDOW_MINUTES: u32 = 5;
/// After how long a condition that goes on is told again, unless the rule says otherwise.
pub(crate) const REPEAT_AFTER_HOURS: u32 = 4;
/// A day: longer back nothing is counted by the minute.
const WINDOW_MINUTES_MAX: u32 = 1_440;
/// Fifteen business days are what the law leaves (11 CCR 7026(f)(3)); a threshold beyond would never be passed.
const ABOVE_BUSINESS_DAYS_MAX: u32 = 14;
/// A third of that: enough for a receiver to be repaired in an ordinary outage, early enough for one that is not.
const UNTOLD_BUSINESS_DAYS: u32 = 5;
const UNTOLD_REPEAT_HOURS: u32 = 24;
/// A week.
const FOR_MINUTES_MAX: u32 = 7 * 1_440;
/// Four weeks.
const REPEAT_AFTER_HOURS_MAX: u32 = 672;
const CHANNELS_MAX: usize = 10;
const ADDRESSES_MAX: usize = 20;

/// One rule.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "Written")]
pub struct Alert {
    /// Its name.
    pub name: Slug,
    /// What it watches.
    pub condition: Condition,
    /// How long the condition holds before anybody is told, and is over before that is told.
    pub for_minutes: u32,
    /// After how long a condition that goes on is told again.
    pub repeat_after_hours: u32,
    /// Who is told; nobody: it shows in the console only.
    pub notify: Vec<Channel>,
    /// A rule that is switched off watches nothing and tells nobody.
    pub enabled: bool,
}

impl Alert {
    /// What is watched without being written where a destination is told of withdrawals. It shows in the console and in
    /// the server's log, and tells nobody: it does not know whom.
    pub(crate) fn untold_withdrawals() -> Self {
        Self {
            name: "untold-withdrawals".parse().expect("a slug"),
            condition: Condition::UntoldWithdrawals { destination: None, above_business_days: UNTOLD_BUSINESS_DAYS },
            for_minutes: FOR_MINUTES,
            repeat_after_hours: UNTOLD_REPEAT_HOURS,
            notify: Vec::new(),
            enabled: true,
        }
    }
}

/// What a rule watches.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// The share of attempts at a destination that failed.
    FailureRate {
        /// Which; each by itself without one.
        destination: Option<Slug>,
        /// Above how many of a hundred.
        above_percent: f64,
        /// Over how long.
        window_minutes: u32,
    },
    /// The age of the oldest event that waits for a destination.
    OldestWaiting {
        /// Which; each by itself without one.
        destination: Option<Slug>,
        /// Above how many minutes.
        above_minutes: u32,
    },
    /// The share of events that came and were not stored: for lack of consent, or for what they are.
    Refusals {
        /// Of which source; each by itself without one.
        source: Option<Slug>,
        /// For this reason (or code) only.
        reason: Option<String>,
        /// Above how many of a hundred.
        above_percent: f64,
        /// Over how long.
        window_minutes: u32,
    },
    /// Pages asked how to ask their visitors, and no choice came: the banner is dead, or nobody can press its buttons.
    NoChoices {
        /// Of which source; each by itself without one.
        source: Option<Slug>,
        /// Above how many pages without a single choice.
        above_pages: u32,
        /// Over how long.
        window_minutes: u32,
    },
    /// The age of the oldest withdrawal that a destination is to be told of and was not.
    UntoldWithdrawals {
        /// Which; each by itself without one.
        destination: Option<Slug>,
        /// Above how many business days (Monday to Friday, in UTC, no holidays).
        above_business_days: u32,
    },
    /// How much of the server's disk is used.
    Disk {
        /// Above how many of a hundred.
        above_percent: f64,
    },
}

/// The name of a condition, as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConditionKind {
    /// See [`Condition::FailureRate`].
    FailureRate,
    /// See [`Condition::OldestWaiting`].
    OldestWaiting,
    /// See [`Condition::Refusals`].
    Refusals,
    /// See [`Condition::NoChoices`].
    NoChoices,
    /// See [`Condition::UntoldWithdrawals`].
    UntoldWithdrawals,
    /// See [`Condition::Disk`].
    Disk,
}

impl ConditionKind {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::FailureRate => "failure_rate",
            Self::OldestWaiting => "oldest_waiting",
            Self::Refusals => "refusals",
            Self::NoChoices => "no_choices",
            Self::UntoldWithdrawals => "untold_withdrawals",
            Self::Disk => "disk",
        }
    }

    /// The keys that belong to it, beside those of every rule.
    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::FailureRate => &["destination", "above_percent", "window_minutes"],
            Self::OldestWaiting => &["destination", "above_minutes"],
            Self::Refusals => &["source", "reason", "above_percent", "window_minutes"],
            Self::NoChoices => &["source", "above_pages", "window_minutes"],
            Self::UntoldWithdrawals => &["destination", "above_business_days"],
            Self::Disk => &["above_percent"],
        }
    }
}

impl Condition {
    /// Its name.
    pub fn kind(&self) -> ConditionKind {
        match self {
            Self::FailureRate { .. } => ConditionKind::FailureRate,
            Self::OldestWaiting { .. } => ConditionKind::OldestWaiting,
            Self::Refusals { .. } => ConditionKind::Refusals,
            Self::NoChoices { .. } => ConditionKind::NoChoices,
            Self::UntoldWithdrawals { .. } => ConditionKind::UntoldWithdrawals,
            Self::Disk { .. } => ConditionKind::Disk,
        }
    }

    /// The figure above which it holds.
    pub fn above(&self) -> f64 {
        match self {
            Self::FailureRate { above_percent, .. }
            | Self::Refusals { above_percent, .. }
            | Self::Disk { above_percent } => *above_percent,
            Self::OldestWaiting { above_minutes, .. } => f64::from(*above_minutes),
            Self::NoChoices { above_pages, .. } => f64::from(*above_pages),
            Self::UntoldWithdrawals { above_business_days, .. } => f64::from(*above_business_days),
        }
    }

    /// What its figure counts.
    pub fn unit(&self) -> &'static str {
        match self {
            Self::FailureRate { .. } | Self::Refusals { .. } | Self::Disk { .. } => "percent",
            Self::OldestWaiting { .. } => "minutes",
            Self::NoChoices { .. } => "pages",
            Self::UntoldWithdrawals { .. } => "business days",
        }
    }
}

/// One way to tell somebody.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// A signed request.
    Webhook(WebhookChannel),
    /// An e-mail to these addresses.
    Email(Vec<String>),
}

/// Where a notification is posted to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookChannel {
    /// Where to.
    pub url: String,
    /// Signs each request: `whsec_` and base64.
    #[serde(default)]
    pub secret: Option<Secret<String>>,
    /// Whether the URL may be inside the operator's network.
    #[serde(default)]
    pub allow_private: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: Slug,
    when: ConditionKind,
    #[serde(default)]
    destination: Option<Slug>,
    #[serde(default)]
    source: Option<Slug>,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    above_percent: Option<f64>,
    #[serde(default)]
    above_minutes: Option<u32>,
    #[serde(default)]
    above_pages: Option<u32>,
    #[serde(default)]
    above_business_days: Option<u32>,
    #[serde(default)]
    window_minutes: Option<u32>,
    #[serde(default)]
    for_minutes: Option<u32>,
    #[serde(default)]
    repeat_after_hours: Option<u32>,
    #[serde(default)]
    notify: Vec<Channel>,
    #[serde(default)]
    enabled: Option<bool>,
}

impl TryFrom<Written> for Alert {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let name = written.name.clone();
        read(written).map_err(|reason| format!("alert `{name}`: {reason}"))
    }
}

fn read(written: Written) -> Result<Alert, String> {
    written.check_keys()?;
    let percent = || {
        let missing = "`above_percent` is missing: say above how many of a hundred it is a case for somebody";
        let percent = written.above_percent.ok_or(missing)?;
        let is_share = (0.0..100.0).contains(&percent);
        if is_share {
            Ok(percent)
        } else {
            Err(format!("`above_percent` is {percent}: it must be 0 or more, and below 100"))
        }
    };
    let window_minutes = written.window_minutes.unwrap_or(WINDOW_MINUTES);
    within("window_minutes", window_minutes, 1, WINDOW_MINUTES_MAX)?;
    let for_minutes = written.for_minutes.unwrap_or(FOR_MINUTES);
    within("for_minutes", for_minutes, 0, FOR_MINUTES_MAX)?;
    let repeat_after_hours = written.repeat_after_hours.unwrap_or(REPEAT_AFTER_HOURS);
    within("repeat_after_hours", repeat_after_hours, 1, REPEAT_AFTER_HOURS_MAX)?;
    check_channels(&written.notify)?;
    let condition = match written.when {
        ConditionKind::FailureRate => {
            Condition::FailureRate { destination: written.destination, above_percent: percent()?, window_minutes }
        }
        ConditionKind::OldestWaiting => {
            let missing = "`above_minutes` is missing: say above how many minutes of waiting it is a case for somebody";
            Condition::OldestWaiting {
                destination: written.destination,
                above_minutes: written.above_minutes.ok_or(missing)?,
            }
        }
        ConditionKind::Refusals => Condition::Refusals {
            above_percent: percent()?,
            source: written.source,
            reason: written.reason,
            window_minutes,
        },
        ConditionKind::NoChoices => {
            let missing =
                "`above_pages` is missing: say above how many pages without a choice it is a case for somebody";
            let above_pages = written.above_pages.ok_or(missing)?;
            Condition::NoChoices { source: written.source, above_pages, window_minutes }
        }
        ConditionKind::UntoldWithdrawals => {
            let missing = "`above_business_days` is missing: say above how many business days of waiting it is a case \
                           for somebody";
            let above_business_days = written.above_business_days.ok_or(missing)?;
            within("above_business_days", above_business_days, 0, ABOVE_BUSINESS_DAYS_MAX)?;
            Condition::UntoldWithdrawals { destination: written.destination, above_business_days }
        }
        ConditionKind::Disk => Condition::Disk { above_percent: percent()? },
    };
    let (name, notify, enabled) = (written.name, written.notify, written.enabled.unwrap_or(true));
    Ok(Alert { name, condition, for_minutes, repeat_after_hours, notify, enabled })
}

impl Written {
    /// A key of another condition would be read by nobody.
    fn check_keys(&self) -> Result<(), String> {
        let said = [
            ("destination", self.destination.is_some()),
            ("source", self.source.is_some()),
            ("reason", self.reason.is_some()),
            ("above_percent", self.above_percent.is_some()),
            ("above_minutes", self.above_minutes.is_some()),
            ("above_pages", self.above_pages.is_some()),
            ("above_business_days", self.above_business_days.is_some()),
            // The default is what a form shows also where it means nothing.
            ("window_minutes", self.window_minutes.is_some_and(|minutes| minutes != WINDOW_MINUTES)),
        ];
        let known = self.when.keys();
        match said.iter().find(|(key, is_said)| *is_said && !known.contains(key)) {
            None => Ok(()),
            Some((key, _)) => {
                let known: Vec<String> = known.iter().map(|key| format!("`{key}`")).collect();
                let (when, known) = (self.when.name(), known.join(", "));
                Err(format!("`{key}` is nothing that `{when}` has: it takes {known}"))
            }
        }
    }
}

fn within(key: &str, value: u32, least: u32, most: u32) -> Result<(), String> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(format!("`{key}` is {value}: it must be between {least} and {most}"))
}

fn check_channels(channels: &[Channel]) -> Result<(), String> {
    if channels.len() > CHANNELS_MAX {
        return Err(format!("`notify` has {} entries, {CHANNELS_MAX} at most", channels.len()));
    }
    for (at, channel) in channels.iter().enumerate() {
        let Channel::Email(addresses) = channel else { continue };
        if addresses.is_empty() || addresses.len() > ADDRESSES_MAX {
            return Err(format!("`notify[{at}].email` must have 1 to {ADDRESSES_MAX} addresses"));
        }
        if let Some(place) = addresses.iter().position(|address| !is_address(address)) {
            // Not repeated: it may be somebody's.
            return Err(format!("`notify[{at}].email[{place}]` is no address: write it as `ops@example.com`"));
        }
    }
    Ok(())
}

/// Whether a text can be an address. Whether somebody reads there, only a test notification shows.
fn is_address(text: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty()
            && part.chars().all(|c| c.is_ascii_alphanumeric() || ".!#$%&'*+/=?^_{|}~-".contains(c))
            && !part.starts_with('.')
            && !part.ends_with('.')
    };
    text.len() <= 254 && text.split_once('@').is_some_and(|(who, at)| plain(who) && plain(at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;

    fn check(fields: &str) -> String {
        let yaml = format!("{{ name: late, {fields} }}");
        let value: serde_json::Value = serde_norway::from_str(&yaml).expect("YAML");
        match serde_json::from_value::<Alert>(value) {
            Ok(alert) => format!("{} {} above {}", alert.name, alert.condition.kind().name(), alert.condition.above()),
            Err(error) => crate::with_hint(&error.to_string()),
        }
    }

    #[test]
    fn each_condition_has_its_own_keys() {
        assert_snapshot!(check("when: failure_rate, destination: hook, above_percent: 2.5"), @"late failure_rate above 2.5");
        assert_snapshot!(check("when: oldest_waiting, above_minutes: 10, notify: [{ email: [ops@acme.example] }]"), @"late oldest_waiting above 10");
        assert_snapshot!(check("when: refusals, source: web, reason: no_consent, above_percent: 90"), @"late refusals above 90");
        assert_snapshot!(check("when: no_choices, source: web, above_pages: 200, window_minutes: 60"), @"late no_choices above 200");
        assert_snapshot!(check("when: no_choices"), @"alert `late`: `above_pages` is missing: say above how many pages without a choice it is a case for somebody");
        assert_snapshot!(check("when: untold_withdrawals, destination: hook, above_business_days: 0"), @"late untold_withdrawals above 0");
        assert_snapshot!(check("when: untold_withdrawals"), @"alert `late`: `above_business_days` is missing: say above how many business days of waiting it is a case for somebody");
        assert_snapshot!(check("when: untold_withdrawals, above_business_days: 15"), @"alert `late`: `above_business_days` is 15: it must be between 0 and 14");
        assert_snapshot!(check("when: disk, above_percent: 85, window_minutes: 5"), @"late disk above 85");
        assert_snapshot!(check("when: disk, above_minutes: 10"), @"alert `late`: `above_minutes` is nothing that `disk` has: it takes `above_percent`");
        assert_snapshot!(check("when: failure_rate"), @"alert `late`: `above_percent` is missing: say above how many of a hundred it is a case for somebody");
        assert_snapshot!(check("when: oldest_waiting"), @"alert `late`: `above_minutes` is missing: say above how many minutes of waiting it is a case for somebody");
    }

    #[test]
    fn who_is_told_of_withdrawals_is_watched_unless_somebody_says_otherwise() {
        let watched = |withdrawals: &str, alerts: &str| {
            let yaml = format!(
                "workspace: acme\nsources: [{{ name: web, kind: browser }}]\ndestinations: [{{ name: hook, kind: webhook, \
                 sources: [web], purpose: sale, withdrawals: {withdrawals} }}]\nalerts: [{alerts}]"
            );
            let workspace = crate::parse(&yaml, &|_| None).expect("a workspace");
            let names = workspace.watched().map(|alert| format!("{}: {}", alert.name, alert.condition.above()));
            names.collect::<Vec<_>>().join(", ")
        };
        assert_snapshot!(watched("silent", ""), @"");
        assert_snapshot!(watched("tell", ""), @"untold-withdrawals: 5");
        let disk = "{ name: disk, when: disk, above_percent: 85 }";
        assert_snapshot!(watched("tell", disk), @"disk: 85, untold-withdrawals: 5");
        let own = "{ name: mine, when: untold_withdrawals, above_business_days: 2, enabled: false }";
        assert_snapshot!(watched("tell", own), @"mine: 2");
        let of_its_name = "{ name: untold-withdrawals, when: disk, above_percent: 85 }";
        assert_snapshot!(watched("tell", of_its_name), @"untold-withdrawals: 85");
    }

    #[test]
    fn what_cannot_be_is_named() {
        assert_snapshot!(check("when: disc, above_percent: 85"), @"unknown variant `disc`, expected one of `failure_rate`, `oldest_waiting`, `refusals`, `no_choices`, `untold_withdrawals`, `disk`; did you mean `disk`?");
        assert_snapshot!(check("when: disk, above_percent: 100"), @"alert `late`: `above_percent` is 100: it must be 0 or more, and below 100");
        assert_snapshot!(check("when: disk, above_percent: 85, for_minuts: 1"), @"unknown field `for_minuts`, expected one of `name`, `when`, `destination`, `source`, `reason`, `above_percent`, `above_minutes`, `above_pages`, `above_business_days`, `window_minutes`, `for_minutes`, `repeat_after_hours`, `notify`, `enabled`; did you mean `for_minutes`?");
        assert_snapshot!(check("when: disk, above_percent: 85, repeat_after_hours: 0"), @"alert `late`: `repeat_after_hours` is 0: it must be between 1 and 672");
        assert_snapshot!(check("when: disk, above_percent: 85, notify: [{ mail: [a@b] }]"), @"unknown variant `mail`, expected `webhook` or `email`; did you mean `email`?");
        assert_snapshot!(check("when: disk, above_percent: 85, notify: [{ email: [\"Ada <a@b>\"] }]"), @"alert `late`: `notify[0].email[0]` is no address: write it as `ops@example.com`");
        assert_snapshot!(check("when: disk, above_percent: 85, notify: [{ email: [] }]"), @"alert `late`: `notify[0].email` must have 1 to 20 addresses");
    }
}
