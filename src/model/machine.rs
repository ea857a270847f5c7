//! The machine that a run was measured on, by what makes it fast or slow.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A machine by what makes it fast or slow. Runners of a CI have a new name for every job; this they have in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// The processor's model, as the kernel tells it.
    pub cpu: String,
    /// Processors that the kernel runs on.
    pub cores: u32,
    /// Memory in GiB, rounded.
    pub memory_gib: u64,
    /// The architecture, such as `x86_64`.
    pub arch: String,
    /// The kernel's version as far as it changes what is measured: `6.8`.
    pub kernel: String,
}

impl Machine {
    /// From `/proc/cpuinfo` and `/proc/meminfo`, and what uname(2) says; none when they do not say what machine it is.
    pub fn of(cpuinfo: &str, meminfo: &str, arch: &str, release: &str) -> Option<Machine> {
        let value = |text: &str, key: &str| {
            let line = text.lines().find(|line| line.split(':').next().is_some_and(|k| k.trim() == key))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        // ARM has no name for its models: implementer and part are as good.
        let arm = || Some(format!("{} {}", value(cpuinfo, "CPU implementer")?, value(cpuinfo, "CPU part")?));
        let cpu = value(cpuinfo, "model name").or_else(arm)?;
        let cores = cpuinfo.lines().filter(|l| l.split(':').next().is_some_and(|k| k.trim() == "processor")).count();
        let kib: u64 = value(meminfo, "MemTotal")?.split_ascii_whitespace().next()?.parse().ok()?;
        Some(Machine {
            cpu,
            cores: u32::try_from(cores).ok().filter(|cores| *cores > 0)?,
            // A kernel keeps some for itself, and not always the same.
            memory_gib: (kib + (1 << 19)) >> 20,
            arch: arch.to_owned(),
            kernel: release.split(['.', '-']).take(2).collect::<Vec<_>>().join("."),
        })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} × {} ({}), {} GiB", self.cores, self.cpu, self.arch, self.memory_gib)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CPU: &str = "processor\t: 0\nmodel name\t: AMD EPYC 7763 64-Core Processor\n\nprocessor\t: 1\n\
                       model name\t: AMD EPYC 7763 64-Core Processor\n";

    #[test]
    fn a_machine_is_what_makes_it_fast() {
        let one = Machine::of(CPU, "MemTotal:       16367200 kB\n", "x86_64", "6.8.0-1021-azure").unwrap();
        assert_eq!(one.to_string(), "2 × AMD EPYC 7763 64-Core Processor (x86_64), 16 GiB");
        assert_eq!(one.kernel, "6.8");
        let other = Machine::of(CPU, "MemTotal:       16371296 kB\n", "x86_64", "6.8.0-1030-azure").unwrap();
        assert_eq!(one, other, "another runner of the same pool");
        let arm = "processor : 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n";
        assert_eq!(Machine::of(arm, "MemTotal: 4194304 kB", "aarch64", "6.1").unwrap().cpu, "0x41 0xd0c");
    }

    #[test]
    fn a_machine_that_is_not_told_is_none() {
        let memory = "MemTotal: 4194304 kB";
        for (cpu, memory) in [("", memory), ("processor: 0", memory), (CPU, ""), (CPU, "MemTotal: much")] {
            assert_eq!(Machine::of(cpu, memory, "x86_64", "6.8"), None, "{cpu:?} {memory:?}");
        }
    }
}
