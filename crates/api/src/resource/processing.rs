//! The records of processing (GDPR Art. 30), made from what is configured: nobody writes them, so they cannot differ from
//! what runs. What no configuration knows (who is responsible, contracts, transfers) stands in the workspace's `notice`,
//! and what is missing there is said.

use axum::Json;
use axum::extract::State;
use control::Tenant;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;
use workspace::{Basis, NoticeRules, Party, Purpose, RecipientRole, SourceKind, Transfer};

use crate::Api;
use crate::error::ErrorBody;
use crate::resource::workspace::Here;
use crate::router::Operations;
use crate::time::At;

pub(super) fn routes() -> Vec<Operations> {
    vec![routes!(show_processing)]
}

/// What is processed, for what, and who gets it.
#[derive(Debug, Serialize, ToSchema)]
struct Processing {
    /// When it was made.
    made_at: At,
    /// Who is responsible; `null`: the workspace has no `notice`.
    #[schema(value_type = Option<Object>)]
    controller: Option<Party>,
    /// Their representative in the Union.
    #[schema(value_type = Option<Object>)]
    representative: Option<Party>,
    /// Where their data protection officer is written to.
    dpo: Option<String>,
    /// Kinds of personal data.
    data: Vec<&'static str>,
    /// Where they are stored.
    storage_locations: Vec<String>,
    /// What is kept for how long.
    retention: Vec<KeptShown>,
    /// Where data come from.
    sources: Vec<Collected>,
    /// Who gets them.
    recipients: Vec<RecipientShown>,
    /// What has to be written down and is not.
    missing: Vec<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct KeptShown {
    /// What.
    what: String,
    /// For how long.
    lasts: String,
}

/// A source that is switched on.
#[derive(Debug, Serialize, ToSchema)]
struct Collected {
    /// Its name.
    source: String,
    /// What it is.
    #[schema(value_type = String)]
    kind: SourceKind,
    /// The category under which it collects.
    category: String,
    /// By what right.
    #[schema(value_type = String)]
    basis: Basis,
}

/// A destination that is switched on.
#[derive(Debug, Serialize, ToSchema)]
struct RecipientShown {
    /// Its name.
    destination: String,
    /// What it is.
    kind: String,
    /// Who stands behind it.
    organisation: Option<String>,
    /// Where.
    country: Option<String>,
    /// What it is to the operator, by their claim.
    #[schema(schema_with = crate::schema::recipient)]
    role: RecipientRole,
    /// What it uses the events for.
    #[schema(value_type = String)]
    purpose: Purpose,
    /// The categories that must be granted.
    categories: Vec<String>,
    /// The sources whose events it may get.
    sources: Vec<String>,
    /// The contract on file.
    contract: Option<String>,
    /// What safeguards a transfer to another country.
    #[schema(value_type = Option<String>)]
    transfer: Option<Transfer>,
}

/// The records of processing, from what is configured now.
#[utoipa::path(
    get, path = "/api/v1/workspaces/{workspace}/processing", tag = "categories",
    params(("workspace" = String, Path, description = "The workspace")),
    responses(
        (status = 200, body = Processing, description = "As it runs"),
        (status = 404, body = ErrorBody, description = "No such workspace"),
    ),
)]
async fn show_processing(State(api): State<Api>, Here(tenant): Here) -> Json<Processing> {
    Json(processing(&tenant, At(api.clock.now())))
}

fn processing(tenant: &Tenant, made_at: At) -> Processing {
    let workspace = &tenant.workspace;
    let notice = workspace.consent.notice.as_ref();
    let sources = workspace.sources.iter().filter(|source| source.enabled).map(|source| Collected {
        source: source.name.to_string(),
        kind: source.kind,
        category: source.category.to_string(),
        basis: source.basis(),
    });
    let recipients: Vec<RecipientShown> =
        workspace.destinations.iter().filter(|one| one.enabled).map(|one| recipient(one, notice)).collect();
    Processing {
        made_at,
        controller: notice.map(|notice| notice.controller.clone()),
        representative: notice.and_then(|notice| notice.representative.clone()),
        dpo: notice.and_then(|notice| notice.dpo.as_ref()).map(|dpo| dpo.email.clone()),
        data: notice.map(|notice| notice.data.iter().map(|kind| kind.name()).collect()).unwrap_or_default(),
        storage_locations: notice.map(|notice| notice.storage_locations.clone()).unwrap_or_default(),
        retention: notice.map(kept).unwrap_or_default(),
        sources: sources.collect(),
        missing: missing(notice, &recipients),
        recipients,
    }
}

fn kept(notice: &NoticeRules) -> Vec<KeptShown> {
    let shown = |kept: &workspace::Kept| KeptShown {
        what: kept.what.in_language(workspace::FIRST_LANGUAGE).to_owned(),
        lasts: kept.lasts.to_string(),
    };
    notice.retention.iter().map(shown).collect()
}

fn recipient(destination: &workspace::Destination, notice: Option<&NoticeRules>) -> RecipientShown {
    let said = notice.and_then(|notice| notice.recipients.get(&destination.name));
    RecipientShown {
        destination: destination.name.to_string(),
        kind: destination.kind.to_string(),
        organisation: said.map(|said| said.name.clone()),
        country: said.and_then(|said| said.country.clone()),
        role: destination.recipient,
        purpose: destination.purpose.clone(),
        categories: destination.categories().iter().map(ToString::to_string).collect(),
        sources: destination.sources.iter().map(ToString::to_string).collect(),
        contract: said.and_then(|said| said.contract.clone()),
        transfer: said.and_then(|said| said.transfer),
    }
}

/// Who asks a record of an operator asks for these; an empty list is no proof that they are right.
fn missing(notice: Option<&NoticeRules>, recipients: &[RecipientShown]) -> Vec<String> {
    let Some(notice) = notice else {
        return vec!["`consent.notice`: who is responsible, where data lie and for how long".to_owned()];
    };
    let mut missing = Vec::new();
    if notice.storage_locations.is_empty() {
        missing.push("`notice.storage_locations`: where data lie".to_owned());
    }
    if notice.retention.is_empty() {
        missing.push("`notice.retention`: what is kept for how long".to_owned());
    }
    for one in recipients {
        let at = format!("`notice.recipients.{}", one.destination);
        if one.organisation.is_none() {
            missing.push(format!("{at}`: who stands behind the destination"));
            continue;
        }
        if one.role == RecipientRole::ServiceProvider && one.contract.is_none() {
            missing.push(format!("{at}.contract`: the contract by which it acts on instructions (GDPR Art. 28)"));
        }
        if one.transfer.is_none() {
            missing.push(format!("{at}.transfer`: `none`, or what safeguards the transfer (GDPR Art. 44 to 49)"));
        }
    }
    missing
}
