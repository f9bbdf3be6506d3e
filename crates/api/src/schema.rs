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

enumerations! {
    role: ["viewer", "analyst", "admin", "owner"];
    source_kind: ["browser", "mobile", "server"];
    basis: ["consent", "contract", "legal_obligation", "vital_interests", "public_task", "legitimate_interests"];
    recipient: ["service_provider", "third_party"];
    switch: ["deny", "allow"];
    regime: ["opt-in", "opt-out"];
    do_not_track: ["ignore", "as-gpc"];
}

pub(crate) fn compat_or_null() -> Schema {
    let types = SchemaType::from_iter([Type::String, Type::Null]);
    let values = [serde_json::Value::from("segment"), serde_json::Value::Null];
    Schema::Object(ObjectBuilder::new().schema_type(types).enum_values(Some(values)).build())
}

pub(crate) fn error_code() -> Schema {
    one_of(&crate::error::TABLE.iter().map(|(_, row)| row.code).collect::<Vec<_>>())
}
