//! Runs a real worker process and adds up what it says.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use hdrhistogram::Histogram;
use simulacro::clock::raw_now;
use simulacro::scenario::profile::Profile;
use simulacro::timeline::hist::{decode_hist, new_hist};
use simulacro::timeline::load_line::{Assignment, Hello, WindowLine, WorkerEnd, WorkerLine, WorkerReport, WorkerSaid};
use simulacro::world::Workers;
use simulacro::world::workers::{HostWorkers, WorkerHandle};
use tempfile::TempDir;
use tokio::sync::mpsc;

/// No test waits longer than this for anything.
pub const LIMIT: Duration = Duration::from_secs(60);

/// A worker at work.
pub struct Drive {
    pub handle: Box<dyn WorkerHandle>,
    pub reports: mpsc::Receiver<WorkerReport>,
    pub folder: TempDir,
    pub epoch: i64,
}

/// Everything a worker said.
#[derive(Default)]
pub struct Heard {
    pub hello: Option<Hello>,
    pub lines: Vec<WindowLine>,
    pub end: Option<WorkerEnd>,
    pub lost: Option<String>,
}

pub fn assignment(profile: &str, base_url: &str, folder: &TempDir) -> Assignment {
    Assignment {
        stream: "steady".parse().unwrap(),
        base_url: base_url.into(),
        profile: Profile::from_yaml(profile).unwrap(),
        seed: 42,
        epoch: raw_now(),
        not_before: 0,
        log: folder.path().join("load-steady.log"),
    }
}

pub async fn start_with(program: PathBuf, profile: &str, base_url: &str) -> Drive {
    let folder = tempfile::tempdir().unwrap();
    let assignment = assignment(profile, base_url, &folder);
    let epoch = assignment.epoch;
    let (tx, reports) = mpsc::channel(16);
    let handle = HostWorkers::with_program(program).start(assignment, tx).await.unwrap();
    Drive { handle, reports, folder, epoch }
}

pub async fn start(profile: &str, base_url: &str) -> Drive {
    start_with(env!("CARGO_BIN_EXE_simulacro").into(), profile, base_url).await
}

impl Drive {
    /// Takes the next report into `heard`; false when there are no more.
    pub async fn hear(&mut self, heard: &mut Heard) -> bool {
        let report = tokio::time::timeout(LIMIT, self.reports.recv()).await.expect("the worker says nothing");
        match report.map(|report| report.said) {
            None => return false,
            Some(WorkerSaid::Line(WorkerLine::Hello(hello))) => heard.hello = Some(hello),
            Some(WorkerSaid::Line(WorkerLine::Window(line))) => heard.lines.push(*line),
            Some(WorkerSaid::Line(WorkerLine::End(end))) => heard.end = Some(end),
            Some(WorkerSaid::Lost(why)) => heard.lost = Some(why),
        }
        true
    }

    /// Hears everything until the worker is gone.
    pub async fn hear_all(&mut self) -> Heard {
        let mut heard = Heard::default();
        while self.hear(&mut heard).await {}
        heard
    }

    /// Stops the worker while hearing what it says.
    pub async fn stop(mut self) -> Heard {
        let mut heard = Heard::default();
        let Drive { handle, reports, .. } = &mut self;
        let hearing = async {
            let mut all = Vec::new();
            while let Some(report) = reports.recv().await {
                all.push(report.said);
            }
            all
        };
        let (all, ()) = tokio::join!(hearing, handle.stop());
        for said in all {
            match said {
                WorkerSaid::Line(WorkerLine::Hello(hello)) => heard.hello = Some(hello),
                WorkerSaid::Line(WorkerLine::Window(line)) => heard.lines.push(*line),
                WorkerSaid::Line(WorkerLine::End(end)) => heard.end = Some(end),
                WorkerSaid::Lost(why) => heard.lost = Some(why),
            }
        }
        heard
    }
}

impl Heard {
    pub fn sum(&self, of: fn(&WindowLine) -> u64) -> u64 {
        self.lines.iter().map(of).sum()
    }

    pub fn intended(&self) -> u64 {
        self.sum(|line| line.intended)
    }

    pub fn ok(&self) -> u64 {
        self.sum(|line| line.ok)
    }

    pub fn err(&self) -> u64 {
        self.sum(|line| line.err)
    }

    pub fn dropped(&self) -> u64 {
        self.sum(|line| line.dropped)
    }

    pub fn not_sent(&self) -> u64 {
        self.sum(|line| line.not_sent)
    }

    /// What was unanswered when each window was last told.
    pub fn pending(&self) -> u64 {
        let mut last = BTreeMap::new();
        for line in &self.lines {
            last.insert((line.window, &line.name), line.pending);
        }
        last.values().sum()
    }

    pub fn hist_ok(&self) -> Histogram<u32> {
        self.merge(|line| &line.hist_ok)
    }

    pub fn hist_err(&self) -> Histogram<u32> {
        self.merge(|line| &line.hist_err)
    }

    fn merge(&self, of: fn(&WindowLine) -> &String) -> Histogram<u32> {
        let mut all = new_hist();
        for line in &self.lines {
            all.add(decode_hist(of(line)).unwrap()).unwrap();
        }
        all
    }

    /// The reasons that were given, each once.
    pub fn reasons(&self) -> Vec<String> {
        let mut reasons: Vec<String> = self.lines.iter().filter_map(|line| line.why.clone()).collect();
        reasons.sort();
        reasons.dedup();
        reasons
    }

    /// Every request is accounted for, and every line agrees with itself.
    pub fn assert_whole(&self) {
        assert_eq!(self.lost, None);
        let end = self.end.as_ref().expect("no last line");
        assert_eq!(end.lines, self.lines.len() as u64);
        let known = self.ok() + self.err() + self.dropped() + self.not_sent() + self.pending();
        assert_eq!(self.intended(), known);
        assert_eq!(end.pending, self.pending());
        assert_eq!(self.hist_ok().len(), self.ok());
        assert_eq!(self.hist_err().len(), self.err());
        let slots = |of: fn(&simulacro::timeline::load_line::Slot) -> u32| {
            self.lines.iter().flat_map(|line| &line.slots).map(|slot| u64::from(of(slot))).sum::<u64>()
        };
        assert_eq!(slots(|slot| slot.ok), self.ok());
        assert_eq!(slots(|slot| slot.bad), self.err() + self.dropped());
    }
}
