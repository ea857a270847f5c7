//! `simulacro stress-worker`: stress, in a process of its own.
//!
//! It exists so that stress cannot outlive those who asked for it. Its standard input is a lease: only its starter
//! holds the other end, so end of file means that it is gone, and the worker ends. It ends as well after the time it
//! was given, whatever becomes of starter and watchdog. Everything it does is tied to the process (processor time,
//! memory, files without a name), so its end is the undo.

mod cpu;
mod disk;
mod inside;
mod io;
mod memory;

use std::io::{IsTerminal as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::setsid;

use super::space::Meminfo;
use crate::clock::raw_now;
use crate::model::{Stress, StressJob};

/// The first line of a worker that could not begin, followed by the reason.
pub(super) const FAILED: &str = "failed: ";

/// The first line of one that could.
const BEGUN: &str = "begun";

/// Time between two looks at whether the stress goes on.
const TICK: Duration = Duration::from_millis(100);

/// Why the stress cannot go on: the first thread that stumbles says it.
#[derive(Debug, Clone, Default)]
struct Trouble(Arc<Mutex<Option<String>>>);

impl Trouble {
    fn tell(&self, why: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(why);
    }

    fn told(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Runs the worker. See the module's documentation.
pub fn stress_worker(tag: &str, job: &str) -> ExitCode {
    let _only_cosmetic = rustix::thread::set_name(c"simulacro-stress");
    if std::io::stdin().is_terminal() {
        eprintln!("stress-worker: this subcommand is started by simulacro itself, not by hand");
        return ExitCode::from(2);
    }
    // A session of its own: a terminal that closes must not end it. Fails only when it leads one already.
    let _already_leads = setsid();
    let trouble = Trouble::default();
    let begun =
        serde_json::from_str(job).map_err(|e| format!("its job makes no sense: {e}")).and_then(|job: StressJob| {
            let until = raw_now().saturating_add(nanos(job.at_most.get()));
            begin(tag, job, &trouble).map(|host| (until, host))
        });
    let (until, host) = match begun {
        Ok(begun) => begun,
        Err(why) => {
            say(&format!("{FAILED}{why}"));
            return ExitCode::FAILURE;
        }
    };
    say(BEGUN);
    while raw_now() < until && lease_holds(until, host.as_ref()) {
        if let Some(why) = trouble.told() {
            say(&why);
            return ExitCode::FAILURE;
        }
    }
    // The threads end with the process.
    ExitCode::SUCCESS
}

/// Joins where it is told to, then starts the threads. Gives a handle on the process whose container it is in.
fn begin(tag: &str, job: StressJob, trouble: &Trouble) -> Result<Option<OwnedFd>, String> {
    // Opened before the mounts change: a container may show another /proc, or none.
    let meminfo = Meminfo::open().map_err(|e| format!("cannot see how much memory there is: {e}"))?;
    if let Stress::Memory { first_to_die: true, .. } = &job.stress {
        // Anybody may raise his own. Where it fails, the kernel chooses as it always does.
        let _as_always = std::fs::write("/proc/self/oom_score_adj", "1000");
    }
    let host = job.inside.map(inside::join).transpose()?;
    match job.stress {
        Stress::Cpu { threads, load } => cpu::start(threads, load),
        Stress::Memory { size, floor, first_to_die: false } => {
            memory::start_unowned(size, floor.unwrap_or_default(), meminfo, trouble)
        }
        Stress::Memory { size, floor, .. } => memory::start(size, floor.unwrap_or_default(), meminfo, trouble),
        Stress::Io { directory, rate, threads, file } => {
            io::start(&directory, rate, threads, file, &name_of(tag), trouble)
        }
        Stress::Disk { directory, fill, floor } => {
            disk::start(&directory, fill, floor.unwrap_or_default(), &name_of(tag), trouble)
        }
    }?;
    Ok(host)
}

/// The name that a file has for a moment where one cannot be made without.
pub(super) fn name_of(tag: &str) -> String {
    // FNV-1a: a tag may hold what no file name can.
    let hash = tag.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
    format!(".simulacro-stress-{hash:016x}")
}

/// Waits a little; whether the lease still holds, and the container is still there. One that stayed behind in its
/// control groups would keep the engine from removing or restarting it.
fn lease_holds(until: i64, host: Option<&OwnedFd>) -> bool {
    let wait = TICK.min(Duration::from_nanos(u64::try_from(until - raw_now()).unwrap_or(0)));
    let stdin = rustix::stdio::stdin();
    let mut fds: Vec<_> = [PollFd::new(&stdin, PollFlags::IN)]
        .into_iter()
        .chain(host.map(|host| PollFd::new(host, PollFlags::IN)))
        .collect();
    match poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: i64::from(wait.subsec_nanos()) })) {
        // A handle of a process becomes readable when it has ended.
        Ok(n) if n > 0 && fds.get(1).is_some_and(|fd| !fd.revents().is_empty()) => false,
        Ok(n) if n > 0 => {
            let mut word = [0; 64];
            matches!(rustix::io::retry_on_intr(|| rustix::io::read(stdin, &mut word)), Ok(1..))
        }
        _ => true,
    }
}

/// Says a line to the starter, who may be gone.
fn say(line: &str) {
    let mut out = std::io::stdout();
    let _nobody_listens = writeln!(out, "{line}").and_then(|()| out.flush());
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// Starts a thread of the stress.
fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), String> {
    let started = std::thread::Builder::new().name(name.into()).stack_size(128 << 10).spawn(work);
    started.map(drop).map_err(|e| format!("cannot start a thread: {e}"))
}
