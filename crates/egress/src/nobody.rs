//! What tells of nobody: a trial of a connection, an alert about the server. It needs no consent, and still no way out is
//! open without the gate.

use std::sync::Arc;

use consent::{Gate, HasSubject, Origin, Permitted, Preferences, Signals, Stamp, Subject, Use, Wishes};
use workspace::{Basis, ConsentRules, Purpose, RecipientRole, Regime};

struct Nobodys<T>(T, Stamp<'static>);

impl<T> HasSubject for Nobodys<T> {
    fn subject(&self) -> Subject<'_> {
        Subject { identifiers: &[], stamp: &self.1, wishes: Wishes::default() }
    }
}

/// Permits what tells of nobody, with the gate that did; `None` if no gate would let even that pass. Only for what holds
/// no person's data at all: the caller answers for it.
pub fn about_nobody<T>(item: T) -> Option<(Permitted<T>, Arc<Gate>)> {
    let gate = Gate::new(&ConsentRules::default());
    let purpose = Use {
        purpose: Purpose::Service,
        categories: gate.rules().categories.required(),
        vendor: consent::CategorySet::NONE,
        recipient: RecipientRole::ServiceProvider,
        unmapped: false,
        unstamped: false,
        names: Vec::new(),
    };
    let stamp = Stamp {
        origin: Origin::Default,
        preferences: Preferences::default(),
        signals: Signals::default(),
        regime: Regime::OPT_IN,
        basis: Basis::Contract,
    };
    let item = gate.permit(Nobodys(item, stamp), &purpose).ok()?;
    item.try_map(|item| Ok::<_, ()>(item.0)).ok().map(|item| (item, gate))
}
