//! Headers and undo records for tests.

use std::path::Path;

use super::{CommandUndo, Header, Journal, LinkUndo, Memory, Place, ProcessUndo, Reverted, Undo};
use crate::model::{HumanDuration, Name, ProcessId, RuleId, RunId};

/// Where in-memory journals pretend to be.
pub fn nowhere() -> &'static Path {
    Path::new("/nowhere/undo.jsonl")
}

pub fn name(text: &str) -> Name {
    text.parse().expect("a valid name")
}

/// A header of this machine.
pub fn header(run: &str) -> Header {
    header_of(run, Place::here())
}

pub fn header_of(run: &str, place: Place) -> Header {
    Header {
        run: RunId(run.into()),
        place,
        started: "2026-03-01T02:00:00Z".parse().expect("a timestamp"),
        runner: ProcessId { pid: 4711, start: 99 },
        scenario: "/srv/drills/orders.yaml".into(),
        report_dir: "/srv/reports/orders".into(),
        endpoints: vec!["http://127.0.0.1:8474".into()],
        secrets: vec!["env:HOOK".into()],
    }
}

/// A place that stays the same wherever the tests run.
pub fn db1() -> Place {
    Place {
        boot_id: "5c3f7a52-0f0e-4b39-9d2f-3d7f9e1f0a11".into(),
        machine_id: Some("0123456789abcdef0123456789abcdef".into()),
        host: "db1".into(),
        pid_namespace: Some("pid:[4026531836]@3".into()),
    }
}

pub fn paused(pid: i32) -> Undo {
    Undo::Process(ProcessUndo::Continue { process: ProcessId { pid, start: 1000 } })
}

pub fn rule(id: &str) -> Undo {
    Undo::Link(LinkUndo { control: "/run/drill/proxy.sock".into(), link: name("front"), rule: RuleId(id.into()) })
}

pub fn command() -> Undo {
    let argv = vec!["docker".into(), "unpause".into(), "db".into()];
    Undo::Command(CommandUndo { argv, within: HumanDuration::from_secs(5), dir: "/srv/drills".into() })
}

pub const HOLD: HumanDuration = HumanDuration::from_secs(300);

/// A journal as small as can be for exhaustive tests: one fault on its way, one in force, one undone. `f0` to `f2`.
pub fn small_journal(memory: &Memory, header: &Header) -> Journal {
    let journal = Journal::on(memory.clone(), nowhere(), header).expect("memory takes it");
    for n in 0..3 {
        let undo = if n == 0 { rule("r0") } else { paused(100 + n) };
        let mut armed = journal.arm(&name(&format!("f{n}")), vec![undo], HOLD).expect("it is armed");
        let act = armed.inject(async |_| if n == 0 { Err(()) } else { Ok(()) });
        let done = futures_util::FutureExt::now_or_never(act).expect("nothing here waits");
        assert_eq!(done.is_ok(), n > 0);
        if n == 2 {
            journal.disarm(armed, vec![Reverted::Restored]).expect("it is recorded");
        }
    }
    journal
}

/// A journal with one fault in every state an interrupted run can leave, and two that ended. Fault `f0` to `f6`.
pub fn busy_journal(memory: &Memory, header: &Header) -> Journal {
    let journal = Journal::on(memory.clone(), nowhere(), header).expect("memory takes it");
    let arm = |n: usize, undo| journal.arm(&name(&format!("f{n}")), undo, HOLD).expect("it is armed");
    let armed: Vec<_> = (0..6).map(|n| arm(n, vec![paused(100 + n as i32), rule(&format!("r{n}"))])).collect();
    let both = vec![Reverted::Restored, Reverted::AlreadyBack];
    for (n, mut armed) in armed.into_iter().enumerate() {
        futures_util::FutureExt::now_or_never(async {
            match n {
                0 => {}
                1 => drop(armed.inject(async |_| Err::<(), ()>(())).await),
                _ => armed.inject(async |_| Ok::<(), ()>(())).await.expect("it is recorded"),
            }
        })
        .expect("nothing here waits");
        match n {
            3 => armed.reverting().expect("it is recorded"),
            4 | 5 => journal.disarm(armed, both.clone()).expect("it is recorded"),
            _ => {}
        }
    }
    drop(arm(6, vec![command()]));
    journal
}
