//! The state that must survive: workspaces, keys, identifiers, choices; and the tenants that are served from it.
//!
//! - [`Store`]: what an engine must do. [`Sqlite`] does it in one file; PostgreSQL has to pass the same suite
//!   (`tests/it/conformance.rs`).
//! - [`apply()`]: from files to stored objects. [`load()`]: from stored objects to [`Tenant`]s.
//! - [`Configuration`]: the objects while they are served: shown, edited, exported, put in force.
//! - [`Recorder`]: a visitor's choice becomes durable, then visible to the gate, then is answered.
//! - [`Evidence`]: what was chosen, provable: from the table of leaves to the published ledger and to receipts.
//! - [`telling`]: what destinations are to be told of refusals, from the choice to the row that waits.
//! - `linking`: an identifier that joins a subject takes over what the subject refused.
//! - [`Directory`]: the tenants, ready for the hot path.
//! - [`keys`]: opening, rotating and destroying the keys of a workspace.
//! - [`RateStore`]: how visitors answered, counted.
//! - [`AlertStore`]: what alerts found, and what was told of it.
//! - [`Accounts`]: people, sessions, tokens, roles. [`AuditStore`]: who changed what.

mod accounts;
mod alerts;
mod apply;
mod audit;
mod beacon;
mod configuration;
mod directory;
mod evidence;
mod hex;
pub mod keys;
mod learning;
mod linking;
mod load;
mod presented;
mod rates;
mod recent;
mod recorder;
pub mod retention;
mod saved;
mod sqlite;
mod standing;
mod store;
pub mod telling;
mod write_keys;

pub use accounts::{
    AccountChange, AccountChanged, AccountError, AccountLimits, AccountStore, Accounts, Allowance, FIRST_OWNER,
    HashingCost, NewSession, NewToken, NewUser, PaceLimits, Principal, Rights, Role, SessionsOver, SignedIn,
    StoredAccount, StoredSession, TOKEN_PREFIX, Token, UnknownRole, User, UserChange, Via,
};
pub use alerts::{AlertChanges, AlertNotice, AlertSend, AlertStore, AlertSubject, NOTICES_MAX, NoticeKind, SendState};
pub use apply::{Applied, ApplyError, ApplyOptions, Change, Claim, Site, WorkspaceFile, apply};
pub use audit::{Action, AuditQuery, AuditRecord, AuditStore, Entry};
pub use beacon::{Beacon, BeaconKind, TOKEN_BYTES_MAX};
pub use configuration::{
    API_VARIABLES, Configuration, ConfigurationChange, ConfigurationOptions, ConfigurationStore, ConfigurationVersion,
    Edit, EditError, Kinds, Object, ObjectChange, PublishTo, RecordedVersion, Secrets, SharedEnv, StoredConfiguration,
    StoredObject, StoredWorkspace, Summary, Unservable, Word, export,
};
pub use directory::{Directory, KeyOwner, Tenant};
pub use evidence::{Evidence, EvidenceError, EvidenceStore, Issued, Published};
pub use learning::Learning;
pub use load::{LoadError, choices_on_record, load};
pub use presented::{CONFIRMED_OVER_GPC, Presented};
pub use rates::{AskedAgain, AskedAgainCount, Rate, RateKey, RateStore, day_begins, day_of};
pub use recent::Recent;
pub use recorder::{ChoiceMade, Recorded, Recorder};
pub use saved::{SAVED_QUERIES_MAX, SavedQuery, SavedQueryStore, Saving};
pub use sqlite::Sqlite;
pub use standing::{Said, Standing};
pub use store::{
    ChoiceRow, Joined, Maker, Method, PublishedWords, Receipt, Store, StoreError, StoredEpoch, StoredIdentifier,
    StoredKeys,
};
pub use telling::{Telling, TellingStore, ToldDestination, Untold, UntoldCount};
pub use write_keys::SameWriteKey;
