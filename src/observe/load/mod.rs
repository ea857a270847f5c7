//! Load generation: the worker process and its executors.
//!
//! ```text
//! schedule ─> open ─┐ plan, wire                              one lane (thread, runtime) per core
//!                   ├──> recorder ──> collector ──> outbox ──> lines on standard output
//! goose ── journeys ┘    (shards)     (10 a second)  (writer thread)
//! ```
//!
//! Senders meet only their recorder's shard, behind a mutex that nobody holds for long; the collector empties the
//! shards on schedule, and the writer alone waits for the pipe.

pub mod collector;
pub mod latencies;
pub mod reason;
pub mod recorder;
pub mod schedule;
pub mod stop;

mod alarm;
mod answer;
mod journeys;
mod lines;
mod open;
mod outbox;
mod plan;
mod start;
mod wire;
mod worker;

pub use worker::load_worker;

#[cfg(test)]
mod tests;
