//! What a backup must contain, read from the very snapshot it was taken from, and kept beside it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{BackupError, files};

/// The version of the manifest's format; a higher one is refused.
pub const VERSION: u32 = 1;

/// A backup's expected content and origin: `<backup>.manifest.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this format.
    pub version: u32,
    /// The engine, as `sqlite`.
    pub provider: String,
    /// The engine's version.
    pub engine: String,
    /// The database it was taken from.
    pub database: String,
    /// Wall-clock time in UTC before which every acknowledged write is in the backup.
    pub consistent_from: jiff::Timestamp,
    /// Wall-clock time in UTC after which nothing that was sent is in the backup.
    pub consistent_until: jiff::Timestamp,
    /// Whether the facts come from the source's own snapshot, or only from the finished backup file.
    pub from_source: bool,
    /// The largest ledger number in it, as `${id}` was filled in; none: no ledger, or it is empty.
    #[serde(default)]
    pub last_ledger: Option<u64>,
    /// What it contains.
    pub facts: Facts,
}

/// What a database contains.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Facts {
    /// Settings that travel with the database (application id, user version).
    pub settings: BTreeMap<String, i64>,
    /// Tables, indexes, triggers, views: `index orders_by_customer`, with the SHA-256 of their definition.
    pub objects: BTreeMap<String, String>,
    /// Rows and content by table.
    pub tables: BTreeMap<String, TableFacts>,
}

/// Rows and content of a table.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TableFacts {
    /// Rows.
    pub rows: u64,
    /// Fingerprint of all rows, hex; see [`Fingerprint`].
    pub fingerprint: String,
}

/// The content of a table as one number, independent of the order of its rows.
///
/// Each row is encoded (for each column a type tag, the length as 8 bytes little-endian, the bytes) and hashed with
/// SHA-256; the first 16 bytes, little-endian, are summed modulo 2^128. A sum, not an exclusive or: two equal rows must
/// not cancel each other out.
#[derive(Debug, Default)]
pub struct Fingerprint {
    rows: u64,
    sum: u128,
    row: Sha256,
}

impl Fingerprint {
    /// Adds a column's value to the current row.
    pub fn value(&mut self, tag: u8, bytes: &[u8]) {
        self.row.update([tag]);
        self.row.update((bytes.len() as u64).to_le_bytes());
        self.row.update(bytes);
    }

    /// Ends the current row.
    pub fn end_row(&mut self) {
        let digest = self.row.finalize_reset();
        let mut low = [0; 16];
        low.copy_from_slice(&digest[..16]);
        self.sum = self.sum.wrapping_add(u128::from_le_bytes(low));
        self.rows += 1;
    }

    /// Rows and fingerprint.
    pub fn finish(self) -> TableFacts {
        TableFacts { rows: self.rows, fingerprint: format!("{:032x}", self.sum) }
    }
}

impl Manifest {
    /// Where the manifest of the backup at `file` lies.
    pub fn path(file: &Path) -> PathBuf {
        files::beside(file, ".manifest.json")
    }

    /// Writes it beside the backup, synced.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, file: &Path) -> Result<(), BackupError> {
        let text = serde_json::to_string_pretty(self).map_err(|e| BackupError::Bug(e.to_string()))?;
        files::write_synced(&Manifest::path(file), text.as_bytes())
    }

    /// Reads the manifest beside the backup at `file`; none where there is none.
    ///
    /// # Errors
    /// When it cannot be read, is not a manifest, or has a higher version: in words, since the proof goes on without
    /// it.
    pub fn read(file: &Path) -> Result<Option<Manifest>, String> {
        let path = Manifest::path(file);
        let text = match std::fs::read(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(|e| format!("cannot read {}: {e}", path.display()))?,
        };
        let manifest: Manifest =
            serde_json::from_slice(&text).map_err(|e| format!("{} is not a backup's manifest: {e}", path.display()))?;
        if manifest.version > VERSION {
            let version = manifest.version;
            return Err(format!("{} has version {version}, this program knows {VERSION}", path.display()));
        }
        Ok(Some(manifest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn print(rows: &[Vec<(u8, Vec<u8>)>]) -> TableFacts {
        let mut fingerprint = Fingerprint::default();
        for row in rows {
            row.iter().for_each(|(tag, bytes)| fingerprint.value(*tag, bytes));
            fingerprint.end_row();
        }
        fingerprint.finish()
    }

    #[test]
    fn types_borders_and_repeated_rows_count() {
        let text = |s: &str| (b't', s.as_bytes().to_vec());
        assert_ne!(print(&[vec![text("ab"), text("c")]]), print(&[vec![text("a"), text("bc")]]));
        assert_ne!(print(&[vec![(b'i', vec![1])]]), print(&[vec![(b't', vec![1])]]));
        let twice = print(&[vec![text("a")], vec![text("a")]]);
        assert_ne!(twice.fingerprint, print(&[]).fingerprint);
        assert_ne!(twice.fingerprint, print(&[vec![text("b")], vec![text("b")]]).fingerprint);
    }

    fn any_rows() -> impl Strategy<Value = Vec<Vec<(u8, Vec<u8>)>>> {
        let value = (0u8..3, prop::collection::vec(0u8..4, 0..4));
        prop::collection::vec(prop::collection::vec(value, 1..4), 0..12)
    }

    proptest! {
        #[test]
        fn the_order_of_rows_does_not_matter(
            (rows, mixed) in any_rows().prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle())),
        ) {
            prop_assert_eq!(print(&rows), print(&mixed));
        }

        #[test]
        fn one_changed_byte_shows(row in 0usize..5, flip in 1u8..255, bytes in prop::collection::vec(any::<u8>(), 5)) {
            let rows: Vec<_> = bytes.iter().map(|b| vec![(b't', vec![*b; 8])]).collect();
            let mut changed = rows.clone();
            changed[row][0].1[3] ^= flip;
            prop_assert_ne!(print(&rows).fingerprint, print(&changed).fingerprint);
        }
    }
}
