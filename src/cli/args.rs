//! The command line's grammar.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::compare::Metric;
use crate::model::{HumanDuration, Name, Ratio};
use crate::scenario::consent::PlanToken;

/// Chaos and disaster-recovery drills: faults, load, recovery time, data loss and restore proof on one clock.
#[derive(Debug, Parser)]
#[command(name = "simulacro", version, about, arg_required_else_help = true, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// The quickstart drill: needs nothing but this binary and takes under a minute.
    Demo(DemoArgs),
    /// Run drills.
    Run(RunArgs),
    /// Drive load alone, as a release gate.
    Load(LoadArgs),
    /// Validate scenarios and load profiles: all problems at once, each with its line.
    Check(CheckArgs),
    /// Show what would happen to which targets; touches nothing.
    Plan(PlanArgs),
    /// Undo whatever an interrupted run left behind.
    Recover(RecoverArgs),
    /// Render a saved run again.
    Report(ReportArgs),
    /// Judge a saved run against the objectives of a scenario (marked as re-judged).
    Judge(JudgeArgs),
    /// Compare runs with earlier ones: a gate against regressions that knows noise.
    Compare(CompareArgs),
    /// Links that live on their own.
    #[command(subcommand)]
    Proxy(ProxyVerb),
    /// The catalogue of faults.
    Faults(FaultsArgs),
    /// A JSON Schema, made from the types.
    Schema(SchemaArgs),
    /// What this machine can do.
    Doctor(DoctorArgs),
    /// Write a commented starter scenario, or make a load profile from what there is already.
    Init(InitArgs),
    /// Completions for a shell, to standard output.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// The manual page, to standard output.
    Man,
    /// The demo's orders service.
    #[cfg(feature = "demo")]
    #[command(hide = true)]
    DemoService(crate::demo::Options),
    /// A load worker; spoken to through its standard input.
    #[command(hide = true)]
    LoadWorker,
    /// The link proxy; spoken to through its standard input.
    #[command(hide = true)]
    ProxyWorker,
    /// The supervisor of one service; spoken to through its standard input.
    #[command(hide = true)]
    ServiceShim,
    /// Stress in a process of its own; its standard input is a lease.
    #[command(hide = true)]
    StressWorker {
        /// By which it is found and ended.
        #[arg(long)]
        tag: String,
        /// What it does, as JSON.
        #[arg(long)]
        job: String,
    },
    /// A process within a network namespace; spoken to through its standard input.
    NetworkKeeper,
    /// The dead man's switch; spoken to through its standard input.
    #[command(hide = true)]
    Watchdog,
}

/// `simulacro proxy`
#[derive(Debug, Subcommand)]
pub enum ProxyVerb {
    /// Serve links until a signal ends it, with a control API that Toxiproxy's clients speak.
    Serve(ProxyServeArgs),
}

/// `simulacro proxy serve`
#[derive(Debug, Args)]
pub struct ProxyServeArgs {
    /// Where the control API listens.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8474", env = "SIMULACRO_PROXY_LISTEN")]
    pub listen: String,
    /// Proxies to begin with: a list in Toxiproxy's JSON.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where every random choice comes from; drawn when absent.
    #[arg(long, env = "SIMULACRO_SEED")]
    pub seed: Option<u64>,
}

/// What every run takes.
#[derive(Debug, Clone, Args)]
pub struct RunOptions {
    /// Set a variable of the scenario; may be given several times.
    #[arg(short = 'V', long = "var", value_name = "NAME=VALUE", value_parser = variable)]
    pub vars: Vec<(String, String)>,
    /// Where run folders are made.
    #[arg(long, value_name = "DIR", default_value = "reports", env = "SIMULACRO_REPORT_DIR")]
    pub report_dir: PathBuf,
    /// Where every random choice comes from; drawn and recorded when absent.
    #[arg(long, env = "SIMULACRO_SEED")]
    pub seed: Option<u64>,
    /// Print the result as JSON instead of the table.
    #[arg(long)]
    pub json: bool,
    /// Progress as plain lines even on a terminal.
    #[arg(long, env = "SIMULACRO_PLAIN")]
    pub plain: bool,
}

/// `simulacro run`
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Scenario files, run one after the other; the exit code is that of the first that did not pass.
    #[arg(required = true)]
    pub scenarios: Vec<PathBuf>,
    /// What every run takes.
    #[command(flatten)]
    pub options: RunOptions,
    /// Run against a simulated world, on a clock that does not wait.
    #[arg(long)]
    pub simulate: bool,
    /// Allow the scenario to run commands of its own.
    #[arg(long, env = "SIMULACRO_ALLOW_COMMANDS")]
    pub allow_commands: bool,
    /// Allow a scenario whose environment is production.
    #[arg(long)]
    pub allow_production: bool,
    /// What it may do.
    #[command(flatten)]
    pub consent: ConsentArgs,
    /// Run a scenario whose run is inconclusive (exit code 20) once more. Both runs are kept, and the second names the
    /// first.
    #[arg(long, env = "SIMULACRO_RETRY_INCONCLUSIVE")]
    pub retry_inconclusive: bool,
}

/// What a drill may do, beyond what its scenario says.
#[derive(Debug, Clone, Default, Args)]
pub struct ConsentArgs {
    /// Agree to acts that cannot be taken back; the scenario must consent, too (`guard.allow_irreversible`).
    #[arg(short, long)]
    pub yes: bool,
    /// The token that `simulacro plan` printed for a production drill; may be given once for each scenario.
    #[arg(long, value_name = "TOKEN", env = "SIMULACRO_PLAN_TOKEN", value_delimiter = ' ')]
    pub plan_token: Vec<PlanToken>,
    /// While this file exists no drill starts, and one that runs is stopped and healed.
    #[arg(long, value_name = "PATH", env = "SIMULACRO_KILL_FILE")]
    pub kill_file: Option<PathBuf>,
}

/// `simulacro load`
#[derive(Debug, Args)]
pub struct LoadArgs {
    /// Load profiles, driven one after the other; the exit code is that of the first that did not pass.
    #[arg(required = true)]
    pub profiles: Vec<PathBuf>,
    /// Where the paths begin, instead of what the profile says; may hold `${env:NAME}`.
    #[arg(long, value_name = "URL", env = "SIMULACRO_BASE_URL")]
    pub base_url: Option<String>,
    /// How long constant rates and users go on, instead of what the profile says.
    #[arg(long, value_name = "DURATION", env = "SIMULACRO_DURATION")]
    pub duration: Option<HumanDuration>,
    /// Drive a profile whose run is inconclusive (exit code 20) once more. Both runs are kept, and the second names the
    /// first.
    #[arg(long, env = "SIMULACRO_RETRY_INCONCLUSIVE")]
    pub retry_inconclusive: bool,
    /// What every run takes.
    #[command(flatten)]
    pub options: RunOptions,
}

/// `simulacro demo`
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// What every run takes.
    #[command(flatten)]
    pub options: RunOptions,
    /// While this file exists no drill starts, and one that runs is stopped and healed.
    #[arg(long, value_name = "PATH", env = "SIMULACRO_KILL_FILE")]
    pub kill_file: Option<PathBuf>,
}

/// `simulacro check`
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Files, or directories to search for `*.yaml`.
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    /// Set a variable of the scenario; may be given several times.
    #[arg(short = 'V', long = "var", value_name = "NAME=VALUE", value_parser = variable)]
    pub vars: Vec<(String, String)>,
    /// Problems as JSON.
    #[arg(long)]
    pub json: bool,
}

/// `simulacro plan`
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// The scenario.
    pub scenario: PathBuf,
    /// Set a variable of the scenario; may be given several times.
    #[arg(short = 'V', long = "var", value_name = "NAME=VALUE", value_parser = variable)]
    pub vars: Vec<(String, String)>,
    /// The plan as JSON.
    #[arg(long)]
    pub json: bool,
}

/// `simulacro recover`
#[derive(Debug, Args)]
pub struct RecoverArgs {
    /// The run; every interrupted run when absent.
    pub run: Option<String>,
    /// Every interrupted run.
    #[arg(long, conflicts_with = "run")]
    pub all: bool,
}

/// `simulacro report`
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// A run's folder, or its `result.json`.
    pub run: PathBuf,
    /// Which report; the terminal's when absent.
    #[arg(short, long, value_enum)]
    pub format: Vec<ReportFormat>,
    /// Write into this directory instead of standard output.
    #[arg(short, long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// Formats of reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// Tables for a terminal.
    Terminal,
    /// `result.json`.
    Json,
    /// `report.html`.
    Html,
    /// `junit.xml`.
    Junit,
    /// `report.md`.
    Markdown,
}

/// `simulacro judge`
#[derive(Debug, Args)]
pub struct JudgeArgs {
    /// A run's folder.
    pub run: PathBuf,
    /// The scenario whose objectives are applied.
    pub scenario: PathBuf,
    /// Set a variable of the scenario; may be given several times.
    #[arg(short = 'V', long = "var", value_name = "NAME=VALUE", value_parser = variable)]
    pub vars: Vec<(String, String)>,
    /// Print the result as JSON instead of the table.
    #[arg(long)]
    pub json: bool,
}

/// `simulacro compare`
#[derive(Debug, Args)]
#[command(override_usage = "simulacro compare [OPTIONS] BASE RUN...\n       \
                            simulacro compare [OPTIONS] --base PATH... RUN...\n       \
                            simulacro compare [OPTIONS] --save-baseline FILE RUN...")]
pub struct CompareArgs {
    /// BASE, then one or more RUN. Each is a run's folder, a folder of such folders, a result.json, or a baseline file.
    #[arg(required = true, value_name = "BASE RUN")]
    pub paths: Vec<PathBuf>,
    /// What to compare with, instead of the first path; may be given several times.
    #[arg(long, value_name = "PATH")]
    pub base: Vec<PathBuf>,
    /// Save the runs as a baseline file, and compare nothing.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["base", "json", "format", "out"])]
    pub save_baseline: Option<PathBuf>,
    /// The span to compare: total, a phase, or a fault. When absent: that of the baseline file; baseline for drills
    /// with faults; else total.
    #[arg(long, value_name = "NAME")]
    pub span: Option<String>,
    /// Compare only this stream; may be given several times.
    #[arg(long = "stream", value_name = "NAME")]
    pub streams: Vec<Name>,
    /// Compare this quantile, such as p99.9; may be given several times. When absent: p50, p95 and p99, as far as the
    /// requests suffice.
    #[arg(long = "quantile", value_name = "QUANTILE", value_parser = quantile)]
    pub quantiles: Vec<f64>,
    /// Let each request name count as its stream does: one that cannot be told makes the outcome `cannot tell`.
    #[arg(long)]
    pub requests: bool,
    /// The smallest change of a latency or a rate that matters.
    #[arg(long, value_name = "PERCENT", default_value = "10%")]
    pub effect: Ratio,
    /// The smallest change of the share of failures that matters, in percentage points.
    #[arg(long, value_name = "PERCENT", default_value = "0.5%")]
    pub error_effect: Ratio,
    /// The standard deviation of a latency from run to run, where it is known. With several runs a side it is measured,
    /// and this is the least that is believed.
    #[arg(long, value_name = "PERCENT", env = "SIMULACRO_NOISE")]
    pub noise: Option<Ratio>,
    /// Where every random draw comes from.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Compare although this differs between BASE and RUN; may be given several times.
    #[arg(long = "allow-different", value_name = "WHAT", value_enum)]
    pub allow_different: Vec<Different>,
    /// Print the comparison as JSON instead of the table.
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
    /// Which reports of the comparison; the terminal's when absent.
    #[arg(short, long, value_enum)]
    pub format: Vec<ComparisonFormat>,
    /// Write the reports into this directory; the terminal's goes to standard output all the same.
    #[arg(short, long, value_name = "DIR", requires = "format")]
    pub out: Option<PathBuf>,
}

/// What may differ between compared runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Different {
    /// The scenario or load profile.
    Scenario,
    /// The load: asked rate, or its model.
    Load,
    /// The machine.
    Host,
    /// Simulated against real.
    World,
}

/// Formats of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ComparisonFormat {
    /// Tables for a terminal.
    Terminal,
    /// `comparison.json`.
    Json,
    /// `comparison.xml`.
    Junit,
    /// `comparison.md`.
    Markdown,
}

/// `simulacro faults`
#[derive(Debug, Args)]
pub struct FaultsArgs {
    /// One kind.
    pub kind: Option<String>,
}

/// `simulacro schema`
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// Which.
    #[arg(value_enum)]
    pub which: SchemaKind,
}

/// The formats that have a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaKind {
    /// Scenarios.
    Scenario,
    /// Load profiles.
    Profile,
    /// `result.json`.
    Result,
    /// `comparison.json`.
    Comparison,
    /// Baseline files.
    Baseline,
}

/// `simulacro doctor`
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// `simulacro init`
#[derive(Debug, Args)]
pub struct InitArgs {
    /// Where to write it.
    #[arg(default_value = ".")]
    pub dir: PathBuf,
    /// Write a load profile instead, made from this file: vegeta targets, a HAR recording or an OpenAPI document.
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,
    /// How it is made.
    #[command(flatten)]
    pub import: ImportArgs,
}

/// `simulacro init --from`
#[derive(Debug, Clone, Default, Args)]
pub struct ImportArgs {
    /// The file's format; found out from its content when absent.
    #[arg(long = "as", value_enum, value_name = "FORMAT", requires = "from")]
    pub format: Option<ImportFormat>,
    /// The profile's name and its file's; made from the name of the file when absent.
    #[arg(long, requires = "from")]
    pub name: Option<Name>,
    /// The host whose requests are kept, with its port where it has one; the most frequent when absent.
    #[arg(long, requires = "from")]
    pub host: Option<String>,
    /// A recording: a journey for each of its pages, instead of one for all.
    #[arg(long, requires = "from")]
    pub per_page: bool,
    /// A recording: keep images, fonts, scripts and style sheets.
    #[arg(long, requires = "from")]
    pub include_assets: bool,
    /// An OpenAPI document: send the operations that may change data, too.
    #[arg(long, requires = "from")]
    pub include_writes: bool,
    /// Replace the profile of that name.
    #[arg(long, requires = "from")]
    pub force: bool,
}

/// Formats that load profiles are made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ImportFormat {
    /// Targets of vegeta, http or JSON.
    Vegeta,
    /// A recording of a browser, HAR 1.2.
    Har,
    /// OpenAPI 3, JSON or YAML.
    Openapi,
}

fn quantile(text: &str) -> Result<f64, String> {
    match text.parse()? {
        Metric::Quantile(q) => Ok(q),
        other => Err(format!("`{other}` is always compared; give a quantile, such as p95")),
    }
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as NAME=VALUE")?;
    Ok((name.trim().to_owned(), value.to_owned()))
}
