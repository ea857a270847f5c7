//! When the service really served: the ground truth that measured outages are held against.
//!
//! The log has one line per change, each with a raw `CLOCK_MONOTONIC` reading in nanoseconds:
//!
//! ```text
//! start 5234000000     listen() was about to be called, with the database open: connections are answered from here on
//! stop  9876000000     no new connections from here on
//! ```
//!
//! A process that is killed cannot log its own end. So a thread stores the time into a small file beside the log (the
//! *pulse*, `<log>.pulse`) every half millisecond, and every answered request does too; the last value outlives
//! the process in the page cache. The next start turns it into the missing `stop` line, so the log of a service that
//! came back is complete. The true end lies at most [`PULSE`] plus one scheduling delay later, and never
//! before the last answer.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use crate::clock::raw_now;

/// Distance of two pulses.
pub const PULSE: Duration = Duration::from_micros(500);

/// One time the service was away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outage {
    /// Last moment it served, raw `CLOCK_MONOTONIC` nanoseconds.
    pub stopped: i64,
    /// First moment it served again, in the same unit; none when it never did.
    pub started: Option<i64>,
}

/// Why the truth cannot be written or read.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the outage log {path}: {source}")]
pub struct TruthError {
    path: PathBuf,
    source: io::Error,
}

/// The log and the pulse of a running service.
pub struct Truth {
    path: PathBuf,
    pulse: Arc<Pulse>,
}

struct Pulse {
    cell: File,
    newest: AtomicI64,
    over: AtomicBool,
}

impl Truth {
    /// Opens the log; if its last entry is a start, the process before this one was killed, and its pulse is written
    /// down as the stop.
    pub fn open(path: &Path) -> Result<Truth, TruthError> {
        let failed = |source| TruthError { path: path.to_owned(), source };
        if let Some(stopped) = unfinished(path).map_err(failed)? {
            append(path, &format!("stop {stopped}\n")).map_err(failed)?;
        }
        let cell = OpenOptions::new().create(true).truncate(true).write(true).open(pulse_path(path)).map_err(failed)?;
        let pulse = Pulse { cell, newest: AtomicI64::new(0), over: AtomicBool::new(false) };
        Ok(Truth { path: path.to_owned(), pulse: Arc::new(pulse) })
    }

    /// Writes down that the service serves since `raw`, and starts the pulse.
    pub fn start(&self, raw: i64) -> Result<(), TruthError> {
        let failed = |source| TruthError { path: self.path.clone(), source };
        self.pulse.store(raw).map_err(failed)?;
        append(&self.path, &format!("start {raw}\n")).map_err(failed)?;
        let pulse = self.pulse.clone();
        std::thread::Builder::new()
            .name("pulse".into())
            .spawn(move || {
                while !pulse.over.load(Ordering::Acquire) {
                    pulse.beat();
                    std::thread::sleep(PULSE);
                }
            })
            .map_err(failed)?;
        Ok(())
    }

    /// A request is answered: the service is alive now.
    pub fn beat(&self) {
        self.pulse.beat();
    }

    /// The service stops serving in good order.
    pub fn stop(&self) {
        self.pulse.over.store(true, Ordering::Release);
        if let Err(error) = append(&self.path, &format!("stop {}\n", raw_now())) {
            eprintln!("demo-service: cannot write the outage log {}: {error}", self.path.display());
        }
    }
}

impl Pulse {
    fn beat(&self) {
        // A pulse that cannot be written shows as an early stop in the truth, never as a late one.
        let _ = self.store(raw_now());
    }

    fn store(&self, raw: i64) -> io::Result<()> {
        // Two threads may write out of order; only the newest value counts. A loser's older value would be put right by
        // the next beat, but the process may be dead by then.
        if self.newest.fetch_max(raw, Ordering::AcqRel) < raw {
            // One write of fixed width: the kernel completes it or never begins it, so a kill cannot tear it.
            self.cell.write_all_at(format!("{raw:020}\n").as_bytes(), 0)?;
        }
        Ok(())
    }
}

/// The outages in the log at `path`. A killed service that has not started again is not among them.
pub fn read(path: &Path) -> Result<Vec<Outage>, TruthError> {
    let failed = |source| TruthError { path: path.to_owned(), source };
    Ok(outages(&std::fs::read_to_string(path).map_err(failed)?))
}

/// The outages a log tells of: each `stop` with the `start` that follows it. Lines of no known form are skipped.
pub fn outages(log: &str) -> Vec<Outage> {
    let mut found: Vec<Outage> = Vec::new();
    for (kind, raw) in log.lines().filter_map(entry) {
        match kind {
            "stop" => found.push(Outage { stopped: raw, started: None }),
            _ => {
                if let Some(outage) = found.last_mut().filter(|o| o.started.is_none()) {
                    outage.started = Some(raw);
                }
            }
        }
    }
    found
}

/// The pulse of a log that ends with a start; none when it ends with a stop, is empty or does not exist.
fn unfinished(path: &Path) -> io::Result<Option<i64>> {
    let log = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let Some(("start", started)) = log.lines().filter_map(entry).next_back() else { return Ok(None) };
    let pulse = std::fs::read_to_string(pulse_path(path)).unwrap_or_default();
    Ok(Some(pulse.trim().parse().unwrap_or(started).max(started)))
}

fn entry(line: &str) -> Option<(&str, i64)> {
    let (kind, raw) = line.split_once(' ')?;
    matches!(kind, "start" | "stop").then_some((kind, raw.trim().parse().ok()?))
}

fn append(path: &Path, line: &str) -> io::Result<()> {
    OpenOptions::new().create(true).append(true).open(path)?.write_all(line.as_bytes())
}

fn pulse_path(log: &Path) -> PathBuf {
    let mut name = log.as_os_str().to_owned();
    name.push(".pulse");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stop_is_paired_with_the_next_start() {
        let outages = outages("start 10\nstop 20\nstart 35\nnoise\nstop 40\n");
        let expected = [Outage { stopped: 20, started: Some(35) }, Outage { stopped: 40, started: None }];
        assert_eq!(outages, expected);
    }

    #[test]
    fn a_killed_service_is_given_its_last_pulse_as_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("outages");
        let truth = Truth::open(&log).unwrap();
        truth.start(1_000).unwrap();
        truth.beat();
        let alive = truth.pulse.newest.load(Ordering::Acquire);
        assert!(alive > 1_000);
        // Killed: no stop. The pulse thread is silenced as death would do it.
        truth.pulse.over.store(true, Ordering::Release);
        drop(truth);
        let again = Truth::open(&log).unwrap();
        again.start(i64::MAX - 1).unwrap();
        again.stop();
        let outage = read(&log).unwrap()[0];
        assert!(outage.stopped >= alive, "{outage:?} is before the last beat, {alive}");
        assert_eq!(outage.started, Some(i64::MAX - 1));
    }

    #[test]
    fn an_orderly_stop_is_not_written_twice() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("outages");
        let truth = Truth::open(&log).unwrap();
        truth.start(raw_now()).unwrap();
        truth.stop();
        drop(Truth::open(&log).unwrap());
        assert_eq!(read(&log).unwrap().len(), 1);
    }
}
