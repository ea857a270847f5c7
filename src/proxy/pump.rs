//! The pump: moves bytes between two sockets as the rules allow. The only loop that does.
//!
//! One task per connection drives both directions. Without rules a chunk goes from one socket to the other through a
//! buffer that all connections of a thread share, so an idle connection owns no memory but its sockets; bytes are kept
//! only while a receiver is slow or a rule holds them. A change of rules wakes every connection, whatever it waits for.

use std::cell::RefCell;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::Sleep;

use super::http::{Http, Piece};
use super::rules::{Chunk, Direction, End, RuleSet, connection_lot, lot};
use super::view::View;
use super::window::{Due, Load, Window};
use crate::model::Offset;

/// Most that is read at once without rules: few calls for much data.
const READ: usize = 256 << 10;

/// Most that is read at once under rules: a chunk.
const CHUNK: usize = 64 << 10;

thread_local! {
    /// Lent to one poll at a time: nothing is awaited while it is borrowed.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; READ]);
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Both sides closed, and everything was passed on.
    Closed,
    /// A rule closes it in good order.
    Shut,
    /// One side, a rule or the end of the link broke it: both sides must be reset.
    Reset,
}

/// One direction of a connection.
struct Lane {
    direction: Direction,
    window: Window,
    /// The link's seed and the connection's number, for the lots.
    chance: (u64, u64),
    sequence: u64,
    /// The sender's end has been seen.
    ended: bool,
    /// Everything was passed on, or the receiver is gone.
    done: bool,
}

/// What is known of the connection beyond its bytes.
#[derive(Default)]
struct Talk {
    /// Its HTTP, while a rule wants to know, and until what it began is at its end.
    http: Option<Box<Http>>,
    /// It speaks something else, or does so by now.
    foreign: bool,
    /// Who spoke last.
    last: Option<Direction>,
}

impl Talk {
    /// Takes in what was read, if anybody follows its HTTP; gives what is to be kept instead.
    fn follow(&mut self, direction: Direction, bytes: &[u8], view: &View) -> Option<Vec<Piece>> {
        let before = self.last.replace(direction);
        if self.http.is_none() && !self.foreign && view.rules().has_http() {
            let (seed, connection) = view.chance();
            self.http = Some(Box::new(Http::new(before, connection_lot(seed, connection))));
        }
        Some(self.http.as_mut()?.feed(direction, bytes, view.now(), view.rules()))
    }

    /// What was kept back of one direction, where nobody wants to see more of it.
    fn released(&mut self, direction: Direction) -> Vec<Piece> {
        let mut out = Vec::new();
        if let Some(http) = &mut self.http {
            http.release(direction, &mut out);
        }
        out
    }

    /// Whether the HTTP need not be followed any more.
    fn is_over(&self, view: &View) -> bool {
        let over = |http: &Http| http.is_opaque() || !view.rules().has_http();
        self.http.as_deref().is_some_and(over)
    }

    /// Forgets the HTTP, once nothing of it is under way.
    fn forget(&mut self) {
        if let Some(http) = self.http.take_if(|http| http.is_at_rest()) {
            self.foreign = http.is_opaque();
        }
    }
}

/// What one poll of a lane found.
enum Step {
    /// It waits: for a socket, for a rule, or until then.
    Waits(Option<Offset>),
    /// Reset both sides.
    Reset,
}

/// Carries a connection to its end.
pub async fn pump(client: &mut TcpStream, upstream: &mut TcpStream, view: &mut View) -> Ended {
    let chance = view.chance();
    let mut lanes = [Lane::new(Direction::Up, chance), Lane::new(Direction::Down, chance)];
    let mut change = pin!(change(view.watcher()));
    let mut timer: Option<Pin<Box<Sleep>>> = None;
    let mut talk = Talk::default();
    std::future::poll_fn(|cx| {
        loop {
            while let Poll::Ready(watcher) = change.as_mut().poll(cx) {
                let Some(watcher) = watcher else { return Poll::Ready(Ended::Reset) };
                change.set(self::change(watcher));
            }
            if !view.refresh() || view.is_cut() {
                return Poll::Ready(Ended::Reset);
            }
            let [up, down] = &mut lanes;
            let Step::Waits(one) = up.poll(cx, client, upstream, view, &mut talk) else {
                return Poll::Ready(Ended::Reset);
            };
            if talk.http.is_some() {
                attend(&mut talk, up, down, view);
            }
            let Step::Waits(other) = down.poll(cx, upstream, client, view, &mut talk) else {
                return Poll::Ready(Ended::Reset);
            };
            if up.done && down.done {
                return Poll::Ready(Ended::Closed);
            }
            let end = view.end();
            if let Some((at, end, serial)) = end
                && at <= view.now()
            {
                view.ended_by(serial);
                return Poll::Ready(if end == End::Closed { Ended::Shut } else { Ended::Reset });
            }
            let Some(next) = one.into_iter().chain(other).chain(end.map(|(at, ..)| at)).min() else {
                return Poll::Pending;
            };
            ready!(wake_at(&mut timer, view.instant(next), cx));
        }
    })
    .await
}

/// Passes our own answers on to the client, and what is held of HTTP that nobody follows any more.
fn attend(talk: &mut Talk, up: &mut Lane, down: &mut Lane, view: &View) {
    let answers = talk.http.as_mut().map(|http| http.answers()).unwrap_or_default();
    answers.into_iter().for_each(|piece| down.keep_piece(piece, view));
    if talk.is_over(view) {
        for lane in [up, down] {
            talk.released(lane.direction).into_iter().for_each(|piece| lane.keep_piece(piece, view));
        }
        talk.forget();
    }
}

/// Waits for one change of the rules; gives the watcher back, or nothing once the link is gone.
async fn change(mut watcher: watch::Receiver<Arc<RuleSet>>) -> Option<watch::Receiver<Arc<RuleSet>>> {
    watcher.changed().await.ok().map(|()| watcher)
}

fn wake_at(timer: &mut Option<Pin<Box<Sleep>>>, at: tokio::time::Instant, cx: &mut Context<'_>) -> Poll<()> {
    let timer = timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
    if timer.deadline() != at {
        timer.as_mut().reset(at);
    }
    timer.as_mut().poll(cx)
}

impl Lane {
    fn new(direction: Direction, chance: (u64, u64)) -> Self {
        Lane { direction, window: Window::default(), chance, sequence: 0, ended: false, done: false }
    }

    /// Moves all that can be moved now.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut TcpStream,
        to: &mut TcpStream,
        view: &mut View,
        talk: &mut Talk,
    ) -> Step {
        loop {
            if self.done {
                return Step::Waits(None);
            }
            let wait = match self.poll_out(cx, to, view) {
                Out::Reset => return Step::Reset,
                Out::Waits(wait) => wait,
            };
            // Without rules the window only keeps what a slow receiver has not taken yet: no reading ahead of it.
            let room = if view.rules().is_empty() && talk.http.is_none() {
                self.window.is_empty()
            } else {
                self.window.has_room()
            };
            if self.ended || self.done || !room || self.poll_in(cx, from, to, view, talk).is_pending() {
                return Step::Waits(wait);
            }
            // A rule that came with this chunk may already cut the connection.
            if view.is_cut() {
                return Step::Reset;
            }
        }
    }

    /// Sends what is due.
    fn poll_out(&mut self, cx: &mut Context<'_>, to: &mut TcpStream, view: &mut View) -> Out {
        loop {
            match view.due(&mut self.window) {
                Due::Nothing | Due::Held => return Out::Waits(None),
                Due::At(at) => return Out::Waits(Some(at)),
                Due::Now(Load::Reset) => return Out::Reset,
                Due::Now(Load::Fin) => {
                    self.window.clear();
                    self.done = true;
                    // A receiver that is gone already needs no end of stream.
                    let _ = Pin::new(&mut *to).poll_shutdown(cx);
                    return Out::Waits(None);
                }
                Due::Now(Load::Bytes(bytes)) => match Pin::new(&mut *to).poll_write(cx, bytes) {
                    Poll::Pending => return Out::Waits(None),
                    Poll::Ready(Ok(written)) => view.advance(&mut self.window, written),
                    Poll::Ready(Err(_)) => {
                        self.break_off();
                        return Out::Waits(None);
                    }
                },
            }
        }
    }

    /// Takes one chunk in; without rules it goes straight out again.
    fn poll_in(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut TcpStream,
        to: &mut TcpStream,
        view: &mut View,
        talk: &mut Talk,
    ) -> Poll<()> {
        SCRATCH.with_borrow_mut(|scratch| {
            let straight = view.rules().is_empty() && talk.http.is_none();
            let mut buffer = ReadBuf::new(&mut scratch[..if straight { READ } else { CHUNK }]);
            let read = ready!(Pin::new(from).poll_read(cx, &mut buffer));
            view.refresh();
            let mut bytes = buffer.filled();
            let load = match read {
                Err(_) => Load::Reset,
                Ok(()) if bytes.is_empty() => {
                    talk.released(self.direction).into_iter().for_each(|piece| self.keep_piece(piece, view));
                    Load::Fin
                }
                Ok(()) => {
                    if let Some(pieces) = talk.follow(self.direction, bytes, view) {
                        pieces.into_iter().for_each(|piece| self.keep_piece(piece, view));
                        return Poll::Ready(());
                    }
                    while self.window.is_empty() && view.rules().is_empty() && !bytes.is_empty() {
                        match Pin::new(&mut *to).poll_write(cx, bytes) {
                            Poll::Ready(Ok(written)) => bytes = &bytes[written..],
                            Poll::Pending => break,
                            Poll::Ready(Err(_)) => {
                                self.break_off();
                                return Poll::Ready(());
                            }
                        }
                    }
                    if bytes.is_empty() {
                        return Poll::Ready(());
                    }
                    Load::Bytes(Bytes::copy_from_slice(bytes))
                }
            };
            self.ended = !matches!(load, Load::Bytes(_));
            let len = if self.ended { 0 } else { bytes.len() };
            self.keep(len, load, None, view.now());
            Poll::Ready(())
        })
    }

    /// Takes in what passes of HTTP. Nothing comes behind the end of the stream.
    fn keep_piece(&mut self, piece: Piece, view: &View) {
        if !self.ended && !self.done && !piece.bytes.is_empty() {
            self.keep(piece.bytes.len(), Load::Bytes(piece.bytes), piece.hold, view.now());
        }
    }

    fn keep(&mut self, len: usize, load: Load, hold: Option<(u64, Offset)>, arrived: Offset) {
        let lot = lot(self.chance.0, self.chance.1, self.direction, self.sequence);
        self.sequence += 1;
        self.window.push(Chunk { direction: self.direction, arrived, len, lot, hold }, load);
    }

    /// The receiver takes nothing more. What it still has to say comes through the other lane, and so does its reset:
    /// a server that answers early and closes must be heard to its last byte.
    fn break_off(&mut self) {
        self.window.clear();
        self.ended = true;
        self.done = true;
    }
}

/// What sending came to.
enum Out {
    Waits(Option<Offset>),
    Reset,
}
