//! `SHA256SUMS`: the digests of a run's files, in the format of sha256sum(1), so that `sha256sum -c` checks them.

use sha2::{Digest, Sha256};

/// The digests of files, one a line, by name. A name is a path inside the run's folder.
pub fn sums<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> String {
    lines(files.into_iter().map(|(name, bytes)| (name.to_owned(), Sha256::digest(bytes).into())))
}

/// The same from digests that are known already, for files too large to be held in memory.
pub fn lines(files: impl IntoIterator<Item = (String, [u8; 32])>) -> String {
    let mut files: Vec<_> = files.into_iter().collect();
    files.sort();
    files.iter().map(|(name, digest)| line(name, digest)).collect()
}

fn line(name: &str, digest: &[u8; 32]) -> String {
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    // sha256sum(1) marks a line whose name is escaped with a backslash.
    if name.contains(['\\', '\n', '\r']) {
        let name = name.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r");
        format!("\\{hex}  {name}\n")
    } else {
        format!("{hex}  {name}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_those_of_sha256sum() {
        let text = sums([("result.json", b"{}".as_slice()), ("events.jsonl", b"".as_slice())]);
        // From `printf '' | sha256sum` and `printf '{}' | sha256sum`.
        assert_eq!(
            text,
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  events.jsonl\n\
             44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a  result.json\n"
        );
        assert!(sums([("a\nb", b"".as_slice())]).ends_with("  a\\nb\n"));
        assert!(sums([("a\nb", b"".as_slice())]).starts_with('\\'));
    }
}
