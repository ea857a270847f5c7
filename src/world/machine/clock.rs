//! The clock of a service that was started with libfaketime: it follows a file.
//!
//! A clock of its own for one process does not exist in Linux but for `CLOCK_MONOTONIC` and `CLOCK_BOOTTIME` (time
//! namespaces), so the wall clock is moved where the program reads it: in the C library.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::ClockOrder;
use crate::model::Name;
use crate::safety::{MachineUndo, Reverted, Standing};
use crate::world::{DriverError, Services};

/// The library's variant for programs with threads; it suits those without as well.
const LIBRARY: &str = "libfaketimeMT.so.1";

/// What the file says while the clock is right.
const RIGHT: &str = "+0";

/// Longest time from the start of a process until it has loaded its libraries.
const LOADED_WITHIN: Duration = Duration::from_secs(2);

/// Time between two looks at whether it has.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Clocks of the drill's own services.
pub(super) struct Clocks {
    services: Arc<dyn Services>,
}

impl Clocks {
    pub fn new(services: Arc<dyn Services>) -> Self {
        Clocks { services }
    }

    /// Writes the file that the clock will follow, and says how the service must be started to follow it.
    pub fn prepare(
        &self,
        service: &Name,
        dir: &Path,
        preloaded: Option<&str>,
    ) -> Result<Vec<(String, String)>, DriverError> {
        let Some(library) = library() else {
            return Err(DriverError::NotFound(format!(
                "service {service} is to have a clock that can be moved, and {LIBRARY} is not installed: as root, \
                 apt-get install faketime"
            )));
        };
        let file = file_of(dir, service);
        write(&file, RIGHT)?;
        let preload = match preloaded {
            Some(others) => format!("{}:{others}", library.display()),
            None => library.display().to_string(),
        };
        Ok(vec![
            ("LD_PRELOAD".into(), preload),
            ("FAKETIME_TIMESTAMP_FILE".into(), file.display().to_string()),
            // Read at every call, not every ten seconds.
            ("FAKETIME_NO_CACHE".into(), "1".into()),
            // Timers go on as they do when a real wall clock is set.
            ("FAKETIME_DONT_FAKE_MONOTONIC".into(), "1".into()),
        ])
    }

    pub async fn plan(&self, order: &ClockOrder) -> Result<MachineUndo, DriverError> {
        let ClockOrder { service, dir, seconds } = order;
        let file = file_of(dir, service);
        match read(&file)?.as_deref() {
            Some(RIGHT) => {}
            Some(other) => {
                return Err(DriverError::Refused(format!("the clock of service {service} is moved already ({other})")));
            }
            None => {
                return Err(DriverError::NotFound(format!(
                    "the clock of service {service} cannot be moved: start it with `faketime: true`"
                )));
            }
        }
        let limit = Instant::now() + LOADED_WITHIN;
        while self.follows(service) == Some(false) && Instant::now() < limit {
            sleep(LOOK_AGAIN).await;
        }
        match self.follows(service) {
            Some(true) => {}
            Some(false) => {
                return Err(DriverError::Refused(format!(
                    "service {service} has not loaded libfaketime, so its clock cannot be moved: its program is \
                     statically linked, or starts another one without its environment"
                )));
            }
            None => return Err(DriverError::NotFound(format!("service {service} has no process now"))),
        }
        let during = format!("{seconds:+.3}");
        Ok(MachineUndo::Clock { service: service.clone(), file, before: RIGHT.into(), during })
    }

    pub fn set(&self, file: &Path, before: &str, during: &str) -> Result<(), DriverError> {
        match read(file)?.as_deref() {
            Some(found) if found == before => write(file, during),
            Some(found) => Err(foreign(file, found)),
            None => Err(DriverError::NotFound(format!("{} is gone", file.display()))),
        }
    }

    pub fn revert(&self, file: &Path, before: &str, during: &str) -> Result<Reverted, DriverError> {
        match read(file)?.as_deref() {
            Some(found) if found == before => Ok(Reverted::AlreadyBack),
            Some(found) if found == during => write(file, before).map(|()| Reverted::Restored),
            Some(found) => Err(foreign(file, found)),
            None => Ok(Reverted::TargetGone),
        }
    }

    pub fn standing(&self, service: &Name, file: &Path, before: &str, during: &str) -> Result<Standing, DriverError> {
        Ok(match read(file)?.as_deref() {
            None => Standing::Gone,
            Some(found) if found == before => Standing::Gone,
            // Between the end of the service and its next start there is nobody to be misled.
            Some(found) if found == during => {
                Standing::InForce { touched: u64::from(self.follows(service) == Some(true)) }
            }
            Some(_) => Standing::Foreign,
        })
    }

    /// Whether the process of a service has the library loaded; none when it has no process now.
    fn follows(&self, service: &Name) -> Option<bool> {
        let process = self.services.current(service)?;
        let maps = fs::read_to_string(format!("/proc/{}/maps", process.pid)).ok()?;
        Some(maps.lines().any(|line| line.ends_with(LIBRARY)))
    }
}

/// The file that the clock of a service follows.
fn file_of(dir: &Path, service: &Name) -> PathBuf {
    let name: String = service.as_str().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    dir.join(format!("clock-{name}"))
}

/// Where distributions put the library: `/usr/lib/<machine>/faketime`, `/usr/lib/faketime`, `/usr/local/lib/faketime`.
fn library() -> Option<PathBuf> {
    let roots = ["/usr/lib", "/usr/lib64", "/usr/local/lib"].map(PathBuf::from);
    let inner = roots.iter().flat_map(|root| fs::read_dir(root).into_iter().flatten().flatten()).map(|e| e.path());
    let folders: Vec<PathBuf> = roots.iter().cloned().chain(inner).collect();
    folders.into_iter().map(|folder| folder.join("faketime").join(LIBRARY)).find(|path| path.is_file())
}

fn read(file: &Path) -> Result<Option<String>, DriverError> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(DriverError::Failed(format!("cannot read {}: {e}", file.display()))),
    }
}

/// In one step: a reader sees the one or the other.
fn write(file: &Path, text: &str) -> Result<(), DriverError> {
    let fresh = file.with_extension("new");
    let written = fs::write(&fresh, format!("{text}\n")).and_then(|()| fs::rename(&fresh, file));
    written.map_err(|e| DriverError::Failed(format!("cannot write {}: {e}", file.display())))
}

fn foreign(file: &Path, found: &str) -> DriverError {
    DriverError::Identity(format!("{} says `{found}`, which this drill did not write", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::world::sim::Sim;

    fn clocks() -> Clocks {
        let scenario = serde_json::from_str(r#"{"simulacro":1,"name":"clock"}"#).unwrap();
        Clocks::new(Sim::new(&scenario).world(Clock::start()).services)
    }

    #[test]
    fn the_file_is_written_back_once_and_a_foreign_one_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (clocks, file) = (clocks(), folder.path().join("clock-app"));
        let revert = || clocks.revert(&file, "+0", "+60.000");
        assert_eq!(revert(), Ok(Reverted::TargetGone));
        fs::write(&file, "+0\n").unwrap();
        assert_eq!(revert(), Ok(Reverted::AlreadyBack), "inject never ran");
        clocks.set(&file, "+0", "+60.000").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "+60.000\n");
        assert_eq!(revert(), Ok(Reverted::Restored));
        assert_eq!(revert(), Ok(Reverted::AlreadyBack));
        fs::write(&file, "-5d\n").unwrap();
        assert!(matches!(revert(), Err(DriverError::Identity(_))));
        assert!(matches!(clocks.set(&file, "+0", "+60.000"), Err(DriverError::Identity(_))));
        let service = "app".parse().unwrap();
        assert_eq!(clocks.standing(&service, &file, "+0", "+60.000"), Ok(Standing::Foreign));
    }
}
