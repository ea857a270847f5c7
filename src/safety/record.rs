//! The journal's records and their bytes.
//!
//! One record is one line of JSON, so that people can read a journal with any tool; but it is framed and read as bytes:
//!
//! ```text
//! {"crc":"89abcdef","len":"00000123","seq":"00000003","record":<len bytes of JSON>}\n
//! ```
//!
//! `crc` is the CRC-32 (IEEE 802.3) of the digits of `len`, the digits of `seq` and the record, in lower-case
//! hexadecimal. Every other byte is fixed and compared, so no changed bit goes unnoticed. `seq` counts from 0 without a
//! gap, so no record can vanish from the middle.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Place, Reverted, Undo};
use crate::model::{HumanDuration, Name, ProcessId, RunId};

/// The version of the format that this program writes, and the only one it reads.
pub const JOURNAL_VERSION: u32 = 1;

/// Who ran the drill, where, and what an undo may need to reach its target. No secret's value is ever in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// The run.
    pub run: RunId,
    /// The world the records speak of.
    pub place: Place,
    /// Wall-clock time of the start.
    pub started: Timestamp,
    /// The process that ran the drill.
    pub runner: ProcessId,
    /// The scenario's file, absolute.
    pub scenario: PathBuf,
    /// The report folder, absolute.
    pub report_dir: PathBuf,
    /// Addresses of control interfaces that undos talk to.
    #[serde(default)]
    pub endpoints: Vec<String>,
    /// References to secrets that undos need (`env:NAME`, `file:PATH`).
    #[serde(default)]
    pub secrets: Vec<String>,
}

/// How far a fault has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryState {
    /// The undo is on disk; nothing was done.
    Armed,
    /// The harmful call may be on its way.
    Injecting,
    /// The harmful call returned well.
    Injected,
    /// The undo has begun.
    Reverting,
    /// The undo is done and the effect's absence was observed.
    Disarmed,
}

/// One record. Variants and fields are never renamed or removed; new fields get a default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Record {
    /// Always the first.
    Begin {
        version: u32,
        /// Length of the preallocated file: a shorter one was cut.
        reserved: u64,
        header: Header,
    },
    /// A fault may be injected from here on.
    Arm { entry: u32, fault: Name, max_hold: HumanDuration, undo: Vec<Undo>, by_hand: Vec<String> },
    /// A fault's state changed.
    State {
        entry: u32,
        state: EntryState,
        /// What each undo found, in the order of the arm record; for `disarmed` only.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        reverted: Vec<Reverted>,
    },
}

const CRC: &[u8] = b"{\"crc\":\"";
const LEN: &[u8] = b"\",\"len\":\"";
const SEQ: &[u8] = b"\",\"seq\":\"";
const BODY: &[u8] = b"\",\"record\":";
const END: &[u8] = b"}\n";
const DIGITS: usize = 8;
/// Bytes of a frame around its record.
pub(super) const FRAME: usize = CRC.len() + LEN.len() + SEQ.len() + BODY.len() + END.len() + 3 * DIGITS;

/// One frame as found in bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub seq: u32,
    pub json: &'a [u8],
    /// Bytes from its beginning to behind its line break.
    pub size: usize,
}

/// The bytes of a record.
///
/// # Errors
/// When it has no JSON form (a path that is not UTF-8), or is longer than the frame can say.
pub(super) fn encode(seq: u32, record: &Record) -> Result<Vec<u8>, serde_json::Error> {
    let json = serde_json::to_vec(record)?;
    let (len, seq) = (format!("{:08}", json.len()), format!("{seq:08}"));
    if len.len() != DIGITS || seq.len() != DIGITS {
        return Err(serde::ser::Error::custom("the record does not fit into its frame"));
    }
    let crc = format!("{:08x}", checksum(len.as_bytes(), seq.as_bytes(), &json));
    Ok([CRC, crc.as_bytes(), LEN, len.as_bytes(), SEQ, seq.as_bytes(), BODY, &json, END].concat())
}

/// The frame at the beginning of `bytes`, if a whole and undamaged one is there.
pub(super) fn decode(bytes: &[u8]) -> Option<Frame<'_>> {
    let mut rest = bytes;
    let crc = field(&mut rest, CRC)?;
    let len = field(&mut rest, LEN)?;
    let seq = field(&mut rest, SEQ)?;
    rest = rest.strip_prefix(BODY)?;
    let size: usize = number(len)?.try_into().ok()?;
    let (json, tail) = rest.split_at_checked(size)?;
    tail.strip_prefix(END)?;
    let sound = crc == format!("{:08x}", checksum(len, seq, json)).as_bytes();
    sound.then_some(Frame { seq: number(seq)?, json, size: FRAME + size })
}

/// Where the next sound frame begins, from `from` on. Strings inside a record are escaped, so no record can contain
/// one.
pub(super) fn find(bytes: &[u8], from: usize) -> Option<usize> {
    let tail = bytes.get(from..)?;
    // The empty tail is most of a journal; this passes over it quickly.
    if !tail.contains(&CRC[0]) {
        return None;
    }
    tail.windows(CRC.len())
        .enumerate()
        .find(|(at, window)| *window == CRC && decode(&tail[*at..]).is_some())
        .map(|(at, _)| from + at)
}

fn field<'a>(rest: &mut &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (digits, tail) = rest.strip_prefix(name)?.split_at_checked(DIGITS)?;
    *rest = tail;
    Some(digits)
}

fn number(digits: &[u8]) -> Option<u32> {
    // `parse` alone would take a sign.
    digits.iter().all(u8::is_ascii_digit).then(|| std::str::from_utf8(digits).ok()?.parse().ok())?
}

fn checksum(len: &[u8], seq: &[u8], json: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(len);
    crc.update(seq);
    crc.update(json);
    crc.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Record {
        Record::State { entry: 3, state: EntryState::Disarmed, reverted: vec![Reverted::Restored] }
    }

    #[test]
    fn a_record_survives_its_bytes() {
        let bytes = encode(7, &sample()).expect("it encodes");
        let frame = decode(&bytes).expect("it decodes");
        assert_eq!((frame.seq, frame.size), (7, bytes.len()));
        assert_eq!(serde_json::from_slice::<Record>(frame.json).expect("it reads"), sample());
        let line: serde_json::Value = serde_json::from_slice(&bytes).expect("each line is JSON as it stands");
        assert_eq!(line["record"]["state"]["entry"], 3);
    }

    #[test]
    fn no_changed_bit_and_no_missing_byte_goes_unnoticed() {
        let bytes = encode(7, &sample()).expect("it encodes");
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode(&flipped), None, "bit {bit}");
        }
        for cut in 0..bytes.len() {
            assert_eq!(decode(&bytes[..cut]), None, "cut at {cut}");
        }
    }

    #[test]
    fn a_frame_quoted_inside_a_record_is_not_found() {
        let inner = String::from_utf8(encode(0, &sample()).expect("it encodes")).expect("it is text");
        let quoting = Record::Arm {
            entry: 0,
            fault: "quote".parse().expect("a name"),
            max_hold: HumanDuration::from_secs(1),
            undo: vec![],
            by_hand: vec![inner],
        };
        let bytes = encode(1, &quoting).expect("it encodes");
        assert_eq!(find(&bytes, 0), Some(0));
        assert_eq!(find(&bytes, 1), None);
    }
}
