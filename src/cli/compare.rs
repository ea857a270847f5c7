//! `simulacro compare`: runs against earlier ones, and baseline files.

use std::fs;
use std::path::{Path, PathBuf};

use super::args::{CompareArgs, ComparisonFormat, Different};
use super::exit::Exit;
use super::report::{self, ReportError};
use super::terminal;
use crate::compare::baseline::{Baseline, BaselineError};
use crate::compare::sample::{RunSample, sample, usual_span};
use crate::compare::{self as compared, Comparison, Differs, Options, Refusal};
use crate::report::comparison;
use crate::report::terminal::View;
use crate::result::RunResult;

/// Why nothing was compared, or nothing was written.
#[derive(Debug, thiserror::Error)]
enum CompareError {
    #[error("give BASE and at least one RUN; `simulacro compare --help` says what they can be")]
    OneSide,
    #[error("{0} must be more than nothing")]
    NoEffect(&'static str),
    #[error(transparent)]
    Report(#[from] ReportError),
    #[error("{}: {source}", path.display())]
    Baseline { path: PathBuf, source: BaselineError },
    #[error("{} holds no runs: neither it nor a folder in it has a result.json", .0.display())]
    NoRuns(PathBuf),
    #[error("{}: {why}", path.display())]
    Span { path: PathBuf, why: String },
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("the comparison cannot be rendered: {0}")]
    Render(String),
}

impl CompareError {
    fn exit(&self) -> Exit {
        match self {
            CompareError::Report(e) => e.exit(),
            CompareError::Render(_) => Exit::Bug,
            _ => Exit::Usage,
        }
    }
}

/// Compares, or saves a baseline.
pub fn compare(args: &CompareArgs) -> Exit {
    let done = match &args.save_baseline {
        Some(file) => save(args, file).map(|()| Exit::Ok),
        None => gate(args).map(|comparison| Exit::Run(comparison.exit_code)),
    };
    done.unwrap_or_else(|e| {
        eprintln!("{e}");
        e.exit()
    })
}

/// A file of runs, read.
struct Source {
    path: PathBuf,
    what: What,
}

enum What {
    Result { result: Box<RunResult>, log: Option<String> },
    Baseline(Baseline),
}

fn gate(args: &CompareArgs) -> Result<Comparison, CompareError> {
    let (base, run) = match (args.base.as_slice(), args.paths.as_slice()) {
        ([], [base, run @ ..]) if !run.is_empty() => (std::slice::from_ref(base), run),
        (base @ [_, ..], run) => (base, run),
        _ => return Err(CompareError::OneSide),
    };
    for (name, effect) in [("--effect", args.effect), ("--error-effect", args.error_effect)] {
        if effect.0 <= 0.0 {
            return Err(CompareError::NoEffect(name));
        }
    }
    let (base, run) = (sources(base)?, sources(run)?);
    let span = span(args, base.iter().chain(&run));
    let comparison = compared::compare(&cut(&base, &span)?, &cut(&run, &span)?, &span, &options(args))?;
    show(&comparison, args)?;
    Ok(comparison)
}

fn options(args: &CompareArgs) -> Options {
    let usual = Options::default();
    Options {
        asked: !args.quantiles.is_empty(),
        requests: args.requests,
        quantiles: if args.quantiles.is_empty() { usual.quantiles } else { args.quantiles.clone() },
        streams: args.streams.clone(),
        effect: args.effect.0,
        error_effect: args.error_effect.0,
        noise: args.noise.map(|noise| noise.0),
        seed: args.seed,
        allowed: args.allow_different.iter().map(allowed).collect(),
    }
}

fn allowed(what: &Different) -> Differs {
    match what {
        Different::Scenario => Differs::Scenario,
        Different::Load => Differs::Load,
        Different::Host => Differs::Host,
        Different::World => Differs::World,
    }
}

/// The span asked for; else that of a baseline file; else the usual one of the first run.
fn span<'s>(args: &CompareArgs, mut sources: impl Iterator<Item = &'s Source> + Clone) -> String {
    let of_baseline = || {
        sources.clone().find_map(|source| match &source.what {
            What::Baseline(baseline) => Some(baseline.span.clone()),
            What::Result { .. } => None,
        })
    };
    let asked = args.span.clone().or_else(of_baseline);
    asked.unwrap_or_else(|| match sources.next().map(|source| &source.what) {
        Some(What::Result { result, .. }) => usual_span(result).to_owned(),
        _ => "total".to_owned(),
    })
}

/// Reads everything that the paths lead to.
fn sources(paths: &[PathBuf]) -> Result<Vec<Source>, CompareError> {
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() && !path.join("result.json").is_file() {
            let folders = folders(path)?;
            if folders.is_empty() {
                return Err(CompareError::NoRuns(path.clone()));
            }
            for folder in folders {
                found.push(source(&folder)?);
            }
        } else {
            found.push(source(path)?);
        }
    }
    Ok(found)
}

/// The run folders in a folder, by name: that is by time.
fn folders(path: &Path) -> Result<Vec<PathBuf>, CompareError> {
    let unread = |source| ReportError::Read { path: path.to_owned(), source };
    let mut folders = Vec::new();
    for entry in fs::read_dir(path).map_err(unread)? {
        let folder = entry.map_err(unread)?.path();
        if folder.join("result.json").is_file() {
            folders.push(folder);
        }
    }
    folders.sort();
    Ok(folders)
}

fn source(path: &Path) -> Result<Source, CompareError> {
    if path.is_file() {
        let bytes = fs::read(path).map_err(|source| ReportError::Read { path: path.to_owned(), source })?;
        if Baseline::is_one(&bytes) {
            let read = Baseline::read(&bytes);
            let baseline = read.map_err(|source| CompareError::Baseline { path: path.to_owned(), source })?;
            return Ok(Source { path: path.to_owned(), what: What::Baseline(baseline) });
        }
    }
    let result = Box::new(report::read(path)?);
    let folder = if path.is_dir() { Some(path) } else { path.parent() };
    // Beside the result, or not at all: it only refines the noise within a run.
    let log = folder.and_then(|folder| fs::read_to_string(folder.join("latency.hlog")).ok());
    Ok(Source { path: path.to_owned(), what: What::Result { result, log } })
}

/// The runs, cut to a span.
fn cut(sources: &[Source], span: &str) -> Result<Vec<RunSample>, CompareError> {
    let mut runs = Vec::new();
    for source in sources {
        let failed = |why| CompareError::Span { path: source.path.clone(), why };
        match &source.what {
            What::Result { result, log } => runs.push(sample(result, span, log.as_deref()).map_err(failed)?),
            What::Baseline(baseline) if baseline.span == span => runs.extend(baseline.runs.iter().cloned()),
            What::Baseline(baseline) => {
                let has = &baseline.span;
                return Err(failed(format!(
                    "this baseline holds the span {has}, not {span}; save one with --span {span}"
                )));
            }
        }
    }
    Ok(runs)
}

fn save(args: &CompareArgs, file: &Path) -> Result<(), CompareError> {
    let sources = sources(&args.paths)?;
    let span = span(args, sources.iter());
    let runs = cut(&sources, &span)?;
    // A baseline that no run could be compared with is none.
    compared::alike(&runs, &options(args).allowed)?;
    let doubted: Vec<String> = runs.iter().filter_map(|run| run.doubt.clone()).collect();
    let saved = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let count = runs.len();
    let text = Baseline::new(&span, runs, saved).text().map_err(|e| CompareError::Render(e.to_string()))?;
    report::write(file, &text)?;
    eprintln!("wrote {}: {count} runs, span {span}, {} KiB", file.display(), text.len().div_ceil(1024));
    doubted.iter().for_each(|why| eprintln!("warning: {why}: comparisons with it cannot tell anything"));
    if count < 3 {
        eprintln!("warning: fewer than 3 runs show little of the noise between runs; 5 or more make a good baseline");
    }
    Ok(())
}

fn show(comparison: &Comparison, args: &CompareArgs) -> Result<(), CompareError> {
    let view = View { width: terminal::width(), colour: terminal::colour(), folder: None };
    if args.json {
        terminal::out(&render(comparison, ComparisonFormat::Json, &view)?);
    } else if args.format.is_empty() || args.out.is_some() {
        terminal::out(&comparison::terminal(comparison, &view));
    }
    for format in &args.format {
        let text = render(comparison, *format, &View { colour: args.out.is_none() && view.colour, ..view.clone() })?;
        let Some(dir) = &args.out else {
            terminal::out(&text);
            continue;
        };
        fs::create_dir_all(dir).map_err(|source| ReportError::Write { path: dir.clone(), source })?;
        let path = dir.join(file_name(*format));
        report::write(&path, &text)?;
        eprintln!("wrote {}", path.display());
    }
    Ok(())
}

fn render(comparison: &Comparison, format: ComparisonFormat, view: &View) -> Result<String, CompareError> {
    let failed = |e: &dyn std::fmt::Display| CompareError::Render(e.to_string());
    match format {
        ComparisonFormat::Terminal => Ok(comparison::terminal(comparison, view)),
        ComparisonFormat::Json => {
            serde_json::to_string_pretty(comparison).map(|text| text + "\n").map_err(|e| failed(&e))
        }
        ComparisonFormat::Junit => comparison::junit(comparison).map_err(|e| failed(&e)),
        ComparisonFormat::Markdown => Ok(comparison::markdown(comparison)),
    }
}

const fn file_name(format: ComparisonFormat) -> &'static str {
    match format {
        ComparisonFormat::Terminal => "comparison.txt",
        ComparisonFormat::Json => "comparison.json",
        ComparisonFormat::Junit => "comparison.xml",
        ComparisonFormat::Markdown => "comparison.md",
    }
}
