//! Beacons for letters (by e-mail): the address of an image and of links, sealed for one recipient. What becomes of an opening or a
//! click, the recipient's recorded choice decides when it happens, not when the letter is written.

use axum::Json;
use axum::extract::State;
use control::{Beacon, BeaconKind, TOKEN_BYTES_MAX};
use event::Pii;
use http::Uri;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;
use workspace::SourceKind;

use crate::Api;
use crate::error::{Error, ErrorBody, Result};
use crate::extract::Body;
use crate::resource::workspace::Here;
use crate::router::Operations;

/// Recipients in one request.
const RECIPIENTS_MAX: usize = 1_000;
/// Links of one letter.
const LINKS_MAX: usize = 50;
/// An address that mail programs take, sealed.
const LINK_BYTES_MAX: usize = 2_000;
/// A campaign, a letter, a `userId`.
const NAME_BYTES_MAX: usize = 200;
/// Images and links of one request together: about 40 MB at the longest.
const BEACONS_MAX: usize = 10_000;

pub(super) fn routes() -> Vec<Operations> {
    vec![routes!(make_beacons)]
}

/// A letter and who gets it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Mailing {
    /// The source, of kind `server`, whose events openings and clicks will be.
    source: String,
    /// The campaign, as the events name it.
    #[serde(default)]
    campaign: Option<String>,
    /// The letter, as the events name it.
    #[serde(default)]
    message: Option<String>,
    /// The `userId` of each recipient; up to 1,000.
    recipients: Vec<String>,
    /// Where its links lead: absolute addresses, up to 50.
    #[serde(default)]
    links: Vec<String>,
}

/// What goes into the letters.
#[derive(Debug, Serialize, ToSchema)]
struct BeaconsMade {
    /// One for each recipient, in their order.
    items: Vec<RecipientBeacons>,
}

/// What goes into one letter. Both begin with `/`: put the address of the collector in front.
#[derive(Debug, Serialize, ToSchema)]
struct RecipientBeacons {
    /// The image.
    open: String,
    /// The links, in their order.
    links: Vec<String>,
}

/// Makes the beacons of letters.
#[utoipa::path(
    post, path = "/api/v1/workspaces/{workspace}/beacons", tag = "choices", request_body = Mailing,
    params(("workspace" = String, Path, description = "The workspace")),
    responses(
        (status = 200, body = BeaconsMade, description = "Nothing is stored: they can be made again, and are different each time"),
        (status = 400, body = ErrorBody, description = "A link is none, the source is not of kind `server`, or there are too many"),
        (status = 404, body = ErrorBody, description = "No such workspace or source"),
    ),
)]
async fn make_beacons(
    State(_): State<Api>,
    Here(tenant): Here,
    Body(letter): Body<Mailing>,
) -> Result<Json<BeaconsMade>> {
    let source = tenant.workspace.sources.iter().find(|source| source.name.as_str() == letter.source);
    let source = source.ok_or_else(|| Error::no_such("source", &letter.source))?;
    if source.kind != SourceKind::Server {
        let text =
            "`source` must be of kind `server`: of any other the address and region of a mail provider would be kept";
        return Err(Error::invalid(text));
    }
    let key = source.write_key.as_ref().ok_or_else(|| Error::invalid("`source` has no write key"))?;
    check(&letter)?;
    let workspace = tenant.name();
    let token = |kind, recipient: &str, target: Option<&String>| {
        let beacon = Beacon {
            write_key: key.expose().clone(),
            user_id: Pii::new(recipient.to_owned()),
            campaign: letter.campaign.clone(),
            message: letter.message.clone(),
            target: target.cloned(),
        };
        let token = beacon.to_token(kind, &workspace, &tenant.fingerprints);
        let token = token.map_err(|error| Error::internal("seal a beacon", &error))?;
        // One that is longer would be sent, and then lead nowhere.
        if token.len() <= TOKEN_BYTES_MAX {
            Ok(token)
        } else {
            Err(Error::invalid("a link is too long once it is sealed"))
        }
    };
    let mut items = Vec::with_capacity(letter.recipients.len());
    for recipient in &letter.recipients {
        let links: Result<Vec<String>> = letter
            .links
            .iter()
            .map(|link| Ok(format!("/v1/click/{}", token(BeaconKind::Click, recipient, Some(link))?)))
            .collect();
        let open = format!("/v1/open/{}.gif", token(BeaconKind::Open, recipient, None)?);
        items.push(RecipientBeacons { open, links: links? });
    }
    Ok(Json(BeaconsMade { items }))
}

fn check(letter: &Mailing) -> Result<()> {
    let counts = [("recipients", letter.recipients.len(), RECIPIENTS_MAX), ("links", letter.links.len(), LINKS_MAX)];
    for (name, count, most) in counts {
        if count > most {
            return Err(Error::invalid(format!("`{name}` has {count}, {most} at most")));
        }
    }
    if letter.recipients.len() * (letter.links.len() + 1) > BEACONS_MAX {
        return Err(Error::invalid(format!(
            "images and links together are more than {BEACONS_MAX}: ask for fewer at once"
        )));
    }
    for (name, said) in [("campaign", &letter.campaign), ("message", &letter.message)] {
        if said.as_ref().is_some_and(|said| said.len() > NAME_BYTES_MAX) {
            return Err(Error::invalid(format!("`{name}` has more than {NAME_BYTES_MAX} bytes")));
        }
    }
    let is_none = |recipient: &String| recipient.is_empty() || recipient.len() > NAME_BYTES_MAX;
    if let Some(at) = letter.recipients.iter().position(is_none) {
        return Err(Error::invalid(format!("`recipients[{at}]` must be a `userId` of 1 to {NAME_BYTES_MAX} bytes")));
    }
    for (at, link) in letter.links.iter().enumerate() {
        let uri = link.parse::<Uri>().ok();
        let is_web = |uri: &Uri| uri.host().is_some() && matches!(uri.scheme_str(), Some("http" | "https"));
        if link.len() > LINK_BYTES_MAX || !uri.as_ref().is_some_and(is_web) {
            return Err(Error::invalid(format!(
                "`links[{at}]` must be an absolute `http` or `https` address of at most {LINK_BYTES_MAX} characters"
            )));
        }
    }
    Ok(())
}
