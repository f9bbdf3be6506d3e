//! Signed notes (C2SP `signed-note`): a text, an empty line, and lines with signatures of it, Ed25519 here. The form is
//! so plain that a person can read what was signed, and every tool of the transparency world can check it.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519 as ALGORITHM, UnparsedPublicKey};
use sha2::{Digest as _, Sha256};

/// The longest note that is read.
const NOTE_BYTES_MAX: usize = 64 * 1024;
/// Signatures that are looked at; the format asks for 16 at least.
const SIGNATURES_MAX: usize = 32;
/// Ed25519 over the note's text.
pub(crate) const ED25519: u8 = 1;
/// An em dash and a space begin a signature.
const DASH: &str = "\u{2014} ";

/// Why a note is not good.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// It has not the form of a note.
    #[error("this is no signed note: {0}")]
    Form(&'static str),
    /// The key's signature is not among its signatures.
    #[error("the note is not signed by `{0}`: is this the key of that log?")]
    Unsigned(String),
    /// The key's signature is there and belongs to another text.
    #[error("the signature of `{0}` does not fit the text: it was changed after it was signed")]
    Forged(String),
}

/// A text that is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is no verifier key: {0}; expected `<name>+<8 hex digits>+<base64>`")]
pub struct NotAKey(pub(crate) &'static str);

/// Whether a text can name a key.
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+')
}

/// The number by which a signature names its key.
pub(crate) fn key_id(name: &str, key: &[u8; 32]) -> [u8; 4] {
    let hash = Sha256::new().chain_update(name).chain_update([b'\n', ED25519]).chain_update(key).finalize();
    *hash.first_chunk().expect("a SHA-256 hash is longer than four bytes")
}

/// The public half of a log's key with its name: what somebody needs to check receipts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    pub(crate) name: String,
    pub(crate) key: [u8; 32],
}

impl VerifierKey {
    /// The log that the key is for.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn id(&self) -> [u8; 4] {
        key_id(&self.name, &self.key)
    }
}

impl fmt::Display for VerifierKey {
    /// `<name>+<key id in hex>+<base64 of the algorithm and the key>`, as Go's `note` package writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes: Vec<u8> = [&[ED25519][..], &self.key].concat();
        write!(f, "{}+{:08x}+{}", self.name, u32::from_be_bytes(self.id()), STANDARD.encode(bytes))
    }
}

impl FromStr for VerifierKey {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Self, NotAKey> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NotAKey("it has not three parts"));
        };
        if !is_name(name) {
            return Err(NotAKey("its name is empty or has spaces"));
        }
        let key = STANDARD.decode(key).map_err(|_| NotAKey("its third part is not base64"))?;
        let (&[ED25519], key) = key.split_first_chunk::<1>().ok_or(NotAKey("its third part is empty"))? else {
            return Err(NotAKey("it is not for Ed25519"));
        };
        let key = key.try_into().map_err(|_| NotAKey("the key has not 32 bytes"))?;
        let key = Self { name: name.to_owned(), key };
        if id == format!("{:08x}", u32::from_be_bytes(key.id())) {
            Ok(key)
        } else {
            Err(NotAKey("name, number and key do not belong together: a part of it was changed"))
        }
    }
}

/// One signature under a note.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line<'n> {
    name: &'n str,
    id: [u8; 4],
    signature: Vec<u8>,
}

/// A note that was read and not yet believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note<'n> {
    text: &'n str,
    lines: Vec<Line<'n>>,
}

impl<'n> Note<'n> {
    /// Reads the form.
    pub fn parse(note: &'n str) -> Result<Self, NoteError> {
        let form = |what| NoteError::Form(what);
        if note.len() > NOTE_BYTES_MAX {
            return Err(form("it is too long"));
        }
        if note.chars().any(|c| c < ' ' && c != '\n') {
            return Err(form("it has control characters"));
        }
        let end = note.rfind("\n\n").ok_or_else(|| form("no empty line parts text and signatures"))?;
        let (text, signatures) = (&note[..=end], &note[end + 2..]);
        let signatures = signatures.strip_suffix('\n').ok_or_else(|| form("its last line does not end"))?;
        let lines = signatures.split('\n').map(line).collect::<Option<Vec<_>>>();
        let lines = lines.ok_or_else(|| form("a line of signatures is not `— <name> <base64>`"))?;
        if lines.len() > SIGNATURES_MAX {
            return Err(form("it has too many signatures"));
        }
        Ok(Self { text, lines })
    }

    /// The text, when the key signed it. Signatures of other keys are not looked at.
    pub fn verify(&self, key: &VerifierKey) -> Result<&'n str, NoteError> {
        let id = key.id();
        let mut of_key = self.lines.iter().filter(|line| line.name == key.name && line.id == id).peekable();
        if of_key.peek().is_none() {
            return Err(NoteError::Unsigned(key.name.clone()));
        }
        // Also refuses an unreduced number in a signature, so that none has a second form.
        let good = UnparsedPublicKey::new(&ALGORITHM, &key.key);
        let is_good = |line: &Line<'_>| good.verify(self.text.as_bytes(), &line.signature).is_ok();
        if of_key.all(is_good) { Ok(self.text) } else { Err(NoteError::Forged(key.name.clone())) }
    }

    /// How many signatures it has, known or not.
    pub fn signatures(&self) -> usize {
        self.lines.len()
    }
}

fn line(text: &str) -> Option<Line<'_>> {
    let (name, signature) = text.strip_prefix(DASH)?.split_once(' ')?;
    let bytes = STANDARD.decode(signature).ok()?;
    let (id, signature) = bytes.split_first_chunk::<4>()?;
    (is_name(name) && !signature.is_empty()).then(|| Line { name, id: *id, signature: signature.to_vec() })
}

/// A signature as a line of a note.
pub(crate) fn signature_line(key: &VerifierKey, signature: &[u8]) -> String {
    let bytes = [&key.id()[..], signature].concat();
    format!("{DASH}{} {}\n", key.name, STANDARD.encode(bytes))
}
