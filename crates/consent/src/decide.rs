//! The decision: may this event be used so? Pure, deny-overrides, one reason.
//!
//! The order of the checks decides only which reason is told when several hold: signals first (they are the
//! visitor's most explicit word), then today's choice, then the stamp, last what the event itself asked for.

use workspace::{Basis, ConsentRules, Destination, DoNotTrack, Purpose, RecipientRole};

use crate::choice::{granted, granted_on_record};
use crate::{Categories, CategorySet, Choices, Origin, Reason, Signals, Stamp, Words};

/// What a workspace says about consent, compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Its categories.
    pub categories: Categories,
    /// What `DNT: 1` means.
    pub do_not_track: DoNotTrack,
    /// Grants given to an older version of the words count no more.
    pub ask_again_below: Words,
}

impl Rules {
    /// Compiles a workspace's rules.
    pub fn new(rules: &ConsentRules) -> Self {
        Self::with(Categories::new(rules), rules)
    }

    /// Whether a signal asks, in a way that counts here, not to be sold or shared.
    pub fn opts_out(&self, signals: Signals) -> bool {
        opt_out(signals, CategorySet::NONE, self).is_some()
    }

    /// Compiles a workspace's rules over categories whose bits have their meaning already.
    pub(crate) fn with(categories: Categories, rules: &ConsentRules) -> Self {
        let ask_again_below = Words::of(Some(rules.banner.ask_again_below.unwrap_or(0)));
        Self { categories, do_not_track: rules.do_not_track, ask_again_below }
    }
}

/// A use of events, compiled from a destination (or, later, an export or a query).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// What for.
    pub purpose: Purpose,
    /// All must be granted.
    pub categories: CategorySet,
    /// The vendor of the banner that receives, which may be refused by itself; none where it is none of them.
    pub vendor: CategorySet,
    /// Who receives.
    pub recipient: RecipientRole,
    /// Whether it may go without a category.
    pub unmapped: bool,
    /// Whether events of unknown consent may be used.
    pub unstamped: bool,
    /// The names by which an event's `integrations` and `_metadata.bundled` mean it.
    pub names: Vec<String>,
}

impl Use {
    /// The use that a destination makes; `title` is its kind's, as Segment names it.
    pub fn of_destination(destination: &Destination, title: &str, categories: &Categories) -> Self {
        Self {
            purpose: destination.purpose.clone(),
            categories: categories.set(destination.categories().iter().map(workspace::Category::as_str)),
            vendor: destination.vendor.as_deref().map_or(CategorySet::NONE, |id| categories.vendor(id)),
            recipient: destination.recipient,
            unmapped: destination.unmapped.allows(),
            unstamped: destination.unstamped.allows(),
            names: vec![destination.name.to_string(), title.to_owned()],
        }
    }

    /// The use that a question to the lake makes, by whom it is declared for.
    pub fn of_query(
        purpose: Purpose,
        named: &[String],
        recipient: RecipientRole,
        categories: &Categories,
    ) -> Result<Self, UndeclaredUse> {
        if named.is_empty() {
            return Err(UndeclaredUse::NoCategory);
        }
        let all = categories.optional().union(categories.required());
        if let Some(unknown) = named.iter().find(|name| !categories.key(name).intersects(all)) {
            return Err(UndeclaredUse::UnknownCategory(unknown.clone()));
        }
        Ok(Self {
            purpose,
            categories: categories.set(named.iter().map(String::as_str)),
            vendor: CategorySet::NONE,
            recipient,
            unmapped: false,
            unstamped: false,
            names: Vec::new(),
        })
    }
}

/// A use that cannot be declared so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UndeclaredUse {
    /// No such category.
    #[error("the workspace has no category `{0}`")]
    UnknownCategory(String),
    /// It would permit nothing.
    #[error(
        "a use names the categories that it needs, all of which must be granted: of `required` alone, or of others"
    )]
    NoCategory,
}

/// What an event says about destinations itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wishes<'a> {
    /// The text of `integrations`.
    pub integrations: Option<&'a str>,
    /// The text of `_metadata`.
    pub metadata: Option<&'a str>,
}

/// The answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Nothing forbids it.
    Allow,
    /// This forbids it.
    Deny(Reason),
}

/// May this event be used so?
pub fn decide(known: Choices, stamp: &Stamp<'_>, wishes: Wishes<'_>, purpose: &Use, rules: &Rules) -> Decision {
    let categories = &rules.categories;
    // Of what is no category, what held at capture and what holds today deny alike.
    let beside = known.refused.union(categories.refused_beside(&stamp.preferences));
    let is_disclosure = is_disclosure(purpose, categories);
    let is_optional = purpose.categories.is_empty() || !categories.required().contains(purpose.categories);
    let reason = opt_out(stamp.signals, beside, rules)
        .filter(|_| is_disclosure)
        .or_else(|| by_age(beside, is_disclosure, is_optional))
        .or_else(|| by_mapping(purpose, categories))
        .or_else(|| known.refused.intersects(purpose.categories).then_some(Reason::Withdrawn))
        .or_else(|| by_stamp(stamp, purpose, categories))
        .or_else(|| beside.intersects(purpose.vendor).then_some(Reason::VendorRefused))
        .or_else(|| by_wish(wishes, purpose));
    reason.map_or(Decision::Allow, Decision::Deny)
}

/// Sale, sharing and advertising across contexts, which GPC forbids. A third party's analytics is a disclosure for its own
/// ends and counts as such; a service provider's is not.
pub(crate) fn is_disclosure(purpose: &Use, categories: &Categories) -> bool {
    purpose.purpose.is_sale_or_advertising()
        || purpose.categories.intersects(categories.targeting())
        || (purpose.purpose == Purpose::Analytics && purpose.recipient == RecipientRole::ThirdParty)
}

/// The reason that an opt-out of sale and sharing gives, by a signal that is honoured or on record.
pub(crate) fn opt_out(signals: Signals, refused: CategorySet, rules: &Rules) -> Option<Reason> {
    if signals.gpc {
        return Some(Reason::GpcOptOut);
    }
    if signals.dnt && rules.do_not_track == DoNotTrack::AsGpc {
        return Some(Reason::DntOptOut);
    }
    refused.intersects(CategorySet::SALE_AND_SHARING).then_some(Reason::GpcOptOut)
}

/// A known child's data is neither sold nor shared nor used for targeting, and of one that is too young to consent nothing
/// optional is used at all.
pub(crate) fn by_age(refused: CategorySet, is_disclosure: bool, is_optional: bool) -> Option<Reason> {
    let is_denied = (is_disclosure && refused.intersects(CategorySet::ADULT))
        || (is_optional && refused.intersects(CategorySet::OWN_CONSENT));
    is_denied.then_some(Reason::KnownChild)
}

/// The categories under which nothing may be used any more by what is refused: those that are, and those that an opt-out of
/// sale and sharing or an age takes away. What a page shows, which knows categories alone; [`decide`] is finer.
pub fn off(refused: CategorySet, categories: &Categories) -> CategorySet {
    let beside = [
        (CategorySet::SALE_AND_SHARING, categories.targeting()),
        (CategorySet::ADULT, categories.targeting()),
        (CategorySet::OWN_CONSENT, categories.optional()),
    ];
    let taken = beside.into_iter().filter(|(said, _)| refused.intersects(*said)).map(|(_, taken)| taken);
    taken.fold(refused.intersection(categories.optional()), CategorySet::union)
}

pub(crate) fn by_mapping(purpose: &Use, categories: &Categories) -> Option<Reason> {
    if purpose.categories.is_empty() {
        return (!purpose.unmapped).then_some(Reason::Unmapped);
    }
    let only_required = categories.required().contains(purpose.categories);
    (only_required && !purpose.purpose.may_be_required()).then_some(Reason::RequiredNotForPurpose)
}

fn by_stamp(stamp: &Stamp<'_>, purpose: &Use, categories: &Categories) -> Option<Reason> {
    let needed = purpose.categories.without(categories.required());
    if needed.is_empty() && !purpose.categories.is_empty() {
        return None;
    }
    // What the United Kingdom exempts are the site's own statistics, disclosed to whoever assists in them alone.
    let is_own = purpose.purpose == Purpose::Analytics && purpose.recipient == RecipientRole::ServiceProvider;
    match stamp.origin {
        Origin::Sent => (!granted(categories, &stamp.preferences).contains(needed)).then_some(Reason::CategoryRefused),
        Origin::Record => (!granted_on_record(categories, &stamp.preferences, stamp.regime, is_own).contains(needed))
            .then_some(Reason::CategoryRefused),
        Origin::Default if stamp.basis != Basis::Consent => Some(Reason::BasisPermitsRequiredOnly),
        Origin::Default => {
            // Who gets everything needs everything.
            let needed = if needed.is_empty() { categories.optional() } else { needed };
            (!categories.unasked(stamp.regime, is_own).contains(needed)).then_some(Reason::NoConsent)
        }
        Origin::Unknown => (!purpose.unstamped && !purpose.categories.is_empty()).then_some(Reason::ConsentUnknown),
    }
}

/// `integrations` and `_metadata` as Segment reads them (reference: `segment.md` §1.8): names are case-sensitive, a
/// name beats `All`, only `false` switches off.
fn by_wish(wishes: Wishes<'_>, purpose: &Use) -> Option<Reason> {
    if let Some(integrations) = wishes.integrations.and_then(|text| event::Fields::parse(text).ok()) {
        let named = purpose.names.iter().find_map(|name| integrations.get(name));
        if named.or(integrations.get("All")) == Some("false") {
            return Some(Reason::IntegrationsObject);
        }
    }
    let bundled = wishes.metadata.is_some_and(|text| {
        #[derive(serde::Deserialize)]
        struct Metadata {
            #[serde(default)]
            bundled: Vec<String>,
        }
        serde_json::from_str::<Metadata>(text)
            .is_ok_and(|metadata| metadata.bundled.iter().any(|name| purpose.names.contains(name)))
    });
    bundled.then_some(Reason::SentClientSide)
}
