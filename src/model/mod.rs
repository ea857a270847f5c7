//! The vocabulary of the crate: points in time, durations, shares, names, conditions, the messages of gRPC. Data and
//! pure functions of it, nothing else.

pub mod grpc;

mod bit_rate;
mod condition;
mod container;
mod link;
mod name;
mod network;
mod process;
mod ratio;
mod time;

pub use bit_rate::{BitRate, BitRateError};
pub use condition::{Bound, Comparison, Condition, ConditionError, Metric, Subject, Threshold};
pub use container::ContainerId;
pub use link::{LinkAddress, LinkRule, RuleId, RuleStatus};
pub use name::{Name, NameError, RunId};
pub use network::NetworkSpace;
pub use process::{ProcessId, Signal, SignalError};
pub use ratio::{Ratio, RatioError};
pub use time::{Delta, DurationError, HumanDuration, Offset};
