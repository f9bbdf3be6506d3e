//! Names the destinations that an event may be for: the enabled ones that read from its source. Names, decides
//! nothing: whether one gets it is asked of the gate at the last moment, because a withdrawal may come in between.

use std::sync::Arc;

use event::Slug;
use workspace::Workspace;

use super::Stage;
use crate::{Batch, Identified, Routed, Verdict};

/// See the module.
#[derive(Debug, Default)]
pub struct Route {}

impl Route {
    /// The only one there is: the destinations are the workspace's own.
    pub fn new() -> Self {
        Self {}
    }
}

impl Stage for Route {
    type From<'r> = Identified<'r>;
    type To<'r> = Routed<'r>;

    fn run<'r>(&self, batch: Batch<'r, Identified<'r>>) -> Batch<'r, Routed<'r>> {
        let tenant = Arc::clone(&batch.tenant);
        // A batch has few sources, so a scan beats a map, and their records share one list.
        let mut known: Vec<(&'r str, Arc<[Slug]>)> = Vec::new();
        batch.judge(|identified| {
            let source = identified.valid.logged.raw.source;
            let found = known.iter().find(|(name, _)| *name == source).map(|(_, outputs)| Arc::clone(outputs));
            let outputs = found.unwrap_or_else(|| {
                let outputs = outputs(&tenant.workspace, source);
                known.push((source, Arc::clone(&outputs)));
                outputs
            });
            Verdict::Continue(Routed { identified, outputs })
        })
    }
}

fn outputs(workspace: &Workspace, source: &str) -> Arc<[Slug]> {
    let reads = |sources: &[Slug]| sources.iter().any(|name| name.as_str() == source);
    let destinations = workspace.destinations.iter();
    destinations.filter(|one| one.enabled && reads(&one.sources)).map(|one| one.name.clone()).collect()
}
