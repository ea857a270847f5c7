//! The vocabulary of the crate: points in time, durations, shares, names, sizes, conditions, the messages of gRPC. Data and
//! pure functions of it, nothing else.

pub mod grpc;

mod condition;
mod container;
mod link;
mod member;
mod name;
mod process;
mod ratio;
mod size;
mod stress;
mod time;

pub use condition::{Bound, Comparison, Condition, ConditionError, Metric, Subject, Threshold};
pub use container::ContainerId;
pub use link::{LinkAddress, LinkRule, RuleId, RuleStatus};
pub use member::{Member, Readiness};
pub use name::{Name, NameError, RunId};
pub use process::{ProcessId, Signal, SignalError};
pub use ratio::{Ratio, RatioError};
pub use size::{Size, SizeError};
pub use stress::{Fill, Stress, StressJob};
pub use time::{Delta, DurationError, HumanDuration, Offset};
