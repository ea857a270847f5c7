//! The files of a run's folder.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use crate::report;
use crate::result::RunResult;
use crate::safety::RunDir;
use crate::timeline::Timeline;

/// Writes everything that is made after a run: the result first, because every report can be made from it again.
///
/// # Errors
/// The first file that could not be written; those after it are still tried.
pub fn write(dir: &Path, result: &RunResult, timeline: &Timeline, folder: Option<&RunDir>) -> io::Result<()> {
    let mut first = put(dir, "result.json", &report::json::json(result));
    let reports = [
        ("report.html", report::html::html(result)),
        ("report.md", report::markdown::markdown(result)),
        ("junit.xml", report::junit::junit(result)),
        ("latency.hlog", report::hlog::hlog(timeline.interval_histograms(), timeline.started_epoch_seconds())),
    ];
    for (name, text) in reports {
        first = first.and(put(dir, name, &text));
    }
    if let Some(folder) = folder {
        first = first.and(folder.copy_journal(dir));
    }
    first.and(sums(dir))
}

/// Writes a file and waits until it is on disk: a report that vanishes with a power cut was never written.
fn put(dir: &Path, name: &str, text: &str) -> io::Result<()> {
    let mut file = File::create(dir.join(name))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// SHA-256 of every file of the folder.
fn sums(dir: &Path) -> io::Result<()> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_file() && entry.file_name() != "SHA256SUMS" {
            files.push((entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path())?));
        }
    }
    files.sort();
    put(dir, "SHA256SUMS", &report::sums::sums(files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()))))
}
