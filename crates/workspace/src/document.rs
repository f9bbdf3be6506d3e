//! A workspace as its objects, as they were written: read from YAML, written to YAML, read into the model.
//!
//! An export has every object once, in the order of their names and with its fields in one fixed order: the same
//! objects give the same text, byte for byte, whoever wrote them and in whatever order.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use serde_norway::Value as Yaml;

use crate::object::Body;
use crate::parse::{env_reference, read, yaml_value};
use crate::validate::Invalid;
use crate::{ObjectKind, ParseError, Workspace};

/// The objects of a workspace by kind and name, each in its canonical form.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// The name of the workspace.
    pub workspace: String,
    /// Its objects.
    pub objects: BTreeMap<(ObjectKind, String), Body>,
}

impl Document {
    /// Reads a file and checks that it is a workspace. `env` answers `${env:NAME}`, which stays as it is here.
    pub fn parse(yaml: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, ParseError> {
        let written = yaml_value(yaml)?;
        read(written.clone(), env)?;
        Self::take_apart(written)
    }

    /// Reads a file that was checked before, and may have been under other variables or an older release.
    pub fn parse_checked(yaml: &str) -> Result<Self, ParseError> {
        Self::take_apart(yaml_value(yaml)?)
    }

    fn take_apart(written: Value) -> Result<Self, ParseError> {
        let shapeless = || ParseError::Shape("a workspace file is a map with the key `workspace`".to_owned());
        let Value::Object(mut written) = written else { return Err(shapeless()) };
        let workspace = written.get(WORKSPACE).and_then(Value::as_str).ok_or_else(shapeless)?.to_owned();
        if env_reference(&workspace).is_some() {
            return Err(Invalid("the name of a workspace may not come from the environment".to_owned()).into());
        }
        let mut document = Self { workspace, objects: BTreeMap::new() };
        for (kind, field) in LISTS {
            let Some(Value::Array(items)) = written.remove(field) else { continue };
            items.into_iter().try_for_each(|item| document.add(kind, item))?;
        }
        match written.remove(CONSENT) {
            None | Some(Value::Null) => {}
            Some(consent) => document.add(ObjectKind::Consent, consent)?,
        }
        Ok(document)
    }

    fn add(&mut self, kind: ObjectKind, written: Value) -> Result<(), ParseError> {
        let Value::Object(body) = written else {
            return Err(ParseError::Shape(format!("a {kind} is a map")));
        };
        let name = kind.name_of(&body).to_owned();
        if env_reference(&name).is_some() {
            // It would be stored under the reference and served under its value.
            return Err(Invalid(format!("the name `{name}` of a {kind} may not come from the environment")).into());
        }
        self.objects.insert((kind, name), kind.canonical(body));
        Ok(())
    }

    /// The model, with secrets filled in, checked as a whole.
    pub fn read(&self, env: &dyn Fn(&str) -> Option<String>) -> Result<Workspace, ParseError> {
        let mut written = Map::new();
        written.insert(WORKSPACE.to_owned(), self.workspace.clone().into());
        for (kind, field) in LISTS {
            let items = self.of(kind).map(|body| Value::Object(body.clone()));
            written.insert(field.to_owned(), items.collect());
        }
        if let Some(consent) = self.of(ObjectKind::Consent).next() {
            written.insert(CONSENT.to_owned(), Value::Object(consent.clone()));
        }
        read(Value::Object(written), env)
    }

    fn of(&self, kind: ObjectKind) -> impl Iterator<Item = &Body> {
        self.objects.iter().filter(move |((its, _), _)| *its == kind).map(|(_, body)| body)
    }

    /// The file that says this.
    pub fn to_yaml(&self) -> Result<String, ParseError> {
        let mut file = serde_norway::Mapping::new();
        file.insert(WORKSPACE.into(), self.workspace.as_str().into());
        for (kind, field) in LISTS {
            let items = self.of(kind).map(|body| ordered(kind, body)).collect::<Result<Vec<_>, _>>()?;
            if !items.is_empty() {
                file.insert(field.into(), Yaml::Sequence(items));
            }
        }
        if let Some(consent) = self.of(ObjectKind::Consent).next() {
            file.insert(CONSENT.into(), ordered(ObjectKind::Consent, consent)?);
        }
        serde_norway::to_string(&file).map_err(|error| unwritable(&error))
    }
}

const WORKSPACE: &str = "workspace";
const CONSENT: &str = "consent";
const LISTS: [(ObjectKind, &str); 3] =
    [(ObjectKind::Source, "sources"), (ObjectKind::Destination, "destinations"), (ObjectKind::Alert, "alerts")];

/// An object with its fields in the order of their table.
fn ordered(kind: ObjectKind, body: &Body) -> Result<Yaml, ParseError> {
    let mut written = serde_norway::Mapping::new();
    for name in kind.order() {
        if let Some(value) = body.get(name) {
            written.insert(name.into(), sorted(value)?);
        }
    }
    Ok(Yaml::Mapping(written))
}

/// A value with its keys in order: a map of `serde_json` has them in the order of their coming when some crate of the
/// binary asks for that.
fn sorted(value: &Value) -> Result<Yaml, ParseError> {
    match value {
        Value::Array(items) => items.iter().map(sorted).collect::<Result<_, _>>().map(Yaml::Sequence),
        Value::Object(fields) => {
            let fields: BTreeMap<&String, &Value> = fields.iter().collect();
            let fields = fields.into_iter().map(|(key, field)| Ok((key.as_str().into(), sorted(field)?)));
            fields.collect::<Result<_, _>>().map(Yaml::Mapping)
        }
        plain => serde_norway::to_value(plain).map_err(|error| unwritable(&error)),
    }
}

fn unwritable(error: &serde_norway::Error) -> ParseError {
    ParseError::Shape(format!("the workspace cannot be written as YAML: {error}"))
}
