//! People who may sign in.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use control::{NewUser, Rights, Role, UserChange};
use event::Secret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::Api;
use crate::access::Caller;
use crate::error::{ErrorBody, Result};
use crate::extract::{Body, In};
use crate::router::Operations;
use crate::time::At;

pub(super) fn routes() -> Vec<Operations> {
    vec![routes!(list_users, create_user), routes!(change_user, delete_user)]
}

/// Somebody who may sign in.
#[derive(Debug, Serialize, ToSchema)]
struct User {
    /// The name to sign in with.
    name: String,
    /// What they may do.
    #[schema(schema_with = crate::schema::role)]
    role: Role,
    /// Whether they see personal data.
    personal_data: bool,
    /// When they were added.
    created_at: At,
    /// When they last asked for something, to the minute.
    last_seen_at: Option<At>,
}

impl From<control::User> for User {
    fn from(user: control::User) -> Self {
        let Rights { role, personal_data } = user.rights;
        let (created_at, last_seen_at) = (At(user.created_at), user.last_seen_at.map(At));
        Self { name: user.name, role, personal_data, created_at, last_seen_at }
    }
}

#[derive(Debug, Serialize, ToSchema)]
struct UserList {
    items: Vec<User>,
    /// The cursor of the next page.
    next: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UserToCreate {
    /// The name to sign in with.
    name: String,
    /// The first password.
    #[schema(value_type = String, format = Password)]
    password: Secret<String>,
    /// What they may do.
    #[schema(schema_with = crate::schema::role)]
    role: Role,
    /// Whether they see personal data.
    #[serde(default)]
    personal_data: bool,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UserToChange {
    /// What they may do from now on.
    #[serde(default)]
    #[schema(schema_with = crate::schema::role, required = false)]
    role: Option<Role>,
    /// Whether they see personal data from now on.
    #[serde(default)]
    personal_data: Option<bool>,
    /// The password from now on; ends all their sessions.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Password)]
    password: Option<Secret<String>>,
}

/// All users by name.
#[utoipa::path(get, path = "/api/v1/users", tag = "users", responses((status = 200, body = UserList, description = "All of them")))]
async fn list_users(State(api): State<Api>) -> Result<Json<UserList>> {
    let users = api.accounts.users().await?;
    Ok(Json(UserList { items: users.into_iter().map(User::from).collect(), next: None }))
}

/// Adds somebody.
#[utoipa::path(
    post, path = "/api/v1/users", tag = "users", request_body = UserToCreate,
    responses(
        (status = 201, body = User, description = "Added"),
        (status = 409, body = ErrorBody, description = "The name is taken"),
    ),
)]
async fn create_user(
    State(api): State<Api>,
    Caller(by): Caller,
    Body(new): Body<UserToCreate>,
) -> Result<(StatusCode, Json<User>)> {
    let rights = Rights { role: new.role, personal_data: new.personal_data };
    let added = api.accounts.add_user(&by, NewUser { name: new.name, password: new.password, rights }).await?;
    Ok((StatusCode::CREATED, Json(added.into())))
}

/// Changes somebody's rights or password.
#[utoipa::path(
    put, path = "/api/v1/users/{name}", tag = "users", request_body = UserToChange,
    params(("name" = String, Path, description = "The user")),
    responses(
        (status = 200, body = User, description = "Changed"),
        (status = 404, body = ErrorBody, description = "No such user"),
    ),
)]
async fn change_user(
    State(api): State<Api>,
    Caller(by): Caller,
    In(name): In<String>,
    Body(change): Body<UserToChange>,
) -> Result<Json<User>> {
    let change = UserChange { role: change.role, personal_data: change.personal_data, password: change.password };
    Ok(Json(api.accounts.change_user(&by, &name, change).await?.into()))
}

/// Removes somebody, with their sessions and tokens.
#[utoipa::path(
    delete, path = "/api/v1/users/{name}", tag = "users",
    params(("name" = String, Path, description = "The user")),
    responses(
        (status = 204, description = "Gone"),
        (status = 404, body = ErrorBody, description = "No such user"),
        (status = 409, body = ErrorBody, description = "The last owner"),
    ),
)]
async fn delete_user(State(api): State<Api>, Caller(by): Caller, In(name): In<String>) -> Result<StatusCode> {
    api.accounts.remove_user(&by, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}
