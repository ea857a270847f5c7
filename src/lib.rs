//! Chaos and disaster-recovery drills, written as YAML: faults under load, recovery time, data loss and restore proof,
//! measured on one clock and judged against objectives.
//!
//! The folders are the layers; each may use only those above it in this list (`tests/tidy` holds them to it).

#![warn(missing_docs)]

pub mod model;
pub mod scenario;
pub mod timeline;
pub mod result;
pub mod clock;
pub mod safety;
pub mod world;
pub mod fault;
pub mod proxy;
pub mod observe;
pub mod backup;
pub mod engine;
pub mod judge;
pub mod compare;
pub mod report;
pub mod demo;
pub mod cli;
