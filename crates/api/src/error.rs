//! Every error of the API in one table: status, code, what to do. Adding one means a row and a page in `docs/errors`;
//! a row without its page does not build.
//!
//! The message is for the case at hand (which field, which name) and is written where the error is made. What happened
//! inside goes to the log and not into an answer.

use std::borrow::Cow;

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{CACHE_CONTROL, HeaderValue, RETRY_AFTER};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// The status of its answers.
    pub status: StatusCode,
    /// The code that programs match on; never changed once released.
    pub code: &'static str,
    /// What to do.
    pub hint: &'static str,
    /// Its page, in Markdown.
    pub page: &'static str,
}

macro_rules! codes {
    ($( $(#[$doc:meta])* $name:ident = $status:ident, $code:literal, $hint:literal; )*) => {
        /// What went wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code {
            $( $(#[$doc])* $name, )*
        }

        /// The table, in the order of the type.
        pub const TABLE: &[(Code, Row)] = &[
            $( (Code::$name, Row {
                status: StatusCode::$status,
                code: $code,
                hint: $hint,
                page: include_str!(concat!("../../../docs/errors/", $code, ".md")),
            }), )*
        ];
    };
}

codes! {
    /// The body is not JSON.
    InvalidJson = BAD_REQUEST, "invalid_json", "send one JSON object with `content-type: application/json`";
    /// A field of body, path or query cannot be what it is.
    InvalidValue = BAD_REQUEST, "invalid_value", "correct what the message names; /api/openapi.json lists every field";
    /// A change without the version that it changes.
    VersionMissing = BAD_REQUEST, "version_missing", "read the object, and send its `version` as `if_version`";
    /// The workspace as it would be contradicts itself.
    InvalidWorkspace = BAD_REQUEST, "invalid_workspace", "correct what the message names; nothing was changed";
    /// The engine did not take or not finish a query.
    QueryFailed = BAD_REQUEST, "query_failed", "correct the SQL; `events` is the one table, and only `SELECT` is run";
    /// Name and password do not fit.
    BadCredentials = UNAUTHORIZED, "bad_credentials", "check name and password; an owner can set a new one";
    /// No session and no token, or one that is over.
    NotSignedIn = UNAUTHORIZED, "not_signed_in", "sign in, or send `Authorization: Bearer asn_…`";
    /// The role is not enough.
    Forbidden = FORBIDDEN, "forbidden", "ask an owner for the role that the message names";
    /// A question to the lake that does not say what for, by a role that must.
    UseMissing = FORBIDDEN, "use_missing", "say under `use` what the rows are for, or ask an admin who may read all of them";
    /// A change by cookie without the header that shows it comes from the console.
    HeaderMissing = FORBIDDEN, "header_missing", "send the header `x-assent: 1` with every change made by session cookie";
    /// Nothing under this path or name.
    NotFound = NOT_FOUND, "not_found", "check path and name; /api/openapi.json lists every path";
    /// The path exists for other methods.
    WrongMethod = METHOD_NOT_ALLOWED, "wrong_method", "use a method that the `allow` header names";
    /// The body did not come in time.
    BodyTimeout = REQUEST_TIMEOUT, "body_timeout", "send the request again";
    /// The name is taken.
    AlreadyExists = CONFLICT, "already_exists", "choose another name, or change the object that has it";
    /// The object was changed since it was read.
    VersionConflict = CONFLICT, "version_conflict", "look at `current` in this answer, and send the change again with its `version`";
    /// A workspace file declares the object.
    DeclaredByFile = CONFLICT, "declared_by_file", "change it in that file and apply it, or take it out of the file first";
    /// Something else still needs the object.
    InUse = CONFLICT, "in_use", "change what uses it first; the message names it";
    /// The destination does not run, so it can do nothing.
    NotRunning = CONFLICT, "not_running", "enable the destination, or correct what keeps it from starting, then try again";
    /// A replay is over, or another one is not.
    ReplayState = CONFLICT, "replay_state", "look at the replays of the destination; it has one at a time";
    /// The body is too large.
    PayloadTooLarge = PAYLOAD_TOO_LARGE, "payload_too_large", "send less; the message says how much is taken";
    /// The body is of another type.
    UnsupportedMediaType = UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "send the `content-type` that the message names";
    /// Too many attempts to sign in.
    TooManyAttempts = TOO_MANY_REQUESTS, "too_many_attempts", "wait as long as `retry-after` says";
    /// Too much of this runs already.
    Busy = TOO_MANY_REQUESTS, "busy", "wait until something of it has ended, then try again";
    /// The server failed.
    Internal = INTERNAL_SERVER_ERROR, "internal", "the server's log says more; nothing was changed";
    /// The server is starting or ending.
    NotReady = SERVICE_UNAVAILABLE, "not_ready", "try again in a second";
    /// This server does not run the part that answers.
    NotHere = SERVICE_UNAVAILABLE, "not_here", "ask a server with the role `all`";
}

impl Code {
    /// Its row.
    pub fn row(self) -> Row {
        TABLE[self as usize].1
    }
}

/// An error on its way to whoever asked.
#[derive(Debug, Clone)]
pub struct Error {
    code: Code,
    message: Cow<'static, str>,
    current: Option<Box<Value>>,
    retry_after_s: Option<u64>,
}

/// What every operation may answer instead.
pub(crate) type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error with what is wrong in this case: lower case, literals in backticks, no secrets, no personal data.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), current: None, retry_after_s: None }
    }

    /// With the object as it is now.
    pub(crate) fn with_current(mut self, current: &impl Serialize) -> Self {
        self.current = serde_json::to_value(current).ok().map(Box::new);
        self
    }

    /// With the seconds until trying again makes sense.
    pub(crate) fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// Something failed inside: the reason goes to the log.
    pub(crate) fn internal(doing: &'static str, reason: &dyn std::fmt::Display) -> Self {
        tracing::error!(%reason, doing, "a request to the api failed");
        Self::new(Code::Internal, format!("the server could not {doing}"))
    }

    /// Nothing of that name.
    pub(crate) fn no_such(what: &'static str, name: &str) -> Self {
        Self::new(Code::NotFound, format!("there is no {what} `{}`", shortened(name)))
    }

    /// A value that cannot be.
    pub(crate) fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::InvalidValue, message)
    }

    /// Its code.
    pub fn code(&self) -> Code {
        self.code
    }
}

/// Names come from requests: an answer repeats what a person can read of it.
pub(crate) fn shortened(name: &str) -> Cow<'_, str> {
    const SHOWN_CHARS_MAX: usize = 80;
    match name.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &name[..end]).into(),
        None => name.into(),
    }
}

/// The body of every error.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorBody {
    error: ErrorDetail,
}

/// What went wrong and what to do.
#[derive(Debug, Serialize, ToSchema)]
struct ErrorDetail {
    /// For programs.
    #[schema(schema_with = crate::schema::error_code)]
    code: &'static str,
    /// For people: what is wrong here.
    message: Cow<'static, str>,
    /// What to do.
    hint: &'static str,
    /// The path of its page on this server.
    docs: String,
    /// With `version_conflict`: the object as it is now.
    #[serde(skip_serializing_if = "Option::is_none")]
    current: Option<Box<Value>>,
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let row = self.code.row();
        let error = ErrorDetail {
            code: row.code,
            message: self.message,
            hint: row.hint,
            docs: format!("/docs/errors/{}", row.code),
            current: self.current,
        };
        let mut answer = (row.status, axum::Json(ErrorBody { error })).into_response();
        answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after_s {
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_code_has_a_page_and_every_page_a_code() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors");
        let pages: BTreeSet<String> = std::fs::read_dir(folder)
            .expect("the folder of pages")
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"))
            .collect();
        let codes: BTreeSet<String> = TABLE.iter().map(|(_, row)| format!("{}.md", row.code)).collect();
        assert_eq!(pages, codes);
        for (code, row) in TABLE {
            assert_eq!(code.row().code, row.code, "the table is in the order of the type");
            assert!(row.page.starts_with(&format!("# {}\n", row.code)), "{}: begin with its code", row.code);
            assert!(row.page.len() > 150, "{}: say why it comes and what to do", row.code);
        }
    }

    #[test]
    fn a_long_name_is_not_repeated_whole() {
        assert_eq!(shortened("web"), "web");
        assert_eq!(shortened(&"ä".repeat(200)).chars().count(), 81);
    }
}
