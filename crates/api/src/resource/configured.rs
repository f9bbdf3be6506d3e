//! What sources, destinations and the consent block have in common: how they are edited, and what can go wrong.

use control::{ApplyError, EditError, Object};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::error::{Code, Error, Result};

/// The fields of a configured object.
pub(super) type Fields = Map<String, Value>;

/// The version that the author of a change saw.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Seen {
    /// The `version` of the object as it was read. Another one means that somebody changed it meanwhile.
    #[serde(default)]
    #[param(required = true)]
    if_version: Option<i64>,
}

impl Seen {
    /// The version, which must be there.
    pub(super) fn version(&self) -> Result<i64> {
        version_in("if_version", self.if_version)
    }
}

/// A version that a query must have.
pub(super) fn version_in(name: &str, version: Option<i64>) -> Result<i64> {
    version.ok_or_else(|| Error::new(Code::VersionMissing, format!("`{name}` is missing in the query")))
}

/// The body of an edit: what is `null` is not said.
pub(super) fn said(mut fields: Fields) -> Fields {
    fields.retain(|_, value| !value.is_null());
    fields
}

/// The same for an object whose name stands in the path, and may be left out.
pub(super) fn said_of(name: &str, fields: Fields) -> Fields {
    let mut fields = said(fields);
    fields.entry("name").or_insert_with(|| name.into());
    fields
}

/// An object with its state, as one JSON object.
pub(super) fn whole(object: &Object) -> Fields {
    let mut fields = object.body.clone();
    fields.insert("declared_by".to_owned(), object.declared_by.clone().into());
    fields.insert("version".to_owned(), object.version.into());
    fields
}

impl From<EditError> for Error {
    fn from(error: EditError) -> Self {
        let code = match &error {
            EditError::NoWorkspace(_) | EditError::NoObject { .. } => Code::NotFound,
            EditError::Exists { current } => {
                return Self::new(Code::AlreadyExists, error.to_string()).with_current(&whole(current));
            }
            EditError::Conflict { current } => {
                return Self::new(Code::VersionConflict, error.to_string()).with_current(&whole(current));
            }
            EditError::Declared { .. } => Code::DeclaredByFile,
            EditError::Invalid(_) => Code::InvalidWorkspace,
            EditError::Busy => Code::Busy,
            EditError::NotInForce(_) => return Self::internal("put in force what it has stored", &error),
            EditError::Key(_) | EditError::Store(_) => return Self::internal("change the configuration", &error),
        };
        Self::new(code, error.to_string())
    }
}

impl From<ApplyError> for Error {
    fn from(error: ApplyError) -> Self {
        match &error {
            ApplyError::Store(_) | ApplyError::Key(_) => Self::internal("apply the file", &error),
            ApplyError::NotInForce(_) => Self::internal("put in force what it has stored", &error),
            _ => Self::new(Code::InvalidWorkspace, error.to_string()),
        }
    }
}
