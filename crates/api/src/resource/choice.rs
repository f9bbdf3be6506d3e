//! Choices on record: what a person chose and what they were shown, now and at any time before; and choices that are
//! made elsewhere, put on record here.
//!
//! A person is named by the identifiers that their events carry. They are asked for and never answered: an answer has
//! the subject's surrogate and the numbers of the receipts.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use control::{Action, ChoiceMade, ChoiceRow, Entry, Method, Presented, Recorded, Standing, Tenant};
use event::{Millis, Pii, Slug};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::routes;
use workspace::Regime;

use crate::Api;
use crate::access::Caller;
use crate::error::{Error, ErrorBody, Result};
use crate::extract::{Asked, Body, In};
use crate::resource::workspace::Here;
use crate::router::Operations;
use crate::time::{At, moment};

/// Choices in one request.
const IMPORTED_MAX: usize = 1_000;
/// Lifetimes are in days, moments in milliseconds.
const DAY_MS: i64 = 86_400_000;

pub(super) fn routes() -> Vec<Operations> {
    vec![routes!(show_choices, import_choices), routes!(show_words)]
}

/// Whose choices.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Person {
    /// The `userId` of their events.
    #[serde(default)]
    user_id: Option<String>,
    /// The `anonymousId` of their events.
    #[serde(default)]
    anonymous_id: Option<String>,
    /// What was on record at this moment (RFC 3339), by when it arrived; left out: today.
    #[serde(default)]
    as_of: Option<String>,
}

/// What is on record about a person.
#[derive(Debug, Serialize, ToSchema)]
struct ChoicesOnRecord {
    /// Their surrogates; none when nobody with these identifiers is known, two when the identifiers are of two whom
    /// nothing has linked.
    subjects: Vec<String>,
    /// By category, the latest word and when it was said. Of two subjects the refusal counts, as at the gate. Beside
    /// categories: vendors (`vendor:ga`), the opt-out of sale and sharing (`use:sale_and_sharing`), and a known child's
    /// `age:adult` and `age:own_consent`, which are refused.
    standing: BTreeMap<String, Word>,
    /// Every choice, latest first.
    items: Vec<ChoiceShown>,
}

/// The latest word about a category.
#[derive(Debug, Serialize, ToSchema)]
struct Word {
    /// Whether it is granted.
    granted: bool,
    /// When it was said.
    at: At,
}

/// A choice as it was made.
#[derive(Debug, Serialize, ToSchema)]
struct ChoiceShown {
    /// Its number, by which its receipt is asked for.
    receipt: String,
    /// Granted.
    granted: Vec<String>,
    /// Refused.
    refused: Vec<String>,
    /// How it came: `event`, `traits`, `import`, `gpc` (a signal of the browser), `age` (a field of an event),
    /// `parent_verified`.
    method: &'static str,
    /// The source that it came through.
    source: String,
    /// When it was made.
    made_at: At,
    /// When it arrived.
    received_at: At,
    /// What was shown and how it was answered, as the page said it; `null` where nobody said.
    #[schema(value_type = Object)]
    presented: Option<Presented>,
}

impl From<ChoiceRow> for ChoiceShown {
    fn from(row: ChoiceRow) -> Self {
        Self {
            receipt: row.receipt.to_string(),
            granted: row.granted,
            refused: row.refused,
            method: row.method.name(),
            source: row.source,
            made_at: At(row.made_at),
            received_at: At(row.received_at),
            presented: row.presented,
        }
    }
}

/// What a person chose, and everything that was on record at a moment.
#[utoipa::path(
    get, path = "/api/v1/workspaces/{workspace}/choices", tag = "choices",
    params(("workspace" = String, Path, description = "The workspace"), Person),
    responses(
        (status = 200, body = ChoicesOnRecord, description = "What is on record"),
        (status = 400, body = ErrorBody, description = "Nobody is named, or the moment is none"),
        (status = 404, body = ErrorBody, description = "No such workspace"),
    ),
)]
async fn show_choices(
    State(api): State<Api>,
    who: Caller,
    Here(tenant): Here,
    Asked(person): Asked<Person>,
) -> Result<Json<ChoicesOnRecord>> {
    let as_of = moment("as_of", person.as_of.as_deref())?;
    let (anonymous_id, user_id) = (person.anonymous_id.as_deref(), person.user_id.as_deref());
    if anonymous_id.is_none() && user_id.is_none() {
        return Err(Error::invalid("nobody is named: give `user_id`, `anonymous_id` or both"));
    }
    let workspace = tenant.name();
    let fingerprints = tenant.fingerprints.identify(anonymous_id, user_id).fingerprints();
    let found = api.store.sightings(&workspace, &fingerprints).await;
    let found = found.map_err(|error| Error::internal("look up whose identifiers these are", &error))?;
    let mut subjects: Vec<_> = found.into_iter().flatten().map(|known| known.subject).collect();
    subjects.dedup();
    let (mut standing, mut items) = (BTreeMap::new(), Vec::new());
    for subject in &subjects {
        let mut own = Standing::default();
        let made = api.store.history(&workspace, Some(*subject)).await?;
        for row in made.into_iter().filter(|row| as_of.is_none_or(|moment| row.received_at <= moment)) {
            own.merge(&row.standing());
            items.push(row);
        }
        for (name, said) in own.words() {
            let word = Word { granted: said.0, at: At(said.1) };
            let known = standing.entry(name.to_owned()).or_insert(Word { ..word });
            if !word.granted {
                *known = word;
            }
        }
    }
    let subjects: Vec<String> = subjects.iter().map(|subject| format!("s-{subject}")).collect();
    if !subjects.is_empty() {
        revealed(&api, &who, &workspace, subjects.join(" ")).await?;
    }
    items.sort_by_key(|row| std::cmp::Reverse(row.received_at));
    Ok(Json(ChoicesOnRecord { subjects, standing, items: items.into_iter().map(ChoiceShown::from).collect() }))
}

/// Whoever asks by an identifier learns whose surrogate is whose: that is written down.
async fn revealed(api: &Api, who: &Caller, workspace: &str, object: String) -> Result<()> {
    let entry = Entry {
        actor: who.0.actor(),
        action: Action::Reveal,
        workspace: Some(workspace.to_owned()),
        kind: "choices",
        object,
        before: None,
        after: None,
    };
    Ok(api.store.append_audit(&[entry], api.clock.now()).await?)
}

/// Choices that were made elsewhere.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ChoicesToImport {
    /// The source under whose name they are recorded.
    source: String,
    /// Up to 1,000.
    items: Vec<ChoiceToImport>,
}

/// A choice that was made elsewhere. A refusal is always taken. A grant counts only if it says when it was made and under
/// which words and vendors, and still holds: whoever cannot show what somebody agreed to has no agreement.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ChoiceToImport {
    /// The `userId` of their events.
    #[serde(default)]
    user_id: Option<String>,
    /// The `anonymousId` of their events.
    #[serde(default)]
    anonymous_id: Option<String>,
    /// By category or alias, `true` for granted. What is not named stays as it was. A vendor (`vendor:ga`) and the sale and
    /// sharing of data (`use:sale_and_sharing`) can be refused, not granted.
    categories: BTreeMap<String, bool>,
    /// Whether a parent chose for a child, and you have verified that it is the parent. Until then nothing optional is
    /// permitted for a child who is known to need one.
    #[serde(default)]
    parent_verified: bool,
    /// When it was made (RFC 3339).
    #[serde(default)]
    made_at: Option<String>,
    /// The version of the words that were shown; a grant counts only under the version of today.
    #[serde(default)]
    version: Option<u32>,
    /// The ids of the vendors that were named; a grant of a category counts only if all of its vendors were.
    #[serde(default)]
    vendors: Vec<String>,
}

/// What became of the choices.
#[derive(Debug, Default, Serialize, ToSchema)]
struct Imported {
    /// Recorded, whole or in part.
    recorded: u64,
    /// Taken over before: of the same person, through the same source, saying the same, made at the same time or at one that
    /// neither says.
    known: u64,
    /// Grants that were left out, by reason: `no_time`, `future`, `other_words`, `other_vendors`, `expired`.
    grants_left_out: BTreeMap<&'static str, u64>,
}

/// Takes over choices from another consent platform.
#[utoipa::path(
    post, path = "/api/v1/workspaces/{workspace}/choices", tag = "choices", request_body = ChoicesToImport,
    params(("workspace" = String, Path, description = "The workspace")),
    responses(
        (status = 200, body = Imported, description = "Recorded and in force. What was taken over before is not recorded again"),
        (status = 400, body = ErrorBody, description = "One of them cannot be read; none was recorded"),
        (status = 404, body = ErrorBody, description = "No such workspace or source"),
    ),
)]
async fn import_choices(
    State(api): State<Api>,
    who: Caller,
    Here(tenant): Here,
    Body(given): Body<ChoicesToImport>,
) -> Result<Json<Imported>> {
    let source = tenant.workspace.sources.iter().find(|source| source.name.as_str() == given.source);
    let source = source.ok_or_else(|| Error::no_such("source", &given.source))?.name.clone();
    if given.items.len() > IMPORTED_MAX {
        return Err(Error::invalid(format!("`items` has {}, {IMPORTED_MAX} at most", given.items.len())));
    }
    let now = api.clock.now();
    let mut imported = Imported::default();
    let import = Import { tenant: &tenant, source, now };
    let read: Result<Vec<ChoiceMade>> = given
        .items
        .iter()
        .enumerate()
        .filter_map(|(at, item)| import.read(at, item, &mut imported.grants_left_out).transpose())
        .collect();
    let read = read?;
    let entry = Entry {
        actor: who.0.actor(),
        action: Action::Create,
        workspace: Some(tenant.name().to_string()),
        kind: "choices",
        object: given.source.clone(),
        before: None,
        after: Some(json!({ "choices": read.len() })),
    };
    api.store.append_audit(&[entry], now).await?;
    for made in read {
        match api.recorder.record(made).await? {
            Recorded::Again { .. } => imported.known += 1,
            Recorded::Known { .. } | Recorded::Anonymous { .. } => imported.recorded += 1,
            // An import is somebody's choice.
            Recorded::Nothing => {}
        }
    }
    Ok(Json(imported))
}

/// What reading an imported choice needs.
struct Import<'t> {
    tenant: &'t std::sync::Arc<Tenant>,
    source: Slug,
    now: Millis,
}

impl Import<'_> {
    /// One choice, `None` when nothing of it counts.
    fn read(
        &self,
        at: usize,
        item: &ChoiceToImport,
        left_out: &mut BTreeMap<&'static str, u64>,
    ) -> Result<Option<ChoiceMade>> {
        let is_named = |id: &Option<String>| id.as_ref().is_some_and(|id| !id.is_empty());
        if !is_named(&item.user_id) && !is_named(&item.anonymous_id) {
            return Err(Error::invalid(format!("`items[{at}]` names nobody: give `user_id`, `anonymous_id` or both")));
        }
        let made_at = moment("made_at", item.made_at.as_deref())?;
        let rules = self.tenant.gate.rules();
        let mut named = Vec::new();
        for (key, granted) in &item.categories {
            let category = rules.categories.key(key);
            if category.is_empty() {
                let key = crate::error::shortened(key);
                return Err(Error::invalid(format!("`items[{at}]` names category `{key}`, which does not exist")));
            }
            if *granted && rules.categories.beside().contains(category) {
                return Err(Error::invalid(format!("`items[{at}]` grants `{key}`, which can only be refused here")));
            }
            match self.unfounded(item, key, made_at).filter(|_| *granted) {
                Some(reason) => *left_out.entry(reason).or_default() += 1,
                None => named.push((category, *granted)),
            }
        }
        if named.is_empty() {
            return Ok(None);
        }
        Ok(Some(ChoiceMade {
            tenant: std::sync::Arc::clone(self.tenant),
            anonymous_id: item.anonymous_id.clone().map(Pii::new),
            user_id: item.user_id.clone().map(Pii::new),
            choice: consent::Choice::partial(&rules.categories, named),
            method: if item.parent_verified { Method::ParentVerified } else { Method::Import },
            source: self.source.clone(),
            message_id: None,
            made_at,
            received_at: self.now,
            presented: item.version.map(|version| Presented { version: Some(version), ..Presented::default() }),
        }))
    }

    /// Why a grant does not count.
    fn unfounded(&self, item: &ChoiceToImport, key: &str, made_at: Option<Millis>) -> Option<&'static str> {
        let Some(made_at) = made_at else { return Some("no_time") };
        if made_at > self.now {
            // It would be taken for one of this moment, and beat every withdrawal before.
            return Some("future");
        }
        let rules = &self.tenant.workspace.consent;
        // The shortest of all: where the visitor was is not known.
        let lifetime_days = Regime::all().map(|regime| i64::from(regime.row().lifetime_days)).min().unwrap_or_default();
        if self.now.0.saturating_sub(made_at.0) > lifetime_days * DAY_MS {
            return Some("expired");
        }
        if item.version != Some(rules.banner.version) {
            return Some("other_words");
        }
        let is_named = rules.category(key).is_none_or(|category| rules.banner.are_named(category, &item.vendors));
        (!is_named).then_some("other_vendors")
    }
}

#[derive(Debug, Deserialize)]
struct HashOfPath {
    hash: String,
}

/// Words that were shown.
#[derive(Debug, Serialize, ToSchema)]
struct WordsShown {
    /// SHA-256 of the words, in hex.
    hash: String,
    /// Their version.
    version: u32,
    /// Their language (BCP 47).
    language: String,
    /// Since when they are shown.
    since: At,
    /// The words, the categories and the vendors, as JSON in the form that was hashed.
    words: String,
}

/// The words that a choice was made under, by the hash that it names.
#[utoipa::path(
    get, path = "/api/v1/workspaces/{workspace}/words/{hash}", tag = "choices",
    params(
        ("workspace" = String, Path, description = "The workspace"),
        ("hash" = String, Path, description = "As `presented.textHash` names it"),
    ),
    responses(
        (status = 200, body = WordsShown, description = "As they were shown"),
        (status = 404, body = ErrorBody, description = "No such workspace or words"),
    ),
)]
async fn show_words(
    State(api): State<Api>,
    Here(tenant): Here,
    In(HashOfPath { hash }): In<HashOfPath>,
) -> Result<Json<WordsShown>> {
    let kept = api.store.published_words(&tenant.name(), &hash).await?;
    let kept = kept.ok_or_else(|| Error::no_such("text with the hash", &hash))?;
    let (version, language, since) = (kept.version, kept.language, At(kept.since));
    Ok(Json(WordsShown { hash: kept.hash, version, language, since, words: kept.words }))
}
