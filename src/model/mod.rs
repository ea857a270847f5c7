//! The vocabulary of the crate: points in time, durations, shares, sizes, names, conditions, the messages of gRPC. Data
//! and pure functions of it, nothing else.

pub mod grpc;

mod bit_rate;
mod condition;
mod container;
mod harm;
mod data_rate;
mod http_rule;
mod link;
mod machine;
mod member;
mod name;
mod network;
mod process;
mod ratio;
mod size;
mod stress;
mod time;

pub use bit_rate::{BitRate, BitRateError};
pub use condition::{Bound, Comparison, Condition, ConditionError, Metric, Subject, Threshold};
pub use container::{ContainerId, ContainerLimits, Endpoint};
pub use data_rate::{DataRate, DataRateError};
pub use harm::{Damage, FileHarm};
pub use http_rule::HttpRule;
pub use link::{LinkAddress, LinkRule, RuleId, RuleStatus, Scope, Ways, retransmission, whole};
pub use machine::Machine;
pub use member::{Member, Readiness};
pub use name::{Name, NameError, RunId};
pub use network::NetworkSpace;
pub use process::{ProcessId, Signal, SignalError};
pub use ratio::{Ratio, RatioError};
pub use size::{Size, SizeError};
pub use stress::{Fill, Stress, StressJob};
pub use time::{Delta, DurationError, HumanDuration, Offset};
