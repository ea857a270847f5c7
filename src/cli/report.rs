//! `simulacro report`: a saved run, rendered again; and the files that every run gets.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::args::{ReportArgs, ReportFormat};
use super::exit::Exit;
use super::terminal;
use crate::report::terminal::{View, terminal as on_terminal};
use crate::report::{html, json, junit, markdown, sums};
use crate::result::RunResult;

/// The name of the file of sums; it does not list itself.
const SUMS: &str = "SHA256SUMS";

/// Why a report could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The run cannot be read.
    #[error("{} cannot be read: {source}; give a run's folder, as `reports/<utc-time>-<name>-<id>`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not a result that this program can read.
    #[error("{}: {source}", path.display())]
    Result {
        /// The file.
        path: PathBuf,
        /// Why.
        source: json::ReadError,
    },
    /// The report cannot be written.
    #[error("{} cannot be written: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A format could not be rendered.
    #[error("{0} cannot be rendered: {1}")]
    Render(&'static str, String),
}

impl ReportError {
    /// How the program ends.
    pub fn exit(&self) -> Exit {
        match self {
            ReportError::Read { .. } | ReportError::Result { .. } => Exit::Usage,
            ReportError::Write { .. } => Exit::ResultNotWritten,
            ReportError::Render(..) => Exit::Bug,
        }
    }
}

/// Renders a saved run to standard output, or into a directory.
pub fn report(args: &ReportArgs) -> Exit {
    match render_all(args) {
        Ok(()) => Exit::Ok,
        Err(e) => {
            eprintln!("{e}");
            e.exit()
        }
    }
}

fn render_all(args: &ReportArgs) -> Result<(), ReportError> {
    let result = read(&args.run)?;
    let formats: &[ReportFormat] = if args.format.is_empty() { &[ReportFormat::Terminal] } else { &args.format };
    // Only what goes to a terminal is fitted to it.
    let view = match args.out {
        Some(_) => View { width: 120, ..View::default() },
        None => View { width: terminal::width(), colour: terminal::colour(), folder: None },
    };
    for format in formats {
        let text = render(&result, *format, &view)?;
        match &args.out {
            None => terminal::out(&text),
            Some(dir) => {
                fs::create_dir_all(dir).map_err(|source| ReportError::Write { path: dir.clone(), source })?;
                let path = dir.join(file_name(*format));
                write(&path, &text)?;
                eprintln!("wrote {}", path.display());
            }
        }
    }
    Ok(())
}

/// Reads the result of a run from its folder, or from the file itself.
///
/// # Errors
/// When there is none, or it is damaged or of another version.
pub fn read(run: &Path) -> Result<RunResult, ReportError> {
    let path = if run.is_dir() { run.join("result.json") } else { run.to_owned() };
    let bytes = fs::read(&path).map_err(|source| ReportError::Read { path: path.clone(), source })?;
    json::read(&bytes).map_err(|source| ReportError::Result { path, source })
}

/// Renders one format; `view` matters to the terminal's alone.
///
/// # Errors
/// When a writer fails, which it should not: all write into memory.
pub fn render(result: &RunResult, format: ReportFormat, view: &View) -> Result<String, ReportError> {
    let failed = |format, e: &dyn std::fmt::Display| ReportError::Render(format, e.to_string());
    match format {
        ReportFormat::Terminal => Ok(on_terminal(result, view)),
        ReportFormat::Json => json::json(result).map_err(|e| failed("result.json", &e)),
        ReportFormat::Html => html::html(result).map_err(|e| failed("report.html", &e)),
        ReportFormat::Junit => junit::junit(result).map_err(|e| failed("junit.xml", &e)),
        ReportFormat::Markdown => Ok(markdown::markdown(result)),
    }
}

/// The file that a format goes to.
pub const fn file_name(format: ReportFormat) -> &'static str {
    match format {
        ReportFormat::Terminal => "report.txt",
        ReportFormat::Json => "result.json",
        ReportFormat::Html => "report.html",
        ReportFormat::Junit => "junit.xml",
        ReportFormat::Markdown => "report.md",
    }
}

/// Writes a run's reports into its folder: `result.json` first, because the others can be made from it again.
///
/// # Errors
/// When a file cannot be written, or a format not be rendered.
pub fn write_all(dir: &Path, result: &RunResult) -> Result<(), ReportError> {
    for format in [ReportFormat::Json, ReportFormat::Html, ReportFormat::Markdown, ReportFormat::Junit] {
        write(&dir.join(file_name(format)), &render(result, format, &View::default())?)?;
    }
    Ok(())
}

/// Writes the sums of all files in a run's folder; the last thing that is written there.
///
/// # Errors
/// When a file cannot be read, or the sums not be written.
pub fn seal(dir: &Path) -> Result<(), ReportError> {
    let mut sums = Vec::new();
    digests(dir, "", &mut sums)?;
    write(&dir.join(SUMS), &sums::lines(sums))
}

fn digests(dir: &Path, prefix: &str, sums: &mut Vec<(String, [u8; 32])>) -> Result<(), ReportError> {
    let unread = |path: &Path| {
        let path = path.to_owned();
        move |source| ReportError::Read { path, source }
    };
    for entry in fs::read_dir(dir).map_err(unread(dir))? {
        let entry = entry.map_err(unread(dir))?;
        let (path, kind) = (entry.path(), entry.file_type().map_err(unread(dir))?);
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if kind.is_dir() {
            digests(&path, &format!("{name}/"), sums)?;
        } else if kind.is_file() && name != SUMS {
            // Read in pieces: the events of a long run are large.
            let mut hash = Sha256::new();
            let mut file = fs::File::open(&path).map_err(unread(&path))?;
            io::copy(&mut file, &mut hash).map_err(unread(&path))?;
            sums.push((name, hash.finalize().into()));
        }
    }
    Ok(())
}

/// Whole or not at all: a reader never sees half a report.
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, text: &str) -> Result<(), ReportError> {
    let partial = path.with_extension("partial");
    let failed = |source| ReportError::Write { path: path.to_owned(), source };
    fs::write(&partial, text).map_err(failed)?;
    fs::rename(&partial, path).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn args(run: &Path, format: &[ReportFormat], out: Option<&Path>) -> ReportArgs {
        ReportArgs { run: run.to_owned(), format: format.to_vec(), out: out.map(Path::to_owned) }
    }

    #[test]
    fn a_saved_run_is_rendered_again_as_it_was() {
        let (run, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        write_all(run.path(), &sample::rich()).unwrap();
        seal(run.path()).unwrap();
        let all = [ReportFormat::Json, ReportFormat::Html, ReportFormat::Markdown, ReportFormat::Junit];
        assert_eq!(report(&args(run.path(), &all, Some(out.path()))), Exit::Ok);
        for format in all {
            let read = |dir: &Path| fs::read(dir.join(file_name(format))).unwrap();
            assert!(read(run.path()) == read(out.path()), "{format:?}");
        }
        let sums = fs::read_to_string(run.path().join(SUMS)).unwrap();
        let names: Vec<&str> = sums.lines().map(|line| line.split_once("  ").unwrap().1).collect();
        assert_eq!(names, ["junit.xml", "report.html", "report.md", "result.json"]);
    }

    #[test]
    fn the_published_schema_is_the_one_that_is_printed() {
        let mut printed = Vec::new();
        crate::cli::schema::schema(crate::cli::schema::SchemaOf::Result, &mut printed).unwrap();
        assert!(String::from_utf8(printed).unwrap() == crate::report::schema::schema());
    }

    #[test]
    fn what_cannot_be_read_or_written_has_its_exit_code_and_says_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let missing = read(dir.path()).unwrap_err();
        assert!(missing.to_string().contains("give a run's folder"), "{missing}");
        assert_eq!(report(&args(dir.path(), &[], None)).code(), 2);
        fs::write(dir.path().join("result.json"), "{").unwrap();
        assert!(read(dir.path()).unwrap_err().to_string().contains("damaged at line 1"));
        fs::write(dir.path().join("file"), "").unwrap();
        let run = dir.path().join("run");
        fs::create_dir(&run).unwrap();
        write_all(&run, &sample::refused()).unwrap();
        let inside_a_file = dir.path().join("file/out");
        assert_eq!(report(&args(&run, &[ReportFormat::Json], Some(&inside_a_file))).code(), 31);
    }
}
