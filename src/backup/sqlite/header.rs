//! The first 100 bytes of a database file: what can be told without the engine.
//! Format: <https://www.sqlite.org/fileformat2.html#the_database_header>.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use crate::backup::checks::Finding;
use crate::backup::{BackupError, files};

const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// What the header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Header {
    /// Bytes in a page.
    page_size: u64,
    /// Pages in the file; none when a writer older than 3.7.0 left the field stale.
    pages: Option<u64>,
}

/// Reads a header; the error says in words what is wrong with it.
fn parse(bytes: &[u8]) -> Result<Header, String> {
    if bytes.len() < 100 {
        return Err(format!("only {} bytes", bytes.len()));
    }
    if &bytes[..16] != MAGIC {
        return Err(format!("the file begins with {}", files::hex(&bytes[..16])));
    }
    let word = |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    let page_size = match u64::from(u16::from_be_bytes([bytes[16], bytes[17]])) {
        1 => 65_536,
        size if size >= 512 && size.is_power_of_two() => size,
        size => return Err(format!("a page size of {size}")),
    };
    // The count holds only if the writer that set it also made the last change.
    let pages = (word(24) == word(92)).then_some(u64::from(word(28))).filter(|pages| *pages > 0);
    Ok(Header { page_size, pages })
}

fn read(file: &Path) -> Result<Vec<u8>, BackupError> {
    let mut bytes = Vec::new();
    let file_handle = File::open(file).map_err(BackupError::io("open", file))?;
    file_handle.take(100).read_to_end(&mut bytes).map_err(BackupError::io("read", file))?;
    Ok(bytes)
}

/// Layer 1: an SQLite database, in clear.
pub(super) fn magic(file: &Path) -> Finding {
    let expected = "the header of an SQLite database";
    match read(file).map(|bytes| parse(&bytes)) {
        Ok(Ok(header)) => Finding::pass(expected, format!("pages of {} bytes", header.page_size)),
        Ok(Err(what)) => Finding::fail(expected, what),
        Err(error) => Finding::error(expected, &error),
    }
}

/// Layer 2: as long as its header says.
pub(super) fn pages(file: &Path, bytes: u64) -> Finding {
    match read(file).map(|bytes| parse(&bytes)) {
        Ok(Ok(Header { page_size, pages: Some(pages) })) => {
            let expected = format!("{pages} pages of {page_size} bytes");
            let make = if pages * page_size == bytes { Finding::pass } else { Finding::fail };
            make(expected, format!("{bytes} bytes"))
        }
        Ok(Ok(Header { page_size, .. })) => {
            let make = if bytes.is_multiple_of(page_size) { Finding::pass } else { Finding::fail };
            make(format!("whole pages of {page_size} bytes"), format!("{bytes} bytes"))
        }
        Ok(Err(what)) => Finding::fail("a header", what),
        Err(error) => Finding::error("a header", &error),
    }
}

/// Layer 0: a log beside the backup would mean that the file alone is not the backup.
pub(super) fn alone(file: &Path) -> Finding {
    let expected = "no log beside the backup";
    for suffix in ["-wal", "-journal"] {
        let log = files::beside(file, suffix);
        if log.metadata().is_ok_and(|log| log.len() > 0) {
            return Finding::fail(expected, format!("{} belongs to it: this is a live database", log.display()));
        }
    }
    Finding::pass(expected, "none")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(page_size: u16, pages: u32) -> Vec<u8> {
        let mut bytes = vec![0; 100];
        bytes[..16].copy_from_slice(MAGIC);
        bytes[16..18].copy_from_slice(&page_size.to_be_bytes());
        bytes[28..32].copy_from_slice(&pages.to_be_bytes());
        bytes
    }

    #[test]
    fn headers_are_read_as_the_format_says() {
        assert_eq!(parse(&header(4096, 7)), Ok(Header { page_size: 4096, pages: Some(7) }));
        assert_eq!(parse(&header(1, 7)).unwrap().page_size, 65_536);
        let mut stale = header(4096, 7);
        stale[95] = 1;
        assert_eq!(parse(&stale).unwrap().pages, None);
    }

    #[test]
    fn wrong_headers_say_what_is_wrong() {
        assert!(parse(&header(4096, 7)[..99]).unwrap_err().contains("99 bytes"));
        assert!(parse(&header(1000, 7)).unwrap_err().contains("1000"));
        assert!(parse(&[0xab; 100]).unwrap_err().contains("abab"));
    }
}
