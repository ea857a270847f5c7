//! Counts by window, for a whole run: the last hour as it is, what is older packed by the minute.
//!
//! Nothing is lost: a packed minute is unpacked where anybody asks for it, which after an hour is the judge only.
//! Counts of neighbouring windows are alike, so a minute shrinks from 24 KB to a few hundred bytes.

use std::borrow::Cow;
use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

use super::cell::Cell;

/// Windows in a minute.
const MINUTE: usize = 600;
/// So many windows stay as they are.
const FINE: usize = 60 * MINUTE;
/// Numbers of a cell.
const NUMBERS: usize = 10;

/// The counts of every window from the first on.
#[derive(Debug, Clone, Default)]
pub(super) struct Cells {
    /// Whole minutes, from the first window on.
    packed: Vec<Box<[u8]>>,
    /// Those behind them.
    recent: Vec<Cell>,
}

impl Cells {
    /// How many windows there are.
    pub fn len(&self) -> usize {
        self.packed.len() * MINUTE + self.recent.len()
    }

    /// Changes one window; those before it that nobody spoke of are there from then on.
    pub fn change(&mut self, place: usize, change: impl FnOnce(&mut Cell)) {
        let first = self.packed.len() * MINUTE;
        if let Some(recent) = place.checked_sub(first) {
            if recent >= self.recent.len() {
                self.recent.resize(recent + 1, Cell::default());
            }
            return change(&mut self.recent[recent]);
        }
        // More than an hour late.
        let minute = &mut self.packed[place / MINUTE];
        let mut cells = unpack(minute);
        change(&mut cells[place % MINUTE]);
        *minute = pack(&cells);
    }

    /// The windows from `a` to before `b`.
    pub fn slice(&self, a: usize, b: usize) -> Cow<'_, [Cell]> {
        let first = self.packed.len() * MINUTE;
        if a >= first {
            return Cow::Borrowed(&self.recent[a - first..b - first]);
        }
        let mut cells = Vec::with_capacity(b - a);
        let minutes = a / MINUTE..b.min(first).div_ceil(MINUTE);
        for (minute, packed) in self.packed[minutes.clone()].iter().enumerate() {
            let begin = (minutes.start + minute) * MINUTE;
            let inside = a.max(begin) - begin..b.min(begin + MINUTE) - begin;
            cells.extend_from_slice(&unpack(packed)[inside]);
        }
        cells.extend_from_slice(&self.recent[..b.saturating_sub(first)]);
        Cow::Owned(cells)
    }

    /// The last window that `is` holds of.
    pub fn rposition(&self, is: impl Fn(&Cell) -> bool) -> Option<usize> {
        let first = self.packed.len() * MINUTE;
        if let Some(place) = self.recent.iter().rposition(&is) {
            return Some(first + place);
        }
        let minutes = self.packed.iter().enumerate().rev();
        minutes.into_iter().find_map(|(n, packed)| Some(n * MINUTE + unpack(packed).iter().rposition(&is)?))
    }

    /// Packs what is older than an hour.
    pub fn thin(&mut self) {
        while self.recent.len() >= FINE + MINUTE {
            self.packed.push(pack(&self.recent[..MINUTE]));
            self.recent.drain(..MINUTE);
        }
    }

    /// Bytes it takes, about.
    pub fn heap(&self) -> usize {
        let packed: usize = self.packed.iter().map(|minute| minute.len() + size_of::<Box<[u8]>>()).sum();
        packed + self.recent.capacity() * size_of::<Cell>()
    }
}

fn numbers(cell: &Cell) -> [u32; NUMBERS] {
    let Cell { intended, started, ok, slow, err, dropped, not_sent, pending, err_max_us, told } = *cell;
    [intended, started, ok, slow, err, dropped, not_sent, pending, err_max_us, u32::from(told)]
}

fn cell([intended, started, ok, slow, err, dropped, not_sent, pending, err_max_us, told]: [u32; NUMBERS]) -> Cell {
    Cell { intended, started, ok, slow, err, dropped, not_sent, pending, err_max_us, told: told > 0 }
}

fn pack(cells: &[Cell]) -> Box<[u8]> {
    let bytes: Vec<u8> = cells.iter().flat_map(numbers).flat_map(u32::to_le_bytes).collect();
    let mut packer = DeflateEncoder::new(Vec::new(), Compression::fast());
    // Writing into memory has no way to fail.
    let packed = packer.write_all(&bytes).and_then(|()| packer.finish());
    packed.unwrap_or_default().into_boxed_slice()
}

/// The cells of a minute. What was packed here is always whole.
fn unpack(packed: &[u8]) -> Vec<Cell> {
    let mut bytes = Vec::with_capacity(MINUTE * NUMBERS * 4);
    let _always_whole = DeflateDecoder::new(packed).read_to_end(&mut bytes);
    let (words, _) = bytes.as_chunks::<4>();
    let (cells, _) = words.as_chunks::<NUMBERS>();
    let mut cells: Vec<Cell> = cells.iter().map(|words| cell(words.map(u32::from_le_bytes))).collect();
    cells.resize(MINUTE, Cell::default());
    cells
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn some(n: u32) -> Cell {
        Cell {
            intended: n,
            started: n,
            ok: n / 2,
            err: n / 3,
            pending: n % 5,
            err_max_us: n * 7,
            told: true,
            ..Cell::default()
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]
        #[test]
        fn packed_or_not_every_window_is_what_it_was(
            last in FINE..FINE + 5 * MINUTE,
            late in prop::collection::vec((0usize..FINE + 5 * MINUTE, 1u32..u32::MAX / 7), 0..40),
            cuts in prop::collection::vec((0usize..FINE + 5 * MINUTE, 0usize..3 * MINUTE), 1..20),
        ) {
            let (mut cells, mut plain) = (Cells::default(), vec![Cell::default(); last + 1]);
            for place in (0..=last).step_by(3) {
                cells.change(place, |cell| *cell = some(place as u32));
                plain[place] = some(place as u32);
                cells.thin();
            }
            cells.change(last, |cell| cell.told = true);
            plain[last].told = true;
            for (place, n) in late.into_iter().filter(|(place, _)| *place <= last) {
                cells.change(place, |cell| *cell = some(n));
                plain[place] = some(n);
            }
            prop_assert_eq!(cells.len(), plain.len());
            for (a, length) in cuts {
                let (a, b) = (a.min(last), (a + length).min(last + 1).max(a.min(last)));
                prop_assert_eq!(&*cells.slice(a, b), &plain[a..b]);
            }
            prop_assert_eq!(&*cells.slice(0, plain.len()), &plain[..]);
            for pending in 0..5 {
                let is = |cell: &Cell| cell.pending == pending && cell.intended > 0;
                prop_assert_eq!(cells.rposition(is), plain.iter().rposition(is));
            }
        }
    }

    #[test]
    fn eight_hours_of_like_windows_take_no_more_than_the_last_one() {
        let mut cells = Cells::default();
        let mut after_an_hour = 0;
        for place in 0..8 * FINE {
            cells.change(place, |cell| *cell = some(100 + place as u32 % 3));
            cells.thin();
            if place == FINE + 2 * MINUTE {
                after_an_hour = cells.heap();
            }
        }
        assert!(cells.heap() < after_an_hour + (1 << 20), "{} after {after_an_hour}", cells.heap());
    }
}
