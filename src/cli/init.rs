//! `simulacro init`: a commented scenario and load profile to begin with, or a load profile made from a foreign file.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::args::{ImportArgs, ImportFormat};
use crate::model::Name;
use crate::scenario::import::{self, Format, ImportError, Imported, Input, Options};
use crate::scenario::source::MAX_BYTES;

/// What is written, by the name of the file.
const FILES: [(&str, &str); 2] =
    [("drill.yaml", include_str!("starter/drill.yaml")), ("drill-load.yaml", include_str!("starter/drill-load.yaml"))];

/// Why nothing, or not everything, was written.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// A file is there already.
    #[error("{0} exists and is left as it is: name another folder, or move the file away")]
    Exists(PathBuf),
    /// A profile is there already.
    #[error("{0} exists and is left as it is: `--name` gives another name, `--force` replaces it")]
    ProfileExists(PathBuf),
    /// The folder or a file cannot be written.
    #[error("{path} cannot be written: {source}")]
    Write {
        /// What was to be written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file to be imported cannot be read.
    #[error("{path} cannot be read: {why}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// No profile can be made from the file.
    #[error("{}{}: {why}", path.display(), why.place.map_or(String::new(), |(line, column)| format!(":{line}:{column}")))]
    Import {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: ImportError,
    },
    /// Its name is no name of a profile.
    #[error("no name for the profile can be made from {0}: give one with `--name`")]
    Nameless(PathBuf),
}

/// Writes the starter files into `folder`, which is made if need be, and returns what to say. Nothing is overwritten.
///
/// # Errors
/// When a file exists, or cannot be written.
pub fn init(folder: &Path) -> Result<String, InitError> {
    let paths: Vec<PathBuf> = FILES.iter().map(|(name, _)| folder.join(name)).collect();
    // Looked at beforehand, so that not the first of two is written; and once more in the act itself.
    if let Some(taken) = paths.iter().find(|path| path.symlink_metadata().is_ok()) {
        return Err(InitError::Exists(taken.clone()));
    }
    std::fs::create_dir_all(folder).map_err(|source| InitError::Write { path: folder.to_owned(), source })?;
    for (path, (_, text)) in paths.iter().zip(FILES) {
        write(path, text, false, InitError::Exists)?;
    }
    Ok(paths.iter().map(|path| format!("wrote {}\n", path.display())).collect())
}

/// Makes a load profile from `file` and writes it to `loadprofiles/` in `folder`; returns what to say about it.
///
/// # Errors
/// When the file cannot be read or understood, or the profile exists (without `--force`) or cannot be written. Then
/// nothing is written.
pub fn import(folder: &Path, file: &Path, args: &ImportArgs) -> Result<String, InitError> {
    let name = match &args.name {
        Some(name) => name.clone(),
        None => name_of(file).ok_or_else(|| InitError::Nameless(file.to_owned()))?,
    };
    // Without the `./` that nobody typed.
    let folder = folder.strip_prefix(".").unwrap_or(folder);
    let path = folder.join("loadprofiles").join(format!("{name}.yaml"));
    if !args.force && path.symlink_metadata().is_ok() {
        return Err(InitError::ProfileExists(path));
    }
    let text = read(file)?;
    let file_name = file.file_name().unwrap_or_default().to_string_lossy();
    let input = Input { file: &file_name, text: &text, read: &|body| read_body(file, body) };
    let format = args.format.map(|format| match format {
        ImportFormat::Vegeta => Format::Vegeta,
        ImportFormat::Har => Format::Har,
        ImportFormat::Openapi => Format::Openapi,
    });
    let options = Options {
        name,
        format,
        host: args.host.clone(),
        assets: args.include_assets,
        per_page: args.per_page,
        writes: args.include_writes,
    };
    let imported = import::import(&input, &options).map_err(|why| InitError::Import { path: file.to_owned(), why })?;
    let profiles = folder.join("loadprofiles");
    std::fs::create_dir_all(&profiles).map_err(|source| InitError::Write { path: profiles, source })?;
    write(&path, &imported.text, args.force, InitError::ProfileExists)?;
    Ok(summary(&path, &imported))
}

/// What was written, what was left out and why, and what comes next.
fn summary(path: &Path, imported: &Imported) -> String {
    let mut said = format!("wrote {}\n", path.display());
    let notes = &imported.notes;
    let mut part = |title: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            // Writing to a String cannot fail.
            let _ = writeln!(said, "{title}");
            lines.iter().for_each(|line| {
                let _ = writeln!(said, "  - {line}");
            });
        }
    };
    part("left out:", notes.all_left_out().collect());
    part("look at this:", notes.all_changed().map(str::to_owned).collect());
    let secrets = notes.all_secrets().map(|(name, place)| format!("{name}: {place}"));
    part("secrets are not copied; set these variables for a run:", secrets.collect());
    let _ = match &imported.base_url {
        Some(url) => writeln!(said, "the base URL was {url}; a profile has none, so say it where it is used:"),
        None => writeln!(said, "the input names no host, and a profile has none: say it where it is used:"),
    };
    let base_url = imported.base_url.as_deref().unwrap_or("http://HOST");
    let (name, profile) = (&imported.profile.name, path.display());
    let _ = writeln!(said, "  load: [{{ name: {name}, profile: {profile}, base_url: \"{base_url}\" }}]");
    said
}

/// The name of a file without its endings, as the name of a profile.
fn name_of(file: &Path) -> Option<Name> {
    let name = file.file_name()?.to_string_lossy();
    let stem = name.split('.').find(|part| !part.is_empty())?;
    let fitting: String =
        stem.chars().map(|c| if c.is_alphanumeric() || c == '_' { c } else { '-' }).take(64).collect();
    fitting.trim_matches(['-', '_']).parse().ok()
}

fn read(file: &Path) -> Result<String, InitError> {
    let failed = |why: String| InitError::Read { path: file.to_owned(), why };
    let open = std::fs::File::open(file).map_err(|e| failed(e.to_string()))?;
    let mut bytes = Vec::new();
    open.take(import::MOST_BYTES + 1).read_to_end(&mut bytes).map_err(|e| failed(e.to_string()))?;
    if bytes.len() as u64 > import::MOST_BYTES {
        let most = import::MOST_BYTES >> 20;
        return Err(failed(format!(
            "it is larger than {most} MiB; record less, or save it without the answers' bodies"
        )));
    }
    String::from_utf8(bytes).map_err(|e| {
        let before = &e.as_bytes()[..e.utf8_error().valid_up_to()];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        failed(format!("it is not UTF-8 text (line {line}); save it as UTF-8"))
    })
}

/// A file that targets name. Its path counts from the working directory, as vegeta's does, or else from the targets.
fn read_body(targets: &Path, body: &str) -> io::Result<Vec<u8>> {
    let beside = targets.parent().unwrap_or(Path::new("")).join(body);
    let path = if Path::new(body).is_file() { PathBuf::from(body) } else { beside };
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(MAX_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn write(path: &Path, text: &str, replace: bool, exists: fn(PathBuf) -> InitError) -> Result<(), InitError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::AlreadyExists => exists(path.to_owned()),
        _ => InitError::Write { path: path.to_owned(), source },
    };
    let mut options = OpenOptions::new();
    match replace {
        true => options.write(true).create(true).truncate(true),
        false => options.write(true).create_new(true),
    };
    options.open(path).and_then(|mut file| file.write_all(text.as_bytes())).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_starter_has_no_problem_and_is_written_once() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("new");
        init(&folder).unwrap();
        let written = FILES.map(|(name, _)| folder.join(name));
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
