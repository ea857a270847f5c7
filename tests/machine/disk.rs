//! A disk that is really full: a small one of the test's own.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::fs::statvfs;
use simulacro::model::{Fill, Size, Stress};
use simulacro::safety::{Reverted, Standing};
use simulacro::world::{DriverError, Machine};

use crate::common::wait_for;
use crate::support::{inject, machine, plan, until, until_in_force, worker};

const LONG: Duration = Duration::from_secs(120);

/// 64 MiB in memory, mounted for as long as this lives.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> SmallDisk {
        let folder = tempfile::tempdir().unwrap();
        let options = ["-t", "tmpfs", "-o", "size=64m", "simulacro-test"];
        let mounted = Command::new("mount").args(options).arg(folder.path()).status().unwrap();
        assert!(mounted.success(), "mounting needs root");
        SmallDisk(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn free(&self) -> u64 {
        let space = statvfs(self.path()).unwrap();
        space.f_bavail * space.f_frsize
    }

    fn fill(&self, fill: Fill, floor: Option<Size>) -> Stress {
        Stress::Disk { directory: PathBuf::from(self.path()), fill, floor }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _gone_with_the_machine = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

#[tokio::test]
#[ignore = "needs root: it mounts a small file system"]
async fn a_full_disk_refuses_writers_until_the_worker_is_gone() {
    let (disk, machine) = (SmallDisk::mount(), machine());
    let stress = disk.fill(Fill::LeaveFree(Size(0)), Some(Size(0)));
    let undo = plan(&machine, stress, LONG).await.unwrap();
    inject(&machine, &undo).await.unwrap();
    wait_for("nothing to be free", || (disk.free() == 0).then_some(()), || disk.free().to_string());
    assert!(until_in_force(&machine, &undo).await >= 60);
    let file = disk.path().join("orders.db");
    let refused = std::fs::write(&file, vec![1; 1 << 20]).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::StorageFull);
    assert_eq!(disk.path().read_dir().unwrap().flatten().filter(|e| e.path() != file).count(), 0);

    assert_eq!(machine.revert(&undo).await, Ok(Reverted::Restored));
    assert_eq!(machine.standing(&undo).await, Ok(Standing::Gone));
    assert_eq!(machine.revert(&undo).await, Ok(Reverted::AlreadyBack));
    std::fs::write(&file, vec![1; 1 << 20]).unwrap();
    assert!(disk.free() > 60 << 20);
}

#[tokio::test]
#[ignore = "needs root: it mounts a small file system"]
async fn the_floor_is_kept_and_given_back_to_others() {
    let (disk, machine) = (SmallDisk::mount(), machine());
    let floor = Size::from_mib(16);
    let undo = plan(&machine, disk.fill(Fill::Size(Size::from_mib(32)), Some(floor)), LONG).await.unwrap();
    inject(&machine, &undo).await.unwrap();
    assert!(until_in_force(&machine, &undo).await >= 31);
    wait_for("half of it to be free", || (disk.free() == 32 << 20).then_some(()), || disk.free().to_string());
    // Others take more than the floor leaves them.
    let mut file = std::fs::File::create(disk.path().join("log")).unwrap();
    file.write_all(&vec![1; 24 << 20]).unwrap();
    wait_for("the worker to give back", || (disk.free() >= floor.bytes()).then_some(()), || disk.free().to_string());
    // What was asked is not held any more, and nobody says it were.
    until(&machine, &undo, |seen| seen == Standing::InForce { touched: 0 }).await;
    assert_eq!(machine.revert(&undo).await, Ok(Reverted::Restored));
    assert_eq!(worker(&undo), None);
}

#[tokio::test]
#[ignore = "needs root: it mounts a small file system"]
async fn what_would_go_below_the_floor_is_refused() {
    let (disk, machine) = (SmallDisk::mount(), machine());
    let refuse = async |fill, floor| match plan(&machine, disk.fill(fill, floor), LONG).await {
        Err(DriverError::Refused(why)) => why,
        other => panic!("{other:?}"),
    };
    assert!(refuse(Fill::Size(Size::from_mib(1)), None).await.contains("floor is"), "512 MiB is more than there is");
    assert!(refuse(Fill::Size(Size::from_mib(60)), Some(Size::from_mib(8))).await.contains("floor is"));
    assert!(refuse(Fill::LeaveFree(Size::from_mib(64)), Some(Size(0))).await.contains("nothing to fill"));
    assert_eq!(disk.free(), 64 << 20, "planning takes nothing");
}
