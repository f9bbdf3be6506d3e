//! Facts about the process that only the server knows.

use serde::Serialize;
use utoipa::ToSchema;

/// A setting in force.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SettingFact {
    /// Its key in the file.
    pub key: &'static str,
    /// Its value, as it would be written.
    pub value: String,
    /// Whether it was given, or is the default.
    pub is_default: bool,
    /// What it does.
    pub docs: &'static str,
}

/// The disk under the data directory.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct Storage {
    /// The whole disk, in bytes.
    pub disk_bytes: u64,
    /// What is free of it.
    pub free_bytes: u64,
    /// What the data directory takes.
    pub data_bytes: u64,
}
