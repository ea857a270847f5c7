//! Baselines: runs that a repository keeps, to compare later ones with. Small, because they hold one span and no
//! windows; one field a line, so that a difference of two can be read.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::sample::RunSample;

/// The version of this format. Readers refuse a higher one.
pub const VERSION: u32 = 1;

/// A baseline file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// Version of this format; its name says what the file is.
    pub simulacro_baseline: u32,
    /// Version of the program that wrote it.
    pub program: String,
    /// When it was saved, RFC 3339 in UTC.
    pub saved: String,
    /// The span that its runs are cut to.
    pub span: String,
    /// The runs.
    pub runs: Vec<RunSample>,
}

/// Why bytes are not a baseline that this program can read.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// It is damaged: cut short, or edited by hand.
    #[error("damaged baseline: {0}; take it from version control again, or save it again with --save-baseline")]
    Damaged(String),
    /// It was written by a later program.
    #[error(
        "baseline of version {found}, written by simulacro {program}; this program reads version {VERSION}: use a newer \
         one, or save the baseline again with this one"
    )]
    Newer {
        /// The version of the format.
        found: u64,
        /// The version of the program that wrote it.
        program: String,
    },
}

/// What every version has.
#[derive(Deserialize)]
struct Head {
    simulacro_baseline: Option<u64>,
    #[serde(default)]
    program: String,
}

impl Baseline {
    /// Runs, all cut to `span`, to be saved at `saved`.
    pub fn new(span: &str, runs: Vec<RunSample>, saved: String) -> Baseline {
        let program = env!("CARGO_PKG_VERSION").into();
        Baseline { simulacro_baseline: VERSION, program, saved, span: span.to_owned(), runs }
    }

    /// As JSON, ending in a newline.
    ///
    /// # Errors
    /// The serialiser's own; it writes into memory.
    pub fn text(&self) -> Result<String, serde_json::Error> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// Whether bytes mean to be a baseline, however damaged.
    pub fn is_one(bytes: &[u8]) -> bool {
        // The name of the first field, looked for in the text: a file that is cut short is no JSON any more.
        let start = bytes.get(..bytes.len().min(256)).unwrap_or_default();
        String::from_utf8_lossy(start).contains("\"simulacro_baseline\"")
    }

    /// Reads one.
    ///
    /// # Errors
    /// When it is damaged, or of a later version; the message says what to do.
    pub fn read(bytes: &[u8]) -> Result<Baseline, BaselineError> {
        let damaged = |why: serde_json::Error| BaselineError::Damaged(why.to_string());
        let head: Head = serde_json::from_slice(bytes).map_err(damaged)?;
        match head.simulacro_baseline {
            Some(found) if found > u64::from(VERSION) => {
                return Err(BaselineError::Newer { found, program: head.program });
            }
            Some(found) if found == u64::from(VERSION) => {}
            _ => return Err(BaselineError::Damaged("its version does not exist".into())),
        }
        let baseline: Baseline = serde_json::from_slice(bytes).map_err(damaged)?;
        baseline.check().map_err(BaselineError::Damaged)?;
        Ok(baseline)
    }

    /// Numbers that must fit each other: who edits one by hand would get a gate that lies.
    fn check(&self) -> Result<(), String> {
        let ids: BTreeSet<_> = self.runs.iter().map(|run| run.id.0.as_str()).collect();
        if self.runs.is_empty() || ids.len() < self.runs.len() {
            return Err("it has no runs, or one of them twice".into());
        }
        for run in &self.runs {
            for (stream, row) in run.streams.iter().flat_map(|s| s.rows.iter().map(move |row| (s, row))) {
                let name = format!("run {}, {}", run.id, stream.name);
                let hist = row.hist().map_err(|why| format!("{name}: {why}"))?;
                if hist.total() != row.ok {
                    return Err(format!("{name}: {} latencies of {} successes", hist.total(), row.ok));
                }
                if stream.design_effects.values().any(|effect| !(1.0..1e9).contains(effect)) {
                    return Err(format!("{name}: a design effect is below 1"));
                }
            }
        }
        Ok(())
    }
}
