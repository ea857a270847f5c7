//! gRPC against grpcio, whose C core shares nothing with our HTTP/2, with descriptors by protoc.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use simulacro::model::grpc::{Code, HEALTH_CHECK, MAX_MESSAGE, is_serving};
use simulacro::scenario::grpc::GrpcCall;
use simulacro::world::Grpc as _;
use simulacro::world::grpc::{GrpcOutcome, GrpcRequest, HostGrpc};
use simulacro::world::http::FailureClass;

use crate::common::{Home, PATIENCE, free_port, wait_for};
use crate::{Peer, documented, holds, run};

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers")
}

/// Makes the descriptor set and the server's classes in a folder.
fn generate(folder: &Path) {
    run(Command::new("protoc")
        .arg(format!("-I{}", here().display()))
        .arg("--include_imports")
        .arg(format!("--descriptor_set_out={}", folder.join("orders.pb").display()))
        .arg(format!("--python_out={}", folder.display()))
        .args(["common.proto", "orders.proto"]));
}

/// The server, with the classes that were made in a folder.
fn server(generated: &Path) -> Command {
    let mut command = Command::new(here().join("orders_server.py"));
    command.env("PYTHONPATH", generated).env("GRPC_VERBOSITY", "NONE");
    command
}

/// A server, and how to call it.
struct Orders {
    folder: tempfile::TempDir,
    base: String,
    grpc: HostGrpc,
    _peer: Peer,
}

impl Orders {
    async fn start() -> Orders {
        let folder = tempfile::tempdir().unwrap();
        generate(folder.path());
        let address = format!("127.0.0.1:{}", free_port());
        let mut command = server(folder.path());
        let peer = Peer::start(command.arg(&address).arg(folder.path().join("store.jsonl")));
        let orders = Orders { folder, base: format!("http://{address}"), grpc: HostGrpc::default(), _peer: peer };
        let start = std::time::Instant::now();
        while !matches!(orders.health("").await, GrpcOutcome::Answered { .. }) {
            assert!(start.elapsed() < PATIENCE, "the server does not come up: is python3-grpcio installed?");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        orders
    }

    async fn send(&self, call: GrpcCall, timeout: Duration) -> GrpcOutcome {
        let request = GrpcRequest { call, timeout, max_message: MAX_MESSAGE, fresh_connection: false };
        self.grpc.call(&request).await
    }

    async fn health(&self, service: &str) -> GrpcOutcome {
        let call = GrpcCall {
            url: self.base.clone(),
            descriptors: None,
            method: HEALTH_CHECK.into(),
            message: json!({ "service": service }).to_string(),
            metadata: Default::default(),
        };
        self.send(call, PATIENCE).await
    }

    fn call_of(&self, method: &str, message: &Value) -> GrpcCall {
        GrpcCall {
            url: self.base.clone(),
            descriptors: Some(self.folder.path().join("orders.pb").display().to_string()),
            method: format!("orders.v1.Orders/{method}"),
            message: message.to_string(),
            metadata: [("x-drill-bin".into(), "AAE=".into())].into(),
        }
    }

    async fn call(&self, method: &str, message: Value) -> (Code, String, Option<Value>) {
        match self.send(self.call_of(method, &message), PATIENCE).await {
            GrpcOutcome::Answered { status, message } => (status.code, status.message, message),
            GrpcOutcome::Failed(failure) => panic!("{method}: {failure:?}"),
        }
    }
}

#[tokio::test]
#[ignore = "needs protoc and python3-grpcio: scripts/test installs them"]
async fn calls_and_health_checks_are_understood_by_grpcio() {
    let orders = Orders::start().await;
    for (service, serving) in [("", true), ("db", false)] {
        let GrpcOutcome::Answered { status, message } = orders.health(service).await else { panic!() };
        assert_eq!((status.code, is_serving(&message.unwrap())), (Code::Ok, serving));
    }
    let GrpcOutcome::Answered { status, message } = orders.health("mail").await else { panic!() };
    assert_eq!((status.code, status.message.as_str(), message), (Code::NotFound, "unknown service mail", None));

    let order = json!({ "id": "a", "n": 9007199254740993u64, "unit_price": 2.5 });
    assert_eq!(orders.call("Put", json!({ "order": order })).await.2, Some(order.clone()));
    let (code, message, _) = orders.call("Put", json!({ "order": order })).await;
    assert_eq!((code, message.as_str()), (Code::AlreadyExists, "schon da: 100 % ö\na"));
    assert_eq!(orders.call("Put", json!({})).await.0, Code::InvalidArgument);
    assert_eq!(orders.call("Get", json!({ "id": "a" })).await.2, Some(order));
    assert_eq!(orders.call("Get", json!({ "id": "b" })).await.0, Code::NotFound);
    assert_eq!(orders.call("Missing", json!({})).await.0, Code::Unimplemented);
    let (_, _, list) = orders.call("List", json!({})).await;
    assert_eq!(list.unwrap()["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
#[ignore = "needs protoc and python3-grpcio: scripts/test installs them"]
async fn deadlines_are_told_and_kept_and_large_answers_have_a_limit() {
    let orders = Orders::start().await;
    let told = orders.call("Get", json!({ "id": "deadline" })).await.2.unwrap()["n"].as_u64().unwrap();
    assert!(told > 0 && u128::from(told) <= PATIENCE.as_millis(), "{told} ms");
    let slow = orders.call_of("Get", &json!({ "id": "slow" }));
    match orders.send(slow, Duration::from_millis(200)).await {
        GrpcOutcome::Failed(failure) => assert_eq!((failure.class, failure.sent), (FailureClass::Timeout, true)),
        // The server keeps the deadline, too, and may be first.
        GrpcOutcome::Answered { status, .. } => assert_eq!(status.code, Code::DeadlineExceeded),
    }
    let (_, _, large) = orders.call("Get", json!({ "id": "large" })).await;
    assert_eq!(large.unwrap()["id"].as_str().unwrap().len(), 3 << 20);
    let GrpcOutcome::Failed(big) = orders.send(orders.call_of("Get", &json!({ "id": "big" })), PATIENCE).await else {
        panic!("5 MiB were taken")
    };
    assert!(big.detail.contains("4194304 are the limit"), "{big:?}");
    // The next call is not hurt by what became of the ones before.
    assert_eq!(orders.call("Get", json!({ "id": "shop-1" })).await.0, Code::Ok);
}

/// The scenario of docs/grpc.md, run.
#[test]
#[ignore = "needs protoc and python3-grpcio: scripts/test installs them"]
fn the_documented_drill_kills_a_grpc_service_and_loses_nothing() {
    let home = Home::new("grpc");
    generate(home.path());
    std::fs::write(home.path().join("drill.yaml"), documented("grpc.md")).unwrap();
    let server = here().join("orders_server.py").display().to_string();
    let vars = [("server", server), ("app", format!("127.0.0.1:{}", free_port()))];
    let vars = vars.iter().flat_map(|(name, value)| ["-V".to_owned(), format!("{name}={value}")]);
    let mut command = home.simulacro();
    command.env("PYTHONPATH", home.path()).env("ORDERS_TOKEN", "open-sesame");
    let output = command.args(["run", "drill.yaml"]).args(vars).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let ledger = home.result().ledger.expect("a ledger");
    assert!(ledger.acked > 20 && ledger.lost == Some(0), "{ledger:?}");
    assert!(!holds(&home.newest_run(), "open-sesame"), "a secret is in the run's folder");
    assert!(!said.contains("open-sesame"));
}

/// Makes a certificate that vouches for itself.
fn certificate(key: &str, file: &str) {
    run(Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=drill"])
        .args(["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", key, "-out", file]));
}

/// A probe over TLS: trusted when the certificate is, bad when it is not, and h2 is agreed on.
#[test]
#[ignore = "needs protoc, python3-grpcio and openssl: scripts/test installs them"]
fn tls_agrees_on_http_2_and_trusts_whom_it_should() {
    let home = Home::new("grpc-tls");
    generate(home.path());
    let at = |name: &str| home.path().join(name).display().to_string();
    certificate(&at("key.pem"), &at("cert.pem"));
    certificate(&at("other-key.pem"), &at("other.pem"));
    let address = format!("127.0.0.1:{}", free_port());
    let mut command = server(home.path());
    let _peer = Peer::start(command.args([&address, &at("store.jsonl"), &at("key.pem"), &at("cert.pem")]));
    wait_for("the server", || TcpStream::connect(&address).ok(), || "nobody there".into());
    let drill = format!(
        "name: tls\nprobes: [{{ name: p, every: 100ms, timeout: 5s, grpc: {{ url: 'https://{address}' }} }}]\n\
         steady_state: [p.ok]\nphases: {{ warmup: 500ms, baseline: 1s, after: 0s, recovery: {{ hold: 100ms }} }}\n"
    );
    std::fs::write(home.path().join("drill.yaml"), drill).unwrap();
    for (file, code) in [(at("cert.pem"), 0), (at("other.pem"), 21)] {
        let output = home.simulacro().env("SSL_CERT_FILE", &file).args(["run", "drill.yaml"]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{file}: {said}");
    }
}
