//! Why an event of an accepted request is not kept: Segment's ingest codes by their own names, then ours.
//!
//! Segment answers 200 to such requests, and so does Assent; here the code is counted per source and shown in Live.

use std::fmt;

/// A reason for not keeping an event that reached a known source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Discard {
    /// A batch without events.
    EmptyBatch,
    /// A batch of which no event was left.
    EmptyBatchResult,
    /// The source is switched off.
    SourceDisabled,
    /// Some events of the batch had errors; the others were kept.
    MultiUserError,
    /// Neither `userId` nor `anonymousId`.
    NoUserAnonId,
    /// A track call without `event`.
    EventNotDefined,
    /// `event` is not a string.
    EventNotString,
    /// `properties` is not an object.
    PropertiesNotObject,
    /// `traits` is not an object.
    TraitsNotObject,
    /// The name of a page or screen is empty or not a string.
    NameNotString,
    /// `category` is not a string.
    CategoryNotString,
    /// A group without `groupId`, an alias without `userId` or `previousId`.
    IdRequired,
    /// An id that is not a string.
    IdNotString,
    /// A consent event without `context.consent.categoryPreferences`.
    ConsentCategoryPreferencesShouldExist,
    /// `categoryPreferences` is not an object.
    ConsentCategoryPreferencesFieldsShouldBeObject,
    /// A category's value is neither true nor false.
    ConsentCategoryPreferencesFieldsShouldBeBool,
    /// `context.device.advertisingId` is not a string.
    DeviceAdvertisingIdShouldBeString,
    /// `context.consent.version` is not a number.
    ConsentVersionShouldBeNumber,
    /// Not an object, an unknown `type`, or a field of the wrong kind that has no code of its own.
    BadRequest,
    /// The write key belongs to no source.
    UnknownSource,
    /// The source's settings cannot be used.
    InvalidSettings,
    /// The workspace is locked.
    LockedWorkspace,
    /// Ours: an item of a batch is over [`crate::limits::EVENT_BYTES_MAX`], or all of them borrow more than
    /// [`crate::limits::LENT_BYTES_MAX`].
    EventTooLarge,
    /// Ours: more than [`crate::limits::BATCH_EVENTS_MAX`] events in a batch.
    BatchTooLong,
    /// Ours: `messageId` is not a string or over [`crate::limits::MESSAGE_ID_CHARS_MAX`].
    MessageIdInvalid,
    /// Ours: the `anonymousId` says itself that it is older than the workspace lets identifiers live.
    AnonymousIdExpired,
}

impl Discard {
    /// All reasons, for metrics and documentation.
    pub const ALL: [Self; 26] = [
        Self::EmptyBatch,
        Self::EmptyBatchResult,
        Self::SourceDisabled,
        Self::MultiUserError,
        Self::NoUserAnonId,
        Self::EventNotDefined,
        Self::EventNotString,
        Self::PropertiesNotObject,
        Self::TraitsNotObject,
        Self::NameNotString,
        Self::CategoryNotString,
        Self::IdRequired,
        Self::IdNotString,
        Self::ConsentCategoryPreferencesShouldExist,
        Self::ConsentCategoryPreferencesFieldsShouldBeObject,
        Self::ConsentCategoryPreferencesFieldsShouldBeBool,
        Self::DeviceAdvertisingIdShouldBeString,
        Self::ConsentVersionShouldBeNumber,
        Self::BadRequest,
        Self::UnknownSource,
        Self::InvalidSettings,
        Self::LockedWorkspace,
        Self::EventTooLarge,
        Self::BatchTooLong,
        Self::MessageIdInvalid,
        Self::AnonymousIdExpired,
    ];

    /// The code, as in Segment's Delivery Overview.
    pub fn code(self) -> &'static str {
        match self {
            Self::EmptyBatch => "empty_batch",
            Self::EmptyBatchResult => "empty_batch_result",
            Self::SourceDisabled => "source_disabled",
            Self::MultiUserError => "multi_user_error",
            Self::NoUserAnonId => "no_user_anon_id",
            Self::EventNotDefined => "event_not_defined",
            Self::EventNotString => "event_not_string",
            Self::PropertiesNotObject => "properties_not_object",
            Self::TraitsNotObject => "traits_not_object",
            Self::NameNotString => "name_not_string",
            Self::CategoryNotString => "category_not_string",
            Self::IdRequired => "id_required",
            Self::IdNotString => "id_not_string",
            Self::ConsentCategoryPreferencesShouldExist => "consent_categorypreferences_should_exist",
            Self::ConsentCategoryPreferencesFieldsShouldBeObject => {
                "consent_categorypreferences_fields_should_be_object"
            }
            Self::ConsentCategoryPreferencesFieldsShouldBeBool => "consent_categorypreferences_fields_should_be_bool",
            Self::DeviceAdvertisingIdShouldBeString => "device_advertisingid_should_be_string",
            Self::ConsentVersionShouldBeNumber => "consent_version_should_be_number",
            Self::BadRequest => "bad_request",
            Self::UnknownSource => "unknown_source",
            Self::InvalidSettings => "invalid_settings",
            Self::LockedWorkspace => "locked_workspace",
            Self::EventTooLarge => "event_too_large",
            Self::BatchTooLong => "batch_too_long",
            Self::MessageIdInvalid => "message_id_invalid",
            Self::AnonymousIdExpired => "anonymous_id_expired",
        }
    }
}

impl fmt::Display for Discard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
