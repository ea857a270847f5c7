//! The process that is pid 1 of a container, as this host sees it.

use bollard::models::ContainerInspectResponse;

use super::address::Address;
use super::engine::Engine;
use crate::model::{ContainerId, ProcessId};
use crate::world::DriverError;
use crate::world::process::procfs;

/// The first process of a running container.
///
/// # Errors
/// `Refused` when it does not run, or when its processes are not this host's.
pub(super) fn init(
    engine: &Engine,
    container: &ContainerId,
    told: &ContainerInspectResponse,
) -> Result<ProcessId, DriverError> {
    let pid = told.state.as_ref().and_then(|s| s.pid).and_then(|pid| i32::try_from(pid).ok()).filter(|pid| *pid > 0);
    let Some(pid) = pid else {
        return Err(DriverError::Refused(format!(
            "{container} does not run, so it has no processes: start it (`docker start {}`)",
            container.name
        )));
    };
    if let Address::Tcp(_) = engine.address {
        return Err(elsewhere(engine, container, "it is spoken to over TCP"));
    }
    on_this_host(pid, &container.id).map_err(|why| elsewhere(engine, container, &why))
}

/// The identity of a pid that the engine told, if it is of this host: its control group carries the container's id. An
/// engine in a virtual machine tells pids of that machine, which here may be anybody's.
fn on_this_host(pid: i32, container: &str) -> Result<ProcessId, String> {
    let stat = || procfs::stat(pid).ok().flatten().ok_or_else(|| format!("there is no process {pid} here"));
    let before = stat()?;
    let groups = std::fs::read_to_string(format!("/proc/{pid}/cgroup"))
        .map_err(|e| format!("the control group of process {pid} cannot be read: {e}"))?;
    if !groups.contains(container) {
        return Err(format!("process {pid} of this machine does not belong to it"));
    }
    // Read again: what was read in between is this very process's only if it is still there.
    match stat()? {
        after if after.start == before.start => Ok(after.id()),
        _ => Err(format!("process {pid} has just ended")),
    }
}

fn elsewhere(engine: &Engine, container: &ContainerId, why: &str) -> DriverError {
    DriverError::Refused(format!(
        "the processes of {container} cannot be reached from here ({why}): the engine at {} runs on another machine, \
         in a virtual machine, or out of this program's sight; run the drill on the engine's own host",
        engine.address
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_does_not_belong_to_the_container_is_never_taken_for_its_first() {
        let me = i32::try_from(std::process::id()).unwrap();
        let refused = on_this_host(me, &"0".repeat(64)).unwrap_err();
        assert!(refused.contains("does not belong"), "{refused}");
        assert!(on_this_host(i32::MAX, "x").unwrap_err().contains("no process"));
    }
}
