//! What guards and plans ask of a process: program, user, unit, and whether it runs. Reads `/proc` only.

use std::collections::BTreeMap;
use std::fs;

use super::identity::{Holding, hold};
use super::{ProcessState, procfs};
use crate::model::{Member, ProcessId, Readiness};

/// The label of a process that runs in a unit of systemd.
const UNIT: &str = "systemd.unit";
/// The label by which anything says that no drill may touch it, as an environment variable of a process.
const PROTECTED: (&str, &str) = ("simulacro.protected", "SIMULACRO_PROTECTED");

/// A process as a target's member; `own`: the drill started it.
pub(super) fn member(process: ProcessId, own: bool) -> Member {
    let pid = process.pid;
    Member {
        identity: format!("{pid}@{}", process.start),
        shown: process.to_string(),
        name: program(pid),
        owner: if own { "this drill".into() } else { user(pid) },
        labels: labels(pid),
        readiness: readiness(process),
        own,
    }
}

/// The file name of its program, as it was called.
fn program(pid: i32) -> String {
    let called = procfs::command_line(pid).into_iter().next().unwrap_or_default();
    called.rsplit('/').next().unwrap_or_default().to_owned()
}

/// Its effective user, by name where the machine knows one.
fn user(pid: i32) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let uids = status.lines().find_map(|line| line.strip_prefix("Uid:")).unwrap_or_default();
    let Some(uid) = uids.split_ascii_whitespace().nth(1) else { return String::new() };
    let known = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = known.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    });
    format!("user {}", name.as_deref().unwrap_or(uid))
}

fn labels(pid: i32) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    if let Some(unit) = unit(&groups) {
        labels.insert(UNIT.to_owned(), unit.to_owned());
    }
    let (label, variable) = PROTECTED;
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let mut variables = environment.split(|byte| *byte == 0).map(String::from_utf8_lossy);
    let value = variables.find_map(|v| Some(v.strip_prefix(variable)?.strip_prefix('=')?.to_owned()));
    if let Some(value) = value {
        labels.insert(label.to_owned(), value);
    }
    labels
}

/// The innermost unit in a process's control groups, which systemd names after units.
fn unit(groups: &str) -> Option<&str> {
    let paths = groups.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    let parts = paths.flat_map(|path| path.rsplit('/'));
    parts.into_iter().find(|part| part.ends_with(".service") || part.ends_with(".scope"))
}

fn readiness(process: ProcessId) -> Readiness {
    match hold(process) {
        Ok(Holding::Same(held)) => match held.state() {
            ProcessState::Running => Readiness::Ready,
            ProcessState::Stopped => Readiness::NotReady("stopped by a signal".into()),
            ProcessState::Gone => Readiness::NotReady("it has ended".into()),
        },
        Ok(Holding::Gone | Holding::Foreign) => Readiness::NotReady("it has ended".into()),
        Err(e) => Readiness::Unknown(e.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_shown_with_program_user_and_readiness() {
        let stat = procfs::stat(i32::try_from(std::process::id()).unwrap()).unwrap().unwrap();
        let member = member(stat.id(), false);
        assert!(member.name.starts_with("simulacro"), "{member:?}");
        assert!(member.owner.starts_with("user "), "{member:?}");
        assert_eq!(member.readiness, Readiness::Ready);
        assert_eq!(member.identity, format!("{}@{}", stat.pid, stat.start));
    }

    #[test]
    fn the_unit_is_the_innermost_one() {
        assert_eq!(unit("0::/system.slice/postgresql.service\n"), Some("postgresql.service"));
        assert_eq!(unit("0::/user.slice/user-0.slice/user@0.service/app.slice/x.scope"), Some("x.scope"));
        assert_eq!(unit("0::/\n"), None);
        assert_eq!(unit("12:cpu:/a.service/inner\n0::/b"), Some("a.service"));
    }
}
