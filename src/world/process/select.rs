//! Finding processes that the drill did not start.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use regex::Regex;

use super::procfs::{self, Stat};
use crate::model::ProcessId;
use crate::scenario::target::ForeignProcess;
use crate::world::DriverError;

/// The subcommand of this binary that is a service like any other, and so may be a target.
const DEMO: &str = "demo-service";

/// The processes a selector means right now; never empty, never one of the drill's own.
///
/// # Errors
/// When the selector is wrong, matches nothing, or means a process of the drill itself.
pub fn foreign(selector: &ForeignProcess) -> Result<Vec<ProcessId>, DriverError> {
    let all = procfs::all().map_err(|e| DriverError::Failed(format!("cannot list /proc: {e}")))?;
    let ours = Ours::among(&all);
    match (&selector.pid_file, &selector.command_line) {
        (Some(file), None) => by_pid_file(file, &ours).map(|id| vec![id]),
        (None, Some(pattern)) => by_command_line(pattern, &all, &ours),
        _ => Err(DriverError::Refused("a process target needs exactly one of `pid_file` and `command_line`".into())),
    }
}

fn by_pid_file(file: &str, ours: &Ours) -> Result<ProcessId, DriverError> {
    let text = fs::read_to_string(file).map_err(|e| {
        DriverError::NotFound(format!("cannot read pid file {file}: {e}; is the service running, and the path right?"))
    })?;
    let pid = text.split_ascii_whitespace().next().and_then(|word| word.parse::<i32>().ok()).filter(|pid| *pid > 0);
    let Some(pid) = pid else {
        return Err(DriverError::NotFound(format!("pid file {file} does not begin with a pid")));
    };
    let stat = procfs::stat(pid).map_err(|e| DriverError::Failed(format!("cannot read /proc/{pid}/stat: {e}")))?;
    match stat.filter(|stat| !stat.ended()) {
        None => Err(DriverError::NotFound(format!("pid file {file} names process {pid}, which does not run"))),
        Some(stat) => match ours.why(&stat) {
            Some(why) => Err(DriverError::Refused(format!("pid file {file} names process {pid}, {why}"))),
            None => Ok(stat.id()),
        },
    }
}

fn by_command_line(pattern: &str, all: &[Stat], ours: &Ours) -> Result<Vec<ProcessId>, DriverError> {
    let pattern = Regex::new(pattern)
        .map_err(|e| DriverError::Refused(format!("`command_line` is not a regular expression: {e}")))?;
    let means = |stat: &&Stat| {
        let arguments = procfs::command_line(stat.pid);
        !arguments.is_empty() && pattern.is_match(&arguments.join(" "))
    };
    let (mine, found): (Vec<&Stat>, Vec<&Stat>) =
        all.iter().filter(|stat| !stat.ended()).filter(means).partition(|stat| ours.why(stat).is_some());
    if found.is_empty() {
        let own = if mine.is_empty() { "" } else { " but processes of the drill itself, which are never targets" };
        return Err(DriverError::NotFound(format!("no process has a command line that matches `{pattern}`{own}")));
    }
    Ok(found.into_iter().map(Stat::id).collect())
}

/// What must never be a target: this process, its ancestors, everything it started, and its helper processes.
struct Ours {
    me: i32,
    ancestors: BTreeSet<i32>,
    descendants: BTreeSet<i32>,
}

impl Ours {
    fn among(all: &[Stat]) -> Ours {
        let me = i32::try_from(std::process::id()).unwrap_or_default();
        let parents: BTreeMap<i32, i32> = all.iter().map(|stat| (stat.pid, stat.parent)).collect();
        let mut ancestors = BTreeSet::new();
        let mut at = me;
        while let Some(parent) = parents.get(&at).copied().filter(|parent| *parent > 0 && ancestors.insert(*parent)) {
            at = parent;
        }
        Ours { me, ancestors, descendants: descendants(me, all) }
    }

    fn why(&self, stat: &Stat) -> Option<&'static str> {
        if stat.pid == 1 {
            Some("the init process")
        } else if stat.pid == self.me || self.ancestors.contains(&stat.pid) {
            Some("which is this drill or an ancestor of it")
        } else if self.descendants.contains(&stat.pid) {
            Some("which the drill started: name the service as target instead")
        } else if procfs::same_program(self.me, stat.pid)
            && procfs::command_line(stat.pid).get(1).is_none_or(|verb| verb != DEMO)
        {
            Some("which is a process of this program (a watchdog or another drill)")
        } else {
            None
        }
    }
}

/// The pids below `root`, among the processes that were seen.
pub fn descendants(root: i32, all: &[Stat]) -> BTreeSet<i32> {
    let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for stat in all {
        children.entry(stat.parent).or_default().push(stat.pid);
    }
    let mut found = BTreeSet::new();
    let mut open = vec![root];
    while let Some(parent) = open.pop() {
        // `insert` is false for a pid met before: a torn view of /proc may show a cycle.
        open.extend(children.remove(&parent).unwrap_or_default().into_iter().filter(|pid| found.insert(*pid)));
    }
    found.remove(&root);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stat(pid: i32, parent: i32) -> Stat {
        Stat { pid, state: 'S', parent, group: pid, session: pid, start: 1 }
    }

    #[test]
    fn descendants_are_found_across_generations() {
        let all = [stat(1, 0), stat(2, 1), stat(3, 2), stat(4, 3), stat(5, 1), stat(6, 5)];
        assert_eq!(descendants(2, &all), BTreeSet::from([3, 4]));
        assert_eq!(descendants(1, &all), BTreeSet::from([2, 3, 4, 5, 6]));
        assert_eq!(descendants(6, &all), BTreeSet::new());
    }

    proptest! {
        #[test]
        fn a_torn_view_of_processes_ends_the_search(pairs in proptest::collection::vec((0i32..20, 0i32..20), 0..60)) {
            let all: Vec<Stat> = pairs.into_iter().map(|(pid, parent)| stat(pid, parent)).collect();
            prop_assert!(!descendants(3, &all).contains(&3));
        }
    }

    #[test]
    fn the_drill_never_selects_itself_or_its_ancestors() {
        let own = procfs::command_line(std::process::id().try_into().unwrap()).join(" ");
        let selector = ForeignProcess {
            pid_file: None,
            command_line: Some(format!("^{}$", regex::escape(&own))),
            restarted_by: None,
        };
        let refused = foreign(&selector).unwrap_err().to_string();
        assert!(refused.contains("processes of the drill itself"), "{refused}");
    }

    #[test]
    fn a_pid_file_that_names_nothing_sensible_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("service.pid");
        let ask = || {
            let pid_file = Some(file.display().to_string());
            foreign(&ForeignProcess { pid_file, command_line: None, restarted_by: None }).unwrap_err().to_string()
        };
        assert!(ask().contains("cannot read pid file"));
        for (text, answer) in [("", "does not begin with a pid"), ("-1", "does not begin"), ("1\n", "init process")] {
            std::fs::write(&file, text).unwrap();
            assert!(ask().contains(answer), "{text:?}: {}", ask());
        }
        std::fs::write(&file, std::process::id().to_string()).unwrap();
        assert!(ask().contains("this drill"));
    }
}
