//! The identity of a process, and signals by name.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A process that cannot be confused with a later one of the same pid: the pid and its start time.
///
/// `start` is field 22 of `/proc/<pid>/stat`, clock ticks since boot (proc(5)); a reused pid has another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct ProcessId {
    /// Process id in the runner's pid namespace.
    pub pid: i32,
    /// Start time in clock ticks since boot.
    pub start: u64,
}

impl fmt::Display for ProcessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {}", self.pid)
    }
}

/// A POSIX signal, written by name (`SIGKILL`, `KILL`) or by number (1 to 31).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Signal(i32);

const NAMES: [(&str, i32); 19] = [
    ("SIGHUP", 1),
    ("SIGINT", 2),
    ("SIGQUIT", 3),
    ("SIGILL", 4),
    ("SIGTRAP", 5),
    ("SIGABRT", 6),
    ("SIGBUS", 7),
    ("SIGFPE", 8),
    ("SIGKILL", 9),
    ("SIGUSR1", 10),
    ("SIGSEGV", 11),
    ("SIGUSR2", 12),
    ("SIGPIPE", 13),
    ("SIGALRM", 14),
    ("SIGTERM", 15),
    ("SIGCONT", 18),
    ("SIGSTOP", 19),
    ("SIGTSTP", 20),
    ("SIGWINCH", 28),
];

impl Signal {
    /// Ends a process; it cannot be caught.
    pub const KILL: Signal = Signal(9);
    /// Asks a process to end.
    pub const TERM: Signal = Signal(15);
    /// Continues a stopped process.
    pub const CONT: Signal = Signal(18);
    /// Stops a process; it cannot be caught.
    pub const STOP: Signal = Signal(19);

    /// The number of the signal on Linux.
    pub const fn number(self) -> i32 {
        self.0
    }
}

/// Why a text is not a [`Signal`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a signal: write a name such as SIGKILL or SIGTERM, or a number from 1 to 31")]
pub struct SignalError(String);

impl FromStr for Signal {
    type Err = SignalError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let upper = text.trim().to_ascii_uppercase();
        if let Ok(number) = upper.parse::<i32>() {
            return if (1..=31).contains(&number) { Ok(Signal(number)) } else { Err(SignalError(text.into())) };
        }
        let full = if upper.starts_with("SIG") { upper } else { format!("SIG{upper}") };
        NAMES.iter().find(|(name, _)| *name == full).map(|(_, n)| Signal(*n)).ok_or_else(|| SignalError(text.into()))
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.iter().find(|(_, n)| *n == self.0) {
            Some((name, _)) => f.write_str(name),
            None => write!(f, "{}", self.0),
        }
    }
}

impl Serialize for Signal {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Signal {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        super::name::parsed(d, "a signal name such as `SIGKILL`")
    }
}

impl JsonSchema for Signal {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Signal".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": ["string", "integer"], "examples": ["SIGKILL", "SIGTERM", "SIGHUP"] })
    }
}
