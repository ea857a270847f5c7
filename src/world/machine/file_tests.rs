//! Damage and repair of real files.

use super::*;
use crate::model::Damage;

struct Case {
    folder: tempfile::TempDir,
    files: Files,
    undo: FileUndo,
    before: Vec<u8>,
}

impl Case {
    fn path(&self) -> &Path {
        &self.undo.path
    }

    fn now(&self) -> Vec<u8> {
        fs::read(self.path()).unwrap()
    }

    /// The same undo in another process: nothing is held open.
    fn elsewhere(&self) -> Files {
        Files::default()
    }
}

fn case(damage: Damage) -> Case {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    let before: Vec<u8> = (0..100_000u32).map(|n| (n % 251) as u8).collect();
    fs::write(&path, &before).unwrap();
    let run = crate::model::RunId("run".into());
    let order = FileOrder { run, fault: "rot".parse().unwrap(), path, damage, seed: 5 };
    let undo = plan(&order).unwrap();
    let undo = FileUndo { copy: folder.path().join("state/kept-rot"), ..undo };
    Case { folder, files: Files::default(), undo, before }
}

fn all() -> [Damage; 3] {
    [Damage::FlipBits(9), Damage::Overwrite(Size(4000)), Damage::Truncate(Size(777))]
}

#[tokio::test]
async fn every_damage_is_seen_counted_and_taken_back_once() {
    for (damage, touched) in all().into_iter().zip([9, 4000, 777]) {
        let case = case(damage);
        assert_eq!(case.files.restore(&case.undo).await, Ok(Reverted::AlreadyBack), "inject never ran");
        assert_eq!(case.files.standing(&case.undo).await, Ok(Standing::Gone));
        case.files.harm(&case.undo).await.unwrap();
        assert_ne!(case.now(), case.before);
        assert_eq!(case.files.standing(&case.undo).await, Ok(Standing::InForce { touched }), "{damage:?}");
        let other = case.elsewhere();
        assert_eq!(other.standing(&case.undo).await, Ok(Standing::InForce { touched }), "{damage:?}");
        assert_eq!(other.restore(&case.undo).await, Ok(Reverted::Restored));
        assert_eq!(case.now(), case.before);
        let found = fs::metadata(case.path()).unwrap();
        assert_eq!((found.ino(), (found.mtime(), found.mtime_nsec())), (case.undo.inode, case.undo.modified));
        assert_eq!(case.files.standing(&case.undo).await, Ok(Standing::Gone));
        assert_eq!(case.files.restore(&case.undo).await, Ok(Reverted::AlreadyBack));
        assert!(!case.undo.copy.exists(), "the copy is not needed any more");
    }
}

/// The runner may die after the copy, and after any byte of the damage.
#[tokio::test]
async fn a_damage_that_broke_off_is_taken_back_whole() {
    for damage in all() {
        let case = case(damage);
        let file = open(case.path()).unwrap();
        keep(&file, &case.undo).unwrap();
        assert_eq!(case.elsewhere().restore(&case.undo).await, Ok(Reverted::AlreadyBack), "{damage:?}");
        keep(&file, &case.undo).unwrap();
        match case.undo.harm {
            FileHarm::Truncate { .. } => super::damage(&file, &case.undo).unwrap(),
            _ => {
                let place = case.undo.harm.ranges()[0].start;
                let harmed = case.before[place as usize] ^ case.undo.harm.mask(place);
                file.write_all_at(&[harmed], place).unwrap();
            }
        }
        assert_eq!(case.elsewhere().restore(&case.undo).await, Ok(Reverted::Restored), "{damage:?}");
        assert_eq!(case.now(), case.before);
    }
}

#[tokio::test]
async fn what_others_wrote_since_is_theirs() {
    let case = case(Damage::Overwrite(Size(4000)));
    case.files.harm(&case.undo).await.unwrap();
    let range = case.undo.harm.ranges().remove(0);
    let file = open(case.path()).unwrap();
    // Foreign bytes differ from the damaged ones and from the original ones.
    let foreign: Vec<u8> = (range.start..range.start + 100)
        .map(|place| {
            let before = case.before[place as usize];
            (0..=255).find(|b| *b != before && *b != before ^ case.undo.harm.mask(place)).unwrap()
        })
        .collect();
    file.write_all_at(&foreign, range.start).unwrap();
    file.write_all_at(b"appended", case.undo.size).unwrap();
    assert_eq!(case.files.standing(&case.undo).await, Ok(Standing::InForce { touched: 3900 }));
    assert_eq!(case.files.restore(&case.undo).await, Ok(Reverted::Restored));
    let mut expected = case.before.clone();
    expected[range.start as usize..][..100].copy_from_slice(&foreign);
    expected.extend_from_slice(b"appended");
    assert_eq!(case.now(), expected);
    assert_ne!(case.elsewhere().standing(&case.undo).await, Ok(Standing::InForce { touched: 1 }));
}

#[tokio::test]
async fn an_end_that_others_wrote_to_is_refused_and_the_copy_is_kept() {
    let case = case(Damage::Truncate(Size(777)));
    case.files.harm(&case.undo).await.unwrap();
    let to = case.undo.size - 777;
    open(case.path()).unwrap().write_all_at(b"a new line", to).unwrap();
    assert_eq!(case.files.standing(&case.undo).await, Ok(Standing::Foreign));
    let refused = case.files.restore(&case.undo).await.unwrap_err();
    assert!(matches!(&refused, DriverError::Identity(why) if why.contains("is kept at")), "{refused}");
    assert_eq!(fs::read(&case.undo.copy).unwrap(), case.before);
}

#[tokio::test]
async fn a_file_that_was_moved_is_found_and_one_that_was_replaced_is_left_alone() {
    let case = case(Damage::FlipBits(9));
    case.files.harm(&case.undo).await.unwrap();
    let moved = case.folder.path().join("data.bad");
    fs::rename(case.path(), &moved).unwrap();
    fs::write(case.path(), "a new one").unwrap();
    assert_eq!(case.elsewhere().restore(&case.undo).await, Ok(Reverted::Restored), "found beside its place");
    assert_eq!(fs::read(&moved).unwrap(), case.before);
    assert_eq!(fs::read(case.path()).unwrap(), b"a new one");

    fs::remove_file(&moved).unwrap();
    assert_eq!(case.files.restore(&case.undo).await, Ok(Reverted::TargetGone), "nobody can reach it any more");
    assert_eq!(case.elsewhere().standing(&case.undo).await, Ok(Standing::Gone));
}

#[tokio::test]
async fn a_file_that_changed_before_the_act_is_not_harmed() {
    let case = case(Damage::FlipBits(9));
    let mut other = case.before.clone();
    other[0] ^= 1;
    fs::write(case.path(), &other).unwrap();
    assert!(matches!(case.files.harm(&case.undo).await, Err(DriverError::Identity(_))));
    assert_eq!(case.now(), other);
    assert_eq!(case.files.restore(&case.undo).await, Ok(Reverted::AlreadyBack));
}

#[test]
fn what_cannot_be_put_back_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let refusal = |name: &str| {
        let path = folder.path().join(name);
        let (run, fault) = (crate::model::RunId("run".into()), "rot".parse().unwrap());
        plan(&FileOrder { run, fault, path, damage: Damage::FlipBits(8), seed: 1 }).unwrap_err().to_string()
    };
    fs::write(folder.path().join("small"), "1234").unwrap();
    fs::write(folder.path().join("empty"), "").unwrap();
    std::os::unix::fs::symlink("small", folder.path().join("link")).unwrap();
    let long = File::create(folder.path().join("long")).unwrap();
    long.set_len(LARGEST.bytes() + 1).unwrap();
    for (name, answer) in [
        ("missing", "does not exist"),
        ("", "not a regular file"),
        ("link", "symbolic link"),
        ("empty", "nothing to harm"),
        ("small", "are to be harmed"),
        ("long", "at most 256MiB"),
    ] {
        assert!(refusal(name).contains(answer), "{name}: {}", refusal(name));
    }
}
