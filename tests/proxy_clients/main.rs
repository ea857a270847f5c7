//! Published clients of Toxiproxy drive the control API of `simulacro proxy serve`, for real.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The proxy as a child of the test, ended with it.
struct Served {
    child: Child,
    api: String,
}

impl Served {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_simulacro"))
            .args(["proxy", "serve", "--listen", "127.0.0.1:0", "--seed", "1"])
            .stderr(Stdio::piped())
            .spawn()
            .expect("started");
        let mut line = String::new();
        BufReader::new(child.stderr.take().expect("piped")).read_line(&mut line).expect("a line");
        let api = line.split("http://").nth(1).and_then(|rest| rest.split(',').next());
        let api = api.unwrap_or_else(|| panic!("no address in {line:?}")).to_owned();
        Served { child, api }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An upstream that answers each line with the same line; its threads end with the test.
fn echo() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut line = String::new();
                let mut reader = BufReader::new(stream.try_clone().expect("cloned"));
                let mut stream = stream;
                while reader.read_line(&mut line).is_ok_and(|n| n > 0) && stream.write_all(line.as_bytes()).is_ok() {
                    line.clear();
                }
            });
        }
    });
    address
}

fn behaves(command: &mut Command) {
    let output = command.output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("every call behaves"), "{said}");
}

#[test]
#[ignore = "needs toxiproxy_rust, which cargo fetches, and OpenSSL's headers"]
fn toxiproxy_rust_drives_the_control_api() {
    let served = Served::start();
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/proxy_clients/toxiproxy_rust");
    let mut command = Command::new(env!("CARGO"));
    command.args(["run", "--quiet", "--locked", "--target-dir", "target/proxy-clients", "--manifest-path"]);
    command.arg(package.join("Cargo.toml")).arg("--").args([&served.api, &echo()]);
    behaves(command.current_dir(env!("CARGO_MANIFEST_DIR")));
}

#[test]
#[ignore = "needs python3 with toxiproxy-python, named by SIMULACRO_TOXIPROXY_PYTHON"]
fn toxiproxy_python_drives_the_control_api() {
    let served = Served::start();
    let python = std::env::var("SIMULACRO_TOXIPROXY_PYTHON")
        .expect("SIMULACRO_TOXIPROXY_PYTHON names a Python with toxiproxy-python: run scripts/test");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/proxy_clients/toxiproxy_python.py");
    let port = served.api.rsplit(':').next().expect("a port");
    behaves(Command::new(python).arg(script).args([port, &echo()]));
}
