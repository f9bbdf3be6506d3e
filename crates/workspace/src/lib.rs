//! The model of a workspace: its sources, destinations, alerts, categories and consent rules, as a file says them.
//! Parsing and validation only; no I/O. `control` stores it, `consent` decides by it, `collector` serves it.
//!
//! Read in this order: [`Workspace`], [`Source`], [`Destination`], [`Category`], [`Purpose`], [`Regime`], [`Banner`],
//! [`SiteBanner`], [`Vendor`],
//! [`NoticeRules`], [`Alert`], [`parse`]; then
//! [`ObjectKind`] and [`Document`]: the same as it was written, object by object, for storing, editing and exporting.

mod alert;
mod banner;
mod category;
mod children;
mod destination;
mod document;
mod lint;
mod model;
mod notice;
mod object;
mod parse;
mod purpose;
mod regime;
mod risk;
mod said;
mod site;
mod source;
mod stored;
mod validate;
mod vendor;
mod words;

pub use alert::{Alert, Channel, Condition, ConditionKind, WebhookChannel};
pub use banner::{
    Banner, Before, Control, Platform, Promised, Surface, Tag, TagKind, TakeOver, Tcf, VENDOR_PREFIX,
    VENDORS_OF_DESTINATIONS_MAX,
};
pub use category::{Category, CategoryRule, REQUIRED};
pub use children::{Age, Children, Place};
pub use destination::{Destination, RecipientRole, Switch, Withdrawals};
pub use document::Document;
pub use model::{ConsentRules, DoNotTrack, Workspace};
pub use notice::{
    Authority, Beacons, Contact, DataKind, IpAddresses, IpUse, Kept, NoticeRules, Party, RecipientSaid, Right, Transfer,
};
pub use object::{Body, ObjectKind, UnknownKind};
pub use parse::{ParseError, env_reference, fill_secrets, parse, with_hint};
pub use purpose::Purpose;
pub use regime::{BY_REGION, DefaultRegime, First, GpcMeaning, Link, Model, Regime, RegimeRow};
pub use risk::Risk;
pub use said::Said;
pub use site::{Site, SiteBanner};
pub use source::{Basis, Compat, Sdk, Source, SourceKind};
pub use stored::{InvalidLifetime, Lifetime, StoreKind, StoredKey, Unit};
pub use validate::Invalid;
pub use vendor::{Catalogue, OptOut, OptOutTool, UnknownVendor, Vendor, VendorAbout, VendorEntry, VendorRole};
pub use words::{CategoryWords, Direction, FIRST_LANGUAGE, Words};
