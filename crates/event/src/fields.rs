//! A JSON object as an ordered list of its fields, each value still the text that came.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Above this many fields, duplicates are found through a hash map instead of a scan (else 5,000 keys would cost
/// 12 million comparisons).
const SCAN_FIELDS_MAX: usize = 32;
/// What the objects of an event mostly hold.
const FIELDS_MOSTLY: usize = 12;

/// Text that is not a JSON object; says where.
#[derive(Debug, thiserror::Error)]
#[error("not a JSON object: {0}")]
pub struct MalformedJson(#[from] serde_json::Error);

/// The fields of one object, in order. Of a repeated key the last value counts, as in every SDK's language, and the
/// earlier ones are gone: two readers must never see two different stamps in one event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields<'a> {
    entries: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Fields<'a> {
    /// Cuts an object into fields. Nested values are checked for syntax, not read.
    pub fn parse(json: &'a str) -> Result<Self, MalformedJson> {
        Ok(serde_json::from_str(json)?)
    }

    /// The text of a field's value.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.entries.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_ref())
    }

    /// The text of a field's value as it stands in the request; `None` also for what was set since.
    pub(crate) fn get_sent(&self, key: &str) -> Option<&'a str> {
        match self.entries.iter().find(|(name, _)| name == key)? {
            (_, Cow::Borrowed(value)) => Some(value),
            (_, Cow::Owned(_)) => None,
        }
    }

    /// Removes a field and returns the text of its value.
    pub fn take(&mut self, key: &str) -> Option<Cow<'a, str>> {
        let at = self.entries.iter().position(|(name, _)| name == key)?;
        Some(self.entries.remove(at).1)
    }

    /// Sets a field to a JSON text, in place when it exists, else at the end.
    pub fn set(&mut self, key: &'static str, json: impl Into<Cow<'a, str>>) {
        match self.entries.iter_mut().find(|(name, _)| name == key) {
            Some((_, value)) => *value = json.into(),
            None => self.entries.push((Cow::Borrowed(key), json.into())),
        }
    }

    /// Adds the fields of `defaults` that are not there yet, and returns how many bytes of JSON they are.
    pub fn merge_missing(&mut self, defaults: &Fields<'a>) -> usize {
        let own = self.entries.len();
        // As when they are cut: a scan for each of many would cost their product, and a batch asks it for each item.
        let is_long = own.min(defaults.entries.len()) > SCAN_FIELDS_MAX;
        let names: HashSet<Cow<'a, str>> =
            if is_long { self.entries.iter().map(|(name, _)| name.clone()).collect() } else { HashSet::new() };
        let mut bytes = 0;
        for (key, value) in &defaults.entries {
            let is_own =
                if is_long { names.contains(key) } else { self.entries[..own].iter().any(|(name, _)| name == key) };
            if !is_own {
                // The quotes, the colon, the comma.
                bytes += key.len() + value.len() + 4;
                self.entries.push((key.clone(), value.clone()));
            }
        }
        bytes
    }

    /// The fields in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().map(|(key, value)| (key.as_ref(), value.as_ref()))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Writes the object.
    pub fn write(&self, out: &mut String) {
        out.push('{');
        for (at, (key, value)) in self.entries.iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            push_string(out, key);
            out.push(':');
            out.push_str(value);
        }
        out.push('}');
    }
}

impl<'a> IntoIterator for Fields<'a> {
    type Item = (Cow<'a, str>, Cow<'a, str>);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

/// Writes a JSON string literal.
pub fn push_string(out: &mut String, text: &str) {
    // Over all bytes instead of to the first: without the early end the compiler looks at sixteen at a time.
    let is_special = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
    if text.bytes().fold(false, |special, byte| special | is_special(byte)) {
        out.push_str(&serde_json::to_string(text).expect("a string always serialises"));
    } else {
        out.push('"');
        out.push_str(text);
        out.push('"');
    }
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

/// Takes fields one by one. Of a repeated key the last value counts, at the place of the first.
pub(crate) struct Cutter<'a> {
    entries: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// Empty up to [`SCAN_FIELDS_MAX`].
    index: HashMap<Cow<'a, str>, usize>,
}

impl<'a> Cutter<'a> {
    pub(crate) fn new() -> Self {
        // Many objects are empty (`integrations`): no space before the first field.
        Self { entries: Vec::new(), index: HashMap::new() }
    }

    pub(crate) fn put(&mut self, key: Cow<'a, str>, value: &'a RawValue) {
        let (entries, index) = (&mut self.entries, &mut self.index);
        let value = Cow::Borrowed(value.get());
        if entries.is_empty() {
            entries.reserve(FIELDS_MOSTLY);
        }
        if entries.len() == SCAN_FIELDS_MAX && index.is_empty() {
            *index = entries.iter().enumerate().map(|(at, (name, _))| (name.clone(), at)).collect();
        }
        let earlier = if entries.len() < SCAN_FIELDS_MAX {
            entries.iter().position(|(name, _)| *name == key)
        } else {
            index.get(&key).copied()
        };
        if let Some(at) = earlier {
            entries[at].1 = value;
        } else {
            if entries.len() >= SCAN_FIELDS_MAX {
                index.insert(key.clone(), entries.len());
            }
            entries.push((key, value));
        }
    }

    pub(crate) fn fields(self) -> Fields<'a> {
        Fields { entries: self.entries }
    }
}

struct FieldsVisitor;

/// A key borrowed where it has no escapes; serde's own `Cow` always copies.
pub(crate) struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Cow<'de, str>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Cow::Borrowed(text))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Cow::Owned(text.to_owned()))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut cutter = Cutter::new();
        while let Some(key) = map.next_key_seed(Key)? {
            cutter.put(key, map.next_value()?);
        }
        Ok(cutter.fields())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(input: &str, expected: &str) {
        let mut out = String::new();
        Fields::parse(input).expect("the case is an object").write(&mut out);
        assert_eq!(out, expected);
    }

    #[test]
    fn text_survives_as_it_was_sent() {
        check(r#"{"a": 1.50, "b" : [ 1 ], "ä\n":"\u0041"}"#, r#"{"a":1.50,"b":[ 1 ],"ä\n":"\u0041"}"#);
        check(r#"{"n":123456789012345678901234567890.0e-3}"#, r#"{"n":123456789012345678901234567890.0e-3}"#);
    }

    #[test]
    fn of_a_repeated_key_the_last_value_counts() {
        check(r#"{"a":true,"b":1,"a":false}"#, r#"{"a":false,"b":1}"#);
        let many: Vec<String> = (0..100).map(|at| format!("\"k{}\":{at}", at % 50)).collect();
        let parsed = format!("{{{}}}", many.join(","));
        let fields = Fields::parse(&parsed).expect("an object");
        assert_eq!(fields.get("k3"), Some("53"));
        assert_eq!(fields.iter().count(), 50);
    }

    #[test]
    fn anything_but_an_object_is_refused() {
        for bad in ["", "[]", "1", "null", "{", r#"{"a":}"#, r#"{"a":1}x"#, "{'a':1}", r#"{"a":1,}"#] {
            assert!(Fields::parse(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn writing_and_parsing_is_the_identity(pairs in proptest::collection::hash_map(".*", any::<i32>(), 0..60)) {
            let object: serde_json::Map<String, serde_json::Value> =
                pairs.into_iter().map(|(key, value)| (key, value.into())).collect();
            let text = serde_json::to_string(&object).expect("a map serialises");
            let mut out = String::new();
            Fields::parse(&text).expect("an object").write(&mut out);
            let again: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&out).expect("still an object");
            prop_assert_eq!(again, object);
        }
    }
}
