//! The rule of subjects against a second telling of it, alone and with two resolvers at once; the memory's bounds.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use proptest::prelude::*;

use super::*;
use crate::Fingerprints;

/// The table as a map. Before each answer it lets other tasks run as often as a seed says, so that two resolvers
/// interleave in every way their turns allow.
#[derive(Debug, Default)]
struct Table {
    rows: Mutex<BTreeMap<Fingerprint, Sighting>>,
    turns: AtomicU64,
    reads: AtomicUsize,
    writes: AtomicUsize,
}

impl Table {
    async fn let_others_run(&self) {
        for _ in 0..self
            .turns
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |turns| Some(turns >> 2))
            .expect("always set")
            & 3
        {
            tokio::task::yield_now().await;
        }
    }
}

#[async_trait]
impl IdentifierTable for Table {
    async fn sightings(&self, _: &str, of: &[Fingerprint]) -> Result<Vec<Option<Sighting>>, VaultError> {
        self.let_others_run().await;
        self.reads.fetch_add(1, Ordering::Relaxed);
        let rows = self.rows.lock().expect("not poisoned");
        Ok(of.iter().map(|fingerprint| rows.get(fingerprint).copied()).collect())
    }

    async fn insert(&self, _: &str, pairs: &[Pair<'_>]) -> Result<Inserted, VaultError> {
        self.let_others_run().await;
        self.writes.fetch_add(1, Ordering::Relaxed);
        let mut rows = self.rows.lock().expect("not poisoned");
        let fingerprints = pairs.iter().map(|pair| pair.identifier.fingerprint);
        let known: Vec<_> = fingerprints.filter_map(|one| Some((one, *rows.get(&one)?))).collect();
        if !known.is_empty() {
            return Ok(Inserted::Known(known));
        }
        for pair in pairs {
            let before = rows.insert(pair.identifier.fingerprint, pair.sighting);
            assert_eq!(before, None, "a fingerprint was inserted twice");
        }
        Ok(Inserted::All)
    }
}

/// An event of the tests: the number of its anonymous id, of its user id, and of the earlier id if it is an alias.
type Ids = (Option<u8>, Option<u8>, Option<u8>);

fn names() -> Vec<String> {
    (0..8).map(|number| number.to_string()).collect()
}

fn events<'n>(names: &'n [String], ids: &[Ids]) -> Vec<Arrival<'n>> {
    let prints = Fingerprints::new(&[1; 32]);
    let name = |number: Option<u8>| number.map(|number| names[usize::from(number)].as_str());
    let identifiers = |(anonymous, user, previous): &Ids| Identifiers {
        previous: name(*previous).map(|previous| prints.previous(previous)),
        ..prints.identify(name(*anonymous), name(*user))
    };
    ids.iter().map(|ids| Arrival { identifiers: identifiers(ids), at: Millis(0), not_before: None }).collect()
}

/// Which identifiers share a subject: the table with its random numbers taken out.
fn grouping(rows: &BTreeMap<Fingerprint, Sighting>) -> Vec<usize> {
    let mut seen = Vec::new();
    let number = |Sighting { subject, .. }: &Sighting| {
        seen.iter().position(|one| one == subject).unwrap_or_else(|| {
            seen.push(*subject);
            seen.len() - 1
        })
    };
    rows.values().map(number).collect()
}

/// What one event after the other gives: the rule, said once more and differently.
fn one_by_one(batches: &[&[Ids]]) -> Vec<usize> {
    let names = names();
    let mut rows = BTreeMap::new();
    for Arrival { identifiers: event, at, .. } in batches.iter().flat_map(|batch| events(&names, batch)) {
        let user = event.user.and_then(|user| rows.get(&user.fingerprint).copied());
        let anonymous = event.anonymous.and_then(|anonymous| rows.get(&anonymous.fingerprint).copied());
        let was = |one: &Identifier<'_>| rows.get(&one.fingerprint).copied();
        let as_browser = event.previous.and_then(|previous| was(&previous.as_anonymous));
        let as_person = event.previous.and_then(|previous| was(&previous.as_user));
        let subject = user.or(anonymous).or(as_browser).or(as_person);
        let subject = subject.unwrap_or_else(|| Sighting { subject: SubjectId::random(), first_seen: at });
        for own in [event.anonymous, event.user].into_iter().flatten() {
            rows.entry(own.fingerprint).or_insert(subject);
        }
        if let (Some(previous), None) = (event.previous, as_person) {
            rows.entry(previous.as_anonymous.fingerprint).or_insert(subject);
        }
    }
    grouping(&rows)
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(work)
}

fn surrogates(table: &Arc<Table>) -> Surrogates {
    Surrogates::new("acme".into(), Arc::clone(table) as Arc<dyn IdentifierTable>)
}

/// Events whose users are these numbers; browsers and earlier ids are 0 to 3.
fn ids(users: Range<u8>) -> impl Strategy<Value = Ids> {
    let some = || prop::option::of(0..4_u8);
    let previous = prop_oneof![3 => Just(None), 1 => some()];
    // An alias of an id to itself says nothing, and the wire sends it: it is drawn too.
    (some(), prop::option::of(users), previous)
        .prop_filter("at least one", |(anonymous, user, _)| anonymous.is_some() || user.is_some())
}

proptest! {
    #[test]
    fn a_batch_is_its_events_one_by_one(batch in prop::collection::vec(ids(0..4), 1..8), cut in 0..8_usize) {
        let table = Arc::new(Table::default());
        let resolver = surrogates(&table);
        let names = names();
        let (first, second) = batch.split_at(cut.min(batch.len()));
        run(resolver.resolve(&events(&names, first))).expect("answers");
        run(resolver.resolve(&events(&names, second))).expect("answers");
        prop_assert_eq!(grouping(&table.rows.lock().expect("not poisoned")), one_by_one(&[&batch]));
    }

    #[test]
    fn an_event_has_the_subject_of_its_user_id_else_of_its_anonymous_id(batch in prop::collection::vec(ids(0..4), 1..8)) {
        let table = Arc::new(Table::default());
        let names = names();
        let events = events(&names, &batch);
        let subjects = run(surrogates(&table).resolve(&events)).expect("answers");
        let rows = table.rows.lock().expect("not poisoned");
        for (Arrival { identifiers: event, .. }, subject) in events.iter().zip(subjects) {
            let leading = event.user.or(event.anonymous).expect("at least one");
            let anonymous = event.anonymous.map(|one| rows[&one.fingerprint]);
            let leads = Resolved::Subject(rows[&leading.fingerprint].subject) == subject;
            prop_assert!(leads, "not the subject of the leading identifier {:?}", anonymous);
        }
    }

    #[test]
    fn two_resolvers_at_once_are_two_in_some_order(
        // No earlier id is a user's: see the module's limit.
        one in prop::collection::vec(ids(4..8), 1..5),
        two in prop::collection::vec(ids(4..8), 1..5),
        turns in any::<u64>(),
    ) {
        let table = Arc::new(Table::default());
        table.turns.store(turns, Ordering::Relaxed);
        let (names, (left, right)) = (names(), (surrogates(&table), surrogates(&table)));
        let (events_one, events_two) = (events(&names, &one), events(&names, &two));
        let (subjects_one, subjects_two) =
            run(async { tokio::join!(left.resolve(&events_one), right.resolve(&events_two)) });
        let outcome = grouping(&table.rows.lock().expect("not poisoned"));
        let orders = [one_by_one(&[&one, &two]), one_by_one(&[&two, &one])];
        prop_assert!(orders.contains(&outcome), "{:?} is neither of {:?}", outcome, orders);
        // Asked again, with empty memory, both say the same: what they answered is what is committed.
        prop_assert_eq!(run(surrogates(&table).resolve(&events_one)).ok(), subjects_one.ok());
        prop_assert_eq!(run(surrogates(&table).resolve(&events_two)).ok(), subjects_two.ok());
    }
}

#[test]
fn an_alias_leads_to_the_subject_of_the_earlier_id() {
    let table = Arc::new(Table::default());
    let resolver = surrogates(&table);
    let names = names();
    let resolve = |ids: &[Ids]| run(resolver.resolve(&events(&names, ids))).expect("answers");
    let browser = resolve(&[(Some(0), None, None)])[0];
    let person = resolve(&[(None, Some(1), None)])[0];
    assert_eq!(resolve(&[(None, Some(2), Some(0))]), [browser], "a new user was that browser");
    assert_eq!(resolve(&[(None, Some(3), Some(1))]), [person], "a new user was that user");
    assert_eq!(resolve(&[(None, Some(2), Some(1))]), [browser], "two known subjects stay two");
    assert_eq!(resolve(&[(None, Some(2), None), (None, Some(3), None)]), [browser, person]);
}

#[test]
fn what_is_in_memory_costs_no_look_up() {
    let table = Arc::new(Table::default());
    let resolver = surrogates(&table);
    let names = names();
    let batch = events(&names, &[(Some(0), None, None), (Some(0), Some(1), None), (Some(2), None, None)]);
    let first = run(resolver.resolve(&batch)).expect("answers");
    let second = run(resolver.resolve(&batch)).expect("answers");
    assert_eq!(first, second);
    assert_eq!((table.reads.load(Ordering::Relaxed), table.writes.load(Ordering::Relaxed)), (1, 1));
}

#[test]
fn memory_is_bounded_and_keeps_what_is_in_use() {
    let mut recent = Recent::default();
    let kept = Fingerprint([255; 16]);
    let subject = Sighting { subject: SubjectId::random(), first_seen: Millis(0) };
    recent.put(kept, subject);
    for number in 0..500_000_u128 {
        recent.put(Fingerprint(number.to_le_bytes()), subject);
        if number % 50_000 == 0 {
            assert_eq!(recent.get(kept), Some(subject), "after {number}");
        }
    }
    assert!(recent.young.len() + recent.old.len() <= 2 * GENERATION_PAIRS_MAX);
    assert_eq!(recent.get(Fingerprint(0_u128.to_le_bytes())), None);
}

#[test]
fn only_known_identifiers_are_known() {
    let table = Arc::new(Table::default());
    let names = names();
    let batch = events(&names, &[(Some(0), None, None), (Some(1), None, None)]);
    run(surrogates(&table).resolve(&batch[..1])).expect("answers");
    let asked: Vec<Fingerprint> = batch.iter().flat_map(|event| event.identifiers.fingerprints()).collect();
    assert_eq!(run(surrogates(&table).knows(&asked)).expect("answers"), [true, false]);
    assert_eq!(table.rows.lock().expect("not poisoned").len(), 1, "asking made an identifier known");
}

/// In memory and from the table: what is asked last is asked of a resolver that has seen it, and of one that has not.
#[test]
fn an_anonymous_id_ends_and_nothing_joins_its_subject_any_more() {
    let table = Arc::new(Table::default());
    let names = names();
    let at = |at: i64, ids: Ids| {
        events(&names, &[ids]).into_iter().map(move |one| Arrival {
            at: Millis(at),
            not_before: Some(Millis(at - 90)),
            ..one
        })
    };
    let resolver = surrogates(&table);
    let first = run(resolver.resolve(&at(1_000, (Some(0), Some(1), None)).collect::<Vec<_>>())).expect("answers");
    for resolver in [&resolver, &surrogates(&table)] {
        let ask = |batch: Vec<Arrival<'_>>| run(resolver.resolve(&batch)).expect("answers");
        assert_eq!(
            ask(at(1_090, (Some(0), None, None)).collect()),
            first,
            "on its last day, whenever it was used since"
        );
        let late = at(1_091, (Some(0), None, None)).chain(at(1_091, (Some(0), Some(2), None)));
        let late = late.chain(at(1_091, (None, Some(2), Some(0)))).chain(at(1_091, (None, Some(1), None)));
        let expected = [Resolved::Expired, Resolved::Expired, Resolved::Expired, first[0]];
        assert_eq!(ask(late.collect()), expected, "a user id does not end");
        let unlimited = Arrival { not_before: None, ..at(1_091, (Some(0), None, None)).next().expect("one") };
        assert_eq!(ask(vec![unlimited]), first, "where nothing ends");
    }
    assert_eq!(table.rows.lock().expect("not poisoned").len(), 2, "the user that came with it became known");
}
