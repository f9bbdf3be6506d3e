//! Who asks: by session cookie or bearer token, and whether the row of the operation lets them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use control::{AccountError, Principal, Role};
use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderMap, Method};

use crate::Api;
use crate::authorise::{Needs, Personal, Row};
use crate::error::{Code, Error};

/// The cookie of a session.
pub(crate) const COOKIE_NAME: &str = "assent_session";
/// The header that forms and pages of other sites cannot send.
pub(crate) const OWN_HEADER: &str = "x-assent";

/// Whoever asks, admitted by the row of the operation.
#[derive(Debug, Clone)]
pub(crate) struct Caller(pub(crate) Principal);

impl Caller {
    /// Whether they have at least this role.
    pub(crate) fn is_at_least(&self, role: Role) -> bool {
        self.0.rights.role >= role
    }
}

/// What whoever asks may see of people. Only an operation whose row says that there is something to mask gets one, and
/// an answer of such an operation that was made without asking it is not given out (`crate::router`).
#[derive(Debug, Clone)]
pub(crate) struct Sight {
    sees_personal_data: bool,
    was_asked: Arc<AtomicBool>,
}

impl Sight {
    /// Of whoever asks; `None` for an operation that tells nothing about people.
    pub(crate) fn of(caller: Option<&Caller>, row: Row) -> Option<Self> {
        let sees_personal_data = caller.is_some_and(|caller| caller.0.rights.personal_data);
        (row.personal == Personal::Masked).then(|| Self { sees_personal_data, was_asked: Arc::default() })
    }

    /// Whether they may see personal data.
    pub(crate) fn sees_personal_data(&self) -> bool {
        self.was_asked.store(true, Ordering::Relaxed);
        self.sees_personal_data
    }

    /// Whether the operation wanted to know.
    pub(crate) fn was_asked(&self) -> bool {
        self.was_asked.load(Ordering::Relaxed)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Sight {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let row = &"its row in crates/api/src/authorise.rs says that there is nothing to mask";
        parts.extensions.get::<Self>().cloned().ok_or_else(|| Error::internal("know what may be seen", row))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        parts.extensions.get::<Self>().cloned().ok_or_else(not_signed_in)
    }
}

/// Finds out who asks. `None`: nobody that we know.
pub(crate) async fn identify(api: &Api, method: &Method, headers: &HeaderMap) -> Result<Option<Caller>, Error> {
    let failed = |error: AccountError| Error::internal("look up who asks", &error);
    if let Some(token) = bearer(headers) {
        return Ok(api.accounts.by_token(token).await.map_err(failed)?.map(Caller));
    }
    let Some(session) = session(headers) else { return Ok(None) };
    let found = api.accounts.by_session(session).await.map_err(failed)?;
    let is_change = !matches!(*method, Method::GET | Method::HEAD);
    if found.is_some() && is_change && headers.get(OWN_HEADER).is_none() {
        return Err(Error::new(Code::HeaderMissing, "a change by session cookie needs the header `x-assent: 1`"));
    }
    Ok(found.map(Caller))
}

/// Lets them in, or says why not.
pub(crate) fn admit(caller: Option<Caller>, row: Row) -> Result<Option<Caller>, Error> {
    match (row.needs, &caller) {
        (Needs::Nothing, _) | (Needs::Login, Some(_)) => Ok(caller),
        (Needs::Role(least), Some(known)) if known.is_at_least(least) => Ok(caller),
        (Needs::Role(least), Some(known)) => Err(Error::new(
            Code::Forbidden,
            format!("this needs the role `{least}`, and yours is `{}`", known.0.rights.role),
        )),
        (Needs::Login | Needs::Role(_), None) => Err(not_signed_in()),
    }
}

fn not_signed_in() -> Error {
    Error::new(Code::NotSignedIn, "there is no valid session or token in the request")
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The value of the session cookie.
pub(crate) fn session(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies.flat_map(|line| line.split(';')).find_map(|cookie| {
        let (name, value) = cookie.trim().split_once('=')?;
        (name == COOKIE_NAME).then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, "a=1; assent_session=s3; assent_session_x=2".parse().expect("a value"));
        assert_eq!(session(&headers), Some("s3"));
        headers.insert(AUTHORIZATION, "bearer  asn_1".parse().expect("a value"));
        assert_eq!(bearer(&headers), Some("asn_1"));
    }
}
