use super::*;
use crate::safety::this_process;

fn state() -> (tempfile::TempDir, StateDir) {
    let base = tempfile::tempdir().expect("a directory");
    let state = StateDir::at(base.path()).expect("it is made");
    (base, state)
}

#[test]
fn one_holder_at_a_time_and_the_message_names_it() {
    let (_base, state) = state();
    let run = RunId("run-1".into());
    let lock = Lock::try_acquire(&state, Role::Runner, Some(&run)).expect("it is free");
    let refused = Lock::try_acquire(&state, Role::Recover, None).expect_err("it is held");
    let message = refused.to_string();
    let me = this_process().expect("/proc is there");
    assert!(message.contains("the drill run-1 is going on") && message.contains(&me.pid.to_string()), "{message}");
    let expected = Holder { role: Role::Runner, process: me, run: Some(run) };
    assert_eq!(Lock::holder(&state).expect("it is readable"), Some(expected));
    drop(lock);
    assert_eq!(Lock::holder(&state).expect("it is readable"), None);
    drop(Lock::try_acquire(&state, Role::Watchdog, None).expect("it is free again"));
}

#[test]
fn a_wait_ends_when_the_holder_leaves() {
    let (_base, state) = state();
    let lock = Lock::try_acquire(&state, Role::Watchdog, None).expect("it is free");
    let (met, seen) = std::sync::mpsc::sync_channel(1);
    let waiting = std::thread::spawn({
        let state = state.clone();
        move || {
            Lock::acquire(&state, Role::Recover, None, Duration::from_secs(60), |holder| {
                let _ = met.try_send(holder.map(|h| h.role));
                true
            })
        }
    });
    assert_eq!(seen.recv().expect("it met the holder"), Some(Role::Watchdog));
    drop(lock);
    drop(waiting.join().expect("no panic").expect("it got the lock"));
}

#[test]
fn a_wait_has_a_limit_and_can_be_refused() {
    let (_base, state) = state();
    let _lock = Lock::try_acquire(&state, Role::Runner, None).expect("it is free");
    let limited = Lock::acquire(&state, Role::Recover, None, Duration::from_millis(30), |_| true);
    assert!(matches!(limited, Err(LockError::Held { holder: Some(_), .. })));
    let impatient = Lock::acquire(&state, Role::Recover, None, Duration::from_secs(3600), |h| {
        h.is_none_or(|h| h.role != Role::Runner)
    });
    assert!(matches!(impatient, Err(LockError::Held { .. })));
}

#[test]
fn a_child_does_not_keep_the_lock() {
    let (_base, state) = state();
    let lock = Lock::try_acquire(&state, Role::Runner, None).expect("it is free");
    let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("sleep runs");
    drop(lock);
    let again = Lock::try_acquire(&state, Role::Recover, None);
    child.kill().and_then(|()| child.wait()).expect("it ends");
    assert!(again.is_ok(), "the child does not hold it");
}

#[test]
fn many_rivals_never_hold_it_together() {
    let (_base, state) = state();
    let inside = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5 {
                    let lock = Lock::acquire(&state, Role::Recover, None, Duration::from_secs(60), |_| true);
                    let lock = lock.expect("it is free in the end");
                    assert_eq!(inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                    inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                    drop(lock);
                }
            });
        }
    });
}
