//! News as lines of the protocol, none longer than allowed.

use std::sync::Arc;

use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2DeflateSerializer;

use super::collector::Update;
use super::latencies::Latencies;
use super::outbox::Batch;
use super::recorder::Tally;
use super::wire::Trouble;
use crate::clock::cpu_time;
use crate::model::Name;
use crate::timeline::hist::{encode_hist, new_hist};
use crate::timeline::load_line::{MAX_LINE, WindowLine, WorkerEnd, WorkerLine};

/// The longest list of late ends that stays in one piece when a line is too long: 2 KB or so.
const MOST_LATER: usize = 200;

/// Makes lines, and numbers them.
pub struct Lines {
    names: Vec<Name>,
    trouble: Arc<Trouble>,
    seq: u64,
    hist: Histogram<u32>,
    serializer: V2DeflateSerializer,
}

impl Lines {
    /// For a worker whose requests have these names; `trouble` has words for reasons that need them.
    pub fn new(names: Vec<Name>, trouble: Arc<Trouble>) -> Self {
        Lines { names, trouble, seq: 0, hist: new_hist(), serializer: V2DeflateSerializer::new() }
    }

    /// Hands each line of a batch, with its line end, to `write`, and stops at the first error.
    pub fn write<E>(&mut self, batch: Batch, mut write: impl FnMut(&str) -> Result<(), E>) -> Result<(), E> {
        if let Some(hello) = batch.hello {
            write(&json(&WorkerLine::Hello(hello)))?;
        }
        for update in batch.updates {
            for text in self.window(update) {
                write(&text)?;
            }
        }
        if let Some(totals) = batch.end {
            let end = WorkerEnd {
                lines: self.seq,
                started: totals.started,
                pending: totals.pending,
                cpu_us: cpu_time() as u64 / 1000,
            };
            write(&json(&WorkerLine::End(end)))?;
        }
        Ok(())
    }

    /// One line, or several when it would be too long.
    fn window(&mut self, update: Update) -> Vec<String> {
        let mut todo = vec![update];
        let mut lines = Vec::new();
        while let Some(update) = todo.pop() {
            let seq = self.seq;
            let text = json(&WorkerLine::Window(Box::new(self.line(&update, seq))));
            if text.len() > MAX_LINE
                && let Some((first, second)) = halves(&update)
            {
                todo.push(second);
                todo.push(first);
                continue;
            }
            self.seq += 1;
            lines.push(text);
        }
        lines
    }

    fn line(&mut self, update: &Update, seq: u64) -> WindowLine {
        let tally = &update.tally;
        WindowLine {
            worker: 0,
            seq,
            window: update.key.0,
            merged: update.merged,
            name: self.names.get(usize::from(update.key.1)).map_or_else(String::new, Name::to_string),
            intended: tally.intended,
            started: tally.started,
            ok: tally.ok.len(),
            err: tally.err.len(),
            dropped: tally.dropped,
            not_sent: tally.not_sent,
            late_max: tally.late_max.max(0) as u64,
            saturated: tally.saturated,
            pending: update.pending,
            oldest: update.oldest.map_or(0, |intended| (update.at - intended).max(0) as u64),
            hist_ok: self.encode(&tally.ok),
            hist_err: self.encode(&tally.err),
            hist_service: self.encode(&tally.service),
            late: tally.late,
            // In a line for several windows it is not known which of them a request belongs to.
            later: (!update.merged).then(|| tally.later.clone()),
            later_failed: if update.merged { Vec::new() } else { tally.later_failed.clone() },
            slots: tally.slots.clone(),
            is_final: update.last,
            why: tally.why.map(|reason| self.trouble.told(reason)),
        }
    }

    fn encode(&mut self, latencies: &Latencies) -> String {
        if latencies.is_empty() {
            return String::new();
        }
        self.hist.reset();
        latencies.record_into(&mut self.hist);
        // The serialiser writes into memory and knows these bounds: it has no way to fail.
        encode_hist(&self.hist, &mut self.serializer).unwrap_or_default()
    }
}

/// Two updates that add up to one: half of a long list of late ends each; or good answers, failures and service times
/// apart; or else half of the latencies each.
fn halves(update: &Update) -> Option<(Update, Update)> {
    let Tally { ok, err, service, later, .. } = &update.tally;
    let none = Latencies::default;
    if later.len() > MOST_LATER {
        let (mut one, mut two) = (update.clone(), update.clone());
        one.last = false;
        let rest = one.tally.later.split_off(later.len() / 2);
        let failed = one.tally.later_failed.split_off(one.tally.later_failed.len() / 2);
        two.tally = Tally { later: rest, later_failed: failed, ..Tally::default() };
        return Some((one, two));
    }
    let [first, second] = match [ok, err, service].map(|part| !part.is_empty()) {
        [true, true, _] | [true, _, true] => [(ok.clone(), none(), none()), (none(), err.clone(), service.clone())],
        [false, true, true] => [(none(), err.clone(), none()), (none(), none(), service.clone())],
        [true, false, false] => ok.clone().split().map(|(a, b)| [(a, none(), none()), (b, none(), none())])?,
        [false, true, false] => err.clone().split().map(|(a, b)| [(none(), a, none()), (none(), b, none())])?,
        [false, false, true] => service.clone().split().map(|(a, b)| [(none(), none(), a), (none(), none(), b)])?,
        [false, false, false] => return None,
    };
    let mut one = update.clone();
    one.last = false;
    (one.tally.ok, one.tally.err, one.tally.service) = first;
    let mut two = update.clone();
    let (ok, err, service) = second;
    two.tally = Tally { ok, err, service, ..Tally::default() };
    Some((one, two))
}

fn json(line: &WorkerLine) -> String {
    // Only maps with keys that are not text make this fail, and there are none.
    let mut text = serde_json::to_string(line).unwrap_or_default();
    text.push('\n');
    text
}
