//! How far the watchdog reaches: whether something can take it away together with the runner.
//!
//! A container, a service of systemd or a CI job ends with everything inside it, the watchdog too, whatever session it
//! moved to. Faults on what ends in the same moment need no watchdog then; faults on anything else do.

use std::fmt;
use std::fs;

use crate::model::ProcessId;

/// Inode of the machine's first pid namespace, fixed in the kernel (`PROC_PID_INIT_INO`, include/linux/proc_ns.h).
const FIRST_PID_NAMESPACE: &str = "pid:[4026531836]";

/// How far the watchdog reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// Only the end of the machine ends it.
    Host,
    /// Something smaller may end it together with the runner.
    Scope {
        /// What.
        what: String,
        /// Every process that can be seen from here ends with it, too.
        holds_all: bool,
        /// The control group below which everything ends with it.
        group: Option<String>,
    },
}

impl Reach {
    /// Whether an undo of this process can be left to the watchdog: it lives as long as the process can.
    pub fn covers(&self, process: ProcessId) -> bool {
        match self {
            Reach::Host | Reach::Scope { holds_all: true, .. } => true,
            Reach::Scope { group: None, .. } => false,
            Reach::Scope { group: Some(group), .. } => {
                let theirs = fs::read_to_string(format!("/proc/{}/cgroup", process.pid)).unwrap_or_default();
                control_group(&theirs).is_some_and(|path| is_below(path, group))
            }
        }
    }
}

impl Reach {
    /// Whether a process is known to live outside of what ends the watchdog: it would outlive its undo. Where that
    /// cannot be told, this is false, and the reach is only stated.
    pub fn certainly_misses(&self, process: ProcessId) -> bool {
        matches!(self, Reach::Scope { holds_all: false, group: Some(_), .. }) && !self.covers(process)
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reach::Host => f.write_str("host: the watchdog outlives whatever may end the runner"),
            Reach::Scope { what, .. } => write!(f, "scope: {what} may end the watchdog together with the runner"),
        }
    }
}

/// What can be told of this process's reach. When in doubt it is a scope.
pub fn reach() -> Reach {
    let signs = Signs {
        groups: fs::read_to_string("/proc/self/cgroup").ok(),
        pid_namespace: fs::read_link("/proc/self/ns/pid").ok().map(|l| l.display().to_string()),
        container_file: ["/.dockerenv", "/run/.containerenv"].into_iter().find(|p| fs::metadata(p).is_ok()),
        ci: ["GITHUB_ACTIONS", "GITLAB_CI", "JENKINS_URL", "BUILDKITE", "CI"]
            .into_iter()
            .find(|name| std::env::var_os(name).is_some_and(|v| !v.is_empty())),
    };
    signs.reach()
}

/// What this process can see about where it is.
#[derive(Debug, Default)]
struct Signs {
    groups: Option<String>,
    pid_namespace: Option<String>,
    container_file: Option<&'static str>,
    ci: Option<&'static str>,
}

impl Signs {
    fn reach(&self) -> Reach {
        let group = self.groups.as_deref().and_then(control_group).filter(|path| !is_root(path)).map(str::to_owned);
        let own_namespace = self.pid_namespace.as_deref().is_some_and(|ns| ns != FIRST_PID_NAMESPACE);
        let scope = |what: String| Reach::Scope { what, holds_all: own_namespace, group: group.clone() };
        if own_namespace || self.container_file.is_some() {
            return scope(self.container_file.map_or("a pid namespace".into(), |file| format!("a container ({file})")));
        }
        if let Some(ci) = self.ci {
            return scope(format!("a CI job ({ci} is set)"));
        }
        match (&group, &self.groups) {
            (Some(path), _) => scope(format!("the control group {path}")),
            (None, None) => scope("something that hides /proc/self/cgroup".into()),
            (None, Some(_)) => Reach::Host,
        }
    }
}

/// The path of a process's control group: the unified one, else the one of systemd's own hierarchy (cgroups(7)).
fn control_group(text: &str) -> Option<&str> {
    let path = |hierarchy: &str| text.lines().find_map(|line| line.split_once(hierarchy).map(|(_, path)| path));
    let unified = text.lines().find_map(|line| line.strip_prefix("0::"));
    unified.filter(|p| !is_root(p)).or_else(|| path(":name=systemd:").filter(|p| !is_root(p))).or(unified)
}

fn is_root(path: &str) -> bool {
    matches!(path, "/" | "/init.scope" | "")
}

fn is_below(path: &str, group: &str) -> bool {
    path.strip_prefix(group).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::safety::this_process;

    fn signs(groups: &str, namespace: &str) -> Signs {
        Signs { groups: Some(groups.into()), pid_namespace: Some(namespace.into()), ..Signs::default() }
    }

    #[test]
    fn only_the_root_group_of_the_machine_reaches_the_host() {
        assert_eq!(signs("0::/\n", FIRST_PID_NAMESPACE).reach(), Reach::Host);
        assert_eq!(signs("0::/init.scope\n", FIRST_PID_NAMESPACE).reach(), Reach::Host);
        let session = signs("0::/user.slice/user-1000.slice/session-3.scope\n", FIRST_PID_NAMESPACE).reach();
        assert!(session.to_string().contains("session-3.scope"), "{session}");
        assert!(matches!(Signs::default().reach(), Reach::Scope { .. }), "what cannot be seen is a scope");
    }

    #[test]
    fn older_hierarchies_are_read_too() {
        let text = "4:memory:/x\n1:name=systemd:/system.slice/agent.service\n0::/\n";
        assert_eq!(control_group(text), Some("/system.slice/agent.service"));
    }

    #[test]
    fn a_container_holds_everything_seen_from_inside() {
        let inside = signs("0::/\n", "pid:[4026532761]").reach();
        assert!(matches!(&inside, Reach::Scope { holds_all: true, .. }));
        assert!(inside.covers(ProcessId { pid: 1, start: 0 }));
        // With the host's pid namespace mapped in, other processes live on.
        let shared = Signs { container_file: Some("/.dockerenv"), ..signs("0::/\n", FIRST_PID_NAMESPACE) }.reach();
        assert!(matches!(&shared, Reach::Scope { holds_all: false, .. }));
        assert!(!shared.covers(this_process().expect("/proc is there")));
    }

    #[test]
    fn a_ci_job_is_a_scope_even_in_the_root_group() {
        let job = Signs { ci: Some("GITHUB_ACTIONS"), ..signs("0::/\n", FIRST_PID_NAMESPACE) }.reach();
        assert!(job.to_string().contains("GITHUB_ACTIONS"), "{job}");
    }

    #[test]
    fn a_group_covers_what_is_below_it() {
        assert!(is_below("/a/b", "/a") && is_below("/a", "/a"));
        assert!(!is_below("/ab", "/a"), "a common beginning is not a parent");
    }
}
