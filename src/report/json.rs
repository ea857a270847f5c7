//! `result.json`: written for programs, read back by every later command.

use crate::result::{RunResult, VERSION};

/// Why bytes are not a result that this program can read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is not JSON at all, or cut short, or a field is missing or of another kind.
    #[error("damaged at line {line}, column {column}: {why}; compare the folder's SHA256SUMS, or run the drill again")]
    Damaged {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What the reader of JSON said.
        why: String,
    },
    /// It is JSON, and something else.
    #[error("not a run's result: it has no `{0}`; give a run's folder or its result.json")]
    NotAResult(&'static str),
    /// It was written by a later program.
    #[error(
        "version {found} of the format, written by simulacro {program}; this program reads version {VERSION}: use a newer one"
    )]
    Newer {
        /// The version of the format.
        found: u64,
        /// The version of the program that wrote it.
        program: String,
    },
    /// Its version never was.
    #[error("version {0} of the format does not exist: it was not written by this program, or changed since")]
    NoSuchVersion(u64),
}

/// The result as pretty JSON, ending in a newline.
///
/// # Errors
/// The serialiser's own; it writes into memory, and the types of a result have no map key that is not text.
pub fn json(result: &RunResult) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(result)?;
    text.push('\n');
    Ok(text)
}

/// Reads a result.
///
/// # Errors
/// When the bytes are damaged, something else, or of another version; the message says what to do.
pub fn read(bytes: &[u8]) -> Result<RunResult, ReadError> {
    // Looked at before the fields: a later version may have any others, and "missing field" would mislead.
    let head: Head = match serde_json::from_slice(bytes) {
        Ok(head) => head,
        Err(e) if e.is_data() => return Err(ReadError::NotAResult("version")),
        Err(e) => return Err(damaged(&e)),
    };
    let Some(found) = head.version.as_ref().and_then(serde_json::Value::as_u64) else {
        return Err(ReadError::NotAResult("version"));
    };
    let Some(program) = head.program.as_ref().and_then(serde_json::Value::as_str) else {
        return Err(ReadError::NotAResult("program"));
    };
    if head.run.is_none() {
        return Err(ReadError::NotAResult("run"));
    }
    if found > u64::from(VERSION) {
        return Err(ReadError::Newer { found, program: program.to_owned() });
    }
    if found == 0 {
        return Err(ReadError::NoSuchVersion(found));
    }
    serde_json::from_slice(bytes).map_err(|e| damaged(&e))
}

/// What every version of a result has.
#[derive(serde::Deserialize)]
struct Head {
    version: Option<serde_json::Value>,
    program: Option<serde_json::Value>,
    run: Option<serde::de::IgnoredAny>,
}

fn damaged(e: &serde_json::Error) -> ReadError {
    // The reader of JSON ends its message with the place, which ours begins with.
    let why = e.to_string();
    let why = why.split(" at line ").next().unwrap_or_default().to_owned();
    ReadError::Damaged { line: e.line(), column: e.column(), why }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn a_result_survives_being_written() {
        for result in [sample::rich(), sample::refused()] {
            assert_eq!(read(json(&result).unwrap().as_bytes()).unwrap(), result);
        }
    }

    fn why(change: impl FnOnce(&mut serde_json::Value)) -> String {
        let mut value = serde_json::to_value(sample::rich()).unwrap();
        change(&mut value);
        read(value.to_string().as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn what_is_no_result_is_refused_with_the_reason() {
        assert!(read(b"").unwrap_err().to_string().contains("damaged at line 1"));
        assert!(read(b"[1, 2]").unwrap_err().to_string().contains("not a run's result"));
        assert!(read(br#"{"version": 1}"#).unwrap_err().to_string().contains("no `program`"));
        assert!(read(br#"{"version": "1"}"#).unwrap_err().to_string().contains("no `version`"));
        assert!(why(|v| v["version"] = 7.into()).contains("use a newer one"));
        assert!(why(|v| v["version"] = 0.into()).contains("does not exist"));
        assert!(why(|v| v["faults"][0]["kind"] = 7.into()).contains("expected a string"));
        assert!(why(|v| _ = v.as_object_mut().unwrap().remove("phases")).contains("phases"));
    }

    #[test]
    fn a_result_cut_anywhere_is_refused() {
        let text = json(&sample::refused()).unwrap();
        let whole = text.trim_end().len();
        for cut in 0..whole {
            assert!(read(&text.as_bytes()[..cut]).is_err(), "cut at {cut}");
        }
    }
}
