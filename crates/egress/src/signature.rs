//! Signatures by the [Standard Webhooks](https://www.standardwebhooks.com) scheme, for whatever posts to a receiver that
//! must know who speaks: events and alerts alike.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use event::Secret;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// A key that signs.
#[derive(Debug, Clone)]
pub struct SigningKey(Secret<Vec<u8>>);

impl SigningKey {
    /// From `whsec_` and base64; says what is wrong.
    pub fn parse(secret: &Secret<String>) -> Result<Self, String> {
        let text = secret.expose().strip_prefix("whsec_");
        let key = text.and_then(|text| STANDARD.decode(text).ok()).filter(|key| !key.is_empty());
        key.map(|key| Self(Secret::new(key))).ok_or_else(|| "`secret` must be `whsec_` followed by base64".to_owned())
    }

    /// The value of `webhook-signature`. `timestamp`: seconds, as it stands in `webhook-timestamp`.
    pub fn sign(&self, id: &str, timestamp: &str, body: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose()).expect("HMAC takes keys of any length");
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            mac.update(part);
        }
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_specification_is_signed_as_it_says() {
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned());
        let key = SigningKey::parse(&secret).expect("a key");
        let body = br#"{"test": 2432232314}"#;
        let signature = key.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_key_has_its_prefix() {
        for wrong in ["", "whsec_", "MfKQ9r8G", "whsec_%%"] {
            let refused = SigningKey::parse(&Secret::new(wrong.to_owned())).expect_err("refused");
            assert_eq!(refused, "`secret` must be `whsec_` followed by base64");
        }
    }
}
