//! `container-limit`: lowers the limits of a container; undo sets back what was there.

use super::containers::{CALL, act_on_all, targeted, undo};
use super::{Fault, FaultContext};
use crate::model::{ContainerLimits, Size};
use crate::safety::{ContainerEffect, Licence, Undo};
use crate::scenario::fault::ContainerLimit;
use crate::world::docker::ContainerAct;
use crate::world::{DriverError, World};

/// More memory than any machine has. Engines take no value that means none; with swap on top of it, because both kinds
/// of control groups must be able to express the difference.
const NO_MEMORY_LIMIT: i64 = 1 << 62;
const NO_SWAP_LIMIT: i64 = i64::MAX - 4095;

impl Fault for ContainerLimit {
    async fn prepare(&self, world: &World, context: FaultContext<'_>) -> Result<Vec<Undo>, DriverError> {
        let mut undos = Vec::new();
        for (container, view) in targeted(world, context, &self.target).await? {
            let during = self.limits(&view.limits, view.cpu_period);
            let before = restoring(&view.limits).touched_by(&during);
            if before == during {
                return Err(DriverError::Refused(format!(
                    "fault {}: {container} has these limits already: the fault would change nothing",
                    context.name
                )));
            }
            undos.push(undo(container, &view, CALL, ContainerEffect::Limited { before, during }));
        }
        Ok(undos)
    }

    async fn inject(&self, world: &World, undo: &[Undo], licence: Licence<'_>) -> Result<(), DriverError> {
        act_on_all(world, undo, ContainerAct::Limit, licence).await
    }
}

impl ContainerLimit {
    /// What is set on a container with these limits. Two ways to limit processors exclude each other: the one that it
    /// has already is kept, else the one is taken that can be unset again.
    fn limits(&self, now: &ContainerLimits, period: i64) -> ContainerLimits {
        let cpus = |factor: f64| self.cpus.map(|cpus| (cpus * factor).round() as i64);
        let by_nano = now.nano_cpus.is_some_and(|n| n > 0);
        ContainerLimits {
            nano_cpus: cpus(1e9).filter(|_| by_nano),
            cpu_quota: cpus(period as f64).filter(|_| !by_nano),
            ..memory(self.memory, self.pids.map(i64::from))
        }
    }
}

/// A limit of memory, without swap on top of it, and one of processes.
pub(super) fn memory(memory: Option<Size>, pids: Option<i64>) -> ContainerLimits {
    let memory = memory.map(|size| size.bytes().cast_signed());
    ContainerLimits { memory, memory_swap: memory, pids, ..ContainerLimits::default() }
}

/// What sets limits back to how they are now: what is unset gets a value that limits nothing.
pub(super) fn restoring(now: &ContainerLimits) -> ContainerLimits {
    let or = |value: Option<i64>, none: i64| Some(value.filter(|v| *v > 0).unwrap_or(none));
    let unlimited = now.memory.is_none_or(|memory| memory <= 0);
    ContainerLimits {
        nano_cpus: now.nano_cpus.filter(|n| *n > 0),
        cpu_quota: or(now.cpu_quota, -1),
        memory: or(now.memory, NO_MEMORY_LIMIT),
        memory_swap: if unlimited { Some(NO_SWAP_LIMIT) } else { or(now.memory_swap, NO_SWAP_LIMIT) },
        pids: or(now.pids, -1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(cpus: Option<f64>, memory: Option<Size>, pids: Option<u32>) -> ContainerLimit {
        ContainerLimit { target: "box".parse().unwrap(), cpus, memory, pids }
    }

    fn limits(nano_cpus: i64, cpu_quota: i64, memory: i64, memory_swap: i64, pids: i64) -> ContainerLimits {
        ContainerLimits {
            nano_cpus: Some(nano_cpus),
            cpu_quota: Some(cpu_quota),
            memory: Some(memory),
            memory_swap: Some(memory_swap),
            pids: Some(pids),
        }
    }

    fn both(fault: &ContainerLimit, now: &ContainerLimits) -> (ContainerLimits, ContainerLimits) {
        let during = fault.limits(now, 100_000);
        (restoring(now).touched_by(&during), during)
    }

    #[test]
    fn processors_are_limited_the_way_the_container_has_it_already() {
        let quarter = fault(Some(0.25), None, None);
        let (before, during) = both(&quarter, &limits(1_500_000_000, 0, 0, 0, 0));
        assert_eq!((during.nano_cpus, during.cpu_quota), (Some(250_000_000), None));
        assert_eq!(before.nano_cpus, Some(1_500_000_000));
        let (before, during) = both(&quarter, &limits(0, 50_000, 0, 0, 0));
        assert_eq!((during.nano_cpus, during.cpu_quota), (None, Some(25_000)));
        assert_eq!(before.cpu_quota, Some(50_000));
        let (before, _) = both(&quarter, &limits(0, 0, 0, 0, 0));
        assert_eq!(before.cpu_quota, Some(-1), "unset: no limit again");
    }

    #[test]
    fn memory_takes_its_swap_along_and_what_was_unset_is_set_to_what_limits_nothing() {
        let small = fault(None, Some(Size::from_mib(64)), Some(20));
        let (before, during) = both(&small, &limits(0, 0, 0, 0, 0));
        assert_eq!((during.memory, during.memory_swap, during.pids), (Some(64 << 20), Some(64 << 20), Some(20)));
        assert_eq!(
            before,
            ContainerLimits {
                memory: Some(NO_MEMORY_LIMIT),
                memory_swap: Some(NO_SWAP_LIMIT),
                pids: Some(-1),
                ..ContainerLimits::default()
            }
        );
        let (before, _) = both(&small, &limits(0, 0, 256 << 20, 512 << 20, 100));
        assert_eq!((before.memory, before.memory_swap, before.pids), (Some(256 << 20), Some(512 << 20), Some(100)));
        let (before, _) = both(&small, &limits(0, 0, 256 << 20, -1, 100));
        assert_eq!(before.memory_swap, Some(NO_SWAP_LIMIT));
    }
}
