//! What the gate costs with a million identifiers on record: a decision, a look at what is on record, and memory.
//! `cargo run --release -p consent --example gate_cost -- [IDENTIFIERS]`

#![expect(clippy::print_stdout, reason = "a table for people")]

use std::hint::black_box;
use std::time::Instant;

use consent::{
    CategorySet, Choice, Gate, HasSubject, Held, Origin, Preferences, Signals, Stamp, Subject, Use, Wishes, Words,
};
use event::{Fingerprint, Millis};
use workspace::{Basis, ConsentRules, Purpose, RecipientRole, Regime};

/// Decisions that are timed.
const DECISIONS: u64 = 2_000_000;
const NOW: Millis = Millis(1_795_298_400_000);

struct Item<'s> {
    identifiers: [Fingerprint; 2],
    stamp: &'s Stamp<'static>,
}

impl HasSubject for Item<'_> {
    fn subject(&self) -> Subject<'_> {
        Subject { identifiers: &self.identifiers, stamp: self.stamp, wishes: Wishes::default() }
    }
}

/// A fingerprint is a hash; this is spread as one.
fn fingerprint(number: u64) -> Fingerprint {
    let spread = |by: u64| number.wrapping_add(1).wrapping_mul(by).rotate_left(29).wrapping_mul(by).to_le_bytes();
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&spread(0x9E37_79B9_7F4A_7C15));
    bytes[8..].copy_from_slice(&spread(0xD1B5_4A32_D192_ED03));
    Fingerprint(bytes)
}

fn resident_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
}

fn main() {
    let identifiers = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1_000_000_u64);
    let gate = Gate::new(&ConsentRules::default());
    let rules = gate.rules();
    let performance = rules.categories.key("performance");
    let choice = Choice { granted: performance, refused: rules.categories.optional().without(performance) };
    let before = resident_mb();
    gate.load((0..identifiers).map(|number| (fingerprint(number), Held::said(choice, NOW, Words::OTHERS))));
    println!("{identifiers} identifiers: {} MB", resident_mb() - before);
    let stamp = Stamp {
        origin: Origin::Sent,
        preferences: Preferences(vec![("performance".into(), true), ("targeting".into(), false)]),
        signals: Signals::default(),
        regime: Regime::OPT_IN,
        basis: Basis::Consent,
    };
    let purpose = Use {
        purpose: Purpose::Analytics,
        categories: performance,
        vendor: CategorySet::NONE,
        recipient: RecipientRole::ServiceProvider,
        unmapped: false,
        unstamped: false,
        names: vec!["echo".to_owned()],
    };
    // Two identifiers of which the second is nobody's, far from those asked for before.
    let ids = |number: u64| [fingerprint(number * 7_919 % identifiers), fingerprint(identifiers + number)];
    let time = |what: &str, run: &dyn Fn(u64)| {
        let start = Instant::now();
        (0..DECISIONS).for_each(run);
        println!("{what}: {} ns", start.elapsed().as_nanos() / u128::from(DECISIONS));
    };
    time("making the identifiers", &|number| _ = black_box(ids(number)));
    time("permit", &|number| {
        _ = black_box(gate.permit(Item { identifiers: ids(number), stamp: &stamp }, &purpose).is_ok());
    });
    time("choices", &|number| _ = black_box(gate.choices(&ids(number), NOW, Regime::OPT_IN)));
}
