//! A time limit on blocking work, which can neither be dropped nor cancelled from outside.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::BackupError;

/// How often a running statement is told to stop once the limit is over: a statement that began just after a first
/// interrupt would never hear of it.
const PULL_EVERY: Duration = Duration::from_millis(100);

/// How long blocking work may take to notice; after that it is left behind.
const GRACE: Duration = Duration::from_secs(10);

type Interrupt = Box<dyn Fn() + Send>;

/// Asked between the pieces of blocking work whether it may go on.
#[derive(Default)]
pub struct Leash {
    over: AtomicBool,
    interrupt: Mutex<Option<Interrupt>>,
}

impl Leash {
    /// Whether the work may go on.
    ///
    /// # Errors
    /// When the limit is over.
    pub fn check(&self) -> Result<(), BackupError> {
        if self.over.load(Ordering::Acquire) { Err(BackupError::TimedOut) } else { Ok(()) }
    }

    /// Names the way to interrupt what runs now, in place of the one named before.
    pub fn interrupt_with(&self, interrupt: impl Fn() + Send + 'static) {
        *self.interrupt.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(interrupt));
    }

    fn pull(&self) {
        self.over.store(true, Ordering::Release);
        if let Some(interrupt) = &*self.interrupt.lock().unwrap_or_else(PoisonError::into_inner) {
            interrupt();
        }
    }
}

/// Ends the work when the future that waits for it is dropped.
struct PullOnDrop(Arc<Leash>);

impl Drop for PullOnDrop {
    fn drop(&mut self) {
        self.0.pull();
    }
}

/// Runs blocking `work` with a time limit; `work` itself returns soon after it, with what it has.
///
/// # Errors
/// When it panicked, or did not notice the limit in time.
pub(super) async fn leashed<T: Send + 'static>(
    within: Duration,
    work: impl FnOnce(&Leash) -> T + Send + 'static,
) -> Result<T, BackupError> {
    let leash = Arc::new(Leash::default());
    let guard = PullOnDrop(leash.clone());
    let mut task = tokio::task::spawn_blocking(move || work(&leash));
    let deadline = Instant::now() + within;
    let mut next = deadline;
    loop {
        tokio::select! {
            done = &mut task => return done.map_err(|panic| BackupError::Bug(panic.to_string())),
            () = tokio::time::sleep_until(next) => {
                guard.0.pull();
                next += PULL_EVERY;
                if next > deadline + GRACE {
                    return Err(BackupError::TimedOut);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_limit_reaches_blocking_work_and_what_it_runs() {
        let ended = leashed(Duration::from_millis(20), |leash| {
            let (stop, stopped) = std::sync::mpsc::channel();
            leash.interrupt_with(move || stop.send(()).unwrap_or_default());
            stopped.recv().unwrap();
            leash.check()
        });
        assert!(matches!(ended.await, Ok(Err(BackupError::TimedOut))));
    }

    #[tokio::test]
    async fn dropping_the_wait_ends_the_work() {
        let (told, hears) = tokio::sync::oneshot::channel();
        let work = leashed(Duration::from_secs(3600), |leash| {
            while leash.check().is_ok() {
                std::thread::yield_now();
            }
            told.send(()).unwrap();
        });
        assert!(tokio::time::timeout(Duration::from_millis(20), work).await.is_err());
        hears.await.unwrap();
    }

    #[tokio::test]
    async fn a_panic_is_a_bug_and_not_a_hang() {
        let ended = leashed(Duration::from_secs(3600), |_| panic!("on purpose")).await;
        assert!(matches!(ended, Err(BackupError::Bug(_))));
    }
}
