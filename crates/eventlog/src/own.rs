//! Who consumes a partition: at most one owner at a time within the process, each with a higher fence.
//!
//! The engines of this crate keep other processes out as a whole (`file` locks its directory), so this is enough.

use std::sync::{Arc, Mutex};

use crate::{Lease, Owned, Partition};

/// The owners of a stream's partitions.
#[derive(Debug)]
pub(crate) struct Owners {
    slots: Arc<Mutex<Vec<Slot>>>,
}

#[derive(Debug, Clone, Default)]
struct Slot {
    owned: bool,
    fence: u64,
}

#[derive(Debug)]
struct Guard {
    slots: Arc<Mutex<Vec<Slot>>>,
    partition: Partition,
}

impl Owners {
    pub(crate) fn new(partitions: u16) -> Self {
        Self { slots: Arc::new(Mutex::new(vec![Slot::default(); usize::from(partitions)])) }
    }

    /// A partition that does not exist is nobody's to have.
    pub(crate) fn own(&self, partition: Partition) -> Result<Lease, Owned> {
        let mut slots = self.slots.lock().expect("no holder of the owners panics");
        let slot = slots.get_mut(usize::from(partition.0)).filter(|slot| !slot.owned).ok_or(Owned(partition))?;
        slot.owned = true;
        slot.fence += 1;
        let guard = Guard { slots: Arc::clone(&self.slots), partition };
        Ok(Lease { partition, fence: slot.fence, guard: Arc::new(guard) })
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut slots = self.slots.lock().expect("no holder of the owners panics");
        slots[usize::from(self.partition.0)].owned = false;
    }
}
