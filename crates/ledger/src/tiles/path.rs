//! Names of tiles: `tile/<level>/<index>` and `tile/entries/<index>`, an unfinished one with `.p/<width>` behind it. The
//! index is written in groups of three digits, all but the last with an `x` before them, so that no directory grows
//! beyond a thousand names.

use std::fmt;
use std::str::FromStr;

use super::WIDTH;

/// What is in a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Hashes of a level: 0 is the leaves, each further one is 256 times as high.
    Hashes(u8),
    /// The entries themselves.
    Entries,
}

/// The name of a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TilePath {
    /// What is in it.
    pub kind: Kind,
    /// Its place in its level.
    pub index: u64,
    /// How many hashes or entries are in it, 1 to 256.
    pub width: u64,
}

/// A text that names no tile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` names no tile: `tile/<level>/<index>` or `tile/entries/<index>`, perhaps with `.p/<width>`")]
pub struct NoTile(String);

/// More levels than a tree of 2^64 leaves has.
const LEVEL_MAX: u8 = 7;

impl TilePath {
    /// A finished one.
    pub fn full(kind: Kind, index: u64) -> Self {
        Self { kind, index, width: WIDTH }
    }
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Hashes(level) => write!(f, "tile/{level}")?,
            Kind::Entries => f.write_str("tile/entries")?,
        }
        let mut groups = vec![self.index % 1000];
        let mut rest = self.index / 1000;
        while rest > 0 {
            groups.push(rest % 1000);
            rest /= 1000;
        }
        while let Some(group) = groups.pop() {
            write!(f, "/{}{group:03}", if groups.is_empty() { "" } else { "x" })?;
        }
        if self.width < WIDTH { write!(f, ".p/{}", self.width) } else { Ok(()) }
    }
}

impl FromStr for TilePath {
    type Err = NoTile;

    fn from_str(text: &str) -> Result<Self, NoTile> {
        let path = parse(text).ok_or_else(|| NoTile(text.chars().take(100).collect()))?;
        // One name for each tile: no other spelling of a number passes.
        if path.to_string() == text { Ok(path) } else { Err(NoTile(text.chars().take(100).collect())) }
    }
}

fn parse(text: &str) -> Option<TilePath> {
    let rest = text.strip_prefix("tile/")?;
    let (rest, width) = match rest.split_once(".p/") {
        Some((rest, width)) => (rest, width.parse().ok().filter(|width| (1..WIDTH).contains(width))?),
        None => (rest, WIDTH),
    };
    let (kind, rest) = rest.split_once('/')?;
    let kind = match kind {
        "entries" => Kind::Entries,
        level => Kind::Hashes(level.parse().ok().filter(|level| *level <= LEVEL_MAX)?),
    };
    let mut index: u64 = 0;
    for group in rest.split('/') {
        let number: u64 = group.trim_start_matches('x').parse().ok().filter(|number| *number < 1000)?;
        index = index.checked_mul(1000)?.checked_add(number)?;
    }
    Some(TilePath { kind, index, width })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_index_is_written_in_groups_of_three() {
        let path = TilePath { kind: Kind::Hashes(0), index: 1_234_067, width: 256 };
        assert_eq!(path.to_string(), "tile/0/x001/x234/067");
        let path = TilePath { kind: Kind::Entries, index: 0, width: 3 };
        assert_eq!(path.to_string(), "tile/entries/000.p/3");
    }

    #[test]
    fn every_tile_has_one_name() {
        for wrong in [
            "",
            "checkpoint",
            "tile",
            "tile/0",
            "tile/0/",
            "tile/0/0",
            "tile/0/x000/000",
            "tile/00/000",
            "tile/8/000",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/01",
            "tile/0/000.p/",
            "tile/0/1000",
            "tile/0/xx01/000",
            "tile/0/001/000",
            "tile/0/x001",
            "tile/-1/000",
            "tile/0/+01",
            "tile/0/../000",
            "tile/0/000/",
            "tile/e/000",
        ] {
            assert!(wrong.parse::<TilePath>().is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn a_name_is_read_as_it_is_written(level in proptest::option::of(0..8_u8), index: u64, width in 1..=256_u64) {
            let path = TilePath { kind: level.map_or(Kind::Entries, Kind::Hashes), index, width };
            prop_assert_eq!(path.to_string().parse::<TilePath>(), Ok(path));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "(tile/)?[0-9x/.pe]{0,20}") {
            if let Ok(path) = text.parse::<TilePath>() {
                prop_assert_eq!(path.to_string(), text);
            }
        }
    }
}
