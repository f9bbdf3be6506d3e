//! What a draft of the consent block would have changed in the last days: counts only, nothing of anybody.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use consent::Reason;
use control::{AskedAgain, Standing, Tenant};
use event::{Millis, SubjectId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;
use workspace::{First, Regime, Workspace};

use crate::Api;
use crate::error::{Code, Error, ErrorBody, Result};
use crate::extract::Body;
use crate::lake::{LakeQuestion, LakeRows};
use crate::resource::configured::Fields;
use crate::resource::consent::{ConsentWritten, days_of, drafted};
use crate::resource::workspace::Here;
use crate::router::Operations;
use crate::simulation::{self, Compared, Group, Share};

/// Days of events that may be asked for.
const SIMULATED_DAYS_MAX: u16 = 30;
const DAY_MS: i64 = 86_400_000;
/// Subjects that are looked at. Of more, so many are chosen by chance.
const SUBJECTS_MAX: u64 = 50_000;
/// Groups of events that are looked at.
const GROUPS_MAX: usize = 10_000;
/// The lake's answer is bounded in bytes; each trial asks for a quarter of the subjects.
const TRIALS: usize = 4;
/// Subjects whose choices are read at once.
const STANDINGS_AT_ONCE: usize = 10_000;

pub(super) fn routes() -> Vec<Operations> {
    vec![routes!(simulate_consent)]
}

/// A consent block that is not published, and how far back it is tried.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Trial {
    /// As it would be written.
    #[schema(value_type = ConsentWritten)]
    consent: Fields,
    /// Days until now: 1 to 30, 30 without it.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 30)]
    days: Option<u16>,
}

/// What would have become of the events of these days.
#[derive(Debug, Serialize, ToSchema)]
struct Simulated {
    /// As asked.
    days: u16,
    /// Events that were looked at. The numbers of the destinations are of these.
    events: u64,
    /// Events that the lake has of these days.
    total: u64,
    /// The destinations that are on, in their order.
    destinations: Vec<DestinationSimulated>,
    /// Subjects whose page would ask them again: their latest choice is of a version below `ask_again_below`, or says
    /// nothing of a category that the draft has. Those who refused without a name are not among them.
    people_asked_again: u64,
    /// Whether only a part was looked at: subjects that were picked by chance, or the latest choices.
    truncated: bool,
}

/// One destination.
#[derive(Debug, Serialize, ToSchema)]
struct DestinationSimulated {
    /// Its name.
    name: String,
    /// Under the rules of today.
    now: Fates,
    /// Under those of the draft.
    draft: Fates,
    /// What would be another decision.
    changes: Vec<FateChange>,
}

/// What becomes of the events of a destination's sources.
#[derive(Debug, Serialize, ToSchema)]
struct Fates {
    /// Sent.
    sent: u64,
    /// Withheld, also what the event itself asked to be.
    withheld: u64,
}

/// Events that the draft decides otherwise.
#[derive(Debug, Serialize, ToSchema)]
struct FateChange {
    /// The code of the reason: of the draft where it withholds, of today where the draft sends.
    reason: &'static str,
    /// What the draft does with them: `sent` or `withheld`.
    becomes: &'static str,
    /// How many.
    events: u64,
}

/// What a draft would have sent and withheld. The events of the last days are decided under the rules of today and under those
/// of the draft, with the choices of today. Not counted is what was never collected, and what visitors would have answered had
/// they been asked otherwise.
#[utoipa::path(
    post, path = "/api/v1/workspaces/{workspace}/consent/simulation", tag = "categories", request_body = Trial,
    params(("workspace" = String, Path, description = "The workspace")),
    responses(
        (status = 200, body = Simulated, description = "What would have changed"),
        (status = 400, body = ErrorBody, description = "The draft contradicts itself or the workspace, or the lake cannot be asked"),
        (status = 404, body = ErrorBody, description = "No such workspace"),
        (status = 429, body = ErrorBody, description = "Others ask the lake already"),
    ),
)]
async fn simulate_consent(
    State(api): State<Api>,
    Here(tenant): Here,
    Body(trial): Body<Trial>,
) -> Result<Json<Simulated>> {
    let days = days_of(trial.days, SIMULATED_DAYS_MAX)?;
    let draft = drafted(&tenant, trial.consent)?;
    let busy = || Error::new(Code::Busy, "as many queries run as may").retry_after(5);
    let _seat = Arc::clone(&api.bounds().queries).try_acquire_owned().map_err(|_| busy())?;
    let since = Millis(api.clock.now().0.saturating_sub(i64::from(days) * DAY_MS));
    let lake = Lake { api: &api, tenant: &tenant, since };
    let (total, groups, is_whole) = lake.groups().await?;
    let events = groups.iter().map(Group::events).sum();
    let standings = standings(&api, &tenant, &groups).await?;
    let asked = asked_again(&api, &tenant, &draft).await?;
    let names = tenant.workspace.destinations.iter().map(|one| (one.name.to_string(), one.enabled));
    let names: Vec<(String, bool)> = names.collect();
    let titles: HashMap<&'static str, &'static str> = api.kinds.iter().map(|kind| (kind.slug, kind.title)).collect();
    // Fifty thousand subjects at tens of destinations are seconds of work.
    let compared = tokio::task::spawn_blocking(move || {
        let title = |kind: &str| titles.get(kind).copied().unwrap_or_default().to_owned();
        simulation::compare((&tenant.workspace, &draft), &title, &groups, &standings)
    });
    let compared = compared.await.map_err(|error| Error::internal("decide what would have changed", &error))?;
    let shown = names.into_iter().zip(compared).filter(|((_, is_on), _)| *is_on);
    Ok(Json(Simulated {
        days,
        events,
        total,
        destinations: shown.map(|((name, _), compared)| destination(name, compared)).collect(),
        people_asked_again: asked.subjects,
        truncated: !is_whole || asked.is_truncated,
    }))
}

fn destination(name: String, compared: Compared) -> DestinationSimulated {
    let Compared { now, draft, withheld, sent } = compared;
    let changes = |of: BTreeMap<Reason, u64>, becomes| {
        of.into_iter().map(move |(reason, events)| FateChange { reason: reason.code(), becomes, events })
    };
    DestinationSimulated {
        name,
        now: Fates { sent: now.sent, withheld: now.withheld },
        draft: Fates { sent: draft.sent, withheld: draft.withheld },
        changes: changes(withheld, "withheld").chain(changes(sent, "sent")).collect(),
    }
}

/// The lake of a workspace since a moment.
struct Lake<'a> {
    api: &'a Api,
    tenant: &'a Tenant,
    since: Millis,
}

impl Lake<'_> {
    async fn ask(&self, sql: String) -> Result<LakeRows> {
        // What an event wished is content, and only counts of it leave here.
        let workspace = self.tenant.name();
        let question = LakeQuestion { workspace, sql, rows_max: GROUPS_MAX, personal_data: true, purpose: None };
        self.api.lake.ask(question).await.map_err(|error| Error::new(Code::QueryFailed, error))
    }

    /// How many events there are, those that are looked at in groups, and whether these are all.
    async fn groups(&self) -> Result<(u64, Vec<Group>, bool)> {
        let odd = || Error::internal("read the lake", &"it answered what was not asked");
        let size = self.ask(simulation::size_sql(self.since)).await?;
        let (total, subjects) = simulation::read_size(&size.rows).ok_or_else(odd)?;
        let mut share = Share::of(SUBJECTS_MAX, subjects);
        for _ in 0..TRIALS {
            let answer = self.ask(simulation::groups_sql(self.since, share)).await?;
            if !answer.is_truncated {
                let groups = simulation::read_groups(answer.rows).ok_or_else(odd)?;
                return Ok((total, groups, share.is_whole()));
            }
            share = share.quarter();
        }
        Err(Error::new(Code::QueryFailed, "the events of these days are of too many kinds: ask for fewer days"))
    }
}

/// What the subjects say today, by subject.
async fn standings(api: &Api, tenant: &Tenant, groups: &[Group]) -> Result<HashMap<SubjectId, Vec<Standing>>> {
    let mut found: HashMap<SubjectId, Vec<Standing>> = HashMap::new();
    for subjects in simulation::subjects(groups).chunks(STANDINGS_AT_ONCE) {
        for (subject, standing) in api.store.standings_of(&tenant.name(), subjects).await? {
            found.entry(subject).or_default().push(standing);
        }
    }
    Ok(found)
}

/// Whose page would ask again.
async fn asked_again(api: &Api, tenant: &Tenant, draft: &Workspace) -> Result<control::AskedAgainCount> {
    let optional = draft.consent.categories.iter().map(|rule| rule.name.as_str());
    let asking = Regime::all().filter(|regime| regime.row().first == First::Ask);
    let rule = AskedAgain {
        below: draft.consent.banner.ask_again_below.unwrap_or_default(),
        categories: optional.filter(|name| *name != workspace::REQUIRED).map(str::to_owned).collect(),
        regimes: asking.map(|regime| regime.id().to_owned()).collect(),
    };
    Ok(api.store.asked_again(&tenant.name(), &rule).await?)
}
