//! Connections that wait for their next exchange.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::address::Authority;

/// Idle connections kept for each address.
const MAX_IDLE: usize = 16;

/// Longest wait for an idle connection that still ends its last exchange; then a new one is opened.
pub const READY_WITHIN: Duration = Duration::from_millis(20);

/// Idle connections by address.
#[derive(Debug)]
pub struct Idle<L>(Mutex<HashMap<Authority, Vec<L>>>);

impl<L> Default for Idle<L> {
    fn default() -> Self {
        Idle(Mutex::default())
    }
}

impl<L> Idle<L> {
    /// One to an address, the one that was used last.
    pub fn reuse(&self, to: &Authority) -> Option<L> {
        self.lines().get_mut(to)?.pop()
    }

    /// Keeps one for later; more than enough are closed.
    pub fn keep(&self, to: Authority, line: L) {
        let mut idle = self.lines();
        let lines = idle.entry(to).or_default();
        if lines.len() < MAX_IDLE {
            lines.push(line);
        }
    }

    /// Whether one of them is so.
    #[cfg(test)]
    pub fn any(&self, is: impl Fn(&L) -> bool) -> bool {
        self.lines().values().flatten().any(is)
    }

    fn lines(&self) -> MutexGuard<'_, HashMap<Authority, Vec<L>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
