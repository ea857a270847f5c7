//! Memory in place of a journal's file, for simulated drills and crash points.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Medium;

/// What a [`Memory`] is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Write so many bytes.
    Write(usize),
    /// Sync what was written.
    Sync,
}

/// What a [`Memory`] is told to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// What was asked.
    Proceed,
    /// Fail with this error. A write has put its first `kept` bytes there.
    Fail {
        /// The error.
        error: io::ErrorKind,
        /// Bytes of the write that stand nevertheless.
        kept: usize,
    },
    /// The machine stops: this operation and all later ones fail and change nothing more.
    Crash {
        /// Bytes of the write that stand nevertheless.
        kept: usize,
    },
}

type Hook = Box<dyn FnMut(usize, Operation) -> Fate + Send>;

struct MemoryState {
    /// What a reader of the file sees.
    seen: Vec<u8>,
    /// What is certain to be there after a crash.
    synced: Vec<u8>,
    operations: usize,
    crashed: bool,
    hook: Option<Hook>,
}

/// Memory in place of a file, with failures and crash points on demand. Clones share it.
#[derive(Clone)]
pub struct Memory(Arc<Mutex<MemoryState>>);

impl Memory {
    /// `capacity` zeroes.
    pub fn new(capacity: usize) -> Memory {
        Memory::holding(vec![0; capacity])
    }

    /// Memory that holds what an earlier run left.
    pub fn holding(bytes: Vec<u8>) -> Memory {
        let state = MemoryState { synced: bytes.clone(), seen: bytes, operations: 0, crashed: false, hook: None };
        Memory(Arc::new(Mutex::new(state)))
    }

    /// Asks `hook` before every operation, with its number from 0, what shall become of it.
    pub fn on_operation(&self, hook: impl FnMut(usize, Operation) -> Fate + Send + 'static) {
        self.state().hook = Some(Box::new(hook));
    }

    /// The bytes as a reader of the file sees them now.
    pub fn bytes(&self) -> Vec<u8> {
        self.state().seen.clone()
    }

    /// The bytes that are certain to be there after a crash now.
    pub fn synced(&self) -> Vec<u8> {
        self.state().synced.clone()
    }

    /// How many operations were asked for so far.
    pub fn operations(&self) -> usize {
        self.state().operations
    }

    /// Whether a crash was played.
    pub fn crashed(&self) -> bool {
        self.state().crashed
    }

    fn state(&self) -> MutexGuard<'_, MemoryState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").field("operations", &self.operations()).finish_non_exhaustive()
    }
}

impl MemoryState {
    fn fate(&mut self, operation: Operation) -> (usize, io::Result<()>) {
        if self.crashed {
            return (0, Err(io::Error::other("the simulated machine has crashed")));
        }
        let number = self.operations;
        self.operations += 1;
        match self.hook.as_mut().map_or(Fate::Proceed, |hook| hook(number, operation)) {
            Fate::Proceed => (usize::MAX, Ok(())),
            Fate::Fail { error, kept } => (kept, Err(error.into())),
            Fate::Crash { kept } => {
                self.crashed = true;
                (kept, Err(io::Error::other("the simulated machine crashes")))
            }
        }
    }
}

impl Medium for Memory {
    fn capacity(&self) -> u64 {
        self.state().seen.len() as u64
    }

    fn write_at(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        let (kept, result) = state.fate(Operation::Write(bytes.len()));
        let at = usize::try_from(at).map_err(io::Error::other)?;
        let room = state.seen.get_mut(at..).ok_or(io::ErrorKind::StorageFull)?;
        for (to, from) in room.iter_mut().zip(bytes.iter().take(kept)) {
            *to = *from;
        }
        result
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.state();
        let (_, result) = state.fate(Operation::Sync);
        if result.is_ok() {
            state.synced = state.seen.clone();
        }
        result
    }
}
