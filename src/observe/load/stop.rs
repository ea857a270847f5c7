//! The one word that ends a worker: shared by its threads and its tasks.

use tokio::sync::watch;

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// Requests may start.
    Run,
    /// None may; those under way have until the raw time to be answered.
    Stop {
        /// In nanoseconds of the raw clock.
        until: i64,
    },
}

/// Says when to stop.
#[derive(Debug)]
pub struct Stopper(watch::Sender<Course>);

/// Hears when to stop.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<Course>);

/// A pair of both.
pub fn channel() -> (Stopper, Stop) {
    let (tx, rx) = watch::channel(Course::Run);
    (Stopper(tx), Stop(rx))
}

impl Stopper {
    /// Stops; of several deadlines the earliest counts.
    pub fn stop(&self, until: i64) {
        self.0.send_modify(|course| match course {
            Course::Run => *course = Course::Stop { until },
            Course::Stop { until: deadline } => *deadline = (*deadline).min(until),
        });
    }
}

impl Stop {
    /// Whether a stop was called. A vanished [`Stopper`] counts as one.
    pub fn called(&self) -> bool {
        self.0.has_changed().is_err() || *self.0.borrow() != Course::Run
    }

    /// Whether to go on, and the deadline of a stop.
    pub fn course(&self) -> Course {
        *self.0.borrow()
    }

    /// Waits for a stop.
    pub async fn wait(&mut self) {
        // An error means that nobody can call a stop any more, which is one.
        let _ = self.0.wait_for(|course| *course != Course::Run).await;
    }

    /// Waits until the course differs from the one last seen by this receiver.
    pub async fn changed(&mut self) {
        let _ = self.0.changed().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_deadline_counts() {
        let (stopper, stop) = channel();
        assert!(!stop.called());
        stopper.stop(500);
        stopper.stop(100);
        stopper.stop(300);
        assert!(stop.called());
        assert_eq!(stop.course(), Course::Stop { until: 100 });
    }
}
