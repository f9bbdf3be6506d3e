//! What stands behind the image and the links of a letter: who got it, which letter, and where a link leads. It travels as
//! a sealed token (`vault::token`), so that neither the address line nor a log of a mail provider says who read what, and
//! nobody can make a link that leads elsewhere.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use event::Pii;
use serde::{Deserialize, Serialize};
use vault::{Fingerprints, KeyError};

/// A token may be as long as mail programs let an address be.
pub const TOKEN_BYTES_MAX: usize = 4_096;

/// What a beacon is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BeaconKind {
    /// The image: the letter was opened.
    Open,
    /// A link: somebody followed it.
    Click,
}

impl BeaconKind {
    fn purpose(self) -> &'static str {
        match self {
            Self::Open => "beacon open",
            Self::Click => "beacon click",
        }
    }
}

/// A letter's beacon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beacon {
    /// The write key of the source that it is an event of.
    pub write_key: String,
    /// The recipient's `userId`.
    pub user_id: Pii<String>,
    /// The campaign.
    pub campaign: Option<String>,
    /// The letter.
    pub message: Option<String>,
    /// Where a click leads.
    pub target: Option<String>,
}

/// The same as it is sealed: short names, because they make an address longer.
#[derive(Serialize, Deserialize)]
struct Sealed {
    k: String,
    u: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    c: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    m: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    t: Option<String>,
}

impl Beacon {
    /// The token, of characters that an address may have. It begins with the workspace, whose key opens it.
    pub fn to_token(&self, kind: BeaconKind, workspace: &str, fingerprints: &Fingerprints) -> Result<String, KeyError> {
        let Self { write_key, user_id, campaign, message, target } = self.clone();
        let sealed = Sealed { k: write_key, u: user_id.expose().clone(), c: campaign, m: message, t: target };
        let content = serde_json::to_vec(&sealed).expect("texts are JSON");
        Ok(format!("{workspace}.{}", URL_SAFE_NO_PAD.encode(fingerprints.seal(kind.purpose(), &content)?)))
    }

    /// The workspace that a token names; believed only when its key opens the rest.
    pub fn workspace_of(token: &str) -> Option<&str> {
        token.split_once('.').filter(|_| token.len() <= TOKEN_BYTES_MAX).map(|(workspace, _)| workspace)
    }

    /// What a token stands for; `None` when it was not made here for this.
    pub fn from_token(token: &str, kind: BeaconKind, fingerprints: &Fingerprints) -> Option<Self> {
        let (_, sealed) = token.split_once('.')?;
        let sealed = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let Sealed { k, u, c, m, t } = serde_json::from_slice(&fingerprints.open(kind.purpose(), &sealed)?).ok()?;
        Some(Self { write_key: k, user_id: Pii::new(u), campaign: c, message: m, target: t })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_says_nothing_and_opens_as_what_it_was_made() {
        let keys = Fingerprints::new(&[7; 32]);
        let beacon = Beacon {
            write_key: "wk_api".to_owned(),
            user_id: Pii::new("jane@example.com".to_owned()),
            campaign: Some("spring".to_owned()),
            message: None,
            target: Some("https://example.com/?a=b".to_owned()),
        };
        let token = beacon.to_token(BeaconKind::Click, "acme", &keys).expect("random bytes");
        assert_eq!(Beacon::workspace_of(&token), Some("acme"));
        assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)), "{token}");
        assert_eq!(Beacon::from_token(&token, BeaconKind::Click, &keys), Some(beacon));
        assert_eq!(Beacon::from_token(&token, BeaconKind::Open, &keys), None);
        for odd in ["", "acme", "acme.", "acme.AAAA", "acme.!"] {
            assert_eq!(Beacon::from_token(odd, BeaconKind::Click, &keys), None, "{odd}");
        }
    }
}
