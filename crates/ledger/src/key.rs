//! The key that signs a log's checkpoints, in a file of its own: made once, readable by its owner only, and outside of
//! the log's directory, so that who copies the log does not copy the power to sign it.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use zeroize::Zeroizing;

use crate::note::{ED25519, VerifierKey, is_name, signature_line};

const PREFIX: &str = "PRIVATE+KEY+";
const MODE: u32 = 0o600;

/// Why there is no key to sign with.
#[derive(Debug, thiserror::Error)]
pub enum KeyFault {
    /// The file cannot be read or made.
    #[error("the ledger's key `{path}` cannot be read or made: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's words.
        error: io::Error,
    },
    /// Others may read it.
    #[error(
        "the ledger's key `{0}` can be read by others: `chmod 600` it, and if somebody may have read it, begin a new log under a new origin"
    )]
    Open(PathBuf),
    /// It is not a key.
    #[error(
        "the ledger's key `{path}` is not one: {reason}; restore it from your copy, receipts are checked against it"
    )]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: &'static str,
    },
    /// It is the key of another log.
    #[error("the key `{path}` is the one of the log `{found}`, not of `{expected}`: each log has its own")]
    Origin {
        /// The file.
        path: PathBuf,
        /// The name in it.
        found: String,
        /// The log it was opened for.
        expected: String,
    },
    /// A log cannot be called so.
    #[error("`{0}` cannot be the origin of a log: it must not be empty or have spaces, control characters or `+`")]
    Name(String),
}

/// The key of one log.
pub struct LogKey {
    signing: Ed25519KeyPair,
    verifier: VerifierKey,
}

impl fmt::Debug for LogKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogKey({})", self.verifier)
    }
}

impl LogKey {
    /// From 32 random bytes.
    pub fn new(origin: &str, seed: &[u8; 32]) -> Result<Self, KeyFault> {
        if !is_name(origin) {
            return Err(KeyFault::Name(origin.to_owned()));
        }
        let signing = Ed25519KeyPair::from_seed_unchecked(seed).expect("32 bytes are a seed");
        let key = signing.public_key().as_ref().try_into().expect("a public key of Ed25519 has 32 bytes");
        let verifier = VerifierKey { name: origin.to_owned(), key };
        Ok(Self { signing, verifier })
    }

    /// The name that the key in a file has, which is its log's origin; `None` when there is no file.
    pub fn origin_in(path: &Path) -> Result<Option<String>, KeyFault> {
        match fs::read_to_string(path).map(Zeroizing::new) {
            Ok(text) => {
                let read = Self::parse(text.trim_end());
                let (key, _) = read.map_err(|reason| KeyFault::Form { path: path.to_owned(), reason })?;
                Ok(Some(key.verifier.name))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(KeyFault::Io { path: path.to_owned(), error }),
        }
    }

    /// The key in a file. When there is none it is made from `seed`, 32 random bytes that are used then only.
    pub fn open(path: &Path, origin: &str, seed: &[u8; 32]) -> Result<Self, KeyFault> {
        let io = |error| KeyFault::Io { path: path.to_owned(), error };
        let text = match fs::read_to_string(path) {
            Ok(text) => Zeroizing::new(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = Self::new(origin, seed)?;
                key.store(path, seed).map_err(io)?;
                return Ok(key);
            }
            Err(error) => return Err(io(error)),
        };
        if fs::metadata(path).map_err(io)?.permissions().mode() & 0o077 != 0 {
            return Err(KeyFault::Open(path.to_owned()));
        }
        let form = |reason| KeyFault::Form { path: path.to_owned(), reason };
        let (key, id) = Self::parse(text.trim_end()).map_err(form)?;
        if key.verifier.name != origin {
            let (found, expected) = (key.verifier.name.clone(), origin.to_owned());
            return Err(KeyFault::Origin { path: path.to_owned(), found, expected });
        }
        if id != u32::from_be_bytes(key.verifier.id()) {
            return Err(form("a part of it was changed"));
        }
        Ok(key)
    }

    /// `PRIVATE+KEY+<name>+<key id in hex>+<base64 of the algorithm and the seed>`, as Go's `note` package writes it.
    fn parse(text: &str) -> Result<(Self, u32), &'static str> {
        let rest = text.strip_prefix(PREFIX).ok_or("it does not begin with `PRIVATE+KEY+`")?;
        let mut parts = rest.splitn(3, '+');
        let (Some(name), Some(id), Some(secret)) = (parts.next(), parts.next(), parts.next()) else {
            return Err("it has not five parts");
        };
        let id = u32::from_str_radix(id, 16).map_err(|_| "its number is not hex")?;
        let secret = Zeroizing::new(STANDARD.decode(secret).map_err(|_| "its last part is not base64")?);
        match secret.split_first() {
            Some((&ED25519, seed)) => {
                let seed = seed.try_into().map_err(|_| "its secret has not 32 bytes")?;
                Ok((Self::new(name, seed).map_err(|_| "its name is none")?, id))
            }
            _ => Err("it is not for Ed25519"),
        }
    }

    /// Durable, and whole or not there: written under another name first.
    fn store(&self, path: &Path, seed: &[u8; 32]) -> io::Result<()> {
        let secret = Zeroizing::new([&[ED25519][..], seed].concat());
        let (name, id) = (&self.verifier.name, u32::from_be_bytes(self.verifier.id()));
        let text = Zeroizing::new(format!("{PREFIX}{name}+{id:08x}+{}\n", STANDARD.encode(&*secret)));
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(directory)?;
        let mut new = path.as_os_str().to_owned();
        new.push(".new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(MODE).open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        // A link fails where a rename would replace a key that another process made meanwhile.
        fs::hard_link(&new, path)?;
        fs::remove_file(&new)?;
        File::open(directory)?.sync_all()
    }

    /// What others check its signatures with.
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// The line that signs a text.
    pub(crate) fn sign(&self, text: &str) -> String {
        signature_line(&self.verifier, self.signing.sign(text.as_bytes()).as_ref())
    }
}
