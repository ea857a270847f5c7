//! Servers made by somebody else: gRPC with grpcio, ClickHouse itself. Debian's packages, installed by `scripts/test`.

#[path = "../common/mod.rs"]
mod common;

mod clickhouse;
mod grpc;

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

/// A child that ends with the test.
struct Peer(Child);

impl Peer {
    fn start(command: &mut Command) -> Peer {
        let child = command.stdin(Stdio::null()).spawn();
        Peer(child.unwrap_or_else(|e| panic!("{command:?}: {e}; scripts/test installs what is missing")))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a program to its end; it must succeed.
fn run(command: &mut Command) -> Output {
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|e| panic!("{command:?}: {e}; scripts/test installs what is missing"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// The complete scenario on a page of the documentation.
fn documented(page: &str) -> String {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(page)).unwrap();
    let blocks = text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let mut whole = blocks.filter(|block| block.contains("\nname: "));
    whole.next().unwrap_or_else(|| panic!("{page} has no complete scenario")).to_owned()
}

/// Whether any file of a folder holds a text.
fn holds(folder: &Path, text: &str) -> bool {
    std::fs::read_dir(folder).unwrap().flatten().any(|entry| match entry.file_type().unwrap().is_dir() {
        true => holds(&entry.path(), text),
        false => String::from_utf8_lossy(&std::fs::read(entry.path()).unwrap()).contains(text),
    })
}
