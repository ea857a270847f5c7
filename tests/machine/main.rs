//! Faults on the machine itself, with real workers, files, disks and clocks.

#[path = "../common/mod.rs"]
mod common;

mod disk;
mod drill;
mod support;
mod workers;
