//! The banner of a site beside that of the workspace: its words are counted with those of all sites, and what was tried
//! on one is published in one step.

use serde_json::Value;
use workspace::{Body, ObjectKind, SiteBanner};

use super::edit::Bodies;
use super::publish::{self, Published};
use super::store::{ConfigurationChange, StoredConfiguration, StoredWorkspace};
use super::{Configuration, EditError, Object, draft, known};
use crate::Principal;

const BANNER: &str = "banner";

/// Where the banner of a source goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublishTo {
    /// Into the workspace's, from which every source inherits.
    Workspace,
    /// To this source, in the place of what it had.
    Source(String),
}

impl Configuration {
    /// Moves the banner of a source to where visitors of others meet it, and answers with the source, which from then on
    /// has of its own what belongs to its host at most. `if_version` is the version of the source that the author saw,
    /// `to_version` that of what is written over: of the consent block or of the other source.
    pub async fn publish_banner(
        &self,
        by: &Principal,
        workspace: &str,
        (source, if_version): (&str, i64),
        (to, to_version): (&PublishTo, i64),
    ) -> Result<Object, EditError> {
        let decide = |stored: &StoredConfiguration| {
            self.published(by, (stored, known(stored, workspace)?), (source, if_version), (to, to_version))
        };
        self.make(by, workspace, decide).await?;
        self.object(workspace, ObjectKind::Source, source).await
    }

    fn published(
        &self,
        by: &Principal,
        (stored, found): (&StoredConfiguration, &StoredWorkspace),
        (source, if_version): (&str, i64),
        (to, to_version): (&PublishTo, i64),
    ) -> Result<ConfigurationChange, EditError> {
        self.is_open(found, ObjectKind::Source, source, Some(if_version))?;
        let body = |kind, name: &str| found.object(kind, name).map(|object| object.body.clone()).unwrap_or_default();
        let mut from = body(ObjectKind::Source, source);
        let nothing =
            || EditError::Invalid(format!("source `{source}` has no `banner` of its own: there is nothing to publish"));
        let Some(Value::Object(mut tried)) = from.remove(BANNER) else { return Err(nothing()) };
        let stays = SiteBanner::take_of_host(&mut tried);
        if tried.is_empty() {
            return Err(nothing());
        }
        if !stays.is_empty() {
            from.insert(BANNER.to_owned(), Value::Object(stays));
        }
        let (kind, name) = match to {
            PublishTo::Workspace => (ObjectKind::Consent, ObjectKind::Consent.name()),
            PublishTo::Source(name) if name == source => {
                return Err(EditError::Invalid(format!("the banner of source `{source}` is published there already")));
            }
            PublishTo::Source(name) => (ObjectKind::Source, name.as_str()),
        };
        self.is_open(found, kind, name, Some(to_version))?;
        let mut target = body(kind, name);
        match to {
            PublishTo::Workspace => SiteBanner::publish(&tried, banner_of(&mut target)),
            PublishTo::Source(_) => {
                let banner = banner_of(&mut target);
                tried.extend(SiteBanner::take_of_host(banner));
                *banner = tried;
            }
        }
        let key = |kind: ObjectKind, name: &str| (kind, name.to_owned());
        let mut bodies = Bodies::from([
            (key(ObjectKind::Source, source), Some(from)),
            (key(kind, name), Some(kind.canonical(target))),
        ]);
        self.count(by, stored, found, &mut bodies)?;
        Ok(self.change(by, found, bodies))
    }

    /// Gives the banner the version that another text needs. The author of a source cannot: it is the workspace's.
    pub(super) fn count(
        &self,
        by: &Principal,
        stored: &StoredConfiguration,
        found: &StoredWorkspace,
        bodies: &mut Bodies,
    ) -> Result<(), EditError> {
        let after = draft::after(stored, &self.change(by, found, bodies.clone()));
        let after = after.workspace(&found.name).and_then(Published::of);
        let both = Published::of(found).zip(after);
        let Some(version) = both.and_then(|(before, after)| publish::missing_version(&before, &after)) else {
            return Ok(());
        };
        let (kind, name) = (ObjectKind::Consent, ObjectKind::Consent.name());
        self.is_open(found, kind, name, None)?;
        let stored = || found.object(kind, name).map(|object| object.body.clone()).unwrap_or_default();
        let body = bodies.entry((kind, name.to_owned())).or_insert_with(|| Some(stored()));
        banner_of(body.get_or_insert_default()).insert("version".to_owned(), version.into());
        Ok(())
    }
}

/// The banner that a body says, to be changed.
fn banner_of(body: &mut Body) -> &mut Body {
    let banner = body.entry(BANNER).or_insert(Value::Null);
    if !banner.is_object() {
        *banner = Value::Object(Body::new());
    }
    banner.as_object_mut().expect("it was made one above")
}
