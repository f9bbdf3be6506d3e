//! Schemas of types that other crates own, for the OpenAPI document. A test holds each list against the type's own
//! reading, so that a new value cannot be forgotten here.

use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};

fn one_of(values: &[&str]) -> Schema {
    let values = values.iter().map(|value| serde_json::Value::from(*value));
    Schema::Object(ObjectBuilder::new().schema_type(SchemaType::Type(Type::String)).enum_values(Some(values)).build())
}

macro_rules! enumerations {
    ($( $name:ident: $values:expr; )*) => {
        $( pub(crate) fn $name() -> Schema { one_of(&$values) } )*
    };
}

const BASES: [&str; 6] =
    ["consent", "contract", "legal_obligation", "vital_interests", "public_task", "legitimate_interests"];

enumerations! {
    role: ["viewer", "analyst", "admin", "owner"];
    source_kind: ["browser", "mobile", "server"];
    recipient: ["service_provider", "third_party"];
    health_state: ["running", "paused", "failed", "disabled"];
    retry_state: ["searching", "sending", "done"];
    replay_state: ["running", "paused", "finished", "cancelled", "failed"];
    severity: ["error", "warning"];
    alert_condition: ["failure_rate", "oldest_waiting", "refusals", "no_choices", "untold_withdrawals", "disk"];
    alert_state: ["pending", "firing"];
    notice_kind: ["firing", "repeated", "resolved"];
    send_state: ["waiting", "sent", "failed"];
    switch: ["deny", "allow"];
    withdrawals: ["silent", "tell"];
    do_not_track: ["ignore", "as-gpc"];
}

fn or_null(values: &[&str]) -> Schema {
    let values = values.iter().map(|value| serde_json::Value::from(*value)).chain([serde_json::Value::Null]);
    let types = SchemaType::from_iter([Type::String, Type::Null]);
    Schema::Object(ObjectBuilder::new().schema_type(types).enum_values(Some(values)).build())
}

pub(crate) fn compat_or_null() -> Schema {
    or_null(&["segment"])
}

pub(crate) fn sdk_or_null() -> Schema {
    or_null(&["assent", "segment"])
}

/// Every regime of the table, and `by-region`.
pub(crate) fn default_regime() -> Schema {
    one_of(&workspace::Regime::all().map(workspace::Regime::id).chain([workspace::BY_REGION]).collect::<Vec<_>>())
}

pub(crate) fn basis_or_null() -> Schema {
    or_null(&BASES)
}

pub(crate) fn error_code() -> Schema {
    one_of(&crate::error::TABLE.iter().map(|(_, row)| row.code).collect::<Vec<_>>())
}
