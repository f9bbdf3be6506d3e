//! From a cut address to a region, by a MaxMind file that the operator gives. Without one, regions come from the
//! source or not at all; nothing is downloaded.
//!
//! A region is a country (`DE`); of the United States and Canada also the state or province (`US-CA`, `CA-QC`),
//! because there the law differs by it. More than the law asks for is not looked up.

use std::fmt;
use std::net::IpAddr;

use maxminddb::{PathElement, Reader};

/// Countries whose states have their own law.
const BY_STATE: [&str; 2] = ["US", "CA"];

/// An open database.
pub struct Geo {
    reader: Reader<Vec<u8>>,
}

/// The file is not a MaxMind database.
#[derive(Debug, thiserror::Error)]
#[error("not a MaxMind database: {0}; give a country or city file in MMDB format")]
pub struct InvalidGeo(String);

impl fmt::Debug for Geo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Geo({})", self.reader.metadata().database_type)
    }
}

impl Geo {
    /// Opens the content of a file.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, InvalidGeo> {
        let reader = Reader::from_source(bytes).map_err(|error| InvalidGeo(error.to_string()))?;
        Ok(Self { reader })
    }

    /// The region of an address; `None` when the database does not know it.
    pub(crate) fn region(&self, address: IpAddr) -> Option<String> {
        let found = self.reader.lookup(address).ok()?;
        let country: &str = found.decode_path(&[PathElement::Key("country"), PathElement::Key("iso_code")]).ok()??;
        if BY_STATE.contains(&country) {
            let path = [PathElement::Key("subdivisions"), PathElement::Index(0), PathElement::Key("iso_code")];
            if let Ok(Some(state)) = found.decode_path::<&str>(&path) {
                return Some(format!("{country}-{state}"));
            }
        }
        Some(country.to_owned())
    }
}
