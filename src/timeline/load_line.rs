//! The line protocol between the runner and its load workers, as data. One JSON object a line, at most 16 KiB.
//!
//! Counts are additive: a window's line says what was added since the line before it for the same window and name. Once
//! all lines are in, `intended = ok + err + dropped + not_sent + pending`; `ok` is the count of `hist_ok`, `err` that
//! of `hist_err`. A window with unanswered requests is told again when something changed, and once a second otherwise,
//! until it is final. A window in which nothing happened has a line of zeros, so that one without any line is blind:
//! its worker could not report. Times are raw `CLOCK_MONOTONIC` nanoseconds, so that every process of a machine speaks
//! of the same moments.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::model::Name;
use crate::scenario::profile::Profile;

pub use crate::scenario::profile::LoadModel;

/// Version of the protocol; a worker of another version is refused.
pub const PROTOCOL: u32 = 2;

/// Length of a window in milliseconds: a tenth of a second, so that a phase or a fault cuts between windows cleanly.
pub const WINDOW_MS: u64 = 100;

/// Length of a slot in milliseconds: the resolution at which a load stream shows when an outage began and ended.
pub const SLOT_MS: u64 = 10;

/// Longest line in bytes.
pub const MAX_LINE: usize = 16 * 1024;

/// What a worker is asked to do: its first line of standard input. Not arguments: process lists show those.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Assignment {
    /// The stream.
    pub stream: Name,
    /// Where the profile's paths begin.
    pub base_url: String,
    /// What to send.
    pub profile: Profile,
    /// Where every random choice comes from.
    pub seed: u64,
    /// Raw time at which window 0 begins; a multiple of windows before the run's offset 0.
    pub epoch: i64,
    /// Raw time that the profile's `start_time` counts from; when that is past, it counts from the worker's own start.
    #[serde(default)]
    pub not_before: i64,
    /// File that receives whatever libraries print.
    pub log: PathBuf,
}

/// A line from a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "snake_case")]
pub enum WorkerLine {
    /// The first line: it is ready to send.
    Hello(Hello),
    /// Part of a window.
    Window(Box<WindowLine>),
    /// The last line: everything it sent is reported.
    End(WorkerEnd),
}

/// A line to a worker, after its assignment. End of file stops it within 100 ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case")]
pub enum WorkerOrder {
    /// Start no more requests, wait for those under way at most so long, report, end.
    Stop {
        /// Longest wait in milliseconds.
        grace_ms: u64,
    },
    /// From a raw time on, keep to a constant rate, whatever the schedule says; open models only. Sent at least 100 ms
    /// before that time, so that all lanes of the worker turn at the same request.
    Hold {
        /// Requests per second.
        per_second: u32,
        /// Raw nanoseconds.
        from: i64,
    },
}

/// What a worker says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    /// [`PROTOCOL`].
    pub protocol: u32,
    /// Its number among the workers of the stream.
    pub worker: u32,
    /// Its process id.
    pub pid: i32,
    /// Whether its rate is its own (open) or waits for answers (closed).
    pub model: LoadModel,
    /// The executor, in the words of the profile.
    pub executor: String,
    /// The rate it will try to keep, per second; none for a closed model and for a rate that changes.
    pub asked_rate: Option<f64>,
    /// Raw time from which its requests are meant to start: stages count from here. Protocol 1 did not say it.
    #[serde(default)]
    pub start: i64,
}

/// Part of what happened to the requests of one name whose *intended* start lies in one window.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct WindowLine {
    /// The worker's number.
    pub worker: u32,
    /// Number of this line among the worker's window lines, from 0, without gaps: a lost or repeated line is noticed.
    pub seq: u64,
    /// Number of the window since the epoch.
    pub window: u64,
    /// The request's name.
    pub name: String,
    /// Requests that should have started.
    pub intended: u64,
    /// Requests that were handed to a sender.
    pub started: u64,
    /// Requests of this window still unanswered now (not additive: the newest line counts).
    pub pending: u64,
    /// Age of the oldest of them, nanoseconds since its intended start (not additive).
    pub oldest: u64,
    /// Answered as they should be.
    pub ok: u64,
    /// Failed.
    pub err: u64,
    /// Could not start because every sender waited for the target.
    pub dropped: u64,
    /// Could not start, or failed, for reasons on our side.
    pub not_sent: u64,
    /// Largest lateness of a start behind its intended time, nanoseconds.
    pub late_max: u64,
    /// Histogram of successes from intended start to last byte: HDR V2 compressed, base64; 1 µs to 600 s, 3 digits.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hist_ok: String,
    /// Histogram of failures, likewise.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hist_err: String,
    /// Histogram of successes from their actual start to the last byte (service time), likewise; empty in a closed
    /// model, where it is the same.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hist_service: String,
    /// Starts more than 10 ms behind their intended time.
    #[serde(default)]
    pub late: u64,
    /// Requests of this window that ended (well, badly, or not sent after all) in a later window: how many windows
    /// later, and how many, ascending. Counts those under way when a phase or the load ends. None: it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub later: Option<Vec<(u32, u32)>>,
    /// Those of them that count as failures, likewise: a fault that acts after the window is not its failure.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub later_failed: Vec<(u32, u32)>,
    /// Values that were longer than 600 s and count as 600 s.
    #[serde(default)]
    pub saturated: u64,
    /// Slots of 10 ms, by intended start, those that are not empty: number within the window, counts, largest latency.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slots: Vec<Slot>,
    /// This line covers more than its window, because the runner did not read for a minute: it begins with this window,
    /// its counts are exact, and it has no slots.
    #[serde(default)]
    pub merged: bool,
    /// Nothing more will come for this window and name.
    #[serde(default, rename = "final")]
    pub is_final: bool,
    /// The first reason for a failure in this line, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// One slot of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Slot {
    /// Number within the window.
    #[serde(rename = "s")]
    pub slot: u8,
    /// Answered as they should be.
    #[serde(default)]
    pub ok: u32,
    /// Failed or dropped.
    #[serde(default)]
    pub bad: u32,
    /// Largest latency of a success, microseconds.
    #[serde(default, rename = "max")]
    pub max_us: u32,
}

/// A worker's last line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkerEnd {
    /// Number of window lines it wrote.
    pub lines: u64,
    /// Requests started in all.
    pub started: u64,
    /// Requests still unanswered.
    pub pending: u64,
    /// Processor time of the worker, microseconds.
    pub cpu_us: u64,
}

/// What a worker said, or that it is lost.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkerReport {
    /// The stream.
    pub stream: Name,
    /// What it said.
    pub said: WorkerSaid,
}

/// What a worker said, or that it is lost.
#[derive(Debug, Clone, PartialEq)]
pub enum WorkerSaid {
    /// A line of the protocol.
    Line(WorkerLine),
    /// It ended without its last line, or spoke another language.
    Lost(String),
}
