//! `simulacro service-shim`: the supervisor of one service, in a process of its own.
//!
//! It exists so that a service cannot outlive the runner, however the runner ends. Its standard input is a lease: only
//! the runner holds the other end, so end of file means that the runner is gone, and then the whole tree of the service
//! is killed. It is a subreaper, so descendants that fork twice come back to it. `PR_SET_PDEATHSIG` would be shorter
//! and wrong: it fires when the *thread* that started the child ends. One thread and no runtime: the fewer parts, the
//! fewer ways to fail at the one thing it is for.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{
    Pid, PidfdFlags, WaitOptions, WaitStatus, getpid, pidfd_open, set_child_subreaper, setsid, wait,
};

use super::lease::{Lease, Orders, Reports};
use super::protocol::{Assignment, Change, Order, Then};
use super::tree;
use crate::clock::raw_now;
use crate::model::{ProcessId, Signal};
use crate::world::process::procfs;

/// Longest time for killing the tree.
const KILL_WITHIN: Duration = Duration::from_millis(800);

/// Least time between two starts, so that `restart: { after: 0s }` of a program that ends at once does not spin.
const START_GAP: Duration = Duration::from_millis(10);

/// Time after which a program that could not be started again is tried once more, if its own is shorter.
const RETRY: Duration = Duration::from_millis(200);

/// Orphans that came back are collected at least this often.
const TICK: Duration = Duration::from_secs(1);

/// Time between two looks while the tree ends gently.
const GENTLE_TICK: Duration = Duration::from_millis(10);

/// The word that stands for this very binary, as program of a service.
pub const OWN_PROGRAM: &str = "simulacro";

/// Runs the supervisor; takes everything it needs from its standard input. See the module's documentation.
pub fn service_shim() -> ExitCode {
    let _only_cosmetic = rustix::thread::set_name(c"simulacro-shim");
    let reports = match Reports::open() {
        Ok(reports) => reports,
        Err(e) => {
            eprintln!("service-shim: {e}");
            return ExitCode::from(2);
        }
    };
    // A session of its own: Ctrl-C in a terminal must reach the runner alone. Fails only when it leads one already.
    let _already_leads = setsid();
    if let Err(e) = set_child_subreaper(Some(getpid())) {
        let why = format!("this system has no subreapers ({e}): Linux 3.4 or later is needed");
        reports.tell(Change::Failed { missing: false, why });
        return ExitCode::FAILURE;
    }
    let mut orders = Orders::default();
    let Some(assignment) = orders.assignment() else { return ExitCode::FAILURE };
    Shim { assignment, orders, reports, running: None, next_start: None }.supervise()
}

struct Running {
    id: ProcessId,
    handle: OwnedFd,
    since: i64,
}

struct Shim {
    assignment: Assignment,
    orders: Orders,
    reports: Reports,
    running: Option<Running>,
    /// When the program is started next, raw clock.
    next_start: Option<i64>,
}

impl Shim {
    fn supervise(mut self) -> ExitCode {
        if let Err(failed) = self.start() {
            self.reports.tell(failed);
            return self.ended(0);
        }
        loop {
            let asked = self.wait(self.until_next_start());
            self.collect();
            if self.running.is_none() && self.assignment.then == Then::Leave {
                return self.ended(0);
            }
            match asked {
                Lease::Held => self.restart_when_due(),
                Lease::Broken => return self.kill(),
                Lease::Asked(Order::Stop { grace }) => {
                    self.end_gently(grace);
                    return self.kill();
                }
            }
        }
    }

    /// Waits until something is asked, the program ends, or the time is over.
    fn wait(&mut self, longest: Duration) -> Lease {
        if self.orders.pending() {
            return self.orders.look();
        }
        let timeout = Timespec { tv_sec: longest.as_secs() as i64, tv_nsec: i64::from(longest.subsec_nanos()) };
        let stdin = rustix::stdio::stdin();
        let mut fds = vec![PollFd::new(&stdin, PollFlags::IN)];
        if let Some(running) = &self.running {
            fds.push(PollFd::from_borrowed_fd(running.handle.as_fd(), PollFlags::IN));
        }
        match poll(&mut fds, Some(&timeout)) {
            Ok(n) if n > 0 && !fds[0].revents().is_empty() => self.orders.look(),
            _ => Lease::Held,
        }
    }

    fn until_next_start(&self) -> Duration {
        let nanos = self.next_start.map_or(u64::MAX, |at| u64::try_from(at - raw_now()).unwrap_or(0));
        TICK.min(Duration::from_nanos(nanos))
    }

    /// Collects every child that ended, adopted ones too; notes the end of the program itself.
    fn collect(&mut self) {
        let before = self.running.is_some();
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            if self.running.as_ref().is_some_and(|running| running.id.pid == pid.as_raw_nonzero().get()) {
                self.note_exit(status);
            }
        }
        // Ended but not ours to collect yet: a debugger holds it. Without a pause the loop would spin on the handle.
        if before && self.running.as_ref().is_some_and(|running| procfs::stat(running.id.pid).is_ok_and(ended)) {
            std::thread::sleep(GENTLE_TICK);
        }
    }

    fn note_exit(&mut self, status: WaitStatus) {
        let Some(Running { id: process, since, .. }) = self.running.take() else { return };
        let (code, signal) = (status.exit_status(), status.terminating_signal());
        self.reports.tell(Change::Exited { process, code, signal });
        if let Then::Restart(after) = self.assignment.then {
            self.next_start = Some(later(raw_now(), after).max(later(since, START_GAP)));
        }
    }

    fn restart_when_due(&mut self) {
        if self.next_start.is_none_or(|at| raw_now() < at) {
            return;
        }
        self.next_start = None;
        // What the last one left running would hold its ports and locks.
        self.kill_tree();
        if let Err(failed) = self.start() {
            self.reports.tell(failed);
            if let Then::Restart(after) = self.assignment.then {
                self.next_start = Some(later(raw_now(), after.max(RETRY)));
            }
        }
    }

    fn start(&mut self) -> Result<(), Change> {
        // Not waited for through this handle: `collect` waits for every child, this one among them.
        let child = self.command().and_then(|mut command| command.spawn()).map_err(|e| self.cannot_start(&e))?;
        let odd = |why: String| Change::Failed { missing: false, why };
        let since = raw_now();
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or_else(|| odd("no pid".into()))?;
        // Not collected yet, so the pid is this child's even if it has already ended.
        let stat = procfs::stat(pid.as_raw_nonzero().get()).ok().flatten();
        let id = stat.ok_or_else(|| odd("the new process is not in /proc: is it mounted?".into()))?.id();
        let handle = pidfd_open(pid, PidfdFlags::empty())
            .map_err(|e| odd(format!("no handle on the new process: {e}; Linux 5.3 or later is needed")))?;
        self.running = Some(Running { id, handle, since });
        self.reports.tell(Change::Started(id));
        Ok(())
    }

    fn command(&self) -> std::io::Result<Command> {
        let Assignment { argv, env, dir, .. } = &self.assignment;
        let [program, arguments @ ..] = argv.as_slice() else {
            return Err(std::io::Error::other("the command is empty"));
        };
        let mut command = if program == OWN_PROGRAM {
            let mut own = Command::new("/proc/self/exe");
            own.arg0(OWN_PROGRAM);
            own
        } else {
            Command::new(program)
        };
        // Standard error is the file or pipe that the runner opened for the program's output.
        let output = std::io::stderr().as_fd().try_clone_to_owned()?;
        command.args(arguments).envs(env.iter().map(|(k, v)| (k, v))).current_dir(dir).process_group(0);
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        Ok(command)
    }

    fn cannot_start(&self, e: &std::io::Error) -> Change {
        let Assignment { argv, dir, .. } = &self.assignment;
        let program = argv.first().map_or("", String::as_str);
        if !dir.is_dir() {
            let why = format!("directory {} does not exist: create it, or correct `dir`", dir.display());
            return Change::Failed { missing: true, why };
        }
        match e.kind() {
            std::io::ErrorKind::NotFound => {
                let place = if program.contains('/') { "the place it names" } else { "any directory of PATH" };
                let why = format!("program `{program}` is not in {place}: install it, or correct the command");
                Change::Failed { missing: true, why }
            }
            std::io::ErrorKind::PermissionDenied => {
                let why = format!("program `{program}` may not be executed by this user: check its permissions");
                Change::Failed { missing: false, why }
            }
            _ => Change::Failed { missing: false, why: format!("cannot start `{program}`: {e}") },
        }
    }

    fn end_gently(&mut self, grace: Duration) {
        let limit = later(raw_now(), grace);
        let tree = tree::below(me());
        tree::signal(&tree, Signal::TERM);
        // A stopped process takes the signal only when it continues.
        tree::signal(&tree, Signal::CONT);
        while raw_now() < limit && !tree::below(me()).is_empty() {
            let asked = self.wait(GENTLE_TICK);
            self.collect();
            if matches!(asked, Lease::Broken) {
                return;
            }
        }
    }

    fn kill_tree(&mut self) -> usize {
        tree::end(|| tree::below(me()), KILL_WITHIN, || self.collect())
    }

    fn kill(&mut self) -> ExitCode {
        self.assignment.then = Then::Stay;
        let left = self.kill_tree();
        self.ended(left)
    }

    fn ended(&self, left: usize) -> ExitCode {
        self.reports.tell(Change::Ended { left: u32::try_from(left).unwrap_or(u32::MAX) });
        if left == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

fn me() -> i32 {
    getpid().as_raw_nonzero().get()
}

fn ended(stat: Option<procfs::Stat>) -> bool {
    stat.is_some_and(|stat| stat.ended())
}

fn later(at: i64, by: Duration) -> i64 {
    at.saturating_add(i64::try_from(by.as_nanos()).unwrap_or(i64::MAX))
}
