//! Looks into the event once, for what the gate and the outputs ask of it, and so checks that it is what the edge
//! accepted. The edge validated it by the specification; tracking plans will be checked here.

use std::borrow::Cow;

use event::Call;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Stage;
use crate::{Batch, Logged, Reason, Valid, Verdict};

/// See the module.
#[derive(Debug, Default)]
pub struct Validate {}

impl Validate {
    /// The only one there is.
    pub fn new() -> Self {
        Self {}
    }
}

/// The fields that are read. All others are skipped over, which still checks their syntax.
#[derive(Deserialize)]
struct Peek<'r> {
    #[serde(borrow)]
    event: Option<&'r RawValue>,
    #[serde(borrow)]
    name: Option<&'r RawValue>,
    #[serde(borrow)]
    integrations: Option<&'r RawValue>,
    #[serde(borrow, rename = "_metadata")]
    metadata: Option<&'r RawValue>,
}

impl Stage for Validate {
    type From<'r> = Logged<'r>;
    type To<'r> = Valid<'r>;

    fn run<'r>(&self, batch: Batch<'r, Logged<'r>>) -> Batch<'r, Valid<'r>> {
        batch.judge(|logged| {
            let json: &'r str = logged.raw.json;
            let Ok(peek) = serde_json::from_str::<Peek<'r>>(json) else {
                return Verdict::Drop(logged, Reason::Malformed);
            };
            let name = match logged.raw.call {
                Call::Track => peek.event,
                Call::Page | Call::Screen => peek.name,
                Call::Identify | Call::Group | Call::Alias => None,
            };
            let name = name.and_then(text);
            let object = |value: Option<&'r RawValue>| value.map(RawValue::get).filter(|text| *text != "null");
            let (integrations, metadata) = (object(peek.integrations), object(peek.metadata));
            Verdict::Continue(Valid { logged, name, integrations, metadata })
        })
    }
}

/// A JSON string, borrowed where it has no escapes.
fn text(json: &RawValue) -> Option<Cow<'_, str>> {
    let inner = json.get().strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        return serde_json::from_str(json.get()).ok().map(Cow::Owned);
    }
    Some(Cow::Borrowed(inner))
}
