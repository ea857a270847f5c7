//! What a worker is told while it works: shared by its threads and its tasks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

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

/// A constant rate from a moment on, whatever the schedule says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    /// Requests per second.
    pub per_second: u32,
    /// Raw time in nanoseconds.
    pub from: i64,
}

#[derive(Debug)]
struct Orders {
    course: Course,
    holds: Vec<Hold>,
}

/// Says what to do.
#[derive(Debug)]
pub struct Stopper {
    orders: watch::Sender<Orders>,
    number: Arc<AtomicU32>,
}

/// Hears what to do.
#[derive(Debug, Clone)]
pub struct Stop {
    orders: watch::Receiver<Orders>,
    /// Counts the orders: so cheap to look at that it can be done for every request.
    number: Arc<AtomicU32>,
}

/// A pair of both.
pub fn channel() -> (Stopper, Stop) {
    let (tx, rx) = watch::channel(Orders { course: Course::Run, holds: Vec::new() });
    let number = Arc::new(AtomicU32::new(0));
    (Stopper { orders: tx, number: number.clone() }, Stop { orders: rx, number })
}

impl Stopper {
    /// Stops; of several deadlines the earliest counts.
    pub fn stop(&self, until: i64) {
        self.give(|orders| match &mut orders.course {
            Course::Run => orders.course = Course::Stop { until },
            Course::Stop { until: deadline } => *deadline = (*deadline).min(until),
        });
    }

    /// Orders a constant rate.
    pub fn hold(&self, hold: Hold) {
        self.give(|orders| orders.holds.push(hold));
    }

    fn give(&self, order: impl FnOnce(&mut Orders)) {
        self.orders.send_modify(order);
        self.number.fetch_add(1, Ordering::Release);
    }
}

impl Drop for Stopper {
    fn drop(&mut self) {
        // Nobody can call a stop any more, which is one.
        self.stop(i64::MIN);
    }
}

impl Stop {
    /// Whether a stop was called.
    pub fn called(&self) -> bool {
        self.course() != Course::Run
    }

    /// How many orders there were: a change says that one must be looked at.
    pub fn orders(&self) -> u32 {
        self.number.load(Ordering::Acquire)
    }

    /// Whether to go on, and the deadline of a stop.
    pub fn course(&self) -> Course {
        self.orders.borrow().course
    }

    /// The rates that were ordered, in their order.
    pub fn holds(&self) -> Vec<Hold> {
        self.orders.borrow().holds.clone()
    }

    /// Waits for a stop.
    #[cfg_attr(not(feature = "goose"), allow(dead_code, reason = "only users wait for nothing else"))]
    pub async fn wait(&mut self) {
        let _ = self.orders.wait_for(|orders| orders.course != Course::Run).await;
    }

    /// Waits for an order that this receiver has not waited for yet.
    pub async fn changed(&mut self) {
        if self.orders.changed().await.is_err() {
            // The last order was a stop, and it was heard: there is nothing more to wait for.
            std::future::pending::<()>().await;
        }
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
        assert_eq!((stop.course(), stop.orders()), (Course::Stop { until: 100 }, 3));
    }

    #[test]
    fn a_rate_is_no_stop_and_a_vanished_stopper_is_one() {
        let (stopper, stop) = channel();
        stopper.hold(Hold { per_second: 5, from: 70 });
        assert_eq!((stop.called(), stop.holds()), (false, vec![Hold { per_second: 5, from: 70 }]));
        drop(stopper);
        assert!(stop.called());
    }
}
