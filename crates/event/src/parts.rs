//! The two bodies of the protocol cut in one pass: what is read further is cut where it stands, not first passed over
//! as a whole and then read again. A batch passed over twice cost a tenth of accepting it (measured).

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::fields::{Cutter, Fields, Key};

/// An event: its fields, those of its two objects apart. `null` counts as an empty object.
pub(crate) struct EventParts<'a> {
    pub(crate) context: Fields<'a>,
    pub(crate) integrations: Fields<'a>,
    pub(crate) rest: Fields<'a>,
}

/// A batch: its items, and all other fields. `null` counts as no items.
pub(crate) struct BatchParts<'a> {
    pub(crate) items: Vec<&'a RawValue>,
    pub(crate) rest: Fields<'a>,
}

impl<'de> Deserialize<'de> for EventParts<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EventVisitor;
        impl<'de> Visitor<'de> for EventVisitor {
            type Value = EventParts<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an event")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let (mut context, mut integrations, mut rest) = (None, None, Cutter::new());
                while let Some(key) = map.next_key_seed(Key)? {
                    match &*key {
                        "context" => context = map.next_value()?,
                        "integrations" => integrations = map.next_value()?,
                        _ => rest.put(key, map.next_value()?),
                    }
                }
                let (context, integrations) = (context.unwrap_or_default(), integrations.unwrap_or_default());
                Ok(EventParts { context, integrations, rest: rest.fields() })
            }
        }
        deserializer.deserialize_map(EventVisitor)
    }
}

impl<'de> Deserialize<'de> for BatchParts<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BatchVisitor;
        impl<'de> Visitor<'de> for BatchVisitor {
            type Value = BatchParts<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a batch")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let (mut items, mut rest) = (None, Cutter::new());
                while let Some(key) = map.next_key_seed(Key)? {
                    if key != "batch" {
                        rest.put(key, map.next_value()?);
                    } else if items.replace(map.next_value::<Option<_>>()?.unwrap_or_default()).is_some() {
                        return Err(Error::duplicate_field("batch"));
                    }
                }
                Ok(BatchParts { items: items.unwrap_or_default(), rest: rest.fields() })
            }
        }
        deserializer.deserialize_map(BatchVisitor)
    }
}
