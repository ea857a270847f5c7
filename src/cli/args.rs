//! The command line's grammar.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::model::HumanDuration;

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
    /// The catalogue of faults.
    Faults(FaultsArgs),
    /// A JSON Schema, made from the types.
    Schema(SchemaArgs),
    /// What this machine can do.
    Doctor(DoctorArgs),
    /// Write a commented starter scenario.
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
    /// The dead man's switch; spoken to through its standard input.
    #[command(hide = true)]
    Watchdog,
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
    /// Answer yes to every question.
    #[arg(short, long)]
    pub yes: bool,
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
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as NAME=VALUE")?;
    Ok((name.trim().to_owned(), value.to_owned()))
}
