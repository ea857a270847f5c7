//! The command line: one verb per file.

pub mod check;
pub mod faults;
pub mod init;
pub mod schema;
pub mod show;
