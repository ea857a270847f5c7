//! The verdict on one window of one stream.
//!
//! | what is there | verdict |
//! |---|---|
//! | at least `min` observations, share of bad ones within the bound | good |
//! | at least `min` observations, share of bad ones beyond the bound | bad |
//! | fewer, and our side could not send or see some | blind |
//! | fewer for any other reason | bad |
//! | load that could not be sent for local reasons, or whose report is missing | blind |
//!
//! An observation belongs to its intended start. One still unanswered is bad once it is older than the latency bound; a
//! look that is not even reported one second after its timeout was never made, and that is our side's doing.

use super::{Signal, Stream, Streams, WINDOW};
use crate::model::{Delta, Offset};
use crate::timeline::event::SignalState;
use crate::timeline::load::LoadTrack;
use crate::timeline::probes::{Look, ProbeTrack, Seen};

/// How late a report of our own prober may be.
const REPORT: Delta = Delta::from_millis(1_000);

/// A load stream that says nothing at all for so long cannot be seen.
const SILENCE: Delta = Delta::from_millis(2_500);

/// Observations of one window.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    good: u64,
    bad: u64,
    /// Our side could not send or see.
    blind: u64,
    /// Not answered, and not too old for it.
    waiting: u64,
}

impl Signal {
    /// The verdict on window `number` of a stream as known at `now`; none: not decided.
    pub(super) fn window(
        &self,
        stream: &Stream,
        number: i64,
        now: Offset,
        streams: Streams<'_>,
    ) -> Option<SignalState> {
        let length = Delta(WINDOW.nanos() * stream.cells);
        let from = Offset(number.saturating_mul(length.nanos()));
        let to = from + length;
        match (streams.probes.get(&stream.name), streams.loads.get(&stream.name)) {
            (Some(probe), _) => self.probe_window(probe, from, to, now),
            (None, Some(load)) => self.load_window(load, from, to, now),
            (None, None) => Some(SignalState::Blind),
        }
    }

    /// Whether a look counts as good.
    pub(super) fn is_good(&self, look: &Look) -> bool {
        look.seen == Seen::Good && self.latency.is_none_or(|bound| bound.holds(look.took().seconds()))
    }

    /// Whether a look counts as bad at `now`.
    pub(super) fn is_bad(&self, look: &Look, timeout: Delta, now: Offset) -> bool {
        match look.seen {
            Seen::Good => !self.is_good(look),
            Seen::Bad => true,
            Seen::Blind => false,
            Seen::Waiting => self.overdue(look.intended, timeout, now) == Some(true),
        }
    }

    /// Of a look that is not reported: whether it is overdue (bad), or (none) was never made.
    fn overdue(&self, intended: Offset, timeout: Delta, now: Offset) -> Option<bool> {
        let age = now.since(intended);
        if age > timeout + REPORT {
            return None;
        }
        Some(self.latency_bound().is_some_and(|bound| age > bound))
    }

    fn probe_window(&self, probe: &ProbeTrack, from: Offset, to: Offset, now: Offset) -> Option<SignalState> {
        if now < to {
            return None;
        }
        let mut tally = Tally::default();
        let unreported = |tally: &mut Tally, intended| match self.overdue(intended, probe.timeout, now) {
            Some(true) => tally.bad += 1,
            Some(false) => tally.waiting += 1,
            None => tally.blind += 1,
        };
        for look in probe.between(from, to) {
            match look.seen {
                Seen::Good if self.is_good(look) => tally.good += 1,
                Seen::Good | Seen::Bad => tally.bad += 1,
                Seen::Blind => tally.blind += 1,
                Seen::Waiting => unreported(&mut tally, look.intended),
            }
        }
        let Some(last) = probe.looks().last() else {
            return (now > to + probe.timeout + REPORT).then_some(SignalState::Blind);
        };
        let first = probe.looks().first().map_or(last.intended, |look| look.intended);
        if from < first && tally.good + tally.bad + tally.waiting < self.min {
            return Some(SignalState::Blind);
        }
        let mut next = last.intended + probe.every;
        while next < to {
            if next >= from {
                unreported(&mut tally, next);
            } else if from.since(next) > probe.every {
                next = next + Delta(from.since(next).nanos() / probe.every.nanos() * probe.every.nanos());
                continue;
            }
            next = next + probe.every;
        }
        self.verdict(tally)
    }

    fn load_window(&self, load: &LoadTrack, from: Offset, to: Offset, now: Offset) -> Option<SignalState> {
        if load.missing_between(from, to).is_some() {
            return Some(SignalState::Blind);
        }
        let (Some(begin), Some(heard)) = (load.begin(), load.heard()) else {
            return (now > to + SILENCE).then_some(SignalState::Blind);
        };
        if to <= begin {
            return Some(SignalState::Blind);
        }
        let told = load.told();
        let overdue = self.latency_bound().unwrap_or(load.timeout);
        let mut tally = Tally::default();
        for (n, cell) in load.cells(from, to).iter().enumerate() {
            let (ok, slow) = (u64::from(cell.ok), u64::from(cell.slow));
            tally.good += ok.saturating_sub(slow);
            tally.bad += slow + u64::from(cell.err) + u64::from(cell.dropped);
            let cell_end = from + Delta(WINDOW.nanos() * (n as i64 + 1));
            tally.blind += u64::from(cell.not_sent) + u64::from(!cell.told && cell_end > begin);
            match u64::from(cell.pending) {
                pending if heard.since(cell_end) >= overdue => tally.bad += pending,
                pending => tally.waiting += pending,
            }
        }
        if tally.blind > 0 {
            return Some(SignalState::Blind);
        }
        if to > told && !load.ended {
            let surely = self.verdict_even_if(tally, expected(load, from, to));
            let silent = now > heard + SILENCE && now > to + SILENCE;
            return surely.or(silent.then_some(SignalState::Blind));
        }
        if load.ended && to > load.end() && tally.good + tally.bad < self.min {
            // The stream stopped inside this window: what little there is decides, and nothing is nothing.
            let state = if tally.bad > 0 { SignalState::Bad } else { SignalState::Good };
            return Some(if load.end() + to.since(from) <= from { SignalState::Blind } else { state });
        }
        if load.ended {
            tally.bad += std::mem::take(&mut tally.waiting);
        }
        if from < begin && tally.good + tally.bad + tally.waiting < self.min {
            return Some(SignalState::Blind);
        }
        self.verdict(tally)
    }

    /// The verdict on complete observations; while some wait it is given only when they cannot change it.
    fn verdict(&self, tally: Tally) -> Option<SignalState> {
        if tally.waiting > 0 {
            return self.verdict_even_if(tally, 0);
        }
        let seen = tally.good + tally.bad;
        if seen < self.min {
            return Some(if tally.blind > 0 { SignalState::Blind } else { SignalState::Bad });
        }
        let share = tally.bad as f64 / seen as f64;
        Some(if self.error.holds(share) { SignalState::Good } else { SignalState::Bad })
    }

    /// Bad, when it would be bad even if all that wait, and `more` that are not told of yet, were good.
    fn verdict_even_if(&self, tally: Tally, more: u64) -> Option<SignalState> {
        let best = tally.good + tally.waiting + tally.blind + more + tally.bad;
        let share = tally.bad as f64 / best as f64;
        (tally.bad > 0 && !self.error.holds(share)).then_some(SignalState::Bad)
    }
}

/// How many requests an open-model stream starts in a time; a closed one may start any number.
fn expected(load: &LoadTrack, from: Offset, to: Offset) -> u64 {
    load.asked_rate.map_or(1_000_000, |rate| (rate * to.since(from).seconds()).ceil() as u64)
}
