//! Faults and ledgers of databases against real servers: PostgreSQL and Redis of Debian, each test with its own.

#![cfg(feature = "databases")]

#[path = "../common/mod.rs"]
mod common;

mod bad_days;
mod cluster;
mod cache;
mod drill;
mod failover;
mod postgres;
mod redis;
