//! The practice stack of `docker-compose.yml`, on ports and under a name of its own, gone whatever happens.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::common::{BINARY, Home, free_port};

/// Longest wait for the whole stack, or a part of it, to be well.
const PATIENCE: Duration = Duration::from_secs(90);

/// Every image but the orders service's.
const IMAGE: &str = "simulacro-test/stack:bookworm";

/// What docker-compose.yml gives the databases when nothing else is said.
const PASSWORD: &str = "practice";

/// How the databases replicate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replication {
    Asynchronous,
    Synchronous,
}

/// A stack that runs.
pub struct Stack {
    home: Home,
    project: String,
    env: PathBuf,
    ports: Vec<(&'static str, &'static str, u16)>,
    _reaper: Reaper,
}

/// What became of one drill.
pub struct Drill {
    pub code: i32,
    pub folder: PathBuf,
    pub result: simulacro::result::RunResult,
    pub output: String,
}

impl Stack {
    /// Builds what is missing, starts the stack and waits until it serves.
    pub fn start() -> Stack {
        let home = Home::new("stack");
        let project = format!("simulacro-stack-{}", std::process::id());
        // The name in docker-compose.yml, the variable of the scenarios, the port.
        let ports = [
            ("ORDERS_PORT", "front"),
            ("ORDERS_1_PORT", "orders_1"),
            ("ORDERS_2_PORT", "orders_2"),
            ("POSTGRES_PORT", "db"),
            ("POSTGRES_PRIMARY_PORT", "primary"),
            ("POSTGRES_REPLICA_PORT", "replica"),
            ("REDIS_PORT", "redis"),
            ("HAPROXY_FIGURES_PORT", "figures"),
            ("PROMETHEUS_PORT", "prometheus"),
            ("ALERTMANAGER_PORT", "alertmanager"),
        ];
        let ports: Vec<_> = ports.into_iter().map(|(compose, var)| (compose, var, free_port())).collect();
        let built = Command::new(root().join("scripts/images")).args(["--orders", BINARY]).output().unwrap();
        assert!(built.status.success(), "{}", words(&built));
        let mut env =
            format!("COMPOSE_PROJECT_NAME={project}\nORDERS_IMAGE={}", String::from_utf8_lossy(&built.stdout));
        for image in ["POSTGRES", "REDIS", "HAPROXY", "PROMETHEUS", "ALERTMANAGER"] {
            writeln!(env, "{image}_IMAGE={IMAGE}").unwrap();
        }
        for (compose, _, port) in &ports {
            writeln!(env, "{compose}={port}").unwrap();
        }
        let file = home.path().join("stack.env");
        fs::write(&file, env).unwrap();
        let reaper = Reaper::start(&project, &file);
        let stack = Stack { home, project, env: file, ports, _reaper: reaper };
        stack.compose(&[], &["up", "-d", "--no-build"]);
        stack.wait_until_well();
        stack
    }

    /// Runs compose on this stack; `vars` go before those of its file.
    pub fn compose(&self, vars: &[(&str, &str)], args: &[&str]) -> String {
        let output = compose(&self.project, &self.env).envs(vars.iter().copied()).args(args).output().unwrap();
        assert!(output.status.success(), "compose {args:?}: {}", words(&output));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Makes both databases anew, in their first roles.
    pub fn renew_databases(&self, replication: Replication) {
        let servers = ["postgres-primary", "postgres-replica"];
        self.compose(&[], &["rm", "-fsv", servers[0], servers[1]]);
        // Their disks outlive them in the container that holds these.
        self.compose(&[], &["exec", "-T", "disks", "sh", "-c", "rm -rf /primary/* /replica/*"]);
        let mode = if replication == Replication::Synchronous { "on" } else { "off" };
        let up = ["up", "-d", "--no-build", "--no-deps", servers[0], servers[1]];
        self.compose(&[("POSTGRES_SYNCHRONOUS", mode)], &up);
        // The services prepare their tables once, when they start.
        self.compose(&[], &["restart", "-t", "1", "orders-1", "orders-2"]);
        self.wait_until_well();
    }

    /// Asks one database server, by the role of its service.
    pub fn sql(&self, service: &str, statement: &str) -> String {
        let psql = ["exec", "-T", service, "psql", "-h", "/tmp", "-U", "postgres", "-d", "orders", "-tAXqc", statement];
        self.compose(&[], &psql).trim().to_owned()
    }

    /// A figure of one orders service.
    pub fn figure(&self, service: &str, name: &str) -> f64 {
        let page = get(&format!("http://127.0.0.1:{}/metrics", self.port(service))).unwrap();
        let line = page.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("no {name}\n{page}"));
        line.trim().parse().unwrap()
    }

    /// Waits until both services are ready behind HAProxy, one database takes writes and another follows it.
    pub fn wait_until_well(&self) {
        let began = Instant::now();
        let figures = format!("http://127.0.0.1:{}/metrics", self.port("figures"));
        let well = || -> Result<(), String> {
            for service in ["orders_1", "orders_2", "front"] {
                get(&format!("http://127.0.0.1:{}/ready", self.port(service)))?;
            }
            let page = get(&figures)?;
            for (backend, servers) in [("orders", 2), ("postgres", 1)] {
                let line = format!("haproxy_backend_active_servers{{proxy=\"{backend}\"}} {servers}\n");
                page.contains(&line).then_some(()).ok_or(format!("not `{}`", line.trim()))?;
            }
            let following = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'";
            let followers = ["postgres-primary", "postgres-replica"].map(|server| self.sql(server, following));
            followers.contains(&"1".into()).then_some(()).ok_or(format!("followers: {followers:?}"))
        };
        loop {
            match well() {
                Ok(()) => return,
                Err(why) if began.elapsed() > PATIENCE => panic!("the stack is not well: {why}\n{}", self.told()),
                Err(_) => std::thread::sleep(Duration::from_millis(200)),
            }
        }
    }

    /// Runs one of the stack's scenarios against it.
    pub fn drill(&self, scenario: &str, more: &[&str]) -> Drill {
        let file = root().join(format!("scenarios/{scenario}.yaml"));
        let text = fs::read_to_string(&file).unwrap();
        let mut command = self.home.simulacro();
        // A machine that stalls for a moment makes a run inconclusive, never green: it is tried once more.
        command.args(["run", "--yes", "--retry-inconclusive"]).arg(&file).env("POSTGRES_PASSWORD", PASSWORD);
        command.arg("-V").arg(format!("project={}", self.project));
        for (_, var, port) in &self.ports {
            if text.contains(&format!("\n  {var}: 127.0.0.1:")) {
                command.arg("-V").arg(format!("{var}=127.0.0.1:{port}"));
            }
        }
        let output = command.args(more).output().unwrap();
        let (code, output) = (output.status.code().unwrap_or(-1), words(&output));
        let reports = fs::read_dir(self.home.reports()).into_iter().flatten().flatten().map(|entry| entry.path());
        let folder = reports.filter(|path| path.join("result.json").exists()).max();
        let folder = folder.unwrap_or_else(|| panic!("{scenario}: no result, exit code {code}\n{output}"));
        let result = serde_json::from_slice(&fs::read(folder.join("result.json")).unwrap()).unwrap();
        Drill { code, folder, result, output }
    }

    /// The port on loopback that a variable of the scenarios names.
    pub fn port(&self, var: &str) -> u16 {
        self.ports.iter().find(|(_, name, _)| *name == var).expect("a port").2
    }

    /// Everything that a drill may change about the containers and must put back: a line each.
    pub fn standing(&self) -> Vec<String> {
        let ids = self.compose(&[], &["ps", "-q"]);
        let format = "{{ .Name }} {{ .State.Status }} memory={{ .HostConfig.Memory }} cpus={{ .HostConfig.NanoCpus }} \
                      quota={{ .HostConfig.CpuQuota }} pids={{ .HostConfig.PidsLimit }} pid={{ .State.Pid }} \
                      networks={{ range $name, $_ := .NetworkSettings.Networks }}{{ $name }} {{ end }}";
        let looked = Command::new("docker").args(["inspect", "--format", format]).args(ids.split_whitespace()).output();
        let looked = String::from_utf8(looked.unwrap().stdout).unwrap();
        let mut lines: Vec<_> = looked.lines().map(standing_of).collect();
        lines.sort();
        lines
    }

    /// What the stack's parts said last.
    pub fn told(&self) -> String {
        self.compose(&[], &["ps"]) + &self.compose(&[], &["logs", "--no-color", "--tail=15"])
    }
}

/// Takes the stack down when this process has gone, however it went: it waits for the end of a pipe that only this
/// process holds. An orderly end waits for it.
struct Reaper {
    child: Child,
}

impl Reaper {
    fn start(project: &str, env: &Path) -> Reaper {
        use std::os::unix::process::CommandExt as _;
        let down = compose(project, env);
        let mut shell = Command::new("sh");
        // The file lies in a folder that this process removes when it ends in good order.
        let kept = std::env::temp_dir().join(format!("{project}.env"));
        let script = "cat >/dev/null; \"$@\" down -v -t 1 --remove-orphans >/dev/null 2>&1; rm -f \"$KEPT\"";
        fs::write(&kept, "").unwrap();
        shell.args(["-c", script, "reaper"]).arg(down.get_program());
        shell.args(down.get_args().map(|arg| if arg == env.as_os_str() { kept.as_os_str() } else { arg }));
        shell.env("KEPT", &kept).env("ORDERS_IMAGE", "none").process_group(0);
        shell.current_dir(root()).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Reaper { child: shell.spawn().unwrap() }
    }
}

impl Drop for Reaper {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// `docker-compose`, or Docker's own `compose`, for one project.
fn compose(project: &str, env: &Path) -> Command {
    let own = Command::new("docker-compose").arg("version").output().is_ok_and(|o| o.status.success());
    let mut command = if own { Command::new("docker-compose") } else { Command::new("docker") };
    if !own {
        command.arg("compose");
    }
    command.arg("--env-file").arg(env).arg("-f").arg(root().join("docker-compose.yml")).args(["-p", project]);
    command.current_dir(root()).stdin(Stdio::null());
    command
}

/// A line of `docker inspect`, with the network rules of that container in place of its pid.
fn standing_of(line: &str) -> String {
    let (before, rest) = line.split_once(" pid=").expect("a pid");
    let (pid, networks) = rest.split_once(' ').expect("networks");
    // An engine cannot take a limit of processors back; as many as the machine has limit nothing.
    let all = std::thread::available_parallelism().unwrap().get() as u64 * 1_000_000_000;
    let before = before.replace(&format!(" cpus={all} "), " cpus=0 ").replace(" quota=-1 ", " quota=0 ");
    let look = "iptables -S; iptables -t mangle -S; tc qdisc show | grep -v -e noqueue -e 'qdisc pfifo_fast'";
    let rules = Command::new("nsenter").args(["-t", pid, "-n", "sh", "-c", look]).output().unwrap();
    format!("{before} {networks} {}", String::from_utf8_lossy(&rules.stdout).replace('\n', "; "))
}

fn get(url: &str) -> Result<String, String> {
    use std::io::{Read as _, Write as _};
    let (address, path) = url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).expect("an address");
    let ask = || -> std::io::Result<String> {
        let mut stream = std::net::TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        write!(stream, "GET /{path} HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    let answer = ask().map_err(|error| format!("{url}: {error}"))?;
    match answer.split(' ').nth(1) {
        Some("200") => Ok(answer),
        status => Err(format!("{url}: {status:?}")),
    }
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}
