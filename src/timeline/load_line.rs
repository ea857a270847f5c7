//! The line protocol between the runner and its load workers, as data.

/// What a worker is asked to do.
#[derive(Debug, Clone)]
pub struct Assignment {}

/// What a worker said, or that it is lost.
#[derive(Debug, Clone)]
pub struct WorkerReport {}
