//! The tree's mathematics: against the standard's definition, against another implementation, against changed proofs.

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ledger::Hash;
use ledger::tree::{
    consistency, empty_root, full_subtrees, inclusion, is_consistent, leaf_hash, node_hash, root_of_inclusion,
};
use proptest::prelude::*;
use sha2::Sha256;

/// The root as RFC 6962 §2.1 defines it, word by word.
fn root(leaves: &[Vec<u8>]) -> Hash {
    match leaves {
        [] => empty_root(),
        [one] => leaf_hash(one),
        _ => {
            let half = leaves.len().next_power_of_two() / 2;
            node_hash(&root(&leaves[..half]), &root(&leaves[half..]))
        }
    }
}

fn leaves(size: usize) -> Vec<Vec<u8>> {
    (0..size).map(|number| format!("leaf {number}").into_bytes()).collect()
}

fn hashes(leaves: &[Vec<u8>], ranges: Vec<std::ops::Range<u64>>) -> Vec<Hash> {
    let place = |place| usize::try_from(place).expect("small");
    ranges.into_iter().map(|range| root(&leaves[place(range.start)..place(range.end)])).collect()
}

fn bytes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

#[test]
fn proofs_are_the_ones_that_another_implementation_makes() {
    let all = leaves(300);
    let mut theirs: MemoryBackedTree<Sha256, Vec<u8>> = MemoryBackedTree::new();
    for size in 1..=all.len() {
        theirs.push(all[size - 1].clone());
        let ours = root(&all[..size]);
        assert_eq!(ours.0, **theirs.root().as_bytes(), "root of {size}");
        for index in [0, size / 3, size / 2, size - 1] {
            let path = inclusion(index as u64, size as u64).expect("a leaf");
            let path = hashes(&all[..size], path);
            assert_eq!(bytes(&path), theirs.prove_inclusion(index).as_bytes(), "leaf {index} of {size}");
        }
        for from in [1, size / 3, size / 2, size - 1].into_iter().filter(|from| (1..size).contains(from)) {
            let path = hashes(&all[..size], consistency(from as u64, size as u64).expect("smaller"));
            assert_eq!(bytes(&path), theirs.prove_consistency(size - from).as_bytes(), "{from} to {size}");
        }
    }
}

#[test]
fn every_leaf_of_every_small_tree_is_proved_and_no_other() {
    for size in 0..66_usize {
        let all = leaves(size);
        let top = root(&all);
        for index in 0..size as u64 {
            let path = hashes(&all, inclusion(index, size as u64).expect("a leaf"));
            let of = |index: u64| leaf_hash(&all[usize::try_from(index).expect("small")]);
            assert_eq!(root_of_inclusion(index, size as u64, of(index), &path), Some(top));
            for other in (0..size as u64).filter(|other| *other != index) {
                assert_ne!(root_of_inclusion(other, size as u64, of(index), &path), Some(top), "{index} as {other}");
            }
        }
        assert_eq!(inclusion(size as u64, size as u64), None);
        assert_eq!(root_of_inclusion(size as u64, size as u64, top, &[]), None);
    }
}

proptest! {
    #[test]
    fn a_tree_is_consistent_with_its_beginnings_only(size in 0..300_usize, from in 0..300_usize, spoil in any::<(usize, u8)>()) {
        let (from, size) = (from.min(size), from.max(size));
        let all = leaves(size);
        let (old, new) = ((from as u64, root(&all[..from])), (size as u64, root(&all)));
        let path = hashes(&all, consistency(from as u64, size as u64).expect("not larger"));
        prop_assert!(is_consistent(old, new, &path));
        // A changed hash, root or length is noticed.
        let wrong = leaf_hash(b"wrong");
        prop_assert!(!is_consistent((old.0, wrong), new, &path));
        if from > 0 {
            prop_assert!(!is_consistent(old, (new.0, wrong), &path));
        }
        if !path.is_empty() {
            let mut changed = path.clone();
            let place = spoil.0 % changed.len();
            changed[place].0[usize::from(spoil.1 % 32)] ^= 1;
            prop_assert!(!is_consistent(old, new, &changed));
            prop_assert!(!is_consistent(old, new, &path[1..]));
        }
        let longer: Vec<Hash> = path.iter().copied().chain([wrong]).collect();
        prop_assert!(!is_consistent(old, new, &longer));
        prop_assert!(from == size || consistency(size as u64, from as u64).is_none());
    }

    #[test]
    fn a_changed_path_leads_elsewhere(size in 1..300_u64, index in 0..300_u64, at: u8, bit: u8) {
        let index = index % size;
        let all = leaves(usize::try_from(size).expect("small"));
        let leaf = leaf_hash(&all[usize::try_from(index).expect("small")]);
        let mut path = hashes(&all, inclusion(index, size).expect("a leaf"));
        prop_assert_eq!(root_of_inclusion(index, size, leaf, &path), Some(root(&all)));
        if !path.is_empty() {
            let place = usize::from(at) % path.len();
            path[place].0[usize::from(bit % 32)] ^= 1 << (bit % 8);
            prop_assert_ne!(root_of_inclusion(index, size, leaf, &path), Some(root(&all)));
            path.pop();
            prop_assert_eq!(root_of_inclusion(index, size, leaf, &path), None);
        }
    }

    #[test]
    fn a_range_is_covered_by_full_subtrees(size in 1..1_000_000_u64, index: u64) {
        for range in inclusion(index % size, size).expect("a leaf") {
            let mut at = range.start;
            for part in full_subtrees(range.clone()) {
                prop_assert_eq!(part.index << part.height, at);
                at += 1 << part.height;
            }
            prop_assert_eq!(at, range.end);
        }
    }
}
