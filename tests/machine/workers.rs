//! Stress workers: that they do what they are for, and above all how they end.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use simulacro::model::{Ratio, Size, Stress};
use simulacro::safety::{Reverted, Standing};
use simulacro::world::{DriverError, Machine};

use crate::common::{figure, signal, wait_for};
use crate::support::{cpu_seconds, inject, machine, number, plan, until, until_in_force, worker};

const LONG: Duration = Duration::from_secs(120);

fn one_thread() -> Stress {
    Stress::Cpu { threads: 1, load: Ratio(0.5) }
}

#[tokio::test]
async fn processors_are_busy_until_the_worker_is_ended_and_a_second_undo_finds_nothing() {
    let machine = machine();
    let undo = plan(&machine, one_thread(), LONG).await.unwrap();
    assert_eq!(machine.standing(&undo).await, Ok(Standing::Gone));
    assert_eq!(machine.revert(&undo).await, Ok(Reverted::AlreadyBack), "inject never ran");
    inject(&machine, &undo).await.unwrap();
    assert_eq!(until_in_force(&machine, &undo).await, 1);
    let pid = worker(&undo).expect("a worker");
    let (start, before) = (Instant::now(), cpu_seconds(pid));
    wait_for("half a second of processor time", || (cpu_seconds(pid) > before + 0.5).then_some(()), String::new);
    figure("cpu-stress, one thread: asked 50 %, used %", {
        format!("{:.1}", 100.0 * (cpu_seconds(pid) - before) / start.elapsed().as_secs_f64())
    });
    assert_eq!(machine.revert(&undo).await, Ok(Reverted::Restored));
    assert_eq!(worker(&undo), None);
    assert_eq!(machine.standing(&undo).await, Ok(Standing::Gone));
    assert_eq!(machine.revert(&undo).await, Ok(Reverted::AlreadyBack));
}

#[tokio::test]
async fn memory_is_written_to_and_held() {
    let machine = machine();
    let size = Size::from_mib(96);
    let stress = Stress::Memory { size, floor: None, first_to_die: true };
    let undo = plan(&machine, stress, LONG).await.unwrap();
    inject(&machine, &undo).await.unwrap();
    assert!(until_in_force(&machine, &undo).await >= 94);
    let pid = worker(&undo).expect("a worker");
    assert!(number(pid, "status", "VmRSS:") << 10 >= size.bytes() * 98 / 100);
    assert_eq!(std::fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).unwrap().trim(), "1000");
    assert_eq!(machine.revert(&undo).await, Ok(Reverted::Restored));
    assert_eq!(worker(&undo), None);
}

#[tokio::test]
async fn a_disk_is_written_to_and_no_file_is_seen() {
    let machine = machine();
    // Beside the build's files: a folder for temporary ones may be in memory.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let directory = folder.path().to_owned();
    let stress = Stress::Io { directory, rate: Size::from_mib(8), threads: 2, file: Size::from_mib(4) };
    let undo = plan(&machine, stress, LONG).await.unwrap();
    inject(&machine, &undo).await.unwrap();
    until_in_force(&machine, &undo).await;
    let pid = worker(&undo).expect("a worker");
    wait_for("6 MiB on the disk", || (number(pid, "io", "write_bytes:") > 6 << 20).then_some(()), String::new);
    assert_eq!(folder.path().read_dir().unwrap().count(), 0, "files have no name");
    assert_eq!(machine.revert(&undo).await, Ok(Reverted::Restored));
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}

#[tokio::test]
async fn another_process_ends_the_worker_by_its_tag() {
    let (runner, recover) = (machine(), machine());
    let undo = plan(&runner, one_thread(), LONG).await.unwrap();
    inject(&runner, &undo).await.unwrap();
    until_in_force(&recover, &undo).await;
    assert_eq!(recover.revert(&undo).await, Ok(Reverted::Restored));
    assert_eq!(recover.revert(&undo).await, Ok(Reverted::AlreadyBack));
    assert_eq!(runner.standing(&undo).await, Ok(Standing::Gone));
}

#[tokio::test]
async fn the_worker_ends_with_its_lease() {
    let runner = machine();
    let undo = plan(&runner, one_thread(), LONG).await.unwrap();
    inject(&runner, &undo).await.unwrap();
    until_in_force(&runner, &undo).await;
    drop(runner);
    wait_for("the worker to end", || worker(&undo).is_none().then_some(()), String::new);
}

#[tokio::test]
async fn the_worker_ends_after_its_time_though_the_lease_is_held() {
    let runner = machine();
    let undo = plan(&runner, one_thread(), Duration::from_millis(800)).await.unwrap();
    inject(&runner, &undo).await.unwrap();
    assert!(worker(&undo).is_some());
    until(&runner, &undo, |seen| seen == Standing::Gone).await;
    wait_for("the worker to end", || worker(&undo).is_none().then_some(()), String::new);
}

#[tokio::test]
async fn a_stopped_worker_is_an_effect_that_was_lost_and_can_be_ended() {
    let machine = machine();
    let undo = plan(&machine, one_thread(), LONG).await.unwrap();
    inject(&machine, &undo).await.unwrap();
    until_in_force(&machine, &undo).await;
    signal(worker(&undo).expect("a worker"), Signal::STOP);
    until(&machine, &undo, |seen| seen == Standing::Gone).await;
    assert_eq!(machine.revert(&undo).await, Ok(Reverted::Restored));
    assert_eq!(worker(&undo), None);
}

#[tokio::test]
async fn one_tag_is_used_once_and_a_worker_that_cannot_begin_says_why() {
    let machine = machine();
    let undo = plan(&machine, one_thread(), LONG).await.unwrap();
    inject(&machine, &undo).await.unwrap();
    assert!(matches!(inject(&machine, &undo).await, Err(DriverError::Identity(_))));
    assert_eq!(machine.revert(&undo).await, Ok(Reverted::Restored));

    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().to_owned();
    let stress = Stress::Io { directory, rate: Size::from_mib(8), threads: 1, file: Size::from_mib(4) };
    let undo = plan(&machine, stress, LONG).await.unwrap();
    drop(folder);
    let why = inject(&machine, &undo).await.unwrap_err().to_string();
    assert!(why.contains("cannot make a file in"), "{why}");
    assert!(matches!(machine.revert(&undo).await, Ok(Reverted::Restored | Reverted::AlreadyBack)));
    assert_eq!(worker(&undo), None);
}
