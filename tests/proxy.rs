//! The proxy as a process: its start, its lease, its end, and undo from the record alone.

use std::future::Future;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use simulacro::model::{HumanDuration, LinkAddress, LinkRule, Name, RuleId};
use simulacro::safety::{LinkUndo, Reverted, Standing};
use simulacro::world::links::host::HostLinks;
use simulacro::world::links::protocol::{Answer, Assignment, Report, Request, receive, send};
use simulacro::world::{DriverError, Links};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream, UnixStream};

const BINARY: &str = env!("CARGO_BIN_EXE_simulacro");

/// Only ends a test that hangs.
const WITHIN: Duration = Duration::from_secs(30);

async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(WITHIN, work).await.unwrap_or_else(|_| panic!("{what}: not within {WITHIN:?}"))
}

fn front() -> Name {
    "front".parse().expect("a name")
}

fn link(upstream: &TcpListener) -> LinkAddress {
    let upstream = upstream.local_addr().expect("an address").to_string();
    LinkAddress { name: front(), listen: "127.0.0.1:0".into(), upstream, control: None }
}

fn crawl() -> LinkRule {
    LinkRule::latency(HumanDuration::from_secs(3600), HumanDuration::default())
}

struct Drill {
    links: HostLinks,
    server: TcpListener,
    undo: LinkUndo,
    dial: String,
}

impl Drill {
    async fn new() -> Self {
        let server = TcpListener::bind("127.0.0.1:0").await.expect("a server");
        let links = HostLinks::new(BINARY);
        links.open(&[link(&server)], 7).await.expect("open");
        let undo = LinkUndo {
            control: links.control(&front()).expect("a control address"),
            link: front(),
            rule: RuleId("run/crawl".into()),
        };
        let dial = links.links()[0].listen.clone();
        Drill { links, server, undo, dial }
    }

    /// Sets a rule as the engine would, without the licence that only an armed fault has.
    async fn set(&self, rule: LinkRule) {
        let request = Request::Set { link: front(), id: self.undo.rule.clone(), rule };
        assert_eq!(ask(Path::new(&self.undo.control), &request).await, Answer::Done);
    }

    async fn pair(&self) -> (TcpStream, TcpStream) {
        let client = within("dial", TcpStream::connect(&self.dial)).await.expect("let in");
        let (served, _) = within("accept", self.server.accept()).await.expect("carried on");
        (client, served)
    }

    fn pid(&self) -> i32 {
        let control = std::os::unix::net::UnixStream::connect(&self.undo.control).expect("the proxy");
        let credentials = rustix_peer(&control);
        assert_ne!(credentials, std::process::id() as i32);
        credentials
    }
}

/// The process that listens on the other end.
fn rustix_peer(stream: &std::os::unix::net::UnixStream) -> i32 {
    let stream = stream.try_clone().expect("cloned");
    stream.set_nonblocking(true).expect("set");
    UnixStream::from_std(stream).expect("registered").peer_cred().expect("told").pid().expect("a pid")
}

async fn ask(control: &Path, request: &Request) -> Answer {
    let mut stream = BufReader::new(within("control", UnixStream::connect(control)).await.expect("the proxy"));
    send(&mut stream, request).await.expect("written");
    within("answer", receive(&mut stream)).await.expect("read").expect("an answer")
}

fn signal(pid: i32, name: &str) {
    let sent = std::process::Command::new("kill").args([name, &pid.to_string()]).status().expect("kill(1)");
    assert!(sent.success());
}

/// Waits until a process is stopped: state T, field 3 of `/proc/<pid>/stat`.
async fn until_stopped(pid: i32) {
    within("stopped", async {
        while !std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("there").contains(") T ") {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

async fn until_refused(dial: &str) {
    within("refused", async { while TcpStream::connect(dial).await.is_ok() {} }).await;
}

#[tokio::test]
async fn a_drill_opens_bends_undoes_and_closes_its_links() {
    let drill = Drill::new().await;
    let (mut client, mut served) = drill.pair().await;
    assert_eq!(drill.links.standing(&drill.undo).await, Ok(Standing::Gone));
    assert_eq!(drill.links.revert(&drill.undo).await, Ok(Reverted::AlreadyBack));
    drill.set(crawl()).await;
    assert_eq!(drill.links.standing(&drill.undo).await, Ok(Standing::InForce { touched: 0 }));
    client.write_all(b"question").await.expect("written");
    within("touched", async {
        while drill.links.standing(&drill.undo).await != Ok(Standing::InForce { touched: 1 }) {}
    })
    .await;
    // Another process knows nothing but the record.
    assert_eq!(HostLinks::new(BINARY).revert(&drill.undo).await, Ok(Reverted::Restored));
    let mut got = [0; 8];
    within("read", served.read_exact(&mut got)).await.expect("read");
    assert_eq!(&got, b"question");
    let pid = drill.pid();
    drill.links.close().await;
    until_refused(&drill.dial).await;
    assert!(!Path::new(&format!("/proc/{pid}")).exists(), "the proxy process is left behind");
    assert!(!Path::new(&drill.undo.control).exists(), "its control socket is left behind");
    assert_eq!(drill.links.revert(&drill.undo).await, Ok(Reverted::TargetGone));
}

#[tokio::test]
async fn two_rivals_take_a_rule_back_once() {
    let drill = Drill::new().await;
    for _ in 0..20 {
        drill.set(crawl()).await;
        let (one, other) = (HostLinks::new(BINARY), HostLinks::new(BINARY));
        let (one, other) = tokio::join!(one.revert(&drill.undo), other.revert(&drill.undo));
        let mut both = [one.expect("reverted"), other.expect("reverted")];
        both.sort_by_key(|r| *r == Reverted::AlreadyBack);
        assert_eq!(both, [Reverted::Restored, Reverted::AlreadyBack]);
    }
    drill.links.close().await;
}

#[tokio::test]
async fn a_killed_proxy_is_gone_with_its_rules() {
    let drill = Drill::new().await;
    let (mut client, _served) = drill.pair().await;
    drill.set(LinkRule::black_hole()).await;
    signal(drill.pid(), "-KILL");
    let end = within("the end", client.read(&mut [0; 8])).await;
    assert!(matches!(end, Ok(0)) || end.is_err(), "{end:?}");
    within("gone", async { while drill.links.standing(&drill.undo).await != Ok(Standing::Gone) {} }).await;
    assert_eq!(HostLinks::new(BINARY).revert(&drill.undo).await, Ok(Reverted::TargetGone));
    drill.links.close().await;
    assert!(!Path::new(&drill.undo.control).exists(), "its control socket is left behind");
}

#[tokio::test]
async fn a_stopped_proxy_is_reported_with_the_remedy_and_reverts_once_it_runs_again() {
    let drill = Drill::new().await;
    drill.set(crawl()).await;
    let pid = drill.pid();
    signal(pid, "-STOP");
    until_stopped(pid).await;
    let error = drill.links.revert(&drill.undo).await.expect_err("it cannot answer");
    let DriverError::Timeout(why) = &error else { panic!("{error:?}") };
    assert!(why.contains(&format!("kill -KILL {pid}")), "{why}");
    signal(pid, "-CONT");
    // The order that went unanswered may have been carried out meanwhile.
    let reverted = drill.links.revert(&drill.undo).await.expect("reverted");
    assert!(matches!(reverted, Reverted::Restored | Reverted::AlreadyBack));
    assert_eq!(drill.links.standing(&drill.undo).await, Ok(Standing::Gone));
    drill.links.close().await;
}

#[tokio::test]
async fn closing_ends_even_a_stopped_proxy() {
    let drill = Drill::new().await;
    let pid = drill.pid();
    signal(pid, "-STOP");
    until_stopped(pid).await;
    within("closed", drill.links.close()).await;
    until_refused(&drill.dial).await;
    assert!(!Path::new(&format!("/proc/{pid}")).exists(), "the proxy process is left behind");
}

#[tokio::test]
async fn dropping_the_driver_ends_the_proxy() {
    let Drill { links, dial, undo, server: _server } = Drill::new().await;
    drop(links);
    until_refused(&dial).await;
    assert_eq!(HostLinks::new(BINARY).revert(&undo).await, Ok(Reverted::TargetGone));
}

#[tokio::test]
async fn an_address_in_use_is_refused_with_link_address_and_holder() {
    let taken = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let link = LinkAddress { listen: address.clone(), ..link(&taken) };
    let error = HostLinks::new(BINARY).open(&[link], 1).await.expect_err("in use");
    let DriverError::Refused(why) = &error else { panic!("{error:?}") };
    for part in ["link front", &address, &format!("process {}", std::process::id()), "`proxies:`"] {
        assert!(why.contains(part), "`{part}` is missing in: {why}");
    }
}

#[tokio::test]
async fn an_address_that_is_none_is_refused_and_nothing_listens() {
    let server = TcpListener::bind("127.0.0.1:0").await.expect("a server");
    let (listen, upstream) = ("127.0.0.1".into(), "x:1".into());
    let bad = LinkAddress { name: "back".parse().expect("a name"), listen, upstream, control: None };
    let error = HostLinks::new(BINARY).open(&[link(&server), bad], 1).await.expect_err("no address");
    assert!(error.to_string().contains("link back"), "{error}");
}

/// The process by itself, as a runner starts it.
struct Process {
    child: tokio::process::Child,
    dir: tempfile::TempDir,
}

impl Process {
    fn start() -> Self {
        let child = tokio::process::Command::new(BINARY)
            .arg("proxy-worker")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("started");
        Process { child, dir: tempfile::tempdir().expect("a directory") }
    }

    async fn report(&mut self, first_line: &[u8]) -> Report {
        let input = self.child.stdin.as_mut().expect("piped");
        within("write", input.write_all(first_line)).await.expect("written");
        let mut output = BufReader::new(self.child.stdout.as_mut().expect("piped"));
        within("report", receive(&mut output)).await.expect("read").expect("a report")
    }

    fn assignment(&self, links: Vec<LinkAddress>) -> Vec<u8> {
        let assignment = Assignment { links, seed: 1, control: self.dir.path().join("control") };
        let mut line = serde_json::to_vec(&assignment).expect("json");
        line.push(b'\n');
        line
    }
}

#[tokio::test]
async fn the_end_of_its_lease_ends_the_process_whatever_it_holds() {
    let server = TcpListener::bind("127.0.0.1:0").await.expect("a server");
    let mut process = Process::start();
    let line = process.assignment(vec![link(&server)]);
    let Report::Ready { pid, links } = process.report(&line).await else { panic!("not ready") };
    assert_eq!(Some(pid), process.child.id());
    let control = process.dir.path().join("control");
    let request = Request::Set { link: front(), id: RuleId("r".into()), rule: LinkRule::black_hole() };
    assert_eq!(ask(&control, &request).await, Answer::Done);
    let mut held = TcpStream::connect(&links[0].listen).await.expect("accepted");
    held.write_all(b"held").await.expect("written");
    let ended = tokio::time::Instant::now();
    drop(process.child.stdin.take());
    let status = within("ended", process.child.wait()).await.expect("waited");
    println!("ended {:?} after its lease", ended.elapsed());
    assert_eq!(status.code(), Some(0));
    assert!(!control.exists());
    let refused = TcpStream::connect(&links[0].listen).await.expect_err("closed");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn an_unreadable_assignment_and_a_control_path_that_exists_are_reported() {
    let mut process = Process::start();
    assert!(matches!(process.report(b"{\"links\":1}\n").await, Report::Failed { link: None, .. }));
    assert_eq!(within("ended", process.child.wait()).await.expect("waited").code(), Some(1));
    let mut process = Process::start();
    std::fs::write(process.dir.path().join("control"), "").expect("written");
    let line = process.assignment(vec![]);
    let Report::Failed { address, .. } = process.report(&line).await else { panic!("it started") };
    assert!(address.ends_with("control"), "{address}");
}

#[tokio::test]
async fn unreadable_orders_are_answered_and_do_no_harm() {
    let mut process = Process::start();
    let line = process.assignment(vec![]);
    assert!(matches!(process.report(&line).await, Report::Ready { .. }));
    let control = process.dir.path().join("control");
    let mut stream = BufReader::new(UnixStream::connect(&control).await.expect("the proxy"));
    stream.write_all(b"{\"dance\":{}}\n").await.expect("written");
    let answer: Option<Answer> = within("answer", receive(&mut stream)).await.expect("read");
    assert!(matches!(answer, Some(Answer::Failed { .. })), "{answer:?}");
    let request = Request::Remove { link: front(), id: RuleId("r".into()) };
    send(&mut stream, &request).await.expect("written");
    assert_eq!(within("answer", receive(&mut stream)).await.expect("read"), Some(Answer::UnknownLink));
}
