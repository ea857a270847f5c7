//! A file that ends every drill by being there.

use std::fs;
use std::process::Stdio;
use std::time::Instant;

use simulacro::timeline::event::EndReason;

use crate::common::{Foreign, Home, figure, wait_for};
use crate::{assert_ends, pause};

#[test]
fn no_drill_starts_while_it_is_there() {
    let home = Home::new("kill-file");
    let foreign = Foreign::start(home.path());
    let file = pause(&home, &foreign, ", kill_file: stop");
    let file = file.to_str().unwrap();
    fs::write(home.path().join("stop"), "").unwrap();
    assert_ends(&home.run(&["run", file]), 21, &["the kill file", "stop is there"]);
    assert!(!home.reports().exists());
    pause(&home, &foreign, "");
    let ran = home.simulacro().args(["run", file]).env("SIMULACRO_KILL_FILE", home.path().join("stop")).output();
    assert_ends(&ran.unwrap(), 21, &["the kill file"]);
    // Below a file there can be no folder: whether there is a kill file cannot be seen.
    let below = home.path().join("stop/below");
    let ran = home.run(&["run", "--kill-file", below.to_str().unwrap(), file]);
    assert_ends(&ran, 21, &["cannot be looked for"]);
    assert_eq!(foreign.state(), 'S');
}

#[test]
fn a_drill_is_stopped_and_healed_when_it_appears() {
    let home = Home::new("kill-file-appears");
    let foreign = Foreign::start(home.path());
    let file = pause(&home, &foreign, ", kill_file: stop");
    let log = home.path().join("runner.log");
    let to = |path| Stdio::from(fs::File::options().create(true).append(true).open(path).unwrap());
    let mut runner = home.simulacro().arg("run").arg(file).stdout(to(&log)).stderr(to(&log)).spawn().unwrap();
    let said = || fs::read_to_string(&log).unwrap_or_default();
    wait_for("the process to be stopped", || foreign.is_stopped().then_some(()), said);
    let start = Instant::now();
    fs::write(home.path().join("stop"), "").unwrap();
    wait_for("the process to run again", || (!foreign.is_stopped()).then_some(()), said);
    figure("from the kill file to healed, ms", start.elapsed().as_millis());
    let ended = runner.wait().unwrap();
    assert_eq!(ended.code(), Some(22), "{}", said());
    assert_eq!(home.result().end.reason, EndReason::Guard);
    assert!(said().contains("kill file"), "{}", said());
    home.wait_until_quiet();
}
