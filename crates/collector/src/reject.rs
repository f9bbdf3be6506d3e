//! Every refusal of a request, in one table: status, code, what is wrong, what to do. Adding one means a row.
//!
//! Segment refuses with 400 what is too large or not JSON and answers 200 to everything else (`segment.md` §1.5);
//! what is wrong with a single event is therefore a [`event::Discard`], not a row here. Rows beyond Segment's say what
//! Segment never says: that nothing was kept (401, 429, 503).

use bytes::Bytes;
use http::StatusCode;

/// Why a request was not accepted. Nothing of it was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reject {
    BadJson,
    InvalidUtf8,
    PayloadTooLarge,
    BadEncoding,
    UnsupportedEncoding,
    BodyCut,
    BodyTimeout,
    UnknownKey,
    NotFound,
    NoNotice,
    WrongMethod,
    Busy,
    LogBehind,
    DiskFull,
    LogBroken,
    ChoiceNotRecorded,
    BadChoice,
    NoReceipt,
    NoLedger,
    TooManyReceipts,
    TooManyComparisons,
    NoHandOff,
    NoProof,
    ForeignGrant,
    NoBeacon,
    Internal,
    SdkAbsent,
    NotReady,
}

/// One row of the table.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: &'static str,
    pub(crate) hint: &'static str,
    /// Seconds until a retry makes sense; `None` when it never does.
    pub(crate) retry_after_s: Option<&'static str>,
}

const fn row(status: StatusCode, code: &'static str, message: &'static str, hint: &'static str) -> Row {
    Row { status, code, message, hint, retry_after_s: None }
}

const fn later(row: Row, retry_after_s: &'static str) -> Row {
    Row { retry_after_s: Some(retry_after_s), ..row }
}

/// The table, in the order of the type.
pub(crate) static TABLE: [(Reject, Row); 28] = [
    (
        Reject::BadJson,
        row(
            StatusCode::BAD_REQUEST,
            "bad_json",
            "the body is not a JSON object",
            "send one JSON object; `detail` says where reading stopped",
        ),
    ),
    (
        Reject::InvalidUtf8,
        row(
            StatusCode::BAD_REQUEST,
            "invalid_utf8",
            "the body is not UTF-8",
            "encode JSON as UTF-8; `detail` says where it stops to be",
        ),
    ),
    // The words of Segment, by which SDKs and people know it.
    (
        Reject::PayloadTooLarge,
        row(
            StatusCode::BAD_REQUEST,
            "payload_too_large",
            "Exceed payload limit",
            "one event may have 32 KB, a batch 500 KB, both after decompression; send smaller events or batches",
        ),
    ),
    (
        Reject::BadEncoding,
        row(
            StatusCode::BAD_REQUEST,
            "bad_encoding",
            "the body does not decompress",
            "send what `Content-Encoding` says",
        ),
    ),
    (
        Reject::UnsupportedEncoding,
        row(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_encoding",
            "this `Content-Encoding` is not supported",
            "use `gzip`, `deflate` or none",
        ),
    ),
    (
        Reject::BodyCut,
        row(StatusCode::BAD_REQUEST, "body_cut", "the body ended before its length", "send the request again"),
    ),
    (
        Reject::BodyTimeout,
        later(
            row(
                StatusCode::REQUEST_TIMEOUT,
                "body_timeout",
                "the body did not arrive in time",
                "send the request again",
            ),
            "1",
        ),
    ),
    (
        Reject::UnknownKey,
        row(
            StatusCode::UNAUTHORIZED,
            "unknown_key",
            "the write key belongs to no source",
            "send the `write_key` of a source of the workspace, by Basic auth as the user name or as `writeKey` in the body",
        ),
    ),
    (
        Reject::NotFound,
        row(
            StatusCode::NOT_FOUND,
            "not_found",
            "nothing answers this path",
            "events go to `/v1/track` and its kin, batches to `/v1/batch`",
        ),
    ),
    (
        Reject::NoNotice,
        row(
            StatusCode::NOT_FOUND,
            "no_notice",
            "this workspace publishes no notice: nobody is named who is responsible",
            "write `consent.notice` with a `site` and a `controller` (docs/guides/notice.md); `cookies.json` needs neither",
        ),
    ),
    (
        Reject::WrongMethod,
        row(
            StatusCode::METHOD_NOT_ALLOWED,
            "wrong_method",
            "this path does not take this method",
            "`Allow` names the ones it takes",
        ),
    ),
    (
        Reject::Busy,
        later(
            row(
                StatusCode::SERVICE_UNAVAILABLE,
                "busy",
                "too many bodies are being read",
                "send it again after `Retry-After`",
            ),
            "1",
        ),
    ),
    (
        Reject::LogBehind,
        later(
            row(
                StatusCode::TOO_MANY_REQUESTS,
                "log_behind",
                "the log is behind its disk; nothing was kept",
                "send it again after `Retry-After`, and slower",
            ),
            "1",
        ),
    ),
    (
        Reject::DiskFull,
        later(
            row(
                StatusCode::SERVICE_UNAVAILABLE,
                "disk_full",
                "the log's disk is full; nothing was kept",
                "the operator must free space; send it again after `Retry-After`",
            ),
            "30",
        ),
    ),
    (
        Reject::LogBroken,
        later(
            row(
                StatusCode::SERVICE_UNAVAILABLE,
                "log_broken",
                "the log cannot write; nothing was kept",
                "send it again after `Retry-After`",
            ),
            "5",
        ),
    ),
    (
        Reject::ChoiceNotRecorded,
        later(
            row(
                StatusCode::SERVICE_UNAVAILABLE,
                "choice_not_recorded",
                "the consent choice could not be recorded; nothing was kept",
                "send it again after `Retry-After`",
            ),
            "1",
        ),
    ),
    (
        Reject::BadChoice,
        row(
            StatusCode::BAD_REQUEST,
            "bad_choice",
            "this is not a choice that can be recorded",
            "`detail` says what is wrong; `categories` with `true` or `false` by category is all that must be there",
        ),
    ),
    (
        Reject::NoReceipt,
        row(
            StatusCode::NOT_FOUND,
            "no_receipt",
            "there is no receipt of this number under this write key",
            "use the number that the choice was answered with; a record that was erased has no receipt any more",
        ),
    ),
    (
        Reject::NoLedger,
        later(
            row(
                StatusCode::SERVICE_UNAVAILABLE,
                "no_ledger",
                "receipts cannot be given here now; the choice itself is recorded",
                "ask again after `Retry-After`, and a server that runs with `--role all`",
            ),
            "30",
        ),
    ),
    (
        Reject::TooManyReceipts,
        later(
            row(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_receipts",
                "receipts were asked for too often from this address",
                "ask again after `Retry-After`",
            ),
            "60",
        ),
    ),
    (
        Reject::TooManyComparisons,
        later(
            row(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_comparisons",
                "another platform's choices were told too often from this address; this one is not counted",
                "nothing need be done: shadow mode samples where many share an address",
            ),
            "60",
        ),
    ),
    (
        Reject::NoHandOff,
        row(
            StatusCode::FORBIDDEN,
            "no_hand_off",
            "no choice goes along to or from this site",
            "nothing is lost: the visitor is asked here; a token is good for a minute, once, on the site that it names",
        ),
    ),
    (
        Reject::NoProof,
        row(
            StatusCode::FORBIDDEN,
            "no_proof",
            "the proof is not that of this user id under this write key",
            "compute it on your own server: HMAC-SHA-256 in hex of the user id, with the source's `proof_key` from the API",
        ),
    ),
    (
        Reject::ForeignGrant,
        row(
            StatusCode::FORBIDDEN,
            "foreign_grant",
            "a page of another site cannot agree for a visitor",
            "link to `/v1/consent/form`, and let the visitor choose there; a refusal is taken from anywhere",
        ),
    ),
    (
        Reject::NoBeacon,
        row(
            StatusCode::NOT_FOUND,
            "no_beacon",
            "this link was not made here, or not whole",
            "open the letter again and follow the link there; it leads only where it was made to lead",
        ),
    ),
    (
        Reject::Internal,
        row(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "the collector made a mistake; nothing was kept",
            "report it with the server's log",
        ),
    ),
    (
        Reject::SdkAbsent,
        row(
            StatusCode::SERVICE_UNAVAILABLE,
            "sdk_absent",
            "this binary was built without the browser SDK",
            "run `make web` and build again",
        ),
    ),
    (
        Reject::NotReady,
        later(
            row(StatusCode::SERVICE_UNAVAILABLE, "not_ready", "events cannot be taken now", "`detail` says why"),
            "1",
        ),
    ),
];

impl Reject {
    /// Its row.
    pub(crate) fn row(self) -> &'static Row {
        &TABLE[self.index()].1
    }

    /// Its place in the table.
    pub(crate) fn index(self) -> usize {
        self as usize
    }

    /// With what is particular about this case. Never with content of the request.
    pub(crate) fn because(self, detail: impl std::fmt::Display) -> Refusal {
        Refusal { reject: self, detail: Some(detail.to_string()) }
    }
}

/// A refusal and what is particular about it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) reject: Reject,
    pub(crate) detail: Option<String>,
}

impl From<Reject> for Refusal {
    fn from(reject: Reject) -> Self {
        Self { reject, detail: None }
    }
}

impl Refusal {
    /// The answer's body. `success` is what Segment's SDKs know; the rest is for people.
    pub(crate) fn body(&self) -> Bytes {
        let Row { code, message, hint, .. } = self.reject.row();
        let mut body = serde_json::json!({ "success": false, "code": code, "message": message, "hint": hint });
        if let Some(detail) = &self.detail {
            body["detail"] = detail.as_str().into();
        }
        body.to_string().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table() {
        let rows = TABLE.each_ref().map(|(_, Row { status, code, retry_after_s, .. })| {
            let retry = retry_after_s.map(|seconds| format!(", again after {seconds} s")).unwrap_or_default();
            format!("{} {code}{retry}", status.as_u16())
        });
        insta::assert_snapshot!(rows.join("\n"), @r"
        400 bad_json
        400 invalid_utf8
        400 payload_too_large
        400 bad_encoding
        415 unsupported_encoding
        400 body_cut
        408 body_timeout, again after 1 s
        401 unknown_key
        404 not_found
        404 no_notice
        405 wrong_method
        503 busy, again after 1 s
        429 log_behind, again after 1 s
        503 disk_full, again after 30 s
        503 log_broken, again after 5 s
        503 choice_not_recorded, again after 1 s
        400 bad_choice
        404 no_receipt
        503 no_ledger, again after 30 s
        429 too_many_receipts, again after 60 s
        429 too_many_comparisons, again after 60 s
        403 no_hand_off
        403 no_proof
        403 foreign_grant
        404 no_beacon
        500 internal
        503 sdk_absent
        503 not_ready, again after 1 s
        ");
    }

    #[test]
    fn each_stands_at_its_index_and_says_what_to_do() {
        for (at, (reject, _)) in TABLE.iter().enumerate() {
            assert_eq!(reject.index(), at);
            assert!(!reject.row().message.is_empty() && !reject.row().hint.is_empty(), "{reject:?}");
        }
        let body = Reject::BadJson.because("line 1 column 7").body();
        insta::assert_snapshot!(String::from_utf8_lossy(&body), @r#"{"code":"bad_json","detail":"line 1 column 7","hint":"send one JSON object; `detail` says where reading stopped","message":"the body is not a JSON object","success":false}"#);
    }
}
