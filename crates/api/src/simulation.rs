//! What a draft of the consent block would have changed: events of the last days, decided once under the rules of today
//! and once under those of the draft, by the functions that decide at the door and at the gate.
//!
//! Events come from the lake in groups that are decided alike: source, region, stamp, what the event itself wished, and
//! within a group how many of each subject. A stamp keeps what the visitor had said; the regime is asked anew of the
//! region, because it is what a draft changes. Then the choices of today are laid over it, by subject.
//!
//! What is not in it: events that were never collected (nobody stored them), choices that visitors would have made had they
//! been asked otherwise, and subjects whose identifiers were erased count by their stamps alone.

use std::collections::{BTreeMap, HashMap};

use consent::{
    Arrival, CategorySet, Choice, Choices, Decision, Origin, Reason, Rules, Stamp, Use, Wishes, collect, decide,
};
use control::Standing;
use event::SubjectId;
use serde_json::Value;
use workspace::{Source, Workspace};

/// The columns of [`groups_sql`], in their order.
const COLUMNS: usize = 6;
/// All that a boundary of surrogates can say.
const WHOLE: u64 = 1 << 32;

/// Events that are decided alike, but for the choices of their subjects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Group {
    source: String,
    region: Option<String>,
    stamp: String,
    integrations: Option<String>,
    metadata: Option<String>,
    subjects: Vec<(SubjectId, u64)>,
}

impl Group {
    /// How many events it has.
    pub(crate) fn events(&self) -> u64 {
        self.subjects.iter().map(|(_, events)| events).sum()
    }
}

/// SQL: how many events and subjects there are since a moment.
pub(crate) fn size_sql(since: event::Millis) -> String {
    format!(
        "select count(*) as events, approx_distinct(subject_id) as subjects from events where received_at >= '{since}'"
    )
}

/// A share of all subjects, chosen by chance: their surrogates are random numbers, and a share is those below a boundary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Share(u64);

impl Share {
    /// So large that it has about so many subjects, of about so many.
    pub(crate) fn of(subjects_max: u64, subjects: u64) -> Self {
        Self(WHOLE * subjects_max.min(subjects.max(1)) / subjects.max(1))
    }

    /// A quarter of it.
    pub(crate) fn quarter(self) -> Self {
        Self(self.0 / 4)
    }

    /// Whether it is all of them.
    pub(crate) fn is_whole(self) -> bool {
        self.0 == WHOLE
    }
}

/// The groups of a share since a moment. `_metadata` is cut out of the other fields before anything is grouped: beside it
/// stand numbers that differ from event to event.
pub(crate) fn groups_sql(since: event::Millis, share: Share) -> String {
    let below = if share.is_whole() { String::new() } else { format!(" and subject_id < '{:08x}'", share.0) };
    format!(
        r#"select source, region, stamp, integrations, metadata,
             string_agg(subject_id || ':' || cast(n as varchar), ' ') as subjects
           from (select source, region, stamp, integrations, metadata, subject_id, count(*) as n
                 from (select source, region, stamp, integrations, subject_id,
                         regexp_replace(case when extra like '%"_metadata"%' then extra end,
                           '^.*"_metadata"[[:space:]]*:[[:space:]]*(\{{[^{{}}]*\}}).*$', '\1') as metadata
                       from events where received_at >= '{since}'{below})
                 group by source, region, stamp, integrations, metadata, subject_id)
           group by source, region, stamp, integrations, metadata"#
    )
}

/// The numbers that [`size_sql`] answers.
pub(crate) fn read_size(rows: &[Vec<Value>]) -> Option<(u64, u64)> {
    match rows {
        [row] => Some((row.first()?.as_u64()?, row.get(1)?.as_u64()?)),
        _ => None,
    }
}

/// Rows of [`groups_sql`]; `None` for what the lake never answers.
pub(crate) fn read_groups(rows: Vec<Vec<Value>>) -> Option<Vec<Group>> {
    let text = |value: Value| match value {
        Value::String(text) => Some(text),
        _ => None,
    };
    rows.into_iter()
        .map(|row| {
            let row: [Value; COLUMNS] = row.try_into().ok()?;
            let [source, region, stamp, integrations, metadata, subjects] = row.map(text);
            let subjects = subjects?.split(' ').map(subject).collect::<Option<_>>()?;
            Some(Group { source: source?, region, stamp: stamp?, integrations, metadata, subjects })
        })
        .collect()
}

/// A subject and how many events it has, as `0123…:7`.
fn subject(text: &str) -> Option<(SubjectId, u64)> {
    let (number, events) = text.split_once(':')?;
    let number = u128::from_str_radix(number, 16).ok().filter(|_| number.len() == 32)?;
    Some((SubjectId(number.to_be_bytes()), events.parse().ok()?))
}

/// Whose choices of today are to be known.
pub(crate) fn subjects(groups: &[Group]) -> Vec<SubjectId> {
    let mut all: Vec<SubjectId> = groups.iter().flat_map(|group| group.subjects.iter().map(|(one, _)| *one)).collect();
    all.sort_unstable_by_key(|subject| subject.0);
    all.dedup();
    all
}

/// What becomes of events at a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    /// Sent.
    pub(crate) sent: u64,
    /// Withheld, also what the event itself asked to be.
    pub(crate) withheld: u64,
}

impl Tally {
    fn add(&mut self, decision: Decision, events: u64) {
        match decision {
            Decision::Allow => self.sent += events,
            Decision::Deny(_) => self.withheld += events,
        }
    }
}

/// One destination under both rules.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Compared {
    /// Under the rules of today.
    pub(crate) now: Tally,
    /// Under those of the draft.
    pub(crate) draft: Tally,
    /// Events that the draft withholds and today does not, by the draft's reason.
    pub(crate) withheld: BTreeMap<Reason, u64>,
    /// Events that the draft sends and today does not, by the reason of today.
    pub(crate) sent: BTreeMap<Reason, u64>,
}

/// Rules and destinations of one side.
struct Side<'w> {
    workspace: &'w Workspace,
    rules: Rules,
    uses: Vec<Use>,
}

impl<'w> Side<'w> {
    fn new(workspace: &'w Workspace, title: &dyn Fn(&str) -> String) -> Self {
        let rules = Rules::new(&workspace.consent);
        let of = |one: &workspace::Destination| Use::of_destination(one, &title(one.kind.as_str()), &rules.categories);
        let uses = workspace.destinations.iter().map(of).collect();
        Self { workspace, rules, uses }
    }

    /// What a subject refuses today, as the gate has it: a grant permits an event when it is captured, and is in its stamp.
    fn choices(&self, standings: Option<&Vec<Standing>>) -> Choices {
        let refused = |one: &Standing| one.held(&self.rules.categories).refused();
        standings.into_iter().flatten().fold(Choices::default(), |known, one| {
            known.and(Choice { granted: CategorySet::NONE, refused: refused(one) })
        })
    }

    /// A stamp as the door would make it under these rules, from what the visitor had said; or why the event would not
    /// even be stored.
    fn stamped<'s>(&'s self, source: &Source, group: &Group, old: &Stamp<'s>) -> Result<Stamp<'s>, Reason> {
        let categories = &self.rules.categories;
        let named = old.preferences.0.iter().map(|(key, granted)| (categories.key(key), *granted));
        let known = match old.origin {
            Origin::Record => Choices::default().and(Choice::partial(categories, named)),
            Origin::Sent | Origin::Default | Origin::Unknown => Choices::default(),
        };
        let sent = (old.origin == Origin::Sent).then(|| old.preferences.clone());
        let regime = self.workspace.consent.regime(group.region.as_deref());
        collect(source, &self.rules, Arrival { sent, known, signals: old.signals, regime })
    }
}

/// Decides groups under both rules, destination by destination. Both workspaces have the same sources and destinations.
pub(crate) fn compare(
    (now, draft): (&Workspace, &Workspace),
    title: &dyn Fn(&str) -> String,
    groups: &[Group],
    standings: &HashMap<SubjectId, Vec<Standing>>,
) -> Vec<Compared> {
    let sides = [Side::new(now, title), Side::new(draft, title)];
    let mut compared = vec![Compared::default(); now.destinations.len()];
    for group in groups {
        let source = now.sources.iter().find(|source| source.name.as_str() == group.source);
        // Of a source that is gone no destination reads.
        let (Some(source), Ok(old)) = (source, serde_json::from_str::<Stamp<'_>>(&group.stamp)) else { continue };
        let spoken = spoken(&sides, group, standings);
        let stamps = [sides[0].stamped(source, group, &old), sides[1].stamped(source, group, &old)];
        let wishes = Wishes { integrations: group.integrations.as_deref(), metadata: group.metadata.as_deref() };
        for (at, destination) in now.destinations.iter().enumerate() {
            if !destination.sources.contains(&source.name) {
                continue;
            }
            for (choices, events) in &spoken {
                let [now, draft] = [0, 1].map(|side: usize| match &stamps[side] {
                    Ok(stamp) => decide(choices[side], stamp, wishes, &sides[side].uses[at], &sides[side].rules),
                    Err(reason) => Decision::Deny(*reason),
                });
                count(&mut compared[at], (now, draft), *events);
            }
        }
    }
    compared
}

fn count(compared: &mut Compared, (now, draft): (Decision, Decision), events: u64) {
    compared.now.add(now, events);
    compared.draft.add(draft, events);
    match (now, draft) {
        (Decision::Allow, Decision::Deny(reason)) => *compared.withheld.entry(reason).or_default() += events,
        (Decision::Deny(reason), Decision::Allow) => *compared.sent.entry(reason).or_default() += events,
        (Decision::Allow, Decision::Allow) | (Decision::Deny(_), Decision::Deny(_)) => {}
    }
}

/// The events of a group by what their subjects say today: a few hundred combinations at most, whatever their number.
fn spoken(
    sides: &[Side<'_>; 2],
    group: &Group,
    standings: &HashMap<SubjectId, Vec<Standing>>,
) -> Vec<([Choices; 2], u64)> {
    let mut spoken: Vec<([Choices; 2], u64)> = Vec::new();
    for (subject, events) in &group.subjects {
        let said = standings.get(subject);
        let choices = [sides[0].choices(said), sides[1].choices(said)];
        match spoken.iter_mut().find(|(known, _)| *known == choices) {
            Some((_, known)) => *known += events,
            None => spoken.push((choices, *events)),
        }
    }
    spoken
}
