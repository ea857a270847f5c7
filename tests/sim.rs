//! Whole drills in the simulated world: cancelled at every event, and with the runner dead at every crash point. Each
//! time the world must be as it was before, and the journal empty.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use simulacro::clock::Clock;
use simulacro::engine::revert::revert_all;
use simulacro::engine::simulate::{engine, journal};
use simulacro::engine::{Canceller, Finished, canceller};
use simulacro::safety::{Fate, Journal, Memory, Place, Undo, residue};
use simulacro::scenario::Scenario;
use simulacro::scenario::fault::FaultSpec;
use simulacro::scenario::plan::Plan;
use simulacro::scenario::source::load;
use simulacro::timeline::event::{EndReason, Event, EventSink};
use simulacro::world::sim::{Sim, Snapshot};

const JOURNAL: usize = 1 << 18;

/// A short drill around one or more faults.
fn plan(faults: &str) -> Arc<Plan> {
    let yaml = format!(
        "name: crash-points
services: {{ app: {{ faketime: true, command: [app, '127.0.0.1:2'], ready: {{ tcp: '127.0.0.1:2', within: 5s }}, restart: {{ after: 300ms }} }} }}
proxies: {{ front: {{ listen: '127.0.0.1:1', upstream: '127.0.0.1:2' }} }}
targets:
  app: {{ process: app }}
  other: {{ process: {{ pid_file: /run/other.pid }} }}
  box: {{ container: {{ name: box }} }}
  pg: {{ postgres: {{ url: 'postgres://127.0.0.1:5432/shop' }} }}
  pg-standby: {{ postgres: {{ url: 'postgres://127.0.0.1:5433/shop' }} }}
  cache: {{ redis: {{ url: 'redis://127.0.0.1:6379' }} }}
probes: [{{ name: p, tcp: {{ address: '127.0.0.1:1' }}, every: 100ms }}]
recovery_signal: {{ streams: [p] }}
phases: {{ warmup: 200ms, baseline: 500ms, recovery: {{ deadline: 5s, hold: 300ms }}, after: 200ms }}
faults:
{faults}
"
    );
    let (scenario, _) = load::<Scenario>(Path::new("sim.yaml"), &yaml, &[]).unwrap_or_else(|p| panic!("{p}"));
    Arc::new(Plan {
        version: 1,
        run: simulacro::model::RunId("sim".into()),
        file: "sim.yaml".into(),
        digest: String::new(),
        objectives_digest: String::new(),
        seed: 1,
        scenario,
        profiles: Default::default(),
        dir: "/nowhere".into(),
        simulated: true,
        allow_commands: true,
        host: "test".into(),
        load: None,
        retry_of: None,
        consent: Default::default(),
        machine: None,
    })
}

/// One drill for each kind, and one in which several faults stand at once.
fn drills() -> Vec<(&'static str, Arc<Plan>)> {
    let example = |kind: &&'static str| {
        let (example, held) = FaultSpec::example_of(kind).expect("every kind has an example");
        let time = if held { "for: 1s, " } else { "" };
        (*kind, format!("  - {{ name: f, {time}impact: tolerated, {example} }}"))
    };
    let several = "
  - { name: a, for: 1s, impact: tolerated, process-pause: { target: other } }
  - { name: b, at: 200ms, for: 1s, proxy-timeout: { proxy: front } }
  - { name: c, at: 400ms, for: 1s, impact: tolerated, command: { inject: [harm], undo: [heal] } }";
    let kinds = FaultSpec::KINDS.iter().map(example).chain([("several", several.to_owned())]);
    kinds.map(|(name, faults)| (name, plan(&faults))).collect()
}

fn paused() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

/// Counts events, and cancels at one of them.
struct CancelAt {
    at: Option<u64>,
    canceller: Canceller,
    seen: Arc<Mutex<u64>>,
}

impl EventSink for CancelAt {
    fn emit(&mut self, event: &Event) -> std::io::Result<()> {
        *self.seen.lock().unwrap() = event.seq;
        if Some(event.seq) == self.at {
            self.canceller.more("test");
        }
        Ok(())
    }
}

/// Runs a drill to its end; gives what came of it, how many events there were, and what the journal holds.
fn run(plan: &Arc<Plan>, sim: &Sim, memory: &Memory, cancel_at: Option<u64>) -> (Finished, u64) {
    let seen = Arc::new(Mutex::new(0));
    let (canceller, listener) = canceller();
    let finished = paused().block_on(async {
        let sink = CancelAt { at: cancel_at, canceller, seen: seen.clone() };
        let journal = journal(plan, memory.clone()).unwrap();
        engine(plan.clone(), sim, journal, Box::new(sink)).run(listener).await
    });
    let seen = *seen.lock().unwrap();
    (finished, seen)
}

fn left(memory: &Memory) -> usize {
    let (journal, _) =
        Journal::resume(Memory::holding(memory.bytes()), Path::new("sim"), &memory.bytes(), &Place::here()).unwrap();
    journal.residue().len()
}

#[test]
fn a_whole_drill_leaves_the_world_as_it_was() {
    for (name, plan) in drills() {
        let sim = Sim::new(&plan.scenario);
        let before = sim.snapshot();
        let memory = Memory::new(JOURNAL);
        let (finished, _) = run(&plan, &sim, &memory, None);
        let (reason, remaining) = finished.timeline.end.clone().expect("a run ends");
        assert_eq!(reason, EndReason::Completed, "{name}");
        assert!(remaining.is_empty(), "{name}: {remaining:?}");
        assert_eq!(sim.snapshot(), before, "{name}");
        assert_eq!(left(&memory), 0, "{name}");
        for fault in &finished.timeline.faults {
            assert!(fault.inject.is_some(), "{name}: {} was never seen in effect: {fault:?}", fault.name);
        }
    }
}

#[test]
fn cancelled_at_any_event_the_world_is_as_before() {
    for (name, plan) in drills() {
        let events = run(&plan, &Sim::new(&plan.scenario), &Memory::new(JOURNAL), None).1;
        for at in 0..events {
            let sim = Sim::new(&plan.scenario);
            let before = sim.snapshot();
            let memory = Memory::new(JOURNAL);
            let (finished, _) = run(&plan, &sim, &memory, Some(at));
            assert_eq!(sim.snapshot(), before, "{name}, cancelled at event {at}");
            assert_eq!(left(&memory), 0, "{name}, cancelled at event {at}");
            let (_, remaining) = finished.timeline.end.clone().expect("a run ends");
            assert!(remaining.is_empty(), "{name}, cancelled at event {at}: {remaining:?}");
        }
    }
}

/// Runs a drill until its runner dies at a crash point; whether it did. Every journal operation is a point, too: there
/// the write stands in whole, in part, or not at all.
fn run_until_dead(plan: &Arc<Plan>, sim: &Sim, memory: &Memory, point: Option<usize>, kept: usize) -> bool {
    if let Some(point) = point {
        sim.crash().arm(point);
    }
    let striker = sim.clone();
    memory.on_operation(move |_, operation| {
        if striker.crash().strikes(&format!("journal: {operation:?}")) { Fate::Crash { kept } } else { Fate::Proceed }
    });
    let (_canceller, listener) = canceller();
    let runtime = paused();
    let died = runtime.block_on(async {
        let Ok(journal) = journal(plan, memory.clone()) else { return true };
        let engine = engine(plan.clone(), sim, journal, Box::new(simulacro::engine::recorder::Nowhere));
        tokio::select! {
            biased;
            _ = sim.crash().reached() => true,
            _ = engine.run(listener) => sim.crash().is_dead(),
        }
    });
    // Everything the runner was doing ends with it.
    drop(runtime);
    died
}

/// What the watchdog, or `recover`, does after the runner's death: from the journal's bytes alone.
fn recover(sim: &Sim, memory: &Memory) -> Result<usize, String> {
    let bytes = memory.bytes();
    let after = Memory::holding(bytes.clone());
    let Ok((journal, _)) = Journal::resume(after.clone(), Path::new("sim"), &bytes, &Place::here()) else {
        // The runner died while it made the journal: it cannot have harmed anything yet.
        return Ok(0);
    };
    let open = journal.residue();
    let remaining = paused().block_on(async {
        let world = sim.world(Clock::start());
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
        revert_all(&world, &open, Some(&journal), deadline).await
    });
    if !remaining.is_clean() {
        return Err(format!("{:?}", remaining.lines()));
    }
    Ok(left(&after))
}

#[test]
fn dead_at_any_point_the_world_can_be_healed_from_the_journal() {
    for (name, plan) in drills() {
        let counted = Sim::new(&plan.scenario);
        assert!(!run_until_dead(&plan, &counted, &Memory::new(JOURNAL), None, 0));
        let points = counted.crash().passed();
        assert!(points >= 10, "{name} has only {points} crash points");
        for point in 0..points {
            for kept in [0, 7, usize::MAX] {
                let sim = Sim::new(&plan.scenario);
                let before = sim.snapshot();
                let memory = Memory::new(JOURNAL);
                assert!(run_until_dead(&plan, &sim, &memory, Some(point), kept), "{name}: point {point} is reached");
                sim.runner_died();
                sim.crash().disarm();
                let at = format!("{name}, dead at point {point}, {kept} bytes kept");
                assert_eq!(recover(&sim, &memory), Ok(0), "{at}");
                assert_same(&sim.snapshot(), &before, &at);
            }
        }
    }
}

fn assert_same(after: &Snapshot, before: &Snapshot, at: &str) {
    assert_eq!(after, before, "{at}");
}

/// The residue reader is what a new run's preflight asks: a healed journal must look empty to it, too.
#[test]
fn residue_of_a_file_that_does_not_exist_is_an_error_and_not_nothing() {
    assert!(residue(Path::new("/nonexistent/undo.jsonl")).is_err());
}

#[test]
fn a_driver_that_panics_anywhere_leaves_nothing_behind_and_ends_no_drill() {
    for (name, plan) in drills() {
        let counted = Sim::new(&plan.scenario);
        run(&plan, &counted, &Memory::new(JOURNAL), None);
        for point in 0..counted.crash().passed() {
            let sim = Sim::new(&plan.scenario);
            let before = sim.snapshot();
            sim.crash().arm_panic(point);
            let memory = Memory::new(JOURNAL);
            let (finished, _) = run(&plan, &sim, &memory, None);
            let at = format!("{name}, panic at point {point}");
            assert_eq!(finished.timeline.end, Some((EndReason::Completed, Vec::new())), "{at}");
            assert_eq!(sim.snapshot(), before, "{at}");
            assert_eq!(left(&memory), 0, "{at}");
        }
    }
}

/// Fails to keep events from one of them on: a full disk.
struct FullDisk {
    from: u64,
}

impl EventSink for FullDisk {
    fn emit(&mut self, event: &Event) -> std::io::Result<()> {
        if event.seq >= self.from { Err(std::io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

#[test]
fn a_disk_that_fills_at_any_event_ends_the_drill_healed() {
    let (_, plan) = drills().pop().expect("several faults");
    let events = run(&plan, &Sim::new(&plan.scenario), &Memory::new(JOURNAL), None).1;
    for from in 0..events {
        let sim = Sim::new(&plan.scenario);
        let before = sim.snapshot();
        let memory = Memory::new(JOURNAL);
        let (_canceller, listener) = canceller();
        let finished = paused().block_on(async {
            let journal = journal(&plan, memory.clone()).unwrap();
            engine(plan.clone(), &sim, journal, Box::new(FullDisk { from })).run(listener).await
        });
        assert!(finished.recorder_failed.is_some(), "event {from}");
        assert_eq!(sim.snapshot(), before, "event {from}");
        assert_eq!(left(&memory), 0, "event {from}");
    }
}

/// A drill with a guard, and a link that stays cut for a minute.
fn guarded(stop_when: &str, probe: &str) -> Arc<Plan> {
    let mut plan = (*plan("  - { name: f, for: 1m, proxy-down: { proxy: front } }")).clone();
    plan.scenario.guard.stop_when = vec![stop_when.parse().unwrap()];
    plan.scenario.probes[0].tcp.as_mut().unwrap().address = probe.into();
    Arc::new(plan)
}

#[test]
fn a_guard_stops_the_drill_and_everything_is_undone() {
    let plan = guarded("p.error_rate > 50% for 2s", "127.0.0.1:1");
    let sim = Sim::new(&plan.scenario);
    let before = sim.snapshot();
    let memory = Memory::new(JOURNAL);
    let (finished, _) = run(&plan, &sim, &memory, None);
    assert_eq!(finished.timeline.end.as_ref().map(|(reason, _)| reason.clone()), Some(EndReason::Guard));
    assert_eq!(finished.timeline.guards.len(), 1);
    assert_eq!(simulacro::judge::conclude(&plan, &finished.timeline).end.exit_code, 22);
    assert_eq!(sim.snapshot(), before);
    assert_eq!(left(&memory), 0);
}

#[test]
fn a_guard_that_sees_nothing_trips() {
    // Ten looks a second are never enough for this quantile.
    let plan = guarded("p.p99 > 1s", "127.0.0.1:1");
    let (finished, _) = run(&plan, &Sim::new(&plan.scenario), &Memory::new(JOURNAL), None);
    assert_eq!(finished.timeline.end.as_ref().map(|(reason, _)| reason.clone()), Some(EndReason::Guard));
    let (at, _, why) = &finished.timeline.guards[0];
    assert!(why.contains("saw nothing"), "{why} at {at}");
}

#[test]
fn playbook_steps_run_when_their_moment_comes_and_their_answers_are_kept() {
    let steps = "  - { name: f, for: 2s, proxy-down: { proxy: front } }
playbook:
  - { name: tell, after: { fault: f, is: injected }, http: { url: 'http://127.0.0.1:2/hook' } }
  - { name: flip, after: { step: tell }, command: { argv: [flip] } }
  - { name: ask, after: { fault: f, is: undone }, manual: { prompt: 'look at the screen' }, within: 10s }
  - { name: never, after: { fault: f, is: recovered, delay: 1h }, at: 0s, http: { url: 'http://127.0.0.1:2/' } }";
    // Two moments at once are refused where a scenario is checked; here the conductor must refuse them as well.
    let plan = plan(steps);
    let (finished, _) = run(&plan, &Sim::new(&plan.scenario), &Memory::new(JOURNAL), None);
    let result = simulacro::judge::conclude(&plan, &finished.timeline);
    let step = |name: &str| result.steps.iter().find(|step| step.name.as_str() == name).expect("a step");
    for name in ["tell", "flip", "ask"] {
        assert_eq!(step(name).ok, Some(true), "{:?}", step(name));
        assert!(step(name).ended >= step(name).began, "{:?}", step(name));
    }
    assert!(step("ask").answer.contains("simulated"), "{:?}", step("ask"));
    assert!(step("flip").began >= step("tell").ended);
    assert_eq!(step("never").ok, None, "{:?}", step("never"));
    let fault = &finished.timeline.faults[0];
    assert!(step("tell").began >= fault.inject && step("ask").began >= fault.undone);
}

/// Journals of an older version must stay readable: what each kind wrote once is what it writes, and is read back. Each
/// line of the golden file is a kind and its records. A new kind is added with `SIMULACRO_BLESS=1`; a line that is there
/// is never changed.
#[test]
fn records_of_undo_are_those_of_the_golden_file() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/undo.jsonl");
    let text = std::fs::read_to_string(&file).unwrap_or_default();
    let mut golden: BTreeMap<String, Vec<Undo>> =
        text.lines().map(|line| serde_json::from_str(line).expect("an old record is readable")).collect();
    let (mut missing, mut new) = (Vec::new(), String::new());
    for (kind, plan) in drills().into_iter().filter(|(name, _)| FaultSpec::KINDS.contains(name)) {
        let undo = armed(&plan);
        match golden.remove(kind) {
            Some(old) => assert_eq!(old, undo, "{kind}: journals of older versions would be misread"),
            None => {
                missing.push(kind);
                new += &format!("{}\n", serde_json::to_string(&(kind, undo)).unwrap());
            }
        }
    }
    assert!(golden.is_empty(), "kinds are gone whose journals may still lie about: {:?}", golden.keys());
    if std::env::var_os("SIMULACRO_BLESS").is_some() {
        std::fs::write(&file, text + &new).unwrap();
        return;
    }
    assert!(missing.is_empty(), "add them with SIMULACRO_BLESS=1 cargo test --test sim: {missing:?}");
}

/// The records of the only fault of a plan, as its drill armed them.
fn armed(plan: &Arc<Plan>) -> Vec<Undo> {
    let memory = Memory::new(JOURNAL);
    run(plan, &Sim::new(&plan.scenario), &memory, None);
    let bytes = memory.bytes();
    let lines = bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
    let undo = lines.into_iter().find_map(|line: serde_json::Value| line.pointer("/record/arm/undo").cloned());
    serde_json::from_value(undo.expect("the journal says how to undo it")).unwrap()
}
