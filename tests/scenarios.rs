//! Every file in `scenarios/` and `loadprofiles/` is checked, planned and simulated.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use simulacro::engine::recorder::Nowhere;
use simulacro::engine::simulate::simulate;
use simulacro::judge::conclude;
use simulacro::result::{Objective, Outcome};
use simulacro::scenario::bundle;
use simulacro::scenario::fault::FaultSpec;
use simulacro::scenario::plan::Plan;
use simulacro::scenario::resolve::{Settings, resolve};
use simulacro::timeline::Timeline;
use simulacro::timeline::event::EndReason;

fn folder(name: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let mut files: Vec<_> = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|e| e == "yaml"));
    files.sort();
    files
}

fn plan(file: &Path) -> Plan {
    let settings = Settings {
        vars: Vec::new(),
        seed: 7,
        utc: "20260101T000000Z".into(),
        report_dir: std::env::temp_dir().join("simulacro-planned-only"),
        simulated: true,
        allow_commands: true,
    };
    let (plan, _) = resolve(file, &settings).unwrap_or_else(|problems| panic!("{problems}"));
    plan
}

fn simulated(plan: Plan) -> (Arc<Plan>, Timeline, Vec<String>) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    let plan = Arc::new(plan);
    let finished = runtime.block_on(simulate(plan.clone(), Box::new(Nowhere)));
    assert_eq!(finished.recorder_failed, None);
    (plan, finished.timeline, finished.remaining)
}

#[test]
fn there_are_enough_of_them() {
    assert!(folder("scenarios").len() >= 6, "{:?}", folder("scenarios"));
    assert!(folder("loadprofiles").len() >= 3, "{:?}", folder("loadprofiles"));
}

#[test]
fn scenarios_have_no_problem_and_no_warning() {
    for file in folder("scenarios") {
        let bundle = bundle::open(&file, &[]).unwrap_or_else(|problems| panic!("{problems}"));
        assert!(bundle.warnings.is_empty(), "{}", bundle.warnings);
    }
}

#[test]
fn load_profiles_have_no_problem_and_no_warning() {
    for file in folder("loadprofiles") {
        let (_, warnings) = bundle::profile(&file).unwrap_or_else(|problems| panic!("{problems}"));
        assert!(warnings.is_empty(), "{warnings}");
    }
}

/// The name in a file is the file's name: reports and run folders then say which file they are of.
#[test]
fn scenarios_are_named_after_their_files_and_begin_with_their_schema() {
    for file in folder("scenarios") {
        let stem = file.file_stem().unwrap().to_str().unwrap();
        assert_eq!(plan(&file).scenario.name.as_str(), stem);
        let text = std::fs::read_to_string(&file).unwrap();
        let first = "# yaml-language-server: $schema=../schema/scenario.schema.json\n";
        assert!(text.starts_with(first), "{stem} does not say where its schema is");
    }
}

/// They may run one after the other, and one that was left running must not disturb the next. Those that are aimed at
/// the practice stack share its addresses, and start nothing of their own.
#[test]
fn scenarios_share_no_address() {
    let mut taken: BTreeSet<(String, String)> = BTreeSet::new();
    let stack = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docker-compose.yml")).unwrap();
    for file in folder("scenarios") {
        let text = std::fs::read_to_string(&file).unwrap();
        let ours: BTreeSet<_> = text.match_indices("127.0.0.1:").map(|(at, _)| text[at..].to_owned()).collect();
        let ports: BTreeSet<String> =
            ours.iter().map(|t| t["127.0.0.1:".len()..].chars().take_while(char::is_ascii_digit).collect()).collect();
        for port in ports.into_iter().filter(|p| !p.is_empty() && !stack.contains(&format!("_PORT:-{p}}}"))) {
            let rival = taken.iter().find(|(p, _)| *p == port).map(|(_, f)| f.clone());
            assert_eq!(rival, None, "port {port} of {}", file.display());
            taken.insert((port, file.display().to_string()));
        }
    }
}

#[test]
fn plans_are_whole_and_can_be_read_again() {
    for file in folder("scenarios") {
        let plan = plan(&file);
        assert_eq!(plan.profiles.len(), plan.scenario.load.len(), "{}", file.display());
        let text = serde_json::to_string(&plan).unwrap();
        assert!(!text.contains("${run_dir}"), "{}: a reference to the run's folder is left", file.display());
        assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
    }
}

#[test]
fn simulated_scenarios_run_to_their_end_and_leave_nothing_behind() {
    for file in folder("scenarios") {
        let name = file.display();
        let (plan, timeline, remaining) = simulated(plan(&file));
        assert_eq!(remaining, Vec::<String>::new(), "{name}");
        assert_eq!(timeline.end.as_ref().map(|(reason, _)| reason), Some(&EndReason::Completed), "{name}");
        for (fault, track) in plan.scenario.faults.iter().zip(&timeline.faults) {
            assert!(track.inject.is_some(), "{name}: {} was never in effect", fault.name);
            assert_eq!(track.undone.is_some(), fault.spec.is_held(), "{name}: {}", fault.name);
            assert!(track.failed.is_none() && track.lost.is_none(), "{name}: {}: {track:?}", fault.name);
        }
        let result = conclude(&plan, &timeline);
        // Nothing is restored in a simulated world, and the judge says so.
        let judged = result.verdict.parts.iter().filter(|p| p.objective != Objective::Restore);
        let unmet: Vec<_> = judged.filter(|p| p.outcome != Outcome::Pass).collect();
        assert!(unmet.is_empty(), "{name}: {unmet:#?}");
        assert_eq!(result.end.exit_code, if plan.scenario.backups.is_empty() { 0 } else { 20 }, "{name}");
    }
}

#[test]
fn every_kind_of_fault_is_in_a_scenario() {
    let used: BTreeSet<&str> =
        folder("scenarios").iter().flat_map(|f| plan(f).scenario.faults).map(|f| f.spec.kind()).collect();
    let missing: Vec<_> = FaultSpec::KINDS.iter().filter(|kind| !used.contains(*kind)).collect();
    assert!(missing.is_empty(), "no scenario shows {missing:?}");
}
