//! Data files: rows that requests are filled from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A file of rows, at most 256 MiB. `${users.email}` is the field `email` of the row that `data: { users: … }` gives to
/// a request or to a user's pass. Exactly one of `csv` and `jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataFile {
    /// A CSV file with a header line (RFC 4180), relative to the profile's file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub csv: Option<String>,
    /// A file with one JSON object a line, relative to the profile's file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jsonl: Option<String>,
    /// In what order rows are given out. Default `circular`.
    #[serde(default)]
    pub order: DataOrder,
}

/// In what order rows are given out. An open model takes a row for each request, whether that uses it or not, a closed
/// one for each pass of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DataOrder {
    /// One after the other, and from the first again.
    #[default]
    Circular,
    /// Any, chosen with the run's seed.
    Random,
    /// One after the other, each once. What would need a row after the last is not sent, and the stream says so.
    Once,
}
