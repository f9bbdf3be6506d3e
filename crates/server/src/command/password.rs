//! `assent password`: a new password for somebody, written into the state alone, so that it works with and without a
//! running server. Whoever may write the data directory may do everything anyway; what this adds is the entry in the
//! audit log, and that all sessions of the account end.

use std::io::Write as _;
use std::sync::Arc;

use control::{AccountLimits, Accounts, Principal, Sqlite};
use event::Clock;

use crate::cli::Password;
use crate::engines::Layout;

/// Makes it, and prints it.
pub(crate) async fn run(password: &Password, clock: Arc<dyn Clock>) -> anyhow::Result<()> {
    let layout = Layout::new(&password.data_dir);
    anyhow::ensure!(
        layout.state().try_exists()?,
        "`{}` is not a data directory of Assent: there is no `state.db` in it",
        password.data_dir.display()
    );
    let store = Arc::new(Sqlite::open(&layout.state()).await?);
    let accounts = Accounts::new(Arc::clone(&store) as _, clock, AccountLimits::default());
    let made = accounts.reset_password(&Principal::local("command line"), &password.user).await;
    store.close().await;
    writeln!(
        std::io::stdout().lock(),
        "sign in as `{}` with `{}`: shown this once, and stored nowhere",
        password.user,
        made?.expose()
    )?;
    Ok(())
}
