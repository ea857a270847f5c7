//! From a file to a plan: everything that can be decided before the drill.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use sha2::{Digest, Sha256};

use super::bundle::{Bundle, open};
use super::grpc;
use super::plan::{Plan, VERSION};
use super::problem::Problems;
use super::reference::{self, Reference};
use super::{Objectives, Scenario};
use crate::model::{Machine, Name, RunId};

/// What resolving takes beside the scenario.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Values that override the scenario's variables.
    pub vars: Vec<(String, String)>,
    /// Where every random choice comes from.
    pub seed: u64,
    /// Wall-clock time of the start, compact: `20260131T235959Z`.
    pub utc: String,
    /// Where run folders are made; absolute.
    pub report_dir: PathBuf,
    /// Whether the world is simulated.
    pub simulated: bool,
    /// Whether `command` faults and steps may run.
    pub allow_commands: bool,
}

/// Reads and checks a scenario and its load profiles; warnings come with the plan.
///
/// # Errors
/// Every problem of all files at once.
pub fn resolve(file: &Path, settings: &Settings) -> Result<(Plan, Problems), Problems> {
    let Bundle { mut scenario, profiles, warnings, .. } = open(file, &settings.vars)?;
    let run = run_id(&settings.utc, &scenario.name, settings.seed);
    let dir = settings.report_dir.join(&run.0);
    // Taken before the run's own folder and seed are put in: two runs of one scenario have the same.
    let portable: BTreeMap<_, _> = profiles.iter().map(|(name, profile)| (name, profile.clone().portable())).collect();
    let digest = digest(&(&scenario, portable));
    fill_in(&mut scenario, &dir, settings.seed);
    grpc::anchor(&mut scenario, file);
    let plan = Plan {
        version: VERSION,
        file: file.to_owned(),
        digest,
        objectives_digest: objectives_digest(&scenario.objectives),
        seed: settings.seed,
        profiles,
        dir: dir.clone(),
        simulated: settings.simulated,
        allow_commands: settings.allow_commands,
        host: host_name(),
        load: None,
        retry_of: None,
        consent: Default::default(),
        machine: machine(),
        scenario,
        run,
    };
    Ok((plan, warnings))
}

/// Puts the run's folder and seed where the scenario refers to them; secrets and the ledger's `${id}` stay references.
fn fill_in(scenario: &mut Scenario, dir: &Path, seed: u64) {
    let dir = dir.to_string_lossy();
    // A scenario that was read can be written and read again; should that ever fail, it keeps its references, and the
    // first use of one says so.
    let Ok(mut value) = serde_json::to_value(&*scenario) else { return };
    each_text(&mut value, &|text| {
        let put = |r: &Reference| match r {
            Reference::RunDir => Some(dir.clone().into_owned()),
            Reference::Seed => Some(seed.to_string()),
            _ => None,
        };
        reference::put_in(text, put)
    });
    if let Ok(filled) = serde_json::from_value(value) {
        *scenario = filled;
    }
}

fn each_text(value: &mut serde_json::Value, change: &impl Fn(&str) -> String) {
    match value {
        serde_json::Value::String(text) => *text = change(text),
        serde_json::Value::Array(items) => items.iter_mut().for_each(|item| each_text(item, change)),
        serde_json::Value::Object(fields) => fields.values_mut().for_each(|field| each_text(field, change)),
        _ => {}
    }
}

/// SHA-256 of objectives in their canonical form, hex: two runs judged alike have the same.
pub fn objectives_digest(objectives: &Objectives) -> String {
    digest(objectives)
}

/// SHA-256 of a value's JSON, hex. Maps are ordered, so equal values have equal digests.
pub(super) fn digest(value: &impl serde::Serialize) -> String {
    // These types have string keys only, so that making JSON of them cannot fail.
    let bytes = serde_json::to_vec(value).unwrap_or_default();
    Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Runs that this process has named.
static NAMED: AtomicU32 = AtomicU32::new(0);

/// `<utc-time>-<name>-<id>`; the id comes from seed, time, process and count, so that two runs in one second differ.
pub(super) fn run_id(utc: &str, name: &Name, seed: u64) -> RunId {
    let slug: String =
        name.as_str().chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let count = NAMED.fetch_add(1, Ordering::Relaxed);
    let mark = Sha256::digest(format!("{utc}{seed}{}.{count}", std::process::id()));
    RunId(format!("{utc}-{slug}-{:02x}{:02x}{:02x}", mark[0], mark[1], mark[2]))
}

pub(super) fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// What kind of machine this is. Outside of Linux nobody is asked.
pub(super) fn machine() -> Option<Machine> {
    let read = |path| std::fs::read_to_string(path).ok();
    let name = rustix::system::uname();
    let (arch, release) = (name.machine().to_string_lossy(), name.release().to_string_lossy());
    Machine::of(&read("/proc/cpuinfo")?, &read("/proc/meminfo")?, &arch, &release)
}
