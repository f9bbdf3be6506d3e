//! Every reason for which an event is not stored or not used, with its code.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The stamp refuses a needed category, or does not name it.
    CategoryRefused,
    /// No stamp, no choice on record, and the regime asks first.
    NoConsent,
    /// The consent at capture is unknown and the destination does not take such events.
    ConsentUnknown,
    /// The subject refuses a needed category today.
    Withdrawn,
    /// Global Privacy Control came with the event, or is on record of its subject, and the use is one it forbids.
    GpcOptOut,
    /// The event came with Do Not Track, which the workspace honours like GPC.
    DntOptOut,
    /// The destination has no category and is not allowed to go without.
    Unmapped,
    /// Collected under another basis than consent, which permits `required` only.
    BasisPermitsRequiredOnly,
    /// `required` may not be used for this purpose.
    RequiredNotForPurpose,
    /// The event's `integrations` switch the destination off.
    IntegrationsObject,
    /// The browser sent it to this destination itself.
    SentClientSide,
    /// The grant on record has ended, by its time or because its words are asked again.
    ConsentExpired,
    /// The subject refuses the vendor that the destination is, though not its category.
    VendorRefused,
    /// The subject is known to be a child, for whom the use is not permitted whatever is granted.
    KnownChild,
}

/// Whose will a reason is: the person's (withheld) or the sender's (filtered).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReasonKind {
    /// Consent, signal or law.
    Withheld,
    /// The event itself asked for it.
    Filtered,
}

impl Reason {
    /// All reasons.
    pub const ALL: [Self; 14] = [
        Self::CategoryRefused,
        Self::NoConsent,
        Self::ConsentUnknown,
        Self::Withdrawn,
        Self::GpcOptOut,
        Self::DntOptOut,
        Self::Unmapped,
        Self::BasisPermitsRequiredOnly,
        Self::RequiredNotForPurpose,
        Self::IntegrationsObject,
        Self::SentClientSide,
        Self::ConsentExpired,
        Self::VendorRefused,
        Self::KnownChild,
    ];

    /// The code in traces, metrics and the API.
    pub fn code(self) -> &'static str {
        match self {
            Self::CategoryRefused => "category_refused",
            Self::NoConsent => "no_consent",
            Self::ConsentUnknown => "consent_unknown",
            Self::Withdrawn => "withdrawn",
            Self::GpcOptOut => "gpc_opt_out",
            Self::DntOptOut => "dnt_opt_out",
            Self::Unmapped => "unmapped",
            Self::BasisPermitsRequiredOnly => "basis_permits_required_only",
            Self::RequiredNotForPurpose => "required_not_for_purpose",
            Self::IntegrationsObject => "integrations_object",
            Self::SentClientSide => "sent_client_side",
            Self::ConsentExpired => "consent_expired",
            Self::VendorRefused => "vendor_refused",
            Self::KnownChild => "known_child",
        }
    }

    /// The reason of a code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }

    /// Whose will it is.
    pub fn kind(self) -> ReasonKind {
        match self {
            Self::IntegrationsObject | Self::SentClientSide => ReasonKind::Filtered,
            Self::CategoryRefused
            | Self::NoConsent
            | Self::ConsentUnknown
            | Self::Withdrawn
            | Self::GpcOptOut
            | Self::DntOptOut
            | Self::Unmapped
            | Self::BasisPermitsRequiredOnly
            | Self::RequiredNotForPurpose
            | Self::ConsentExpired
            | Self::VendorRefused
            | Self::KnownChild => ReasonKind::Withheld,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
