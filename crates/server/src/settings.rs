//! The settings of a server (`--config FILE`, YAML), as one table from which parser, defaults, the example file and
//! the reference page come. What belongs to a workspace stands in its own file; what differs from run to run
//! (`--listen`, `--data-dir`) stands on the command line.

use std::fmt::Write as _;
use std::path::PathBuf;

use event::Secret;
use serde::{Deserialize, Serialize};

/// One row of the table, for documentation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    /// The key in the file.
    pub(crate) key: &'static str,
    /// The default, as it would be written.
    pub(crate) default: &'static str,
    /// What it does.
    pub(crate) doc: &'static str,
}

macro_rules! settings {
    ($( $key:ident : $kind:ty = $default:expr, $shown:literal, $doc:literal; )*) => {
        /// The settings of a server.
        #[derive(Debug, Clone, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub(crate) struct Settings {
            $( #[doc = $doc] pub(crate) $key: $kind, )*
        }

        impl Default for Settings {
            fn default() -> Self {
                Self { $( $key: $default, )* }
            }
        }

        impl Settings {
            /// The values in the order of the table, as they would be written, without passwords.
            pub(crate) fn shown(&self) -> Vec<String> {
                vec![$( written(&self.$key), )*]
            }
        }

        /// The table, in the order of the reference page.
        pub(crate) const TABLE: &[Row] = &[
            $( Row { key: stringify!($key), default: $shown, doc: $doc }, )*
        ];
    };
}

/// What a request with a write key that no source has is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum UnknownKey {
    /// 401, so that a typing error is found at once.
    Reject,
    /// 200, as Segment does; the events are counted and not kept.
    Accept,
}

/// A URL that may have a password in it, and is shown without.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub(crate) struct SecretUrl(Secret<String>);

impl SecretUrl {
    /// The URL, for whoever connects.
    pub(crate) fn secret(&self) -> &Secret<String> {
        &self.0
    }
}

impl Serialize for SecretUrl {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.0.expose();
        let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
        // Query and path may hold secrets as well as what stands before the `@`.
        let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host).split(['/', '?']).next().unwrap_or_default();
        serializer.collect_str(&format_args!("{scheme}://{host}"))
    }
}

const MIB: u64 = 1024 * 1024;

fn written(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => text,
        Ok(serde_json::Value::Null) | Err(_) => String::new(),
        Ok(other) => other.to_string(),
    }
}

settings! {
    public_url: Option<String> = None, "",
        "The address under which SDKs reach this server, as `https://events.example.com`. It goes into the settings document of SDKs; without it the `Host` of the request does.";
    ledger_anchor_dir: Option<PathBuf> = None, "",
        "A directory on another disk or machine, outside of the data directory and its backups, where each ledger keeps its last checkpoint. With it a ledger made from an old backup is found out before it signs a second history; without it nobody but the holders of receipts would see one.";
    smtp_url: Option<SecretUrl> = None, "",
        "The mail server through which alerts send e-mail: `smtps://user:password@mail.example.com`, or `smtp://…` for STARTTLS. Keep the password out of the file with `\"${env:SMTP_URL}\"`.";
    smtp_from: Option<String> = None, "",
        "Whom e-mail names as its sender, as `Assent <assent@example.com>`. Needed with `smtp_url`.";
    otlp_endpoint: Option<SecretUrl> = None, "",
        "Where OpenTelemetry spans are sent, as protobuf over HTTP: `http://127.0.0.1:4318`; `/v1/traces` is added where there is no path. Without it nothing is traced.";
    otlp_sample_ratio: f64 = 0.01, "0.01",
        "Which share of traces is sent, 0 to 1, decided by the trace's id. A request whose `traceparent` says that it is not sampled is not.";
    unknown_key: UnknownKey = UnknownKey::Reject, "reject",
        "What a request with an unknown write key is answered: `reject` (401) or `accept` (200, counted, not kept, as at Segment).";
    trusted_proxies: Vec<String> = Vec::new(), "[]",
        "Networks (CIDR) whose `X-Forwarded-For` is believed, for regions and for the pace of sign-ins. Empty: the address of the connection counts.";
    geo_database: Option<PathBuf> = None, "",
        "A MaxMind database (country or city, `.mmdb`) from which regions are read. Assent ships none; without it every event has its source's region or none.";
    partitions: u16 = 4, "4",
        "Partitions of the log: how many subjects can be processed at once. Fixed when the data directory is made.";
    log_segment_bytes_max: u64 = 64 * MIB, "67108864",
        "Size of a segment file. On a small disk a segment is at most 1/32 of it.";
    log_pending_bytes_max: u64 = 64 * MIB, "67108864",
        "Bytes that may wait for the disk before requests are answered 429.";
    log_segment_hours_max: u64 = 24, "24",
        "Age at which a segment is ended although it is not full. Only whole segments are deleted, so this is what lets a quiet log go of its events; at least 1.";
    log_retention_hours: u64 = 168, "168",
        "How long an event stays in the log at most, in hours, once pipeline and lake have it. Must leave room for `backlog_hours_max` and `log_segment_hours_max`.";
    disk_reserve_bytes_max: u64 = 1024 * MIB, "1073741824",
        "Space that the log leaves free, so that the lake can catch up when the disk is full: this much, at most a tenth of the disk.";
    request_bytes_in_flight_max: u64 = 128 * MIB, "134217728",
        "Bytes of request bodies held at once before requests are answered 503.";
    connections_max: usize = 10_000, "10000",
        "Open connections; one more waits in the backlog of the operating system.";
    dedup_ids_max: u64 = 50_000_000, "50000000",
        "Message ids remembered. With more than this in 24 hours the window is shorter, which `assent_pipeline_dedup_window_seconds` shows.";
    backlog_hours_max: u64 = 72, "72",
        "How long a destination's backlog is kept in the log. Older events become one dead letter, and stay in the lake.";
    backlog_disk_percent_max: u64 = 20, "20",
        "How much of the disk the backlogs of destinations may take.";
    lake_url: Option<String> = None, "",
        "Where the lake is: `s3://bucket/prefix`, with the keys in the server's environment (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, with temporary keys `AWS_SESSION_TOKEN`). Without it the lake is files under the data directory. It stays where it was first made; see the guide of the lake on S3.";
    lake_s3_endpoint: Option<String> = None, "",
        "The address of a store that is not Amazon's, as `https://s3.example.com`.";
    lake_s3_region: String = "us-east-1".to_owned(), "us-east-1",
        "The region that requests to the bucket are signed for.";
    lake_s3_allow_http: bool = false, "false",
        "Whether an endpoint may be `http://`: events and signatures then cross the network in clear.";
    lake_commit_seconds: u64 = 3, "3",
        "How often the lake commits. Events are visible at most this long (and the write) after they came.";
    lake_compact_seconds: u64 = 60, "60",
        "How often the lake looks for small files that are worth merging; at least 1.";
    lake_compact_files: usize = 32, "32",
        "How many small files of a day that is not over there must be before they are merged; at least 2.";
    lake_file_retention_hours: u64 = 24, "24",
        "How long files that a compaction replaced, or whose days are over, stay for readers of older snapshots; at least 1.";
    lake_days_max: Option<u32> = None, "",
        "How many days the lake keeps events after the day (UTC) on which they came. Without it they stay until somebody erases them.";
}

impl Settings {
    /// Reads a settings file. `env` answers `${env:NAME}`.
    pub(crate) fn parse(yaml: &str, env: &dyn Fn(&str) -> Option<String>) -> anyhow::Result<Self> {
        if yaml.trim().is_empty() {
            return Ok(Self::default());
        }
        let mut value: serde_json::Value = serde_norway::from_str(yaml)?;
        workspace::fill_secrets(&mut value, "", env)?;
        let settings: Self =
            serde_json::from_value(value).map_err(|error| anyhow::anyhow!(workspace::with_hint(&error.to_string())))?;
        crate::trim::check(&settings)?;
        Ok(settings)
    }
}

/// The reference page.
pub(crate) fn reference_page() -> String {
    let mut page = String::from(
        "# Settings of a server\n\nGenerated from `crates/server/src/settings.rs` by `assent docs settings`. A file given with \
         `--config FILE` may hold any of these keys; an unknown key is refused.\n\n| Key | Default | What it does |\n|---|---|---|\n",
    );
    for row in TABLE {
        let default = if row.default.is_empty() { "none".to_owned() } else { format!("`{}`", row.default) };
        writeln!(page, "| `{}` | {default} | {} |", row.key, row.doc).expect("writing to a string cannot fail");
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shown_default_is_the_default() {
        let shown: Vec<String> = TABLE
            .iter()
            .filter(|row| !row.default.is_empty())
            .map(|row| format!("{}: {}", row.key, row.default))
            .collect();
        let parsed = Settings::parse(&shown.join("\n"), &|_| None).expect("the defaults are valid");
        assert_eq!(format!("{parsed:?}"), format!("{:?}", Settings::default()));
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest() {
        let error = Settings::parse("unknown_keys: accept", &|_| None).expect_err("refused").to_string();
        assert!(error.contains("did you mean `unknown_key`?"), "{error}");
    }

    #[test]
    fn a_password_comes_from_the_environment_and_is_not_shown() {
        let env = |name: &str| (name == "SMTP_URL").then(|| "smtps://u:hu@sh@mail.example:465/x?y=1".to_owned());
        let settings = Settings::parse("smtp_url: \"${env:SMTP_URL}\"", &env).expect("valid");
        assert!(settings.shown().contains(&"smtps://mail.example:465".to_owned()), "{:?}", settings.shown());
        assert!(!format!("{settings:?}").contains("hu@sh"));
        let error = Settings::parse("smtp_url: \"${env:SMTP_URL}\"", &|_| None).expect_err("refused").to_string();
        assert!(error.contains("`SMTP_URL`, which is not set"), "{error}");
    }

    #[test]
    fn the_reference_page_is_the_table() {
        assert_eq!(include_str!("../../../docs/reference/settings.md"), reference_page(), "run `assent docs settings`");
    }
}
