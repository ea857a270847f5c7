//! `simulacro init`: a commented scenario and load profile to begin with.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What is written, by the name of the file.
const FILES: [(&str, &str); 2] =
    [("drill.yaml", include_str!("starter/drill.yaml")), ("drill-load.yaml", include_str!("starter/drill-load.yaml"))];

/// Why nothing, or not everything, was written.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// A file is there already.
    #[error("{0} exists and is left as it is: name another folder, or move the file away")]
    Exists(PathBuf),
    /// The folder or a file cannot be written.
    #[error("{path} cannot be written: {source}")]
    Write {
        /// What was to be written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Writes the starter files into `folder`, which is made if need be, and returns their paths. Nothing is overwritten.
///
/// # Errors
/// When a file exists, or cannot be written.
pub fn init(folder: &Path) -> Result<Vec<PathBuf>, InitError> {
    let paths: Vec<PathBuf> = FILES.iter().map(|(name, _)| folder.join(name)).collect();
    // Looked at beforehand, so that not the first of two is written; and once more in the act itself.
    if let Some(taken) = paths.iter().find(|path| path.symlink_metadata().is_ok()) {
        return Err(InitError::Exists(taken.clone()));
    }
    std::fs::create_dir_all(folder).map_err(|source| InitError::Write { path: folder.to_owned(), source })?;
    for (path, (_, text)) in paths.iter().zip(FILES) {
        write_new(path, text)?;
    }
    Ok(paths)
}

fn write_new(path: &Path, text: &str) -> Result<(), InitError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::AlreadyExists => InitError::Exists(path.to_owned()),
        _ => InitError::Write { path: path.to_owned(), source },
    };
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_starter_has_no_problem_and_is_written_once() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("new");
        let written = init(&folder).unwrap();
        let checked = crate::cli::check::check(std::slice::from_ref(&folder), &[]);
        assert_eq!(checked.files.len(), written.len());
        assert_eq!(checked.problems.to_string(), "");
        std::fs::write(&written[0], "mine").unwrap();
        std::fs::remove_file(&written[1]).unwrap();
        assert!(matches!(init(&folder), Err(InitError::Exists(path)) if path == written[0]));
        assert_eq!(std::fs::read_to_string(&written[0]).unwrap(), "mine");
        assert!(!written[1].exists());
    }
}
