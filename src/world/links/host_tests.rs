//! The driver against proxies that behave badly: scripted ones, on real Unix sockets.

use tokio::io::AsyncReadExt;
use tokio::net::UnixListener;

use super::*;
use crate::model::RuleStatus;

/// A control socket in a directory of its own, and the undo record that names it.
struct Script {
    _dir: tempfile::TempDir,
    listener: Option<UnixListener>,
    undo: LinkUndo,
}

impl Script {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let control = dir.path().join("control");
        let listener = UnixListener::bind(&control).expect("bound");
        let undo = LinkUndo {
            control: control.display().to_string(),
            link: "front".parse().expect("a name"),
            rule: RuleId("run/crawl".into()),
        };
        Script { _dir: dir, listener: Some(listener), undo }
    }

    /// Answers the connections that come, one after the other: with an answer, or by hanging up without one.
    fn play(&mut self, answers: Vec<Option<Answer>>) -> tokio::task::JoinHandle<Vec<Request>> {
        let listener = self.listener.take().expect("once");
        tokio::spawn(async move {
            let mut requests = Vec::new();
            for answer in answers {
                let (stream, _) = listener.accept().await.expect("a client");
                let mut stream = BufReader::new(stream);
                requests.push(receive(&mut stream).await.expect("read").expect("a request"));
                if let Some(answer) = answer {
                    send(&mut stream, &answer).await.expect("written");
                }
            }
            requests
        })
    }

    /// A driver that believes this to be its own drill's proxy.
    fn driver(&self) -> HostLinks {
        let driver = driver();
        let link =
            LinkAddress { name: self.undo.link.clone(), listen: String::new(), upstream: String::new(), control: None };
        let opened = Opened { control: PathBuf::from(&self.undo.control), links: vec![link] };
        assert!(driver.opened.set(opened).is_ok());
        driver
    }
}

/// A driver as a watchdog has it: nothing opened, undo records only.
fn driver() -> HostLinks {
    HostLinks::new("/nonexistent")
}

#[tokio::test]
async fn answers_become_what_the_engine_asks_for() {
    let cases = [
        (Answer::Done, Ok(Reverted::Restored)),
        (Answer::Absent, Ok(Reverted::AlreadyBack)),
        (Answer::UnknownLink, Ok(Reverted::TargetGone)),
    ];
    for (answer, expected) in cases {
        let mut script = Script::new();
        let played = script.play(vec![Some(answer)]);
        assert_eq!(driver().revert(&script.undo).await, expected);
        let LinkUndo { link, rule, .. } = script.undo.clone();
        assert_eq!(played.await.expect("played"), [Request::Remove { link, id: rule }]);
    }
    for (answer, expected) in [
        (Answer::InForce(RuleStatus { touched: 3 }), Standing::InForce { touched: 3 }),
        (Answer::Absent, Standing::Gone),
        (Answer::UnknownLink, Standing::Gone),
    ] {
        let mut script = Script::new();
        script.play(vec![Some(answer)]);
        assert_eq!(driver().standing(&script.undo).await, Ok(expected));
    }
}

#[tokio::test]
async fn a_rule_is_set_under_the_id_that_undo_removes() {
    let mut script = Script::new();
    let played = script.play(vec![Some(Answer::Done)]);
    let LinkUndo { link, rule: id, control } = script.undo.clone();
    let driver = script.driver();
    assert_eq!(driver.control(&link), Ok(control));
    let rule = LinkRule::down();
    assert_eq!(driver.set_rule(&link, &id, &rule, Licence::for_tests()).await, Ok(()));
    assert_eq!(played.await.expect("played"), [Request::Set { link, id, rule }]);
}

#[tokio::test]
async fn a_refusal_an_odd_answer_and_garbage_are_errors_and_never_an_undo() {
    for answer in [Answer::Failed { why: "the listening socket".into() }, Answer::InForce(RuleStatus::default())] {
        let mut script = Script::new();
        script.play(vec![Some(answer)]);
        assert!(matches!(driver().revert(&script.undo).await, Err(DriverError::Failed(_))));
    }
    let mut script = Script::new();
    let listener = script.listener.take().expect("once");
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a client");
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 200 OK\n").await.expect("written");
        let _ = stream.read_to_end(&mut Vec::new()).await;
    });
    assert!(matches!(driver().revert(&script.undo).await, Err(DriverError::Failed(_))));
}

#[tokio::test]
async fn a_connection_that_breaks_is_tried_again_and_a_proxy_that_ended_meanwhile_is_gone() {
    let mut script = Script::new();
    let played = script.play(vec![None, Some(Answer::Absent)]);
    assert_eq!(driver().revert(&script.undo).await, Ok(Reverted::AlreadyBack));
    assert_eq!(played.await.expect("played").len(), 2);
    let mut script = Script::new();
    script.play(vec![None]);
    assert_eq!(driver().revert(&script.undo).await, Ok(Reverted::TargetGone));
}

#[tokio::test]
async fn a_socket_nobody_listens_on_is_gone_and_removed() {
    let mut script = Script::new();
    drop(script.listener.take());
    assert_eq!(driver().standing(&script.undo).await, Ok(Standing::Gone));
    assert_eq!(driver().revert(&script.undo).await, Ok(Reverted::TargetGone));
    assert!(!Path::new(&script.undo.control).exists());
    assert_eq!(driver().revert(&script.undo).await, Ok(Reverted::TargetGone), "and the file may be gone too");
}

#[tokio::test]
async fn a_removed_socket_file_does_not_hide_a_proxy_that_still_listens() {
    let script = Script::new();
    std::fs::remove_file(&script.undo.control).expect("removed");
    let error = driver().revert(&script.undo).await.expect_err("the rule may still stand");
    assert!(error.to_string().contains("end that proxy process"), "{error}");
}

#[tokio::test]
async fn a_proxy_that_hangs_is_told_from_one_that_is_gone_with_the_remedy() {
    let script = Script::new();
    let error = driver().revert(&script.undo).await.expect_err("no answer");
    let DriverError::Timeout(why) = error else { panic!("{error:?}") };
    assert!(why.contains(&format!("kill -KILL {}", std::process::id())), "{why}");
}

#[tokio::test]
async fn links_that_are_not_open_and_proxies_of_another_kind_are_refused() {
    let link: Name = "front".parse().expect("a name");
    assert!(matches!(driver().control(&link), Err(DriverError::NotFound(_))));
    let id = RuleId("run/crawl".into());
    let unset = driver().set_rule(&link, &id, &LinkRule::down(), Licence::for_tests()).await;
    assert!(matches!(unset, Err(DriverError::NotFound(_))));
    // A proxy of its own, over HTTP: one that has ended took its rules along, another server is none.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let control = format!("http://{}", listener.local_addr().expect("an address"));
    let foreign = LinkUndo { control, link, rule: id };
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a client");
        drop(listener);
        let answer = b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\nno";
        tokio::io::AsyncWriteExt::write_all(&mut stream, answer).await.expect("written");
        let _ = stream.read_to_end(&mut Vec::new()).await;
    });
    assert!(matches!(driver().revert(&foreign).await, Err(DriverError::Failed(_))));
    assert_eq!(driver().revert(&foreign).await, Ok(Reverted::TargetGone));
}

#[tokio::test]
async fn a_program_that_cannot_be_started_or_is_no_proxy_is_a_clear_failure() {
    let link = LinkAddress {
        name: "front".parse().expect("a name"),
        listen: "127.0.0.1:0".into(),
        upstream: "127.0.0.1:1".into(),
        control: None,
    };
    let error = driver().open(std::slice::from_ref(&link), 1).await.expect_err("no such program");
    assert!(error.to_string().contains("/nonexistent cannot be started"), "{error}");
    let error = HostLinks::new("/bin/true").open(&[link], 1).await.expect_err("no proxy");
    assert!(matches!(error, DriverError::Failed(_)), "{error:?}");
    assert_eq!(driver().open(&[], 1).await, Ok(()), "no link, no process");
}
