//! What keeps a drill from hurting what it must not: refused before anything is touched, or stopped and healed.
//!
//! In the simulated world where the exit code is the point; with the real binary, a real process and the clock on the
//! wall where those are.

#[path = "../common/mod.rs"]
mod common;
mod kill_file;
mod limits;
mod production;

use std::fs;
use std::path::PathBuf;
use std::process::Output;

use common::{Foreign, Home};

/// A drill that stops a foreign process for a minute; `more` is added to its guard.
fn pause(home: &Home, foreign: &Foreign, more: &str) -> PathBuf {
    let text = format!(
        "
name: pause
targets: {{ other: {{ process: {{ pid_file: '{}' }} }} }}
phases: {{ warmup: 100ms, baseline: 200ms, recovery: {{ deadline: 1s, hold: 100ms }}, after: 100ms }}
faults: [{{ name: freeze, for: 1m, impact: none, process-pause: {{ target: other }} }}]
guard: {{ max_hold: 2m{more} }}
",
        foreign.pid_file.display()
    );
    let file = home.path().join("pause.yaml");
    fs::write(&file, text).unwrap();
    file
}

/// Everything that a run said.
fn said(ran: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr))
}

#[track_caller]
fn assert_ends(ran: &Output, code: i32, words: &[&str]) {
    let said = said(ran);
    assert_eq!(ran.status.code(), Some(code), "{said}");
    // Tables break lines where they please.
    let flat = said.split_whitespace().collect::<Vec<_>>().join(" ");
    for word in words {
        assert!(flat.contains(word), "{word:?} is missing in {said}");
    }
}
