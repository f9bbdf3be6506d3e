//! A notice as an e-mail, over the operator's own SMTP server. The address rules of `egress` do not hold for it: it is
//! named in the server's settings by whoever runs the server, not in a workspace.
//!
//! A password goes over TLS only: `smtps://` from the first byte, `smtp://` after STARTTLS, which is asked for and not
//! merely tried. The library holds the conversation; connecting, TLS and the few lines of a message are here.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_smtp::authentication::{Credentials, DEFAULT_ENCRYPTED_MECHANISMS};
use async_smtp::error::Error as SmtpError;
use async_smtp::{EmailAddress, Envelope, SendableEmail, SmtpClient, SmtpTransport};
use event::{Millis, Secret};
use percent_encoding::percent_decode_str;
use tokio::io::{AsyncBufRead, AsyncWrite, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use url::Url;

use crate::channel::Missed;

/// The longest that sending to one address may take.
const SEND_MAX: Duration = Duration::from_secs(30);
/// Where mail is handed in, over TLS and with STARTTLS.
const PORTS: (u16, u16) = (465, 587);

/// Why e-mail cannot be set up. No URL is repeated: it holds a password.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// Not such a URL.
    #[error(
        "`smtp_url` cannot be used: {0}; write it as `smtps://user:password@mail.example.com`, or as `smtp://…` for a \
         server that wants STARTTLS"
    )]
    Url(&'static str),
    /// Not such an address.
    #[error("`smtp_from` cannot be used: write it as `Assent <assent@example.com>`, in ASCII")]
    From,
}

/// How a connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protection {
    /// TLS from the first byte.
    Tls,
    /// TLS after STARTTLS.
    StartTls,
    /// Nothing: for a relay on the same machine.
    None,
}

struct Server {
    host: String,
    port: u16,
    protection: Protection,
    credentials: Option<Credentials>,
}

/// The way to the SMTP server. Cheap to clone.
#[derive(Clone)]
pub struct Mailer {
    server: Arc<Server>,
    /// As it stands in the header.
    from: String,
    /// The address in it.
    sender: EmailAddress,
}

impl fmt::Debug for Mailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mailer({}:{})", self.server.host, self.server.port)
    }
}

/// An e-mail to some addresses.
pub(crate) struct Mail<'m> {
    pub(crate) to: &'m [String],
    /// The same in every attempt.
    pub(crate) id: &'m str,
    pub(crate) at: Millis,
    pub(crate) subject: String,
    pub(crate) text: String,
}

impl Server {
    fn parse(url: &Secret<String>) -> Result<Self, MailError> {
        let url: Url = url.expose().parse().map_err(|_| MailError::Url("it is not a URL"))?;
        let protection = match (url.scheme(), url.query()) {
            ("smtps", None) => Protection::Tls,
            ("smtp", None) => Protection::StartTls,
            ("smtp", Some("tls=off")) => Protection::None,
            ("smtp" | "smtps", Some(_)) => return Err(MailError::Url("the only option is `?tls=off`, of `smtp://`")),
            _ => return Err(MailError::Url("it begins with neither `smtp://` nor `smtps://`")),
        };
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(MailError::Url("it names no server"))?;
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let credentials = url.password().map(|password| Credentials::new(decoded(url.username()), decoded(password)));
        if credentials.is_some() && protection == Protection::None {
            return Err(MailError::Url("with `?tls=off` the password would be readable on the network"));
        }
        let port = url.port().unwrap_or(if protection == Protection::Tls { PORTS.0 } else { PORTS.1 });
        let host = host.trim_matches(['[', ']']).to_owned();
        Ok(Self { host, port, protection, credentials })
    }

    /// Outside: whether the server could be talked to; inside: whether it took the e-mail.
    async fn send(&self, email: SendableEmail) -> Result<Result<(), SmtpError>, SmtpError> {
        let socket = TcpStream::connect((self.host.as_str(), self.port)).await?;
        let client = || SmtpClient::new().pipelining(false);
        match self.protection {
            Protection::None => self.talk(SmtpTransport::new(client(), BufReader::new(socket)).await?, email).await,
            Protection::Tls => {
                let stream = BufReader::new(self.protect(socket).await?);
                self.talk(SmtpTransport::new(client(), stream).await?, email).await
            }
            Protection::StartTls => {
                let opened = SmtpTransport::new(client(), BufReader::new(socket)).await?;
                // What the server said in clear behind its answer is dropped with the buffer: it is not to be believed.
                let socket = opened.starttls().await?.into_inner();
                let stream = BufReader::new(self.protect(socket).await?);
                self.talk(SmtpTransport::new(client().without_greeting(), stream).await?, email).await
            }
        }
    }

    async fn talk<S: AsyncBufRead + AsyncWrite + Unpin>(
        &self,
        mut transport: SmtpTransport<S>,
        email: SendableEmail,
    ) -> Result<Result<(), SmtpError>, SmtpError> {
        if let Some(credentials) = &self.credentials {
            transport.try_login(credentials, DEFAULT_ENCRYPTED_MECHANISMS).await?;
        }
        let taken = match transport.send(email).await {
            Err(refused @ (SmtpError::Transient(_) | SmtpError::Permanent(_))) => Err(refused),
            taken => taken.map(drop).map(Ok)?,
        };
        // How the conversation ends changes nothing.
        drop(transport.quit().await);
        Ok(taken)
    }

    /// With the authorities of the machine (`SSL_CERT_FILE` names others).
    async fn protect(&self, socket: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        let unusable = |error: &dyn fmt::Display| std::io::Error::other(error.to_string());
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let provider = Arc::new(aws_lc_rs::default_provider());
        let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let versions = versions.map_err(|error| unusable(&error))?;
        let config = versions.with_root_certificates(roots).with_no_client_auth();
        let name = ServerName::try_from(self.host.clone()).map_err(|error| unusable(&error))?;
        TlsConnector::from(Arc::new(config)).connect(name, socket).await
    }
}

impl Mailer {
    /// `url`: `smtps://` (TLS from the first byte) or `smtp://` (STARTTLS), with user and password, percent-encoded where
    /// they need it; `smtp://…?tls=off` for a relay that takes neither. `from`: whom the e-mail names as its sender.
    pub fn new(url: &Secret<String>, from: &str) -> Result<Self, MailError> {
        let server = Arc::new(Server::parse(url)?);
        let is_plain = from.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        let address = match from.split_once('<') {
            Some((_, rest)) => rest.strip_suffix('>').ok_or(MailError::From)?,
            None => from,
        };
        let has_form = is_plain && address.contains('@') && !address.contains([' ', '<', '>']);
        let sender = EmailAddress::new(address.to_owned()).ok().filter(|_| has_form).ok_or(MailError::From)?;
        Ok(Self { server, from: from.to_owned(), sender })
    }

    /// Sends to each address by itself, so that one that is refused keeps nobody else from being told; to what is `left`
    /// of them, or to all. Says why it was not taken, without an address.
    pub(crate) async fn send(&self, mail: Mail<'_>, left: &[usize]) -> Result<(), Missed> {
        let text = self.written(&mail);
        let meant = (0..mail.to.len()).filter(|place| left.is_empty() || left.contains(place));
        let (mut missed, mut refused) = (Vec::new(), None);
        let mut places = meant.clone();
        for place in places.by_ref() {
            let unusable = || "an address of the alert cannot be used by the mail library".to_owned();
            let to = EmailAddress::new(mail.to[place].clone()).map_err(|_| unusable())?;
            let envelope = Envelope::new(Some(self.sender.clone()), vec![to]).map_err(|_| unusable())?;
            let sending = self.server.send(SendableEmail::new(envelope, text.clone()));
            match tokio::time::timeout(SEND_MAX, sending).await {
                Ok(Ok(Ok(()))) => {}
                Ok(Ok(Err(error))) => {
                    missed.push(place);
                    refused = Some(said(&error));
                }
                // The server itself: it is not asked for the others now.
                Ok(Err(error)) => return Err(stopped(said(&error), missed, place, places)),
                Err(_) => {
                    let silent = format!("the mail server did not answer within {} s", SEND_MAX.as_secs());
                    return Err(stopped(silent, missed, place, places));
                }
            }
        }
        match refused {
            None => Ok(()),
            Some(said) if missed.len() == meant.count() => Err(said.into()),
            Some(said) => {
                let error = format!("{said} for {} of {} addresses", missed.len(), mail.to.len());
                Err(Missed { error, left: missed })
            }
        }
    }

    /// The message. Everything in it is ASCII without line breaks of its own: names are slugs, addresses were checked.
    fn written(&self, mail: &Mail<'_>) -> String {
        let printer = jiff::fmt::rfc2822::DateTimePrinter::new();
        let at = jiff::Timestamp::from_millisecond(mail.at.0).unwrap_or_default();
        let date = printer.timestamp_to_string(&at).unwrap_or_default();
        let (from, to, subject, id) = (&self.from, mail.to.join(", "), &mail.subject, mail.id);
        let head = format!(
            "From: {from}\r\nTo: {to}\r\nSubject: {subject}\r\nDate: {date}\r\nMessage-ID: <{id}@assent>\r\n\
             Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Content-Transfer-Encoding: 8bit\r\n\r\n"
        );
        head + &mail.text.replace('\n', "\r\n")
    }
}

/// A conversation that broke off at a place: it and those behind it were not reached, nor those that were refused.
fn stopped(error: String, mut missed: Vec<usize>, place: usize, rest: impl Iterator<Item = usize>) -> Missed {
    missed.push(place);
    missed.extend(rest);
    Missed { error, left: missed }
}

/// The server's code and what went wrong. Its words are left out: servers like to repeat addresses.
fn said(error: &SmtpError) -> String {
    match error {
        SmtpError::Transient(answer) | SmtpError::Permanent(answer) => {
            format!("the mail server answered {}", answer.code)
        }
        SmtpError::Io(error) => format!("the mail server was not reached: {error}"),
        other => format!("the mail server was not understood: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mailer(url: &str, from: &str) -> Result<Mailer, String> {
        Mailer::new(&Secret::new(url.to_owned()), from).map_err(|error| error.to_string())
    }

    #[test]
    fn a_password_goes_over_tls_only_and_is_named_nowhere() {
        let shown = |url: &str| {
            mailer(url, "Assent <assent@acme.example>").map(|mailer| {
                format!("{mailer:?} {:?} {}", mailer.server.protection, mailer.server.credentials.is_some())
            })
        };
        assert_eq!(shown("smtps://u:hu%40sh@mail.example").as_deref(), Ok("Mailer(mail.example:465) Tls true"));
        assert_eq!(shown("smtp://u:hush@mail.example").as_deref(), Ok("Mailer(mail.example:587) StartTls true"));
        assert_eq!(shown("smtp://127.0.0.1:25?tls=off").as_deref(), Ok("Mailer(127.0.0.1:25) None false"));
        for wrong in [
            "http://u:hush@mail.example",
            "u:hush@mail.example",
            "smtp://u:hush@mail.example?tls=maybe",
            "smtp://u:hush@mail.example?tls=off",
        ] {
            let said = shown(wrong).expect_err("refused");
            assert!(said.starts_with("`smtp_url` cannot be used") && !said.contains("hush"), "{said}");
        }
    }

    #[test]
    fn a_sender_is_an_address_and_nothing_else() {
        let url = "smtps://mail.example";
        for wrong in ["nobody", "Assent <assent@acme.example", "a@b.example\r\nBcc: c@d.example", "Ä <a@b.example>"] {
            assert!(mailer(url, wrong).expect_err("refused").starts_with("`smtp_from` cannot be used"), "{wrong}");
        }
        let mailer = mailer(url, "Assent <assent@acme.example>").expect("a mailer");
        let to = ["ops@acme.example".to_owned(), "night@acme.example".to_owned()];
        let (subject, text) = ("[acme] full is firing".to_owned(), "one\ntwo\n".to_owned());
        let mail = Mail { to: &to, id: "alert_1", at: Millis(1_795_298_400_000), subject, text };
        assert_eq!(
            mailer.written(&mail).replace("\r\n", "\n"),
            "From: Assent <assent@acme.example>\nTo: ops@acme.example, night@acme.example\n\
             Subject: [acme] full is firing\nDate: Sat, 21 Nov 2026 22:00:00 -0000\nMessage-ID: <alert_1@assent>\n\
             Auto-Submitted: auto-generated\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\
             Content-Transfer-Encoding: 8bit\n\none\ntwo\n"
        );
    }

    /// Takes mail for everybody but `bad@…`; answers each session on a task of its own. Gives its port and whom it had.
    async fn relay() -> (u16, Arc<std::sync::Mutex<Vec<String>>>) {
        use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _};

        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let (port, had) =
            (listener.local_addr().expect("an address").port(), Arc::<std::sync::Mutex<Vec<_>>>::default());
        let taken = Arc::clone(&had);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let mut lines = BufReader::new(socket);
                lines.write_all(b"220 relay\r\n").await.expect("written");
                let (mut line, mut to, mut is_data) = (String::new(), String::new(), false);
                while lines.read_line(&mut line).await.is_ok_and(|read| read > 0) {
                    let said = std::mem::take(&mut line);
                    let answer = match said.split_once([' ', ':', '\r']).map(|(word, _)| word) {
                        _ if is_data && said != ".\r\n" => continue,
                        _ if is_data => {
                            is_data = false;
                            taken.lock().expect("no holder panics").push(std::mem::take(&mut to));
                            "250 taken"
                        }
                        Some("RCPT") if said.contains("bad@") => "550 nobody of that name",
                        Some("RCPT") => {
                            to = said.trim().to_owned();
                            "250 fine"
                        }
                        Some("DATA") => {
                            is_data = true;
                            "354 go on"
                        }
                        _ => "250 fine",
                    };
                    lines.write_all(format!("{answer}\r\n").as_bytes()).await.expect("written");
                }
            }
        });
        (port, had)
    }

    #[tokio::test]
    async fn an_address_that_is_refused_keeps_nobody_else_from_being_told() {
        let (port, had) = relay().await;
        let mailer = mailer(&format!("smtp://127.0.0.1:{port}?tls=off"), "assent@acme.example").expect("a mailer");
        let to = ["bad@acme.example", "ops@acme.example", "night@acme.example"].map(str::to_owned);
        let mail = |to| Mail { to, id: "alert_1", at: Millis(0), subject: "s".to_owned(), text: "t\n".to_owned() };
        let missed = mailer.send(mail(&to), &[]).await.expect_err("one of them");
        let expected = "the mail server answered 550 for 1 of 3 addresses";
        assert_eq!((missed.error.as_str(), missed.left.as_slice()), (expected, &[0][..]));
        let had_by = || had.lock().expect("no holder panics").len();
        assert_eq!(had_by(), 2);
        let again = mailer.send(mail(&to), &missed.left).await.expect_err("still");
        assert_eq!((again.error.as_str(), had_by()), ("the mail server answered 550", 2), "nobody is told twice");
        let mended = ["ops2@acme.example".to_owned(), to[1].clone(), to[2].clone()];
        mailer.send(mail(&mended), &missed.left).await.expect("it was mended");
        assert_eq!(had_by(), 3);
    }
}
