//! Plain HTTP/1.1 on a connection, followed as it passes: which bytes are a request, which its answer, and what rules
//! make of them.
//!
//! Without I/O: bytes go in, pieces come out. Everything else (TLS, HTTP/2, whatever follows an upgrade, other
//! protocols) passes as it is. A connection that stood before the rule came is joined at the next request: the bytes
//! of a client, after something of the server or nothing at all, that read as a request's head.

mod body;
mod head;

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use self::body::Body;
use self::head::Read;
use super::rules::{Direction, RuleSet};
use crate::model::{Delta, Offset};

/// Longest head that is read; one that is longer passes as it is, and so does the rest of its connection.
const HEAD: usize = 64 << 10;

/// Most requests without an answer on one connection; beyond, it passes as it is.
const PENDING: usize = 1024;

/// Bytes to pass on, and the rule, by serial, that holds them until then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) bytes: Bytes,
    pub(super) hold: Option<(u64, Offset)>,
}

/// What becomes of a request and its answer.
#[derive(Debug, Clone, Default)]
struct Bend {
    abort: Option<u16>,
    hold: Option<(u64, Offset)>,
    request_headers: BTreeMap<String, String>,
    response_headers: BTreeMap<String, String>,
    body: Option<String>,
}

/// A request that was not answered to its end yet.
enum Exchange {
    /// The upstream answers it.
    Passed { bodyless: bool, connects: bool, bend: Bend },
    /// We answer it, when its turn comes.
    Own(Piece),
}

/// One direction.
#[derive(Default)]
struct Lane {
    /// A head that is not all there.
    buffer: Vec<u8>,
    /// Bytes of it that were passed on already.
    passed: usize,
    /// The body that is passing, and whether it is dropped.
    body: Option<(Body, bool)>,
}

/// One connection's HTTP.
pub(super) struct Http {
    up: Lane,
    down: Lane,
    exchanges: VecDeque<Exchange>,
    /// Whether it is known where messages begin.
    joined: bool,
    /// Nothing here is HTTP, or not any more.
    opaque: bool,
    /// Who spoke last.
    last: Option<Direction>,
    requests: u64,
    lot: u64,
    answers: Vec<Piece>,
}

impl Http {
    /// Follows a connection from here on; `last`: who spoke last, `lot`: the connection's share of chance.
    pub(super) fn new(last: Option<Direction>, lot: u64) -> Self {
        Http {
            up: Lane::default(),
            down: Lane::default(),
            exchanges: VecDeque::new(),
            joined: false,
            opaque: false,
            last,
            requests: 0,
            lot,
            answers: Vec::new(),
        }
    }

    /// Whether it may be forgotten: nothing has begun that must be brought to its end.
    pub(super) fn is_at_rest(&self) -> bool {
        let idle = |lane: &Lane| lane.buffer.is_empty() && lane.body.is_none();
        self.opaque
            || !self.joined
            || (self.exchanges.is_empty() && self.answers.is_empty() && idle(&self.up) && idle(&self.down))
    }

    /// Answers of our own that are due to the client now.
    pub(super) fn answers(&mut self) -> Vec<Piece> {
        std::mem::take(&mut self.answers)
    }

    /// Takes bytes in; gives what is to be passed on in their direction.
    pub(super) fn feed(&mut self, direction: Direction, bytes: &[u8], arrived: Offset, rules: &RuleSet) -> Vec<Piece> {
        let mut out = Vec::new();
        let may_begin = direction == Direction::Up && self.last != Some(Direction::Up) && bytes[0].is_ascii_uppercase();
        self.last = Some(direction);
        if !self.joined || self.opaque {
            self.release(direction, &mut out);
            let lane = self.lane(direction);
            lane.buffer.clear();
            lane.passed = 0;
        }
        if !self.joined && may_begin && !bytes.starts_with(b"PRI ") && rules.has_http() {
            self.joined = true;
        }
        let mut left = bytes;
        while !left.is_empty() {
            if !self.joined || self.opaque {
                out.push(pass(left));
                break;
            }
            let done = match direction {
                Direction::Up => self.up(&mut left, arrived, rules, &mut out),
                Direction::Down => self.down(&mut left, &mut out),
            };
            if done.is_none() {
                self.give_up(direction, &mut out);
            }
        }
        // A rule that is gone holds nothing back, not even half a head.
        if !rules.has_http() {
            self.release(direction, &mut out);
        }
        out
    }

    /// Whether nothing here is HTTP, or not any more.
    pub(super) fn is_opaque(&self) -> bool {
        self.opaque
    }

    /// What was kept of that direction passes: the stream ends, or no rule wants to see it any more.
    pub(super) fn release(&mut self, direction: Direction, out: &mut Vec<Piece>) {
        let lane = self.lane(direction);
        if lane.passed < lane.buffer.len() {
            out.push(pass(&lane.buffer[lane.passed..]));
            lane.passed = lane.buffer.len();
        }
    }

    fn lane(&mut self, direction: Direction) -> &mut Lane {
        match direction {
            Direction::Up => &mut self.up,
            Direction::Down => &mut self.down,
        }
    }

    /// From here on everything passes as it is.
    fn give_up(&mut self, direction: Direction, out: &mut Vec<Piece>) {
        self.release(direction, out);
        let lane = self.lane(direction);
        lane.buffer.clear();
        lane.passed = 0;
        // What is kept of the other direction is released by the pump, before any more of it is read.
        self.opaque = self.requests > 0;
        self.joined = self.opaque;
    }

    /// One step up: a head, or a part of a body. None when this is no HTTP.
    fn up(&mut self, left: &mut &[u8], arrived: Offset, rules: &RuleSet, out: &mut Vec<Piece>) -> Option<()> {
        if self.up.body.is_some() {
            return self.up.body(left, out);
        }
        self.up.buffer.extend_from_slice(left);
        let had = self.up.buffer.len() - left.len();
        let request = match head::request(&self.up.buffer) {
            Read::Whole(request) if self.exchanges.len() < PENDING => request,
            Read::Partial if self.up.buffer.len() < HEAD => {
                *left = &[];
                return Some(());
            }
            _ => {
                *left = &[];
                return None;
            }
        };
        *left = &left[request.len - had..];
        let head: Vec<u8> = self.up.buffer[..request.len].to_vec();
        let passed = std::mem::take(&mut self.up.passed);
        self.up.buffer.clear();
        // A head that was passed on in part cannot be bent any more.
        let bend = if passed > 0 { Bend::default() } else { self.bend(&request, arrived, rules) };
        self.requests += 1;
        let bodyless = request.method == "HEAD";
        let Some(status) = bend.abort else {
            let hold = bend.hold;
            let head =
                if bend.request_headers.is_empty() { head } else { head::rewrite(&head, &bend.request_headers, None) };
            out.push(Piece { bytes: Bytes::from(head).slice(passed..), hold });
            let connects = request.method == "CONNECT";
            self.exchanges.push_back(Exchange::Passed { bodyless, connects, bend });
            self.up.body = Some((request.body, false)).filter(|(body, _)| !body.is_done());
            return Some(());
        };
        let text = bend.body.as_deref().unwrap_or_default();
        let bytes = head::own(status, &bend.response_headers, text, bodyless, request.expects).into();
        self.exchanges.push_back(Exchange::Own(Piece { bytes, hold: bend.hold }));
        self.up.body = Some((request.body, true)).filter(|(body, _)| !body.is_done());
        self.answer_own();
        Some(())
    }

    /// What the rules make of a request; each rule that bends it is counted.
    fn bend(&self, request: &head::Request, arrived: Offset, rules: &RuleSet) -> Bend {
        let mut bend = Bend::default();
        for (active, rule) in rules.iter().filter_map(|active| active.http().map(|rule| (active, rule))) {
            if !rule.matches(&request.method, &request.target) || !active.draws(self.lot, self.requests) {
                continue;
            }
            active.touch();
            bend.abort = bend.abort.or(rule.abort);
            if let Some(delay) = rule.delay {
                let from = bend.hold.map_or(arrived, |(_, until)| until);
                bend.hold = Some((active.serial(), from + Delta::from(delay.get())));
            }
            bend.request_headers.extend(rule.request_headers.clone());
            bend.response_headers.extend(rule.response_headers.clone());
            bend.body = bend.body.or_else(|| rule.body.clone());
        }
        bend
    }

    /// Hands over our own answers whose turn has come.
    fn answer_own(&mut self) {
        while let Some(Exchange::Own(_)) = self.exchanges.front() {
            if let Some(Exchange::Own(piece)) = self.exchanges.pop_front() {
                self.answers.push(piece);
            }
        }
    }

    /// One step down: a head, or a part of a body. None when this is no HTTP.
    fn down(&mut self, left: &mut &[u8], out: &mut Vec<Piece>) -> Option<()> {
        if self.down.body.is_some() {
            self.down.body(left, out)?;
            if self.down.body.is_none() {
                self.answered(out);
            }
            return Some(());
        }
        self.down.buffer.extend_from_slice(left);
        let had = self.down.buffer.len() - left.len();
        let answer = match head::answer(&self.down.buffer) {
            Read::Whole(answer) => answer,
            Read::Partial if self.down.buffer.len() < HEAD && !self.exchanges.is_empty() => {
                *left = &[];
                return Some(());
            }
            _ => {
                *left = &[];
                return None;
            }
        };
        // An answer that nobody asked for: whatever this is, it is not followed.
        let Some(Exchange::Passed { bodyless, connects, bend }) = self.exchanges.front() else {
            *left = &[];
            return None;
        };
        *left = &left[answer.len - had..];
        let switches = answer.status == 101 || (*connects && (200..300).contains(&answer.status));
        let (interim, bodyless) = (answer.status < 200, *bodyless);
        let head: Vec<u8> = self.down.buffer[..answer.len].to_vec();
        let passed = std::mem::take(&mut self.down.passed);
        self.down.buffer.clear();
        let replaced = bend.body.clone().filter(|_| !interim && !matches!(answer.status, 204 | 304) && passed == 0);
        let head = match &replaced {
            _ if passed > 0 || interim || (replaced.is_none() && bend.response_headers.is_empty()) => head,
            text => head::rewrite(&head, &bend.response_headers, text.as_ref().map(String::len)),
        };
        out.push(Piece { bytes: Bytes::from(head).slice(passed..), hold: None });
        if switches {
            self.opaque = true;
            return Some(());
        }
        if interim {
            return Some(());
        }
        let drops = replaced.is_some();
        if let Some(text) = replaced.filter(|text| !bodyless && !text.is_empty()) {
            out.push(Piece { bytes: text.into(), hold: None });
        }
        self.down.body = Some((answer.body, drops)).filter(|(body, _)| !bodyless && !body.is_done());
        if self.down.body.is_none() {
            self.answered(out);
        }
        Some(())
    }

    /// The oldest request is answered to the end. Our own answers behind it follow at once, in this direction.
    fn answered(&mut self, out: &mut Vec<Piece>) {
        self.exchanges.pop_front();
        self.answer_own();
        out.append(&mut self.answers);
    }
}

impl Lane {
    /// A part of a body passes, or is dropped. None when it is malformed.
    fn body(&mut self, left: &mut &[u8], out: &mut Vec<Piece>) -> Option<()> {
        let (body, drops) = self.body.as_mut()?;
        let taken = body.take(left).ok()?;
        if !*drops && taken > 0 {
            out.push(pass(&left[..taken]));
        }
        *left = &left[taken..];
        if body.is_done() {
            self.body = None;
        }
        Some(())
    }
}

fn pass(bytes: &[u8]) -> Piece {
    Piece { bytes: Bytes::copy_from_slice(bytes), hold: None }
}

#[cfg(test)]
mod tests;
