//! Times as the API writes them.

use std::time::{SystemTime, UNIX_EPOCH};

use event::Millis;
use serde::Serialize;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, SchemaType, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::error::Error;

/// RFC 3339 in UTC, to the millisecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct At(pub(crate) Millis);

impl At {
    /// The time of a file; `None` before 1970.
    pub(crate) fn of(time: SystemTime) -> Option<Self> {
        let since = time.duration_since(UNIX_EPOCH).ok()?;
        i64::try_from(since.as_millis()).ok().map(|millis| Self(Millis(millis)))
    }
}

/// Reads a moment of a request.
pub(crate) fn moment(name: &'static str, text: Option<&str>) -> Result<Option<Millis>, Error> {
    let read = |text: &str| {
        Millis::parse(text).ok_or_else(|| Error::invalid(format!("`{name}` is not a time like `2026-11-22T08:00:00Z`")))
    };
    text.map(read).transpose()
}

impl Serialize for At {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl PartialSchema for At {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::String))
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
        RefOr::T(Schema::Object(text.build()))
    }
}

impl ToSchema for At {}
