//! The workspaces that are served now, ready to be asked on the hot path: a look-up is one atomic load and one hash.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use consent::Gate;
use event::{Millis, Slug};
use vault::{Fingerprints, Surrogates};
use workspace::{Site, Source, SourceKind, Workspace};

use crate::{Learning, Recent};

/// A workspace with what running it needs.
#[derive(Debug)]
pub struct Tenant {
    /// Its model. Every source has its write key here, generated ones included.
    pub workspace: Workspace,
    /// Its choices; the only maker of permissions for it.
    pub gate: Arc<Gate>,
    /// Its fingerprints.
    pub fingerprints: Fingerprints,
    /// Its subjects.
    pub surrogates: Surrogates,
    /// Whose events are on their way to a subject.
    pub recent: Recent,
    /// Whether the gate is about to learn of something.
    pub learning: Learning,
}

impl Tenant {
    /// The name, shared.
    pub fn name(&self) -> Arc<str> {
        self.workspace.name().shared()
    }

    /// A source by name.
    pub fn source(&self, name: &str) -> Option<&Source> {
        self.workspace.sources.iter().find(|source| source.name.as_str() == name)
    }

    /// The earliest first sight that an anonymous id may have which arrives then through a source. Without a limit where
    /// the id is no browser's: those of servers and apps are the operator's own.
    pub fn not_before(&self, source: &str, at: Millis) -> Option<Millis> {
        let life_ms = i64::from(self.workspace.consent.banner.identifier_days) * DAY_MS;
        let is_browser = self.source(source)?.kind == SourceKind::Browser;
        is_browser.then(|| Millis(at.0.saturating_sub(life_ms)))
    }
}

const DAY_MS: i64 = 86_400_000;

/// A write key's source.
#[derive(Debug, Clone)]
pub struct KeyOwner {
    /// The workspace.
    pub tenant: Arc<Tenant>,
    /// The index of its source in the model.
    source: usize,
}

impl KeyOwner {
    /// The source.
    pub fn source(&self) -> &Source {
        &self.tenant.workspace.sources[self.source]
    }

    /// What its visitors meet.
    pub fn site(&self) -> Site<'_> {
        self.tenant.workspace.site(self.source())
    }
}

#[derive(Debug, Default)]
struct Tables {
    by_name: HashMap<Slug, Arc<Tenant>>,
    by_key: HashMap<String, KeyOwner>,
}

/// All workspaces served by this process.
#[derive(Debug, Default)]
pub struct Directory {
    tables: ArcSwap<Tables>,
}

impl Directory {
    /// Serves these workspaces from now on.
    pub fn replace(&self, tenants: Vec<Arc<Tenant>>) {
        let mut tables = Tables::default();
        for tenant in tenants {
            for (source, model) in tenant.workspace.sources.iter().enumerate() {
                if let Some(key) = &model.write_key {
                    let owner = KeyOwner { tenant: Arc::clone(&tenant), source };
                    tables.by_key.insert(key.expose().clone(), owner);
                }
            }
            tables.by_name.insert(tenant.workspace.name().clone(), tenant);
        }
        self.tables.store(Arc::new(tables));
    }

    /// The source of a write key.
    pub fn by_write_key(&self, key: &str) -> Option<KeyOwner> {
        self.tables.load().by_key.get(key).cloned()
    }

    /// A workspace by name.
    pub fn tenant(&self, name: &str) -> Option<Arc<Tenant>> {
        let tables = self.tables.load();
        tables.by_name.iter().find(|(slug, _)| slug.as_str() == name).map(|(_, tenant)| Arc::clone(tenant))
    }

    /// All workspaces.
    pub fn tenants(&self) -> Vec<Arc<Tenant>> {
        self.tables.load().by_name.values().cloned().collect()
    }
}
