//! Crash points: moments at which the runner may be made to die.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// One call that changes the world, before or after its effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrashPoint {
    /// Its number in this run.
    pub number: usize,
    /// Which call, and on which side of its effect.
    pub what: String,
}

/// Counts crash points, and stops the runner at one of them.
#[derive(Debug, Default)]
pub struct Crash {
    passed: AtomicUsize,
    at: Mutex<Option<usize>>,
    panics_at: Mutex<Option<usize>>,
    hit: Mutex<Option<CrashPoint>>,
    reached: Notify,
}

impl Crash {
    /// The runner will die at the point of this number: the call never returns.
    pub fn arm(&self, number: usize) {
        *self.at.lock().unwrap_or_else(PoisonError::into_inner) = Some(number);
    }

    /// The call at the point of this number will panic, once: a bug in a driver.
    pub fn arm_panic(&self, number: usize) {
        *self.panics_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(number);
    }

    /// The runner is dead: whoever comes next, a watchdog or `recover`, passes every point.
    pub fn disarm(&self) {
        *self.at.lock().unwrap_or_else(PoisonError::into_inner) = None;
        *self.hit.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Whether the runner is dead: it passes no further point.
    pub fn is_dead(&self) -> bool {
        self.hit.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// How many points were passed.
    pub fn passed(&self) -> usize {
        self.passed.load(Ordering::SeqCst)
    }

    /// Waits until the point is reached.
    pub async fn reached(&self) -> CrashPoint {
        loop {
            let notified = self.reached.notified();
            if let Some(point) = self.hit.lock().unwrap_or_else(PoisonError::into_inner).clone() {
                return point;
            }
            notified.await;
        }
    }

    /// Counts a point that is not in async code, such as a write to the journal. True: the runner dies here.
    pub fn strikes(&self, what: &str) -> bool {
        let number = self.passed.fetch_add(1, Ordering::SeqCst);
        if *self.at.lock().unwrap_or_else(PoisonError::into_inner) != Some(number) {
            return false;
        }
        *self.hit.lock().unwrap_or_else(PoisonError::into_inner) = Some(CrashPoint { number, what: what.into() });
        self.reached.notify_waiters();
        true
    }

    /// Passes a point, or stays there for ever.
    pub(super) async fn pass(&self, what: &str) {
        if self.panics_at.lock().unwrap_or_else(PoisonError::into_inner).take_if(|at| *at == self.passed()).is_some() {
            self.passed.fetch_add(1, Ordering::SeqCst);
            panic!("a driver with a bug, as a test asked for: {what}");
        }
        if self.is_dead() || self.strikes(what) {
            std::future::pending::<()>().await;
        }
    }
}
