//! The driver of containers and its faults, against a real engine. Everything made here carries the test's pid in its
//! name and is removed when the test ends.

#![cfg(feature = "docker")]

#[path = "../common/mod.rs"]
mod common;
mod faults;
mod find;
mod inside;
mod kills;
mod stage;
mod strangers;
mod support;
