//! A blocked Bloom filter: one cache line per question.
//!
//! A key picks a block of 512 bits and one bit in each of its eight words. At 12 bits per key about 0.3 % of the
//! unknown keys pass, and a question costs one access to memory. An unblocked filter of the same size lets fewer
//! pass but costs a miss per bit; with a dozen runs to ask per event, the misses are what counts.

/// Bits spent per key.
const BITS_PER_KEY: usize = 12;
const WORDS: usize = 8;
/// The bytes of a block in a file.
pub(super) const BLOCK_BYTES: usize = WORDS * 8;

#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Block([u64; WORDS]);

/// See the module.
#[derive(Debug)]
pub(super) struct Bloom {
    blocks: Vec<Block>,
}

impl Bloom {
    /// For up to `keys` keys.
    pub(super) fn new(keys: usize) -> Self {
        let blocks = (keys * BITS_PER_KEY).div_ceil(BLOCK_BYTES * 8).max(1);
        Self { blocks: vec![Block([0; WORDS]); blocks] }
    }

    pub(super) fn insert(&mut self, key: u128) {
        let at = self.block(key);
        let bits = bits(key);
        for (word, bit) in self.blocks[at].0.iter_mut().zip(bits) {
            *word |= bit;
        }
    }

    /// False: certainly not inserted.
    pub(super) fn may_hold(&self, key: u128) -> bool {
        let words = &self.blocks[self.block(key)].0;
        words.iter().zip(bits(key)).all(|(word, bit)| word & bit != 0)
    }

    /// The upper half picks the block, so that sorted keys walk through memory once.
    fn block(&self, key: u128) -> usize {
        let scaled = (key >> 64) * self.blocks.len() as u128;
        usize::try_from(scaled >> 64).expect("below the number of blocks")
    }

    pub(super) fn blocks(&self) -> usize {
        self.blocks.len()
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        for word in self.blocks.iter().flat_map(|block| block.0) {
            out.extend_from_slice(&word.to_le_bytes());
        }
    }

    /// Reads what [`Self::write`] wrote; `None` unless it is whole blocks, at least one.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (words, rest) = bytes.as_chunks::<8>();
        let (blocks, spare) = words.as_chunks::<WORDS>();
        let blocks: Vec<Block> = blocks.iter().map(|words| Block(words.map(u64::from_le_bytes))).collect();
        (rest.is_empty() && spare.is_empty() && !blocks.is_empty()).then_some(Self { blocks })
    }
}

fn bits(key: u128) -> [u64; WORDS] {
    let low = u64::try_from(key & u128::from(u64::MAX)).expect("64 bits");
    std::array::from_fn(|word| 1 << ((low >> (word * 6)) & 63))
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::random::Random;

    fn key(random: &mut Random) -> u128 {
        u128::from(random.number()) << 64 | u128::from(random.number())
    }

    #[test]
    fn it_knows_every_key_and_few_others() {
        let mut random = Random::new(1);
        let keys: Vec<u128> = (0..20_000).map(|_| key(&mut random)).collect();
        let mut bloom = Bloom::new(keys.len());
        for key in &keys {
            bloom.insert(*key);
        }
        let mut bytes = Vec::new();
        bloom.write(&mut bytes);
        let bloom = Bloom::read(&bytes).expect("whole blocks");
        assert!(keys.iter().all(|key| bloom.may_hold(*key)));
        let wrong = (0..100_000).filter(|_| bloom.may_hold(key(&mut random))).count();
        assert!(wrong < 600, "{wrong} of 100000 unknown keys pass");
        assert!(Bloom::read(&bytes[1..]).is_none());
    }
}
