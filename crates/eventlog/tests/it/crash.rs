//! Seeded lives of a log on a disk that fails: appends, reads, trims, failed writes and syncs, a full disk, power
//! cuts and kills in the middle of any call, also while recovering.
//!
//! The oracle: what was acknowledged, *or ever read*, is there after every recovery, at its position, once, in order,
//! unless it was released; whatever else is there was really appended, and is there once.

use std::collections::{BTreeMap, BTreeSet};

use event::Millis;
use eventlog::file::FileLog;
use eventlog::{Append, EventLog, Partition, Position};
use futures::future::join_all;
use testkit::disk::FaultyDisk;
use testkit::random::Random;

use crate::setup::{PARTITIONS, append, noise, open};

const LIVES: usize = 5;
const STEPS: u64 = 40;

#[derive(Default)]
struct Known {
    /// Acknowledged or seen.
    certain: BTreeMap<Position, u64>,
    released: Option<Position>,
}

struct Round {
    random: Random,
    disk: FaultyDisk,
    known: Vec<Known>,
    /// Appended, but neither acknowledged nor seen so far.
    attempted: BTreeSet<u64>,
    next_id: u64,
    acknowledged: usize,
}

fn payload(id: u64) -> Vec<u8> {
    let length = usize::try_from(Random::new(id).below(900)).expect("small");
    [&id.to_le_bytes()[..], &noise(id, length)].concat()
}

impl Round {
    fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            disk: FaultyDisk::new(seed),
            known: (0..PARTITIONS).map(|_| Known::default()).collect(),
            attempted: BTreeSet::new(),
            next_id: 1,
            acknowledged: 0,
        }
    }

    fn plan_faults(&mut self) {
        let random = &mut self.random;
        if random.chance(70) {
            self.disk.cut_power_in(1 + random.below(150));
        }
        if random.chance(30) {
            self.disk.fail_sync(1 + random.below(30));
        }
        if random.chance(30) {
            self.disk.fail_write(1 + random.below(30));
        }
        self.disk.set_capacity(if random.chance(20) { 60_000 + random.below(100_000) } else { u64::MAX });
    }

    async fn live(&mut self) -> Result<(), String> {
        self.plan_faults();
        let Some(log) = self.open()? else { return Ok(()) };
        for partition in 0..PARTITIONS {
            self.check(&log, partition).await?;
        }
        for _ in 0..STEPS {
            if !self.disk.has_power() {
                break;
            }
            match self.random.below(11) {
                0..7 => self.append(&log).await?,
                7..9 => {
                    let partition = u16::try_from(self.random.below(PARTITIONS.into())).expect("small");
                    self.check(&log, partition).await?;
                }
                9 => self.trim(&log).await,
                // Every segment was begun before this; what the fault of the day makes of it is seen by the checks.
                _ => drop(log.seal(Millis(1)).await),
            }
        }
        // Half of the lives end by a power cut, half by an orderly stop; what follows is the same.
        if self.random.chance(50) {
            self.disk.cut_power();
        }
        drop(log);
        Ok(())
    }

    /// `None` when the power went during recovery; a full disk may refuse only the creation.
    fn open(&self) -> Result<Option<FileLog>, String> {
        match open(&self.disk) {
            Ok(log) => Ok(Some(log)),
            Err(_) if !self.disk.has_power() => Ok(None),
            Err(eventlog::file::OpenError::Io { .. }) => Ok(None),
            Err(error) => Err(format!("does not open: {error}")),
        }
    }

    fn batch(&mut self) -> (Vec<Append>, Vec<u64>) {
        let ids: Vec<u64> = (0..=self.random.below(6)).map(|more| self.next_id + more).collect();
        self.next_id += ids.len() as u64;
        let one = |id: &u64| {
            let partition = u16::try_from(id % u64::from(PARTITIONS)).expect("small");
            append(partition, if id.is_multiple_of(5) { "globex" } else { "acme" }, payload(*id))
        };
        (ids.iter().map(one).collect(), ids)
    }

    async fn append(&mut self, log: &FileLog) -> Result<(), String> {
        let batches: Vec<_> = (0..=self.random.below(3)).map(|_| self.batch()).collect();
        self.attempted.extend(batches.iter().flat_map(|(_, ids)| ids));
        // Started together, so that some share a commit.
        let answers = join_all(batches.iter().map(|(batch, _)| log.append(batch.clone()))).await;
        for (answer, (batch, ids)) in answers.into_iter().zip(&batches) {
            let Ok(positions) = answer else { continue };
            self.acknowledged += ids.len();
            for ((position, append), id) in positions.into_iter().zip(batch).zip(ids) {
                self.attempted.remove(id);
                let known = &mut self.known[usize::from(append.partition.0)];
                if let Some(other) = known.certain.insert(position, *id) {
                    return Err(format!("{position} was given to record {other} and to record {id}"));
                }
            }
        }
        Ok(())
    }

    async fn check(&mut self, log: &FileLog, partition: u16) -> Result<(), String> {
        let mut after = None;
        let mut read = BTreeMap::new();
        loop {
            let records = match log.read(Partition(partition), after, 3000).await {
                Ok(records) => records,
                Err(_) if !self.disk.has_power() => return Ok(()),
                Err(error) => return Err(format!("partition {partition} does not read: {error}")),
            };
            let Some(last) = records.last() else { break };
            if records.iter().any(|record| Some(record.position) <= after) || !records.is_sorted_by_key(|r| r.position)
            {
                return Err(format!("partition {partition} goes back behind {after:?}"));
            }
            after = Some(last.position);
            for record in &records {
                let id = record.payload.first_chunk().map(|id| u64::from_le_bytes(*id)).ok_or("a short payload")?;
                if record.payload != payload(id) {
                    return Err(format!("record {id} came back changed"));
                }
                read.insert(record.position, id);
            }
        }
        if log.watermark(Partition(partition)) < after {
            return Err(format!("partition {partition} reads past its watermark"));
        }
        self.compare(partition, &read)
    }

    fn compare(&mut self, partition: u16, read: &BTreeMap<Position, u64>) -> Result<(), String> {
        let known = &mut self.known[usize::from(partition)];
        for (position, id) in &known.certain {
            let is_gone_by_right = Some(*position) <= known.released && read.range(..=position).next().is_none();
            if read.get(position) != Some(id) && !is_gone_by_right {
                return Err(format!("record {id} at {position} of partition {partition} is lost"));
            }
        }
        for (position, id) in read {
            let is_new = !known.certain.contains_key(position);
            if is_new && !self.attempted.remove(id) {
                return Err(format!("record {id} at {position} of partition {partition} is there twice"));
            }
            known.certain.insert(*position, *id);
        }
        Ok(())
    }

    async fn trim(&mut self, log: &FileLog) {
        for partition in 0..PARTITIONS {
            let known = &mut self.known[usize::from(partition)];
            let at = self.random.index(known.certain.len().max(1));
            let Some(position) = known.certain.keys().nth(at).copied() else { continue };
            known.released = known.released.max(Some(position));
            log.trim(Partition(partition), position).await;
        }
    }
}

/// Runs one seed; returns how many records were acknowledged.
fn run(seed: u64, lying: bool) -> Result<usize, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime
        .block_on(async {
            let mut round = Round::new(seed);
            for life in 0..=LIVES {
                round.disk.ignore_syncs(lying);
                if life == LIVES {
                    // The last life has no faults: everything must be readable in the end.
                    round.disk.set_capacity(u64::MAX);
                    let log = open(&round.disk).map_err(|error| format!("does not open in the end: {error}"))?;
                    for partition in 0..PARTITIONS {
                        round.check(&log, partition).await?;
                    }
                } else {
                    round.live().await?;
                    round.disk.power_on();
                }
            }
            Ok(round.acknowledged)
        })
        .map_err(|fault: String| format!("seed {seed}: {fault}"))
}

#[test]
fn nothing_acknowledged_is_ever_lost() {
    let mut acknowledged = 0;
    for seed in 0..200 {
        acknowledged += run(seed, false).unwrap_or_else(|fault| panic!("{fault}"));
    }
    assert!(acknowledged > 20_000, "the rounds must do something: {acknowledged} records acknowledged");
}

/// The test of the test: as if the engine never called sync.
#[test]
fn without_syncs_the_oracle_finds_losses() {
    let red = (0..20).filter(|seed| run(*seed, true).is_err()).count();
    assert!(red >= 10, "only {red} of 20 rounds noticed");
}
