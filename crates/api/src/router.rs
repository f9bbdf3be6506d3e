//! From the resources to a router in which every operation is authorised, and to the OpenAPI document.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::get;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa::openapi::path::{PathItem, Paths};
use utoipa_axum::router::UtoipaMethodRouter;

use crate::access::{Caller, Sight};
use crate::authorise::{self, Row};
use crate::error::{Code, Error};
use crate::{Api, access, assets, resource};

/// Operations that share a path.
pub(crate) type Operations = UtoipaMethodRouter<Api>;

/// The two lists of operations, the routes and the table, differ.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unauthorised {
    /// Anybody could do it, had it been served.
    #[error("operation `{0}` has no row in crates/api/src/authorise.rs: say who may do it")]
    NoRow(String),
    /// A row that guards nothing hides a typing error.
    #[error("crates/api/src/authorise.rs has a row for `{0}`, which no route serves")]
    NoRoute(&'static str),
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Assent",
        description = "The admin API of Assent. Errors have one form: a code with a page under `/docs/errors`, what is \
                       wrong, and what to do. Requests are authorised by the session cookie (changes then need the \
                       header `x-assent: 1`) or by a bearer token.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    components(schemas(crate::error::ErrorBody))
)]
struct Document;

/// The guard of one path: method and row.
#[derive(Debug, Clone)]
struct Guard {
    api: Api,
    rows: Arc<[(Method, Row)]>,
}

/// Builds the router, and the document that describes it.
pub(crate) fn build(api: &Api) -> Result<Router, Unauthorised> {
    let (mut router, mut guarded) = (Router::new(), Vec::new());
    for (_, paths, routes) in resource::all() {
        let (path, rows) = rows(&paths)?;
        guarded.extend(rows.iter().map(|(_, row)| row.operation));
        let guard = Guard { api: api.clone(), rows: rows.into() };
        router = router.route(&path, routes.route_layer(from_fn_with_state(guard, admit)));
    }
    if let Some(row) = authorise::TABLE.iter().find(|row| !guarded.contains(&row.operation)) {
        return Err(Unauthorised::NoRoute(row.operation));
    }
    router = router.route("/ledger/{workspace}/{*name}", get(resource::ledger_file));
    Ok(assets::routes(router)
        .method_not_allowed_fallback(|| async { Error::new(Code::WrongMethod, "the path does not take this method") })
        .with_state(api.clone()))
}

/// The document that describes what [`build`] serves.
pub fn document() -> OpenApi {
    let mut document = Document::openapi();
    let components = document.components.get_or_insert_default();
    for (schemas, paths, _) in resource::all() {
        components.schemas.extend(schemas);
        for (path, item) in paths.paths {
            match document.paths.paths.get_mut(&path) {
                Some(known) => known.merge_operations(item),
                None => drop(document.paths.paths.insert(path, item)),
            }
        }
    }
    document
}

/// The path of some routes, with method and row of each operation.
fn rows(paths: &Paths) -> Result<(String, Vec<(Method, Row)>), Unauthorised> {
    let mut all = Vec::new();
    for item in paths.paths.values() {
        for (method, operation) in operations(item) {
            let id = operation.operation_id.clone().unwrap_or_default();
            all.push((method, authorise::row_of(&id).ok_or(Unauthorised::NoRow(id))?));
        }
    }
    let path = paths.paths.keys().next().cloned().unwrap_or_default();
    Ok((path, all))
}

pub(crate) fn operations(item: &PathItem) -> impl Iterator<Item = (Method, &utoipa::openapi::path::Operation)> {
    [
        (Method::GET, &item.get),
        (Method::PUT, &item.put),
        (Method::POST, &item.post),
        (Method::DELETE, &item.delete),
        (Method::PATCH, &item.patch),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation.as_ref()?)))
}

async fn admit(State(guard): State<Guard>, request: Request, next: Next) -> Result<Response, Error> {
    let method = if request.method() == Method::HEAD { &Method::GET } else { request.method() };
    let Some((_, row)) = guard.rows.iter().find(|(known, _)| known == method) else {
        return Err(Error::new(Code::WrongMethod, "the path does not take this method"));
    };
    let caller = access::identify(&guard.api, request.method(), request.headers()).await?;
    answer(access::admit(caller, *row)?, *row, request, next).await
}

/// Lets an operation answer whoever was admitted. What it says about people without having asked whether it may stays
/// here.
async fn answer(caller: Option<Caller>, row: Row, mut request: Request, next: Next) -> Result<Response, Error> {
    let sight = Sight::of(caller.as_ref(), row);
    if let Some(caller) = caller {
        request.extensions_mut().insert(caller);
    }
    if let Some(sight) = sight.clone() {
        request.extensions_mut().insert(sight);
    }
    let answer = next.run(request).await;
    if answer.status().is_success() && sight.is_some_and(|sight| !sight.was_asked()) {
        let why = format!("`{}` did not ask what of people may be seen", row.operation);
        return Err(Error::internal("give out an answer that may say too much", &why));
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::middleware::from_fn;
    use axum::routing::get;
    use tower::ServiceExt as _;

    use super::*;
    use crate::authorise::{Needs, Personal};

    /// The status of an operation with a handler, as the row has it.
    async fn check(personal: Personal, handler: axum::routing::MethodRouter) -> u16 {
        let row = Row { operation: "show_somebody", needs: Needs::Nothing, personal };
        let guard = move |request: Request, next: Next| answer(None, row, request, next);
        let router = Router::new().route("/", handler.route_layer(from_fn(guard)));
        let request = Request::get("/").body(Body::empty()).expect("a request");
        router.oneshot(request).await.expect("an answer").status().as_u16()
    }

    #[tokio::test]
    async fn a_handler_that_forgets_to_mask_gives_nothing_out() {
        let forgets = || get(|| async { "Ada Lovelace" });
        let masks = || get(|sight: Sight| async move { if sight.sees_personal_data() { "Ada Lovelace" } else { "…" } });
        assert_eq!((check(Personal::Masked, forgets()).await, check(Personal::Masked, masks()).await), (500, 200));
        assert_eq!((check(Personal::None, forgets()).await, check(Personal::None, masks()).await), (200, 500));
    }
}
