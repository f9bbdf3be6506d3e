//! A workspace as a whole.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use event::Slug;
use serde::{Deserialize, Serialize};

use crate::{
    Alert, Banner, Category, CategoryRule, Children, Condition, DefaultRegime, Destination, NoticeRules, Regime, Site,
    Source,
};

/// Everything a workspace is.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workspace {
    /// Its name, the prefix of every key and path.
    pub workspace: Slug,
    /// Where events come from.
    #[serde(default)]
    pub sources: Vec<Source>,
    /// Where events go.
    #[serde(default)]
    pub destinations: Vec<Destination>,
    /// What somebody wants to be told about.
    #[serde(default)]
    pub alerts: Vec<Alert>,
    /// How consent is read.
    #[serde(default)]
    pub consent: ConsentRules,
}

impl Workspace {
    /// Its name.
    pub fn name(&self) -> &Slug {
        &self.workspace
    }

    /// The alerts that are looked at: those that are written, and where a destination is told of withdrawals, one about
    /// those it is not told of. The law counts days on these, so somebody has to say that nobody wants to hear of it: a
    /// rule of this kind, or of its name, takes its place, also one that is switched off.
    pub fn watched(&self) -> impl Iterator<Item = Cow<'_, Alert>> {
        let implied = Alert::untold_withdrawals();
        let is_told = self.destinations.iter().any(|destination| destination.withdrawals.tells());
        let is_said = |alert: &Alert| {
            alert.name == implied.name || matches!(alert.condition, Condition::UntoldWithdrawals { .. })
        };
        let implied = Some(&implied).filter(|_| is_told && !self.alerts.iter().any(is_said)).cloned();
        self.alerts.iter().map(Cow::Borrowed).chain(implied.map(Cow::Owned))
    }

    /// A source's site: the workspace with the banner that its visitors meet.
    pub fn site<'w>(&'w self, source: &'w Source) -> Site<'w> {
        Site::new(self, source.effective.as_deref().unwrap_or(&self.consent.banner))
    }

    /// The workspace with its own banner, from which sites inherit.
    pub fn template(&self) -> Site<'_> {
        Site::new(self, &self.consent.banner)
    }

    /// Every site that may ask otherwise than another: the template, and each source with a banner of its own.
    pub fn sites(&self) -> impl Iterator<Item = Site<'_>> {
        let own = self.sources.iter().filter(|source| source.effective.is_some());
        std::iter::once(self.template()).chain(own.map(|source| self.site(source)))
    }

    /// Makes the banner of every site.
    pub(crate) fn inherit(&mut self) {
        let template = &self.consent.banner;
        for source in &mut self.sources {
            source.effective = source.banner.as_ref().map(|site| Arc::new(site.over(template)));
        }
    }
}

/// How consent is read.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConsentRules {
    /// The regime of regions without a row of their own, and of events without a region.
    pub default_regime: DefaultRegime,
    /// The workspace's own rows by region (`DE`, `US-CA`, `US`); the longest match counts, and counts before the table.
    pub regions: BTreeMap<String, Regime>,
    /// The categories, `required` always among them.
    pub categories: Vec<CategoryRule>,
    /// Traits of `identify` that carry an explicit choice: trait name → category.
    pub choice_traits: BTreeMap<String, Category>,
    /// What `DNT: 1` means. It is obsolete, so it means nothing unless the operator promised otherwise.
    pub do_not_track: DoNotTrack,
    /// How events say that they are about a child. Absent: nobody is known to be one.
    pub children: Option<Children>,
    /// How visitors are asked.
    pub banner: Banner,
    /// What the workspace says about itself. Without it no notice is published.
    pub notice: Option<NoticeRules>,
    /// Days that the record of a choice is kept from its arrival. What somebody refuses today stays on record for as long as
    /// they are known, whatever its age: a refusal must not end because its proof did.
    pub record_days: u16,
}

/// Five years: a claim over a consent that ended can be brought for three years, counted from the end of a year (§ 195,
/// § 199 BGB), and the consent itself may have held for one.
pub(crate) const RECORD_DAYS: u16 = 1_825;

impl Default for ConsentRules {
    fn default() -> Self {
        Self {
            default_regime: DefaultRegime::Fixed(Regime::OPT_IN),
            regions: BTreeMap::new(),
            categories: CategoryRule::defaults(),
            choice_traits: BTreeMap::new(),
            do_not_track: DoNotTrack::Ignore,
            children: None,
            banner: Banner::default(),
            notice: None,
            record_days: RECORD_DAYS,
        }
    }
}

impl ConsentRules {
    /// The regime of a region.
    pub fn regime(&self, region: Option<&str>) -> Regime {
        let country = region.and_then(|region| region.split('-').next());
        let own = |name: Option<&str>| name.and_then(|name| self.regions.get(name)).copied();
        own(region).or_else(|| own(country)).unwrap_or_else(|| match self.default_regime {
            DefaultRegime::Fixed(regime) => regime,
            DefaultRegime::ByRegion => Regime::of_region(region),
        })
    }

    /// Every regime that somebody may be under.
    pub fn regimes(&self) -> Vec<Regime> {
        let mut used: Vec<Regime> = self.regions.values().copied().collect();
        match self.default_regime {
            DefaultRegime::Fixed(regime) => used.push(regime),
            DefaultRegime::ByRegion => used.extend(Regime::all().filter(|regime| !regime.row().regions.is_empty())),
        }
        used
    }

    /// The category that a key of a stamp means, when the workspace knows it.
    pub fn category(&self, key: &str) -> Option<&Category> {
        self.categories
            .iter()
            .find(|rule| rule.name.as_str() == key || rule.aliases.iter().any(|alias| alias.as_str() == key))
            .map(|rule| &rule.name)
    }
}

/// What `DNT: 1` means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DoNotTrack {
    /// Nothing.
    Ignore,
    /// The same as GPC.
    AsGpc,
}
