//! The host drivers against real processes, with the real binary as supervisor.

mod commands;
mod processes;
mod services;
mod support;
