//! The closed-model executors: users go through journeys, on goose.
//!
//! Goose runs the users and gives out the journeys by weight; when each user is there, what it sends and what is
//! recorded is ours: visits from the profile's stages, a connection for each user on the very wire that the open model
//! has, own times that end with the last byte of the body, own think times from the seed. Goose's metrics, network
//! ports and reports are off. It has one attack a process and cannot be stopped from outside: a flag keeps users from
//! starting requests, and its runtime is ended with it.

#[cfg_attr(not(feature = "goose"), allow(dead_code, reason = "users are driven by goose only"))]
mod crew;
#[cfg(feature = "goose")]
mod on_goose;
#[cfg(feature = "goose")]
mod user;

pub use crew::Crew;
#[cfg(feature = "goose")]
pub use on_goose::start;

use std::sync::Arc;
#[cfg(not(feature = "goose"))]
use std::sync::mpsc::Sender;

use super::plan::Plan;
use super::recorder::Shard;
#[cfg(not(feature = "goose"))]
use super::stop::Stop;
use super::wire::Wire;
use crate::scenario::profile::Profile;

/// What the users of a stream share.
#[derive(Debug)]
#[cfg_attr(not(feature = "goose"), expect(dead_code, reason = "only goose makes users"))]
pub struct ClosedStream {
    /// What to send: every request of every journey, in the profile's order.
    pub plan: Plan,
    /// Where to.
    pub wire: Wire,
    /// Scheme and authority of the target, which goose wants to know.
    pub origin: String,
    /// The profile.
    pub profile: Profile,
    /// Who is there, and when.
    pub crew: Crew,
    /// The raw time that visits count from.
    pub start: i64,
    /// Where it is written down.
    pub shard: Arc<Shard>,
}

/// Without goose there are no users.
///
/// # Errors
///
/// Always.
#[cfg(not(feature = "goose"))]
pub fn start(stream: ClosedStream, stop: Stop, done: Sender<Result<(), String>>) -> Result<(), String> {
    drop((stream, stop, done));
    Err("journeys need the cargo feature `goose`, which this program was built without: \
         rebuild it with `--features goose`, or use a profile with constant_arrival_rate"
        .into())
}
