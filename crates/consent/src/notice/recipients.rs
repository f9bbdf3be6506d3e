//! Recipients: those that events are passed on to. The list is made from the destinations that run, so it cannot name
//! others or leave one out (GDPR Art. 13(1)(e)).

use serde::Serialize;
use workspace::{Category, Destination, Purpose, RecipientRole, Workspace};

/// Somebody that events are passed on to.
#[derive(Debug, Clone, Serialize)]
pub struct Recipient<'w> {
    /// The destination, as it is configured.
    pub destination: &'w str,
    /// Who stands behind it; without a word about it, the destination's name.
    pub name: &'w str,
    /// Where they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<&'w str>,
    /// What they are to the operator.
    pub role: RecipientRole,
    /// What they use the events for.
    pub purpose: &'w Purpose,
    /// All of them must be granted.
    pub categories: &'w [Category],
    /// What they get.
    pub gets: Gets,
}

/// What a recipient gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Gets {
    /// What its categories permit.
    ByCategory,
    /// Everything that is collected: it has no category and is allowed to.
    Everything,
    /// Nothing: it has no category.
    Nothing,
}

/// The recipients of a workspace, in the order of its destinations.
pub fn recipients(workspace: &Workspace) -> Vec<Recipient<'_>> {
    workspace
        .destinations
        .iter()
        .filter(|destination| destination.enabled)
        .map(|one| recipient(workspace, one))
        .collect()
}

fn recipient<'w>(workspace: &'w Workspace, destination: &'w Destination) -> Recipient<'w> {
    let said = workspace.consent.notice.as_ref().and_then(|notice| notice.recipients.get(&destination.name));
    let gets = match (destination.is_unmapped(), destination.unmapped.allows()) {
        (false, _) => Gets::ByCategory,
        (true, true) => Gets::Everything,
        (true, false) => Gets::Nothing,
    };
    Recipient {
        destination: destination.name.as_str(),
        name: said.map_or(destination.name.as_str(), |said| &said.name),
        country: said.and_then(|said| said.country.as_deref()),
        role: destination.recipient,
        purpose: &destination.purpose,
        categories: destination.categories(),
        gets,
    }
}
