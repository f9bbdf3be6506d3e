//! Who may do what, in one table: each operation with the least role that may do it. The router is built from this
//! table (`crate::router`): an operation without a row keeps the server from starting and fails the build's tests, and
//! so does a row without an operation. `tests/it/roles.rs` tries every operation with every role and compares what it
//! finds with `docs/reference/roles.txt`.

use control::Role;

/// What an operation asks of whoever calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: it is how one gets in, or says nothing about anybody.
    Nothing,
    /// A login, of any role.
    Login,
    /// At least this role.
    Role(Role),
}

/// What the right to see personal data changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Personal {
    /// Nothing: there is none in it.
    None,
    /// Without the right, it is masked in the answer; the handler takes an `access::Sight` and asks it, or its answer
    /// is not given out. It is never a reason to refuse: the fate of an event can be followed without knowing whose it is.
    Masked,
}

/// One row.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// The id of the operation in the OpenAPI document: the name of its handler.
    pub operation: &'static str,
    /// Who may.
    pub needs: Needs,
    /// What else they may see.
    pub personal: Personal,
}

const fn row(operation: &'static str, needs: Needs) -> Row {
    Row { operation, needs, personal: Personal::None }
}

const fn masked(operation: &'static str, needs: Needs) -> Row {
    Row { operation, needs, personal: Personal::Masked }
}

const VIEWER: Needs = Needs::Role(Role::Viewer);
const ANALYST: Needs = Needs::Role(Role::Analyst);
const ADMIN: Needs = Needs::Role(Role::Admin);
const OWNER: Needs = Needs::Role(Role::Owner);

/// The table, resource by resource.
pub const TABLE: &[Row] = &[
    row("sign_in", Needs::Nothing),
    row("show_session", Needs::Login),
    row("sign_out", Needs::Login),
    row("change_password", Needs::Login),
    row("list_users", ADMIN),
    row("create_user", OWNER),
    row("change_user", OWNER),
    row("delete_user", OWNER),
    row("list_tokens", ADMIN),
    row("create_token", ADMIN),
    row("delete_token", ADMIN),
    row("list_audit", ADMIN),
    row("list_settings", ADMIN),
    row("list_workspaces", VIEWER),
    row("export_workspace", ADMIN),
    row("apply_workspace", ADMIN),
    row("list_sources", VIEWER),
    row("create_source", ADMIN),
    row("show_source", VIEWER),
    row("change_source", ADMIN),
    row("delete_source", ADMIN),
    row("publish_banner", ADMIN),
    row("list_destination_kinds", VIEWER),
    row("list_destinations", VIEWER),
    row("create_destination", ADMIN),
    row("show_destination", VIEWER),
    row("change_destination", ADMIN),
    row("delete_destination", ADMIN),
    row("test_destination", ADMIN),
    row("pause_destination", ADMIN),
    row("resume_destination", ADMIN),
    row("list_destination_errors", VIEWER),
    row("list_dead_letters", VIEWER),
    row("retry_dead_letters", ADMIN),
    row("list_retries", VIEWER),
    row("list_alerts", VIEWER),
    row("create_alert", ADMIN),
    row("show_alert", VIEWER),
    row("change_alert", ADMIN),
    row("delete_alert", ADMIN),
    row("test_alert", ADMIN),
    row("list_notices", VIEWER),
    row("start_replay", ADMIN),
    row("list_replays", VIEWER),
    row("show_replay", VIEWER),
    row("pause_replay", ADMIN),
    row("resume_replay", ADMIN),
    row("cancel_replay", ADMIN),
    row("show_categories", VIEWER),
    row("change_categories", ADMIN),
    row("show_experience", VIEWER),
    row("preview_consent", VIEWER),
    row("preview_notice", VIEWER),
    row("show_consent_rates", VIEWER),
    row("simulate_consent", ANALYST),
    row("list_regimes", VIEWER),
    row("list_vendors", VIEWER),
    row("show_processing", VIEWER),
    row("show_choices", ADMIN),
    row("import_choices", ADMIN),
    row("show_words", VIEWER),
    row("make_beacons", ADMIN),
    row("show_receipt", ADMIN),
    row("show_ledger", VIEWER),
    row("list_configurations", ADMIN),
    row("show_configuration", ADMIN),
    row("show_overview", VIEWER),
    masked("watch_live", VIEWER),
    masked("show_event", VIEWER),
    // Below admin it takes a declared use (`resource::lake`): the code `use_missing`.
    masked("query_lake", ANALYST),
    row("show_lake_schema", ANALYST),
    row("list_saved_queries", ANALYST),
    row("save_query", ANALYST),
    row("delete_saved_query", ANALYST),
];

/// The row of an operation.
pub fn row_of(operation: &str) -> Option<Row> {
    TABLE.iter().find(|row| row.operation == operation).copied()
}
