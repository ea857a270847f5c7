//! What a stress worker may take: settled and refused before anything is armed.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access, statfs};

use super::space::{Meminfo, Space};
use crate::model::{Fill, ProcessId, Size, Stress, StressJob};
use crate::safety::StateDir;
use crate::world::DriverError;
use crate::world::process::identity::{Holding, hold};

/// More threads than this for each processor only measure the scheduler.
const THREADS_EACH: u32 = 8;

/// Threads that write; a disk is saturated by far fewer.
const IO_THREADS: u32 = 64;

/// Magic number of overlayfs (`OVERLAYFS_SUPER_MAGIC`, include/uapi/linux/magic.h): its space is another one's.
const OVERLAY: u64 = 0x794c_7630;

/// Settles what a job leaves open, and refuses what would take more than is there. Reads only.
pub(super) fn settle(job: StressJob) -> Result<StressJob, DriverError> {
    let root = root_of(job.inside)?;
    let stress = match job.stress {
        Stress::Cpu { threads, load } => {
            let processors = processors();
            let threads = if threads == 0 { processors } else { threads };
            if threads > processors * THREADS_EACH {
                return refused(format!("{threads} threads on {processors} processor(s): at most {THREADS_EACH} each"));
            }
            Stress::Cpu { threads, load }
        }
        Stress::Memory { size, floor, first_to_die } => {
            let floor = memory(size, floor)?;
            Stress::Memory { size, floor: Some(floor), first_to_die }
        }
        Stress::Io { directory, rate, threads, file } => {
            let (seen, space) = look(&root, &directory)?;
            let wanted = Size(file.bytes().saturating_mul(threads.into()));
            if threads > IO_THREADS {
                return refused(format!("{threads} threads: at most {IO_THREADS}"));
            }
            if space.free.bytes() < wanted.bytes().saturating_add(space.floor().bytes()) {
                return refused(format!(
                    "{} has {} free and {} must stay: no room for {wanted} to write in; choose another directory, or \
                     smaller files",
                    seen.display(),
                    rounded(space.free),
                    rounded(space.floor())
                ));
            }
            Stress::Io { directory, rate, threads, file }
        }
        Stress::Disk { directory, fill, floor } => {
            let floor = disk(&root, &directory, fill, floor)?;
            Stress::Disk { directory, fill, floor: Some(floor) }
        }
    };
    Ok(StressJob { stress, ..job })
}

/// The number of processors this process may use.
pub(super) fn processors() -> u32 {
    std::thread::available_parallelism().map_or(1, |n| u32::try_from(n.get()).unwrap_or(u32::MAX))
}

fn refused<T>(why: String) -> Result<T, DriverError> {
    Err(DriverError::Refused(why))
}

/// Where the root of the worker's mounts is seen from here.
pub(super) fn root_of(inside: Option<ProcessId>) -> Result<PathBuf, DriverError> {
    let Some(process) = inside else { return Ok("/".into()) };
    match hold(process)? {
        Holding::Same(_) => Ok(format!("/proc/{}/root", process.pid).into()),
        Holding::Gone | Holding::Foreign => {
            Err(DriverError::NotFound(format!("{process}, whose container was to be stressed, has ended")))
        }
    }
}

/// A directory of the worker, as it is reached from here.
pub(super) fn below(root: &Path, directory: &Path) -> PathBuf {
    root.join(directory.strip_prefix("/").unwrap_or(directory))
}

fn memory(size: Size, floor: Option<Size>) -> Result<Size, DriverError> {
    let unseen = |e: std::io::Error| DriverError::Failed(format!("cannot see how much memory there is: {e}"));
    let memory = Meminfo::open().map_err(unseen)?;
    let (available, least) = (memory.available().map_err(unseen)?, memory.floor().map_err(unseen)?);
    let floor = floor.unwrap_or(least);
    if floor < least {
        return refused(format!("`leave` is {floor}, and on this machine {} must stay available", rounded(least)));
    }
    if size.bytes().saturating_add(floor.bytes()) > available.bytes() {
        return refused(format!(
            "{size} of memory is too much: {} is available, and {} must stay so",
            rounded(available),
            rounded(floor)
        ));
    }
    Ok(floor)
}

fn look(root: &Path, directory: &Path) -> Result<(PathBuf, Space), DriverError> {
    let seen = below(root, directory);
    if !directory.is_absolute() {
        return refused(format!("directory {} is not an absolute path", directory.display()));
    }
    if !seen.is_dir() {
        return Err(DriverError::NotFound(format!("{} is not a directory: make it, or correct it", seen.display())));
    }
    access(&seen, Access::WRITE_OK | Access::EXEC_OK).map_err(|e| {
        DriverError::Refused(format!("this user cannot write in {} ({e}): run as one who can", seen.display()))
    })?;
    let space = Space::of(&seen)
        .map_err(|e| DriverError::Failed(format!("cannot see how much is free on {}: {e}", seen.display())))?;
    Ok((seen, space))
}

fn disk(root: &Path, directory: &Path, fill: Fill, floor: Option<Size>) -> Result<Size, DriverError> {
    let (seen, space) = look(root, directory)?;
    let least = space.floor();
    let floor = floor.unwrap_or(least);
    if floor < least
        && let Some(why) = shared(&seen)
    {
        return refused(format!(
            "`floor` is {floor}, and {} of {} must stay free: {why}. Aim at a file system of its own",
            rounded(least),
            seen.display()
        ));
    }
    let left = match fill {
        Fill::Size(size) => Size(space.free.bytes().saturating_sub(size.bytes())),
        Fill::LeaveFree(size) => size,
    };
    if left < floor {
        return refused(format!(
            "of {} on {}, {} would stay free, and the floor is {}: fill less, or lower `floor` if nothing else needs \
             that file system",
            rounded(space.free),
            seen.display(),
            rounded(left),
            rounded(floor)
        ));
    }
    if space.free <= left {
        return refused(format!(
            "{} has {} free already, which is no more than what is to be left: there is nothing to fill",
            seen.display(),
            rounded(space.free)
        ));
    }
    Ok(floor)
}

/// Why a file system is everybody's, if it is: then its default floor holds whatever the scenario says. A full one
/// would take the machine down, or this program's own journal.
fn shared(directory: &Path) -> Option<String> {
    let device = |path: &Path| std::fs::metadata(path).ok().map(|m| m.dev());
    let own = device(directory)?;
    if device(Path::new("/")) == Some(own) {
        return Some("it is the machine's root file system".into());
    }
    // Asked of the one that is there or would be made.
    let state = StateDir::open().ok();
    if state.as_ref().and_then(|state| device(state.path())) == Some(own) {
        return Some("this program keeps its undo journal there".into());
    }
    let overlay = statfs(directory).is_ok_and(|s| s.f_type as u64 == OVERLAY);
    overlay.then(|| "it is an overlay, whose space is that of the machine's disk".into())
}

/// A size that was measured, for people.
fn rounded(size: Size) -> Size {
    if size.bytes() >= 10 << 20 { Size::from_mib(size.bytes() >> 20) } else { size }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{HumanDuration, Ratio};

    fn settled(stress: Stress) -> Result<Stress, String> {
        let job = StressJob { stress, at_most: HumanDuration::from_secs(1), inside: None };
        settle(job).map(|job| job.stress).map_err(|e| e.to_string())
    }

    #[test]
    fn what_a_job_leaves_open_is_settled() {
        let cpu = settled(Stress::Cpu { threads: 0, load: Ratio(1.0) }).unwrap();
        assert_eq!(cpu, Stress::Cpu { threads: processors(), load: Ratio(1.0) });
        let memory = Stress::Memory { size: Size::from_mib(1), floor: None, first_to_die: true };
        assert!(matches!(settled(memory).unwrap(), Stress::Memory { floor: Some(floor), .. } if floor.bytes() > 0));
    }

    #[test]
    fn more_than_the_machine_has_is_refused() {
        let size = Size::from_mib(1 << 30);
        let memory = settled(Stress::Memory { size, floor: None, first_to_die: true }).unwrap_err();
        assert!(memory.contains("must stay so"), "{memory}");
        let least = Some(Size(1));
        let memory = settled(Stress::Memory { size: Size(1), floor: least, first_to_die: true }).unwrap_err();
        assert!(memory.contains("must stay available"), "{memory}");
        let threads = processors() * THREADS_EACH + 1;
        assert!(settled(Stress::Cpu { threads, load: Ratio(1.0) }).unwrap_err().contains("at most"));
        let io = Stress::Io { directory: "/tmp".into(), rate: Size(1), threads: 1, file: size };
        assert!(settled(io).unwrap_err().contains("no room"));
    }

    #[test]
    fn the_floor_of_a_disk_holds() {
        let disk = |fill, floor| settled(Stress::Disk { directory: "/".into(), fill, floor }).unwrap_err();
        assert!(disk(Fill::LeaveFree(Size(0)), None).contains("the floor is"));
        assert!(disk(Fill::Size(Size(u64::MAX)), None).contains("the floor is"));
        assert!(disk(Fill::LeaveFree(Size(0)), Some(Size(0))).contains("root file system"));
        assert!(disk(Fill::LeaveFree(Size(u64::MAX)), None).contains("nothing to fill"));
        let nowhere = Stress::Disk { directory: "/nowhere".into(), fill: Fill::Size(Size(1)), floor: None };
        assert!(settled(nowhere).unwrap_err().contains("not a directory"));
    }
}
