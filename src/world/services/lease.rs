//! The supervisor's ends of its two pipes: orders and the lease come in, reports go out.

use std::io::{self, IsTerminal as _};

use rustix::fs::OFlags;

use super::protocol::{Assignment, Change, MAX_LINE, Order, Report};
use crate::clock::raw_now;

/// What one look at the lease says.
#[derive(Debug)]
pub enum Lease {
    /// It is held, and nothing is asked.
    Held,
    /// It is held, and something is asked.
    Asked(Order),
    /// It is broken: the runner is gone, or talks in a way that makes no sense.
    Broken,
}

/// Standard input as lease.
#[derive(Debug, Default)]
pub struct Orders {
    buffer: Vec<u8>,
}

impl Orders {
    /// Waits for the assignment; none when the lease breaks before.
    pub fn assignment(&mut self) -> Option<Assignment> {
        loop {
            if let Some(line) = self.line() {
                return serde_json::from_slice(&line).ok();
            }
            if !self.fill() {
                return None;
            }
        }
    }

    /// Whether a whole line has been read already: it came in one piece with the one before.
    pub fn pending(&self) -> bool {
        self.buffer.contains(&b'\n')
    }

    /// Reads what has arrived. To be called when standard input is readable or a line is pending, or it waits.
    pub fn look(&mut self) -> Lease {
        if !self.pending() && !self.fill() {
            return Lease::Broken;
        }
        match self.line().map(|line| serde_json::from_slice(&line)) {
            None => Lease::Held,
            Some(Ok(order)) => Lease::Asked(order),
            Some(Err(_)) => Lease::Broken,
        }
    }

    fn fill(&mut self) -> bool {
        let mut chunk = [0; 16 * 1024];
        match rustix::io::retry_on_intr(|| rustix::io::read(rustix::stdio::stdin(), &mut chunk)) {
            Ok(0) | Err(_) => false,
            Ok(n) => {
                self.buffer.extend_from_slice(&chunk[..n]);
                self.buffer.len() <= MAX_LINE
            }
        }
    }

    fn line(&mut self) -> Option<Vec<u8>> {
        let end = self.buffer.iter().position(|b| *b == b'\n')?;
        let rest = self.buffer.split_off(end + 1);
        let mut line = std::mem::replace(&mut self.buffer, rest);
        line.pop();
        Some(line)
    }
}

/// Standard output as the way for reports. Never waits: a runner that does not read must not keep a service from being
/// restarted, and a runner that is gone must not keep its tree from being ended.
#[derive(Debug)]
pub struct Reports;

impl Reports {
    /// Makes standard output non-blocking.
    ///
    /// # Errors
    /// When standard output is a terminal (then a person called this, and the setting would leak to their shell).
    pub fn open() -> io::Result<Reports> {
        if io::stdout().is_terminal() {
            return Err(io::Error::other("this subcommand is started by simulacro itself, not by hand"));
        }
        let flags = rustix::fs::fcntl_getfl(rustix::stdio::stdout())?;
        rustix::fs::fcntl_setfl(rustix::stdio::stdout(), flags | OFlags::NONBLOCK)?;
        Ok(Reports)
    }

    /// Writes one report, or drops it. Lines are shorter than `PIPE_BUF`, so the pipe takes the whole line or nothing;
    /// it holds hundreds of them.
    pub fn tell(&self, what: Change) {
        if let Ok(mut line) = serde_json::to_vec(&Report { at: raw_now(), what }) {
            line.push(b'\n');
            let _dropped_when_nobody_reads = rustix::io::write(rustix::stdio::stdout(), &line);
        }
    }
}
