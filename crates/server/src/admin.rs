//! The admin API and the console as this server runs them, and the first login.

use std::fmt;
use std::sync::Arc;

use api::{Api, Door};
use control::{AccountLimits, Accounts, FIRST_OWNER};
use event::Secret;

use crate::engines::Engines;
use crate::settings::Settings;

/// The variable with the first owner's password.
const PASSWORD_VARIABLE: &str = "ASSENT_ADMIN_PASSWORD";

/// What to say about signing in, once.
pub(crate) struct Login {
    /// The password that was made because none was given and there was no user yet.
    generated: Option<Secret<String>>,
}

impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.generated {
            Some(password) => write!(
                f,
                "sign in as `{FIRST_OWNER}` with `{}`: shown this once, and stored nowhere",
                password.expose()
            ),
            None => f.write_str("sign in with the password set before"),
        }
    }
}

/// Makes the first owner where there is nobody yet, and opens the door.
pub(crate) async fn open(door: &Door, settings: &Settings, engines: &Engines) -> anyhow::Result<Login> {
    let accounts = Accounts::new(Arc::clone(&engines.store), Arc::clone(&engines.clock), AccountLimits::default());
    let given = std::env::var(PASSWORD_VARIABLE).ok().map(Secret::new);
    let generated = accounts.ensure_owner(given).await?;
    let api = Api::new(api::Options {
        accounts,
        store: Arc::clone(&engines.store),
        directory: Arc::clone(&engines.directory),
        kinds: &destinations::registry::DESTINATIONS,
        clock: Arc::clone(&engines.clock),
        is_https: settings.public_url.as_deref().is_some_and(|url| url.starts_with("https://")),
        version: env!("CARGO_PKG_VERSION"),
    });
    door.open(api::router(&api)?);
    Ok(Login { generated })
}
