//! An API over a real store, and clients with one login each.

use std::net::SocketAddr;
use std::sync::Arc;

use api::{Api, Options};
use axum::Router;
use axum::body::Body;
use control::{AccountLimits, Accounts, HashingCost, NewUser, Principal, Rights, Role, Sqlite, Store, WorkspaceFile};
use event::{Clock, Secret};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;

pub(crate) const PASSWORD: &str = "a long enough password";

const WORKSPACE: &str = r#"
workspace: acme
sources:
  - { name: web, kind: browser, write_key: wk_web }
  - { name: api, kind: server, write_key: wk_api, basis: contract }
destinations:
  - name: hook
    kind: webhook
    sources: [web, api]
    settings: { url: "http://127.0.0.1:9/hook", allow_private: true, secret: "whsec_c2VjcmV0LWtleQ==" }
    categories: [performance]
    purpose: analytics
"#;

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    /// The code of an error.
    pub(crate) fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// The API with everything under it.
pub(crate) struct Rig {
    router: Router,
    _directory: tempfile::TempDir,
}

impl Rig {
    /// With the workspace `acme` and a user of each role, named as the role.
    pub(crate) async fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let store: Arc<dyn Store> = Arc::new(Sqlite::open(&directory.path().join("state.db")).await.expect("a store"));
        let clock: Arc<dyn Clock> = Arc::new(testkit::clock::HandClock::at(event::Millis(1_795_298_400_000)));
        let file = WorkspaceFile { path: "acme.yaml".to_owned(), yaml: WORKSPACE.to_owned() };
        let env = |_: &str| None;
        control::apply(&*store, &[file], false, &env, clock.now()).await.expect("applied");
        let tenants = control::load(&store, &vault::Keys::default(), &env, clock.now()).await.expect("loaded");
        let served = Arc::new(control::Directory::default());
        served.replace(tenants);
        // Passwords are many here and worth nothing.
        let limits = AccountLimits { hashing: HashingCost { memory_kib: 8, passes: 1 }, ..AccountLimits::default() };
        let accounts = Accounts::new(Arc::clone(&store), Arc::clone(&clock), limits);
        for role in Role::ALL.into_iter().rev() {
            let rights = Rights { role, personal_data: false };
            let (name, password) = (role.name().to_owned(), Secret::new(PASSWORD.to_owned()));
            let added = accounts.add_user(&Principal::local("test"), NewUser { name, password, rights }).await;
            added.expect("added");
        }
        let kinds = &destinations::registry::DESTINATIONS;
        let options = Options { accounts, store, directory: served, kinds, clock, is_https: false, version: "0.0.0" };
        let router = api::router(&Api::new(options)).expect("every operation is authorised");
        Self { router, _directory: directory }
    }

    /// Sends a request from a peer on this machine.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let request = api::from_peer(request, SocketAddr::from(([127, 0, 0, 1], 5)));
        let Ok(answer) = self.router.clone().oneshot(request).await;
        let (head, body) = answer.into_parts();
        let body = body.collect().await.expect("a body").to_bytes();
        Answer { status: head.status, headers: head.headers, text: String::from_utf8_lossy(&body).into_owned() }
    }

    /// Signs in and returns the cookie.
    pub(crate) async fn sign_in(&self, name: &str, password: &str) -> Result<String, Answer> {
        let body = serde_json::json!({"name": name, "password": password}).to_string();
        let request = Request::post("/api/v1/session").header("content-type", "application/json");
        let answer = self.send(request.body(body.into()).expect("a request")).await;
        let cookie = answer.headers.get("set-cookie").and_then(|value| value.to_str().ok());
        match cookie {
            Some(cookie) if answer.status.is_success() => Ok(cookie.split(';').next().unwrap_or_default().to_owned()),
            _ => Err(answer),
        }
    }

    /// A request as somebody with a session.
    pub(crate) async fn ask(&self, cookie: &str, method: &str, path: &str, body: Option<Value>) -> Answer {
        let request = Request::builder().method(method).uri(path).header("cookie", cookie).header("x-assent", "1");
        let request = request.header("content-type", "application/json");
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        self.send(request.body(body).expect("a request")).await
    }
}
