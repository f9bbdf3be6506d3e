//! Reading requests: bounded, in time, strict about what it does not know, and with errors in the one form.

use std::time::Duration;

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use crate::error::{Code, Error};

/// Bytes of a JSON body: the largest is a destination with its settings.
const JSON_BYTES_MAX: usize = 256 * 1024;
/// Bytes of a workspace file.
const YAML_BYTES_MAX: usize = 1024 * 1024;
/// From the head to the end of the body.
const BODY_WITHIN: Duration = Duration::from_secs(15);

/// A JSON body.
#[derive(Debug)]
pub(crate) struct Body<T>(pub(crate) T);

/// The text of a workspace file.
#[derive(Debug)]
pub(crate) struct Yaml(pub(crate) String);

/// Parts of the path.
#[derive(Debug)]
pub(crate) struct In<T>(pub(crate) T);

/// The query.
#[derive(Debug)]
pub(crate) struct Asked<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, Error> {
        expect_kind(request.headers(), &["application/json"])?;
        let body = read(request, JSON_BYTES_MAX).await?;
        serde_json::from_slice(&body).map(Self).map_err(|error| {
            let message = workspace::with_hint(&error.to_string());
            let code = if error.is_data() { Code::InvalidValue } else { Code::InvalidJson };
            Error::new(code, message)
        })
    }
}

impl<S: Send + Sync> FromRequest<S> for Yaml {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, Error> {
        expect_kind(request.headers(), &["application/yaml", "text/yaml", "application/x-yaml"])?;
        let body = read(request, YAML_BYTES_MAX).await?;
        String::from_utf8(body.into())
            .map(Self)
            .map_err(|error| Error::invalid(format!("the body is not UTF-8: {error}")))
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for In<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let read = Path::<T>::from_request_parts(parts, state).await;
        read.map(|Path(value)| Self(value)).map_err(|rejection: PathRejection| Error::invalid(rejection.body_text()))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let read = Query::<T>::from_request_parts(parts, state).await;
        read.map(|Query(value)| Self(value)).map_err(|rejection: QueryRejection| {
            Error::invalid(workspace::with_hint(
                rejection.body_text().trim_start_matches("Failed to deserialize query string: "),
            ))
        })
    }
}

fn expect_kind(headers: &HeaderMap, kinds: &[&'static str]) -> Result<(), Error> {
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let given = given.split(';').next().unwrap_or_default().trim();
    if kinds.iter().any(|kind| kind.eq_ignore_ascii_case(given)) {
        return Ok(());
    }
    Err(Error::new(Code::UnsupportedMediaType, format!("the body must be of type `{}`", kinds[0])))
}

async fn read(request: Request, bytes_max: usize) -> Result<Bytes, Error> {
    let body = Limited::new(request.into_body(), bytes_max).collect();
    let read = tokio::time::timeout(BODY_WITHIN, body).await;
    let read = read.map_err(|_| Error::new(Code::BodyTimeout, "the body did not arrive in time"))?;
    match read {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(Error::new(Code::PayloadTooLarge, format!("the body has more than {bytes_max} bytes")))
        }
        Err(error) => Err(Error::new(Code::InvalidJson, format!("the body ended early: {error}"))),
    }
}
