//! `HostCommands`: limits, output, secrets, and what is left behind.

use std::path::Path;
use std::time::Duration;

use simulacro::model::HumanDuration;
use simulacro::safety::{CommandUndo, Reverted, Standing};
use simulacro::world::command::{CommandLine, HostCommands};
use simulacro::world::secrets::Secrets;
use simulacro::world::{Commands, DriverError};

use crate::support::{Stranger, marker, program, sleepers, until};

fn driver() -> HostCommands {
    HostCommands::new(program(), Secrets::new())
}

fn line(dir: &Path, argv: &[&str]) -> CommandLine {
    let argv = argv.iter().map(ToString::to_string).collect();
    CommandLine { argv, dir: dir.to_owned(), within: Duration::from_secs(20) }
}

fn undo(dir: &Path, argv: &[&str]) -> CommandUndo {
    let CommandLine { argv, dir, .. } = line(dir, argv);
    CommandUndo { argv, dir, within: HumanDuration::from_secs(20) }
}

#[tokio::test]
async fn exit_code_and_the_end_of_the_output_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let script = "pwd; echo wrong >&2; printf 'a\\377b'; exit 3";
    let output = driver().run(&line(folder.path(), &["sh", "-c", script])).await.unwrap();
    assert_eq!(output.code, Some(3));
    let dir = folder.path().canonicalize().unwrap();
    assert_eq!(output.tail, format!("{}\nwrong\na\u{fffd}b", dir.display()));

    let killed = driver().run(&line(folder.path(), &["sh", "-c", "kill -9 $$"])).await.unwrap();
    assert_eq!(killed.code, None);
    let flood = driver().run(&line(folder.path(), &["sh", "-c", "seq 100000; echo end"])).await.unwrap();
    assert!(flood.tail.len() <= 4096 && flood.tail.ends_with("100000\nend\n"));
}

#[tokio::test]
async fn arguments_are_not_read_by_a_shell() {
    let folder = tempfile::tempdir().unwrap();
    let output = driver().run(&line(folder.path(), &["printf", "%s", "$HOME; `id` \"*\""])).await.unwrap();
    assert_eq!(output.tail, "$HOME; `id` \"*\"");
}

#[tokio::test]
async fn a_command_at_its_limit_is_killed_with_all_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let mark = marker();
    let script = format!("echo working; sleep {mark} & setsid sleep {mark} & exec sleep {mark}");
    let within = Duration::from_millis(400);
    let command = CommandLine { within, ..line(folder.path(), &["sh", "-c", &script]) };
    let late = driver().run(&command).await.unwrap_err();
    assert!(matches!(&late, DriverError::Timeout(why) if why.contains("working") && why.contains("400ms")), "{late}");
    assert_eq!(sleepers(&mark), Vec::<i32>::new());
}

#[tokio::test]
async fn a_command_whose_caller_goes_away_ends() {
    let folder = tempfile::tempdir().unwrap();
    let mark = marker();
    let (driver, command) = (driver(), line(folder.path(), &["sleep", &mark]));
    {
        let running = driver.run(&command);
        tokio::pin!(running);
        tokio::select! {
            ended = &mut running => panic!("ended: {ended:?}"),
            () = until("it runs", || sleepers(&mark).len() == 1) => {}
        }
    }
    until("it has ended", || sleepers(&mark).is_empty()).await;
}

#[tokio::test]
async fn what_a_command_started_on_purpose_goes_on_after_it_ended() {
    let folder = tempfile::tempdir().unwrap();
    let mark = marker();
    let script = format!("sleep {mark} >/dev/null 2>&1 & echo $!");
    let output = driver().run(&line(folder.path(), &["sh", "-c", &script])).await.unwrap();
    let left = Stranger(output.tail.trim().parse().unwrap());
    until("only init is above it", || crate::support::stat_field(left.0, 4).is_some_and(|parent| parent == "1")).await;
    assert_eq!(sleepers(&mark), [left.0]);
}

#[tokio::test]
async fn a_program_that_is_not_there_is_said_to_be_missing() {
    let folder = tempfile::tempdir().unwrap();
    let driver = driver();
    let (bad, good) = (line(folder.path(), &["simulacro-no-such"]), line(folder.path(), &["true"]));
    let missing = driver.run(&bad).await.unwrap_err();
    assert!(matches!(&missing, DriverError::NotFound(why) if why.contains("install it")), "{missing}");
    assert!(driver.prepare(&bad, &undo(folder.path(), &["true"])).await.is_err());
    assert!(
        driver.prepare(&good, &undo(folder.path(), &["simulacro-no-such"])).await.is_err(),
        "undo is looked for too"
    );
    assert!(driver.prepare(&good, &undo(folder.path(), &["true", "${env:SIMULACRO_NO_SUCH}"])).await.is_err());
    assert_eq!(driver.prepare(&good, &undo(folder.path(), &["true"])).await, Ok(()));
}

#[tokio::test]
async fn a_secret_among_the_arguments_is_refused_because_process_lists_show_them() {
    let folder = tempfile::tempdir().unwrap();
    for reference in ["${env:PATH}", "${file:/run/secrets/token}"] {
        let refused = driver().run(&line(folder.path(), &["echo", reference])).await.unwrap_err();
        assert!(matches!(&refused, DriverError::Refused(why) if why.contains("lists processes")), "{refused}");
        let good = line(folder.path(), &["true"]);
        assert!(driver().prepare(&good, &undo(folder.path(), &["true", reference])).await.is_err());
    }
}

#[tokio::test]
async fn an_undo_stands_until_it_ran_with_success() {
    let folder = tempfile::tempdir().unwrap();
    let driver = driver();
    let marker = folder.path().join("back");
    let once = undo(folder.path(), &["mkdir", &marker.display().to_string()]);
    assert_eq!(driver.standing(&once).await, Ok(Standing::InForce { touched: 1 }), "a fresh process cannot know");
    assert_eq!(driver.revert(&once).await, Ok(Reverted::Restored));
    assert_eq!(driver.standing(&once).await, Ok(Standing::Gone));
    let again = driver.revert(&once).await.unwrap_err().to_string();
    assert!(again.contains("ended with exit code 1") && again.contains("File exists"), "{again}");
    driver.prepare(&line(folder.path(), &["true"]), &once).await.unwrap();
    assert_eq!(driver.standing(&once).await, Ok(Standing::InForce { touched: 1 }), "armed anew");
}
