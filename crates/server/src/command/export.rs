//! `assent export`: the configuration as a workspace file, read from the state alone, so that it works with and without
//! a running server. It shows secrets, because whoever may read the data directory may read them there.

use std::io::Write as _;

use control::{ConfigurationStore as _, Secrets, Sqlite};

use crate::cli::Export;
use crate::engines::{Layout, the_workspace};
use crate::kinds::Registry;

/// Prints the file.
pub(crate) async fn run(export: &Export) -> anyhow::Result<()> {
    let layout = Layout::new(&export.data_dir);
    anyhow::ensure!(
        layout.state().try_exists()?,
        "`{}` is not a data directory of Assent: there is no `state.db` in it",
        export.data_dir.display()
    );
    let store = Sqlite::open_to_read(&layout.state()).await?;
    let stored = store.configuration().await?;
    let known: Vec<String> = stored.workspaces.iter().map(|workspace| workspace.name.clone()).collect();
    let name = the_workspace(export.workspace.as_deref(), &known)?;
    let workspace = stored
        .workspace(name.as_str())
        .ok_or_else(|| anyhow::anyhow!("there is no workspace `{name}`; workspaces are {}", known.join(", ")))?;
    let yaml = control::export(workspace, Secrets::Literal, &Registry)?;
    std::io::stdout().lock().write_all(yaml.as_bytes())?;
    Ok(())
}
