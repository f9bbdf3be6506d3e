//! What one file changes: a comparison of its objects with those stored, and who may overwrite whom.

use workspace::{Body, Document, ObjectKind, env_reference};

use super::{ApplyError, ApplyOptions, Change, Claim, Site, generate_write_key};
use crate::audit::Action;
use crate::configuration::{
    ObjectChange, StoredConfiguration, StoredObject, StoredWorkspace, Word, audited, check_references, keep_secrets,
    secret_reference,
};
use crate::{Principal, Via};

/// A change as it is stored and as it is told.
pub(super) type Decided = (ObjectChange, Change);

/// An object that a decision is about.
#[derive(Clone, Copy)]
struct Slot<'s> {
    workspace: &'s str,
    kind: ObjectKind,
    name: &'s str,
    /// What is stored there.
    current: Option<&'s StoredObject>,
}

/// One file against what is stored of its workspace.
pub(super) struct OneFile<'a> {
    site: Site<'a>,
    by: &'a Principal,
    how: ApplyOptions,
    path: &'a str,
    before: Option<&'a StoredWorkspace>,
    decided: Vec<Decided>,
    /// What was edited by somebody and would be undone.
    edited: Vec<String>,
}

impl<'a> OneFile<'a> {
    pub(super) fn new(
        site: Site<'a>,
        by: &'a Principal,
        how: ApplyOptions,
        path: &'a str,
        before: Option<&'a StoredWorkspace>,
    ) -> Self {
        Self { site, by, how, path, before, decided: Vec::new(), edited: Vec::new() }
    }

    pub(super) fn decide(mut self, document: Document) -> Result<Vec<Decided>, ApplyError> {
        let removed = self.removed(&document)?;
        let workspace = document.workspace;
        for ((kind, name), body) in document.objects {
            let current = self.before.and_then(|before| before.object(kind, &name));
            let slot = Slot { workspace: &workspace, kind, name: &name, current };
            let body = self.prepare(slot, body)?;
            if let Some(action) = self.action(slot, &body)? {
                self.push(slot, Some(body), action);
            }
        }
        if !self.edited.is_empty() {
            let (path, objects) = (self.path.to_owned(), self.edited);
            return Err(ApplyError::Edited { path, workspace, objects });
        }
        for object in removed {
            let slot = Slot { workspace: &workspace, kind: object.kind, name: &object.name, current: Some(object) };
            self.push(slot, None, Action::Delete);
        }
        Ok(self.decided)
    }

    /// What files said and this one does not say any more.
    fn removed(&self, document: &Document) -> Result<Vec<&'a StoredObject>, ApplyError> {
        let is_ours = |object: &&StoredObject| match (&object.word, self.how.claim) {
            (Word::Edited, _) | (Word::Declared { .. }, Claim::Edits) => false,
            (Word::Declared { .. }, Claim::Declares) | (Word::Applied { .. }, Claim::Edits) => true,
            (Word::Applied { file }, Claim::Declares) => file == self.path,
        };
        let gone = |object: &&StoredObject| !document.objects.contains_key(&(object.kind, object.name.clone()));
        let stored = self.before.into_iter().flat_map(|before| &before.objects);
        let removed: Vec<&StoredObject> = stored.filter(gone).filter(is_ours).collect();
        if removed.is_empty() || self.how.prune {
            return Ok(removed);
        }
        Err(ApplyError::WouldRemove {
            path: self.path.to_owned(),
            workspace: document.workspace.clone(),
            objects: removed.iter().map(|object| titled(object.kind, &object.name)).collect(),
        })
    }

    /// The body as it is stored: kept secrets and the write key in place.
    fn prepare(&self, slot: Slot<'_>, mut body: Body) -> Result<Body, ApplyError> {
        let Slot { workspace, kind, name, current } = slot;
        let refused = |reason| ApplyError::Refused { path: self.path.to_owned(), object: quoted(kind, name), reason };
        let current = current.map(|object| &object.body);
        // An export without secrets, applied where it came from, changes nothing.
        let stays = |setting: &str, value: &serde_json::Value| {
            let Some(text) = value.as_str().filter(|text| *text == secret_reference(workspace, name, setting)) else {
                return false;
            };
            env_reference(text).is_none_or(|variable| (self.site.env)(variable).is_none())
        };
        keep_secrets(kind, &mut body, current, self.site.kinds, stays).map_err(refused)?;
        if self.by.via != Via::Local {
            check_references(kind, &body, current, self.site.kinds).map_err(refused)?;
        }
        if kind == ObjectKind::Source && !body.contains_key("write_key") {
            let key = match current.and_then(|current| current.get("write_key")) {
                Some(key) => key.clone(),
                None => generate_write_key()?.into(),
            };
            body.insert("write_key".to_owned(), key);
        }
        Ok(body)
    }

    /// What the file does to an object; `None` for nothing.
    fn action(&mut self, slot: Slot<'_>, body: &Body) -> Result<Option<Action>, ApplyError> {
        let Slot { kind, name, current, .. } = slot;
        let Some(current) = current else { return Ok(Some(Action::Create)) };
        let declares = self.how.claim == Claim::Declares;
        if current.body == *body {
            let is_new = declares && current.word.declared_by() != Some(self.path);
            return Ok(is_new.then_some(Action::Declare));
        }
        match &current.word {
            Word::Declared { file } if !declares => Err(ApplyError::Declared {
                path: self.path.to_owned(),
                object: quoted(kind, name),
                declared_by: file.clone(),
            }),
            Word::Edited if !self.how.take_over => {
                self.edited.push(titled(kind, name));
                Ok(None)
            }
            Word::Declared { .. } | Word::Edited | Word::Applied { .. } => Ok(Some(Action::Update)),
        }
    }

    fn push(&mut self, slot: Slot<'_>, body: Option<Body>, action: Action) {
        let Slot { workspace, kind, name, current } = slot;
        let file = self.path.to_owned();
        let word = match self.how.claim {
            Claim::Declares => Word::Declared { file },
            Claim::Edits => Word::Applied { file },
        };
        let told = |body: &Body| audited(kind, body, self.site.kinds);
        let change = Change {
            kind,
            name: name.to_owned(),
            action,
            before: current.map(|object| told(&object.body)),
            after: body.as_ref().map(told),
        };
        let put = body.map(|body| (body, word));
        let (workspace, name) = (workspace.to_owned(), name.to_owned());
        self.decided.push((ObjectChange { workspace, kind, name, put }, change));
    }
}

/// Gives back to everybody what files declared that are no longer given, where nothing else was decided.
pub(super) fn release(stored: &StoredConfiguration, given: &[&str], decided: &[ObjectChange]) -> Vec<Decided> {
    let mut released = Vec::new();
    for workspace in &stored.workspaces {
        for object in &workspace.objects {
            let Some(file) = object.word.declared_by().filter(|file| !given.contains(file)) else { continue };
            let (name, kind) = (object.name.clone(), object.kind);
            if decided.iter().any(|one| one.workspace == workspace.name && one.kind == kind && one.name == name) {
                continue;
            }
            let put = Some((object.body.clone(), Word::Applied { file: file.to_owned() }));
            let change = Change { kind, name: name.clone(), action: Action::Release, before: None, after: None };
            released.push((ObjectChange { workspace: workspace.name.clone(), kind, name, put }, change));
        }
    }
    released
}

/// As `source web`, in lists.
fn titled(kind: ObjectKind, name: &str) -> String {
    if kind == ObjectKind::Consent { kind.to_string() } else { format!("{kind} {name}") }
}

/// As "source `web`", in sentences.
fn quoted(kind: ObjectKind, name: &str) -> String {
    if kind == ObjectKind::Consent { "the consent block".to_owned() } else { format!("{kind} `{name}`") }
}
