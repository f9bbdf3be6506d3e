//! The ways on which a notice is told: which there are, what they are called, and sending on one.

use event::Millis;
use workspace::{Alert, Channel};

use crate::mail::{Mail, Mailer};
use crate::message::Message;
use crate::post;

/// Whether an alert can be told on its ways, or why not. Whether the server can send e-mail is not asked: another server
/// may serve the same workspace.
pub fn check(alert: &Alert) -> Result<(), String> {
    for (at, channel) in alert.notify.iter().enumerate() {
        if let Channel::Webhook(webhook) = channel {
            let place = format!("alert `{}`: `notify[{at}].webhook`", alert.name);
            post::parse(webhook).map_err(|reason| format!("{place}: {reason}"))?;
        }
    }
    Ok(())
}

/// What a way is called where it is shown: neither a path, which may be a secret, nor an address, which is somebody's.
pub(crate) fn label(channel: &Channel) -> String {
    match channel {
        Channel::Webhook(webhook) => {
            let url: Option<url::Url> = webhook.url.parse().ok();
            let host = url.as_ref().and_then(|url| url.host_str().map(|host| (host, url.port())));
            match host {
                Some((host, Some(port))) => format!("webhook {host}:{port}"),
                Some((host, None)) => format!("webhook {host}"),
                None => "webhook".to_owned(),
            }
        }
        Channel::Email(addresses) if addresses.len() == 1 => "e-mail to 1 address".to_owned(),
        Channel::Email(addresses) => format!("e-mail to {} addresses", addresses.len()),
    }
}

/// Why a notice did not arrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Missed {
    /// Without an address.
    pub(crate) error: String,
    /// The places of the addresses that it did not reach, when it reached others; else empty.
    pub(crate) left: Vec<usize>,
}

impl<T: Into<String>> From<T> for Missed {
    fn from(error: T) -> Self {
        Self { error: error.into(), left: Vec::new() }
    }
}

/// Sends on one way, of an e-mail to what is `left` of its addresses; says why it did not arrive.
pub(crate) async fn send(
    channel: &Channel,
    (message, left): (&Message<'_>, &[usize]),
    mailer: Option<&Mailer>,
    now: Millis,
) -> Result<(), Missed> {
    let id = &message.notice.message_id;
    match channel {
        Channel::Webhook(webhook) => Ok(post::send(webhook, id, &message.json(), now).await?),
        Channel::Email(to) => {
            let missing = "this server cannot send e-mail: set `smtp_url` and `smtp_from` in its settings";
            let mailer = mailer.ok_or(missing)?;
            let mail = Mail { to, id, at: now, subject: message.subject(), text: message.text() };
            mailer.send(mail, left).await
        }
    }
}
