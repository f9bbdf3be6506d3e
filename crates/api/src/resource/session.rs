//! Signing in and out, and who one is.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use control::{Principal, Role, SignedIn, Via};
use event::Secret;
use http::StatusCode;
use http::header::{HeaderValue, SET_COOKIE};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::Api;
use crate::access::{COOKIE_NAME, Caller};
use crate::door::Peer;
use crate::error::{Error, ErrorBody, Result};
use crate::extract::Body;
use crate::router::Operations;

pub(super) fn routes() -> Vec<Operations> {
    vec![routes!(sign_in, show_session, sign_out), routes!(change_password)]
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Credentials {
    /// The user's name.
    name: String,
    /// The user's password.
    #[schema(value_type = String, format = Password)]
    password: Secret<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewPassword {
    /// The password until now.
    #[schema(value_type = String, format = Password)]
    current: Secret<String>,
    /// The password from now on.
    #[schema(value_type = String, format = Password)]
    new: Secret<String>,
}

/// Somebody who is signed in.
#[derive(Debug, Serialize, ToSchema)]
struct Me {
    /// Their name; for a token, that of whoever made it.
    name: String,
    /// What they may do.
    #[schema(schema_with = crate::schema::role)]
    role: Role,
    /// Whether they see personal data.
    personal_data: bool,
    /// The name of the token that the request came with.
    token: Option<String>,
}

impl Me {
    fn of(who: &Principal) -> Self {
        let token = match &who.via {
            Via::Token { name, .. } => Some(name.clone()),
            Via::Session { .. } | Via::Local => None,
        };
        Self { name: who.name.clone(), role: who.rights.role, personal_data: who.rights.personal_data, token }
    }
}

#[derive(Debug, Serialize, ToSchema)]
struct SessionOpened {
    user: Me,
}

#[derive(Debug, Serialize, ToSchema)]
struct Session {
    user: Me,
    /// The version of the server.
    version: &'static str,
    /// The workspaces by name.
    workspaces: Vec<String>,
}

/// Opens a session, as a cookie.
#[utoipa::path(
    post, path = "/api/v1/session", tag = "session", request_body = Credentials,
    responses(
        (status = 200, body = SessionOpened, description = "A session, with its cookie"),
        (status = 401, body = ErrorBody, description = "Name and password do not fit"),
        (status = 429, body = ErrorBody, description = "Too many attempts"),
    ),
)]
async fn sign_in(
    State(api): State<Api>,
    Extension(Peer(peer)): Extension<Peer>,
    Body(given): Body<Credentials>,
) -> Result<Response> {
    let opened = api.accounts.sign_in(&given.name, &given.password, peer.ip()).await?;
    Ok(answer(&api, opened))
}

/// Who one is, and what there is to see.
#[utoipa::path(
    get, path = "/api/v1/session", tag = "session",
    responses(
        (status = 200, body = Session, description = "Who one is"),
        (status = 401, body = ErrorBody, description = "Nobody is signed in"),
    ),
)]
async fn show_session(State(api): State<Api>, Caller(who): Caller) -> Json<Session> {
    let mut workspaces: Vec<String> = api.directory.tenants().iter().map(|tenant| tenant.name().to_string()).collect();
    workspaces.sort_unstable();
    Json(Session { user: Me::of(&who), version: api.version, workspaces })
}

/// Ends the session.
#[utoipa::path(
    delete, path = "/api/v1/session", tag = "session",
    responses((status = 204, description = "It is over"), (status = 403, body = ErrorBody, description = "A token")),
)]
async fn sign_out(State(api): State<Api>, Caller(who): Caller) -> Result<Response> {
    api.accounts.sign_out(&who).await?;
    let cookie = cookie(&api, "", 0);
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, cookie)]).into_response())
}

/// Changes one's own password. All other sessions end.
#[utoipa::path(
    put, path = "/api/v1/session/password", tag = "session", request_body = NewPassword,
    responses(
        (status = 200, body = SessionOpened, description = "A new session, with its cookie"),
        (status = 401, body = ErrorBody, description = "The password until now is another one"),
    ),
)]
async fn change_password(
    State(api): State<Api>,
    Caller(who): Caller,
    Extension(Peer(peer)): Extension<Peer>,
    Body(given): Body<NewPassword>,
) -> Result<Response> {
    let opened = api.accounts.change_password(&who, &given.current, &given.new, peer.ip()).await?;
    Ok(answer(&api, opened))
}

fn answer(api: &Api, opened: SignedIn) -> Response {
    let SignedIn { session, user, expires_at } = opened;
    let seconds = (expires_at.0 - api.clock.now().0) / 1_000;
    let rights = user.rights;
    let user = Me { name: user.name, role: rights.role, personal_data: rights.personal_data, token: None };
    ([(SET_COOKIE, cookie(api, session.expose(), seconds))], Json(SessionOpened { user })).into_response()
}

fn cookie(api: &Api, value: &str, seconds: i64) -> HeaderValue {
    let secure = if api.is_https { "; Secure" } else { "" };
    let text = format!("{COOKIE_NAME}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    let mut cookie = HeaderValue::try_from(text).expect("sessions are hexadecimal");
    cookie.set_sensitive(true);
    cookie
}

impl From<control::StoreError> for Error {
    fn from(error: control::StoreError) -> Self {
        Self::internal("ask its store", &error)
    }
}
