//! Bearer tokens for programs.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use control::{NewToken, Rights, Role};
use event::Millis;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::Api;
use crate::access::Caller;
use crate::error::{Error, ErrorBody, Result};
use crate::extract::{Body, In};
use crate::router::Operations;
use crate::time::At;

pub(super) fn routes() -> Vec<Operations> {
    vec![routes!(list_tokens, create_token), routes!(delete_token)]
}

/// A bearer token, without its text.
#[derive(Debug, Serialize, ToSchema)]
struct Token {
    /// Its id.
    id: String,
    /// What it is for.
    name: String,
    /// What it may do, at most: never more than its maker may today.
    #[schema(schema_with = crate::schema::role)]
    role: Role,
    /// Whether it sees personal data.
    personal_data: bool,
    /// Who made it.
    made_by: String,
    /// When it was made.
    created_at: At,
    /// When it was last used, to the minute.
    last_used_at: Option<At>,
    /// Until when it is good; `null`: until it is removed.
    expires_at: Option<At>,
}

impl From<control::Token> for Token {
    fn from(token: control::Token) -> Self {
        let Rights { role, personal_data } = token.rights;
        Self {
            id: token.id,
            name: token.name,
            role,
            personal_data,
            made_by: token.made_by,
            created_at: At(token.created_at),
            last_used_at: token.last_used_at.map(At),
            expires_at: token.expires_at.map(At),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
struct TokenList {
    items: Vec<Token>,
    /// The cursor of the next page.
    next: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct TokenMade {
    #[serde(flatten)]
    made: Token,
    /// Its text. It is shown here and never again.
    token: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TokenToCreate {
    /// What it is for.
    name: String,
    /// What it may do.
    #[schema(schema_with = crate::schema::role)]
    role: Role,
    /// Whether it sees personal data.
    #[serde(default)]
    personal_data: bool,
    /// Until when it is good, RFC 3339; without, until it is removed.
    #[serde(default)]
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

/// All tokens by name.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "tokens", responses((status = 200, body = TokenList, description = "All of them")))]
async fn list_tokens(State(api): State<Api>) -> Result<Json<TokenList>> {
    let tokens = api.accounts.tokens().await?;
    Ok(Json(TokenList { items: tokens.into_iter().map(Token::from).collect(), next: None }))
}

/// Makes a token. Its text is in this answer and nowhere else.
#[utoipa::path(
    post, path = "/api/v1/tokens", tag = "tokens", request_body = TokenToCreate,
    responses(
        (status = 201, body = TokenMade, description = "Made"),
        (status = 400, body = ErrorBody, description = "A value that cannot be"),
        (status = 403, body = ErrorBody, description = "More than one may oneself"),
    ),
)]
async fn create_token(
    State(api): State<Api>,
    Caller(by): Caller,
    Body(new): Body<TokenToCreate>,
) -> Result<(StatusCode, Json<TokenMade>)> {
    let expires_at = new.expires_at.as_deref().map(instant).transpose()?;
    let rights = Rights { role: new.role, personal_data: new.personal_data };
    let (made, text) = api.accounts.add_token(&by, NewToken { name: new.name, rights, expires_at }).await?;
    Ok((StatusCode::CREATED, Json(TokenMade { made: made.into(), token: text.expose().clone() })))
}

/// Removes a token: its next request is refused.
#[utoipa::path(
    delete, path = "/api/v1/tokens/{id}", tag = "tokens",
    params(("id" = String, Path, description = "The token's id")),
    responses((status = 204, description = "Gone"), (status = 404, body = ErrorBody, description = "No such token")),
)]
async fn delete_token(State(api): State<Api>, Caller(by): Caller, In(id): In<String>) -> Result<StatusCode> {
    api.accounts.remove_token(&by, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Reads an instant of a request.
pub(super) fn instant(text: &str) -> Result<Millis> {
    Millis::parse(text).ok_or_else(|| {
        Error::invalid(format!("`{}` is not a time: write it as `2026-11-22T02:00:00Z`", crate::error::shortened(text)))
    })
}
