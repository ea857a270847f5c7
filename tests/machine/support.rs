//! A driver of this machine, the permission to use it, and a look at what its workers use.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use simulacro::clock::Clock;
use simulacro::model::{HumanDuration, RunId, Stress, StressJob};
use simulacro::safety::{Header, Journal, MachineUndo, Memory, Place, Standing, Undo, this_process};
use simulacro::world::machine::HostMachine;
use simulacro::world::secrets::Secrets;
use simulacro::world::services::HostServices;
use simulacro::world::{DriverError, Machine};

use crate::common::BINARY;

/// A driver as a runner, a watchdog or `recover` has it.
pub fn machine() -> HostMachine {
    let services = HostServices::new(Clock::start(), BINARY.into(), Secrets::new());
    HostMachine::new(BINARY.into(), Arc::new(services))
}

/// A tag that no other test uses.
pub fn tag() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("test {}/{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Plans a worker.
pub async fn plan(machine: &HostMachine, stress: Stress, at_most: Duration) -> Result<MachineUndo, DriverError> {
    let job = StressJob { stress, at_most: HumanDuration(at_most), inside: None };
    machine.plan_worker(tag(), job).await
}

/// Does it, as an armed fault does.
pub async fn inject(machine: &HostMachine, undo: &MachineUndo) -> Result<(), DriverError> {
    let header = Header {
        run: RunId("test".into()),
        place: Place::here(),
        started: Clock::start().started(),
        runner: this_process().unwrap(),
        scenario: "/nowhere".into(),
        report_dir: "/nowhere".into(),
        endpoints: Vec::new(),
        secrets: Vec::new(),
    };
    let journal = Journal::on(Memory::new(1 << 16), "test".as_ref(), &header).unwrap();
    let undo = vec![Undo::Machine(undo.clone())];
    let mut armed = journal.arm(&"f".parse().unwrap(), undo.clone(), HumanDuration::from_secs(60)).unwrap();
    let Undo::Machine(undo) = &undo[0] else { unreachable!() };
    let mut result = Ok(());
    let _recorded = armed
        .inject(async |licence| {
            result = machine.inject(undo, licence).await;
            result.clone()
        })
        .await;
    result
}

/// Waits until the effect is what it should be; how much it touches.
pub async fn until(machine: &HostMachine, undo: &MachineUndo, fits: impl Fn(Standing) -> bool) -> Standing {
    let looking = async {
        loop {
            let seen = machine.standing(undo).await.unwrap();
            if fits(seen) {
                return seen;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    match tokio::time::timeout(Duration::from_secs(60), looking).await {
        Ok(seen) => seen,
        Err(_) => panic!("waited in vain; it is {:?}", machine.standing(undo).await),
    }
}

/// Waits until the effect is there.
pub async fn until_in_force(machine: &HostMachine, undo: &MachineUndo) -> u64 {
    match until(machine, undo, |seen| matches!(seen, Standing::InForce { touched: 1.. })).await {
        Standing::InForce { touched } => touched,
        other => panic!("{other:?}"),
    }
}

/// The worker of an undo, if it runs.
pub fn worker(undo: &MachineUndo) -> Option<i32> {
    let MachineUndo::Worker { tag, .. } = undo else { return None };
    let pids = fs::read_dir("/proc").unwrap().flatten().filter_map(|e| e.file_name().to_str()?.parse().ok());
    pids.into_iter().find(|pid: &i32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let mut words = line.split(|byte| *byte == 0);
        words.any(|word| word == b"stress-worker") && words.any(|word| word == tag.as_bytes())
    })
}

/// Processor time that a process has used, in seconds: fields 14 and 15 of its `stat`, 100 ticks a second.
pub fn cpu_seconds(pid: i32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<f64> =
        stat.rsplit_once(')').unwrap().1.split_ascii_whitespace().map(|f| f.parse().unwrap_or(0.0)).collect();
    (fields[11] + fields[12]) / 100.0
}

/// A number from a file of `/proc/PID`.
pub fn number(pid: i32, file: &str, name: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.split_ascii_whitespace().next().unwrap().parse().unwrap()
}
