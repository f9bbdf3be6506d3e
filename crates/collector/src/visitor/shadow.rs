//! Shadow mode: `POST /v1/consent/shadow`. A site that still asks with another platform tells what that platform holds
//! for a visitor, and it is counted where Assent would have decided otherwise, so that whoever switches knows beforehand
//! whom the switch changes something for.
//!
//! ```json
//! { "writeKey": "wk", "platform": "onetrust", "granted": ["C0001", "C0002"], "chosen": true, "days": 12, "gpc": false }
//! ```
//!
//! Nothing of it is kept and nobody is named: counters go up, by category. The decision is the one that the page's SDK
//! would come to: the browser's signal, then what was chosen while it lasts, then the regime's default.

use std::net::SocketAddr;

use consent::Signals;
use http::request::Parts;
use hyper::body::Incoming;
use serde::Deserialize;
use workspace::{CategoryRule, ConsentRules, DoNotTrack, Model, Regime};

use crate::answer::{self, Answer};
use crate::handle::{Collector, utf8};
use crate::metrics::{Compared, SourceLabels};
use crate::reject::{Refusal, Reject};

/// A list of groups is short; no body is longer than this.
const BODY_BYTES_MAX: usize = 4 * 1024;
const TARGETING: &str = "targeting";
/// The groups that OneTrust gives a new site.
const GROUPS: [(&str, &str); 4] =
    [("required", "C0001"), ("performance", "C0002"), ("functionality", "C0003"), (TARGETING, "C0004")];

/// The consent platform that a page still asks with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Platform {
    Onetrust,
    Trustarc,
}

/// What a page says that it found.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    write_key: String,
    /// None where the page waited in vain.
    platform: Option<Platform>,
    #[serde(default)]
    granted: Vec<String>,
    #[serde(default)]
    chosen: bool,
    /// Days since it was chosen, where the platform keeps that.
    days: Option<u32>,
    /// What the browser told the page, which not every browser says in a header too.
    #[serde(default)]
    gpc: bool,
}

/// What the decision would have rested on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Because {
    /// The browser's signal.
    Signal,
    /// What was chosen.
    Choice,
    /// The regime's default, because the choice is older than the regime lets one hold.
    Expired,
    /// The regime's default, because nobody chose.
    Default,
}

impl Because {
    fn name(self) -> &'static str {
        match self {
            Self::Signal => "signal",
            Self::Choice => "choice",
            Self::Expired => "expired",
            Self::Default => "default",
        }
    }
}

impl Platform {
    fn name(self) -> &'static str {
        match self {
            Self::Onetrust => "onetrust",
            Self::Trustarc => "trustarc",
        }
    }

    /// What the platform calls a category: its alias of the platform's form, else what the platform calls it on a new
    /// site. `place` counts from 1, `required` first, as TrustArc counts its buckets.
    fn name_of(self, rule: &CategoryRule, place: usize) -> Option<String> {
        let alias = rule.aliases.iter().map(workspace::Category::as_str).find(|alias| self.is_form(alias));
        let usual = || match self {
            Self::Trustarc => Some(format!("ta-{place}")),
            Self::Onetrust => {
                GROUPS.iter().find(|(id, _)| *id == rule.name.as_str()).map(|(_, group)| (*group).to_owned())
            }
        };
        alias.map(str::to_owned).or_else(usual)
    }

    fn is_form(self, alias: &str) -> bool {
        let rest = match self {
            Self::Onetrust => alias.strip_prefix('C').filter(|rest| rest.len() == 4),
            Self::Trustarc => alias.strip_prefix("ta-").filter(|rest| !rest.is_empty()),
        };
        rest.is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
    }
}

impl Collector {
    /// Counts what a page found.
    pub(crate) async fn compared(&self, head: &Parts, body: Incoming, peer: SocketAddr) -> Result<Answer, Refusal> {
        let asked = self.asked(head, peer);
        if !self.compares.admits(asked.client, asked.at) {
            return Err(Reject::TooManyComparisons.into());
        }
        let (body, _share) = self.bodies.read(&head.headers, body, BODY_BYTES_MAX).await?;
        let found: Found = serde_json::from_str(utf8(&body)?).map_err(|error| Reject::BadJson.because(error))?;
        let owner = self.acceptor.directory.by_write_key(&found.write_key).ok_or(Reject::UnknownKey)?;
        let labels = SourceLabels::of(&owner);
        self.metrics.shadowed(&labels, found.platform.map_or("none", Platform::name));
        let Some(platform) = found.platform else { return Ok(answer::success()) };
        let rules = &owner.tenant.workspace.consent;
        let regime = rules.regime(self.region(&owner, asked.client).as_deref());
        let signals = Signals { gpc: asked.signals.gpc || found.gpc, ..asked.signals };
        for (rule, name) in named(rules, platform) {
            let theirs = found.granted.contains(&name);
            let category = rule.name.as_str();
            let (ours, because) = decided(&found, theirs, category, regime, is_signalled(signals, rules));
            let outcome = match (theirs, ours) {
                (true, false) => "they_grant",
                (false, true) => "we_grant",
                _ => "agree",
            };
            self.metrics.compared(&labels, &Compared { category, outcome, because: because.name() });
        }
        Ok(answer::success())
    }
}

/// The categories that can be refused and that the platform has a name for.
fn named(rules: &ConsentRules, platform: Platform) -> impl Iterator<Item = (&CategoryRule, String)> {
    let (required, optional): (Vec<_>, Vec<_>) = rules.categories.iter().partition(|rule| rule.name.is_required());
    let all = required.into_iter().chain(optional).zip(1..);
    all.filter(|(rule, _)| !rule.name.is_required())
        .filter_map(move |(rule, place)| Some((rule, platform.name_of(rule, place)?)))
}

fn is_signalled(signals: Signals, rules: &ConsentRules) -> bool {
    signals.gpc || (signals.dnt && rules.do_not_track == DoNotTrack::AsGpc)
}

/// What Assent would have decided, and why.
fn decided(found: &Found, theirs: bool, category: &str, regime: Regime, is_signalled: bool) -> (bool, Because) {
    let row = regime.row();
    let is_held = category == TARGETING || row.gpc.denies.iter().any(|denied| denied == category);
    if is_signalled && is_held {
        return (false, Because::Signal);
    }
    let is_on = regime.model(category) != Model::OptIn;
    match (found.chosen, theirs) {
        (false, _) => (is_on, Because::Default),
        // A refusal outlives its choice.
        (true, false) => (false, Because::Choice),
        (true, true) if found.days.is_some_and(|days| days >= u32::from(row.lifetime_days)) => {
            (is_on, Because::Expired)
        }
        (true, true) => (true, Because::Choice),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(consent: &str) -> ConsentRules {
        workspace::parse(&format!("workspace: acme\nconsent: {consent}"), &|_| None).expect("valid").consent
    }

    #[test]
    fn a_platform_names_categories_by_alias_else_as_on_a_new_site() {
        let check = |consent: &str, platform, expected: &str| {
            let rules = rules(consent);
            let all: Vec<_> = named(&rules, platform).map(|(rule, name)| format!("{} {name}", rule.name)).collect();
            assert_eq!(all.join(", "), expected, "{consent}");
        };
        check("{}", Platform::Onetrust, "functionality C0003, performance C0002, targeting C0004");
        check("{}", Platform::Trustarc, "functionality ta-2, performance ta-3, targeting ta-4");
        let own = "{ categories: [{ name: ads, aliases: [x, ta-9, C0044] }, research, required] }";
        check(own, Platform::Onetrust, "ads C0044");
        check(own, Platform::Trustarc, "ads ta-9, research ta-3");
    }

    #[test]
    fn the_signal_comes_first_then_a_choice_that_lasts_then_the_default() {
        let check = |regime: &str, (chosen, days): (bool, Option<u32>), theirs, gpc, expected: (bool, Because)| {
            let found = Found {
                write_key: String::new(),
                platform: Some(Platform::Onetrust),
                granted: Vec::new(),
                chosen,
                days,
                gpc,
            };
            let regime = Regime::named(regime).expect("a row of the table");
            assert_eq!(decided(&found, theirs, TARGETING, regime, gpc), expected, "{regime} {chosen} {days:?}");
        };
        check("eu", (false, None), true, false, (false, Because::Default));
        check("us", (false, None), false, false, (true, Because::Default));
        check("eu", (true, Some(3)), true, false, (true, Because::Choice));
        check("eu", (true, None), true, false, (true, Because::Choice));
        check("eu", (true, Some(180)), true, false, (false, Because::Expired));
        check("us", (true, Some(999)), false, false, (false, Because::Choice));
        check("us", (true, Some(3)), true, true, (false, Because::Signal));
    }

    #[test]
    fn do_not_track_counts_where_the_workspace_says_so() {
        let dnt = Signals { gpc: false, dnt: true };
        assert_eq!(["{}", "{ do_not_track: as-gpc }"].map(|consent| is_signalled(dnt, &rules(consent))), [false, true]);
    }
}
