//! Orders all events: recorder first, timeline second, live view last.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use crate::clock::Clock;
use crate::model::Offset;
use crate::timeline::Timeline;
use crate::timeline::event::{Event, EventKind, EventSink};

/// Gives every event its number and its time, keeps it, and folds it into the timeline.
pub struct Recorder {
    clock: Clock,
    next: u64,
    last: Offset,
    keep: Box<dyn EventSink>,
    live: Box<dyn EventSink>,
    timeline: Timeline,
    failed: Option<String>,
}

impl Recorder {
    /// A recorder that keeps events in `keep` and shows them to `live`.
    pub fn new(clock: Clock, timeline: Timeline, keep: Box<dyn EventSink>, live: Box<dyn EventSink>) -> Self {
        Recorder { clock, next: 0, last: Offset::ZERO, keep, live, timeline, failed: None }
    }

    /// Records that something happened now. Once an event could not be kept, no later one is: the file ends at a whole
    /// event, and the drill ends, healed.
    pub(super) fn record(&mut self, what: EventKind) -> Event {
        self.last = self.clock.now().max(self.last);
        let event = Event { seq: self.next, at: self.last, what };
        self.next += 1;
        if self.failed.is_none()
            && let Err(e) = self.keep.emit(&event)
        {
            self.failed = Some(e.to_string());
        }
        self.timeline.push(&event);
        // A display that fails must never end a drill.
        let _ = self.live.emit(&event);
        event
    }

    /// What happened so far.
    pub fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    pub(super) fn timeline_mut(&mut self) -> &mut Timeline {
        &mut self.timeline
    }

    /// Why an event could not be kept, if that is so.
    pub fn failed(&self) -> Option<&str> {
        self.failed.as_deref()
    }

    pub(super) fn into_parts(self) -> (Timeline, Option<String>) {
        (self.timeline, self.failed)
    }
}

/// Keeps events as lines of JSON in a file.
pub struct EventFile {
    file: BufWriter<File>,
}

impl EventFile {
    /// Makes the file.
    ///
    /// # Errors
    /// When it cannot be made, or exists.
    pub fn create(path: &Path) -> io::Result<Self> {
        Ok(EventFile { file: BufWriter::new(File::create_new(path)?) })
    }
}

impl EventSink for EventFile {
    fn emit(&mut self, event: &Event) -> io::Result<()> {
        serde_json::to_writer(&mut self.file, event)?;
        self.file.write_all(b"\n")?;
        match event.what {
            // Observations come by the thousand and may wait for the buffer; what the drill did may not.
            EventKind::Probe { .. } | EventKind::Load { .. } | EventKind::Ledger { .. } => Ok(()),
            _ => self.file.flush(),
        }
    }
}

/// Keeps nothing, shows nothing.
#[derive(Debug, Default)]
pub struct Nowhere;

impl EventSink for Nowhere {
    fn emit(&mut self, _: &Event) -> io::Result<()> {
        Ok(())
    }
}
