//! The vocabulary of the crate: points in time, durations, shares, names, conditions, the messages of gRPC. Data and
//! pure functions of it, nothing else.

pub mod grpc;

mod condition;
mod container;
mod data;
mod http_rule;
mod link;
mod name;
mod process;
mod ratio;
mod time;

pub use condition::{Bound, Comparison, Condition, ConditionError, Metric, Subject, Threshold};
pub use container::ContainerId;
pub use data::{DataError, DataRate, DataSize};
pub use http_rule::HttpRule;
pub use link::{LinkAddress, LinkRule, RuleId, RuleStatus, Scope, Ways, retransmission, whole};
pub use name::{Name, NameError, RunId};
pub use process::{ProcessId, Signal, SignalError};
pub use ratio::{Ratio, RatioError};
pub use time::{Delta, DurationError, HumanDuration, Offset};
