//! Journeys.

use super::Problems;
use super::names::Reach;
use crate::scenario::profile::{Journey, Profile, WaitTime};

impl Problems {
    pub(super) fn journey(&mut self, at: &str, journey: &Journey, profile: &Profile) {
        if journey.steps.is_empty() {
            self.error(format!("{at}.steps"), "a journey needs at least one step");
        }
        match &journey.wait_time {
            Some(wait) => self.wait(&format!("{at}.wait_time"), wait),
            None if journey.steps.iter().all(|step| step.think_time.is_some()) => {}
            None => {
                self.warn(format!("{at}.wait_time"), "without think time a few users make as much load as they can")
            }
        }
        let mut reach = Reach::first(profile, journey);
        let parts = [("on_start", &journey.on_start), ("steps", &journey.steps), ("on_stop", &journey.on_stop)];
        for (part, steps) in parts {
            for (nth, step) in steps.iter().enumerate() {
                self.request(&format!("{at}.{part}[{nth}]"), step, &reach);
                reach.past(step);
            }
        }
    }

    pub(super) fn wait(&mut self, path: &str, wait: &WaitTime) {
        if wait.min > wait.max {
            self.error(path, "`min` is longer than `max`");
        }
    }
}
