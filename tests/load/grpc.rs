//! gRPC calls as load, against a server of our own on HTTP/2 without TLS. Its log is the truth.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use h2::server::SendResponse;
use hyper::header::{HeaderMap, HeaderValue};
use hyper::{Request, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::drive::start;

/// A call as it was read: path, headers, and the name of the service that it asks for.
#[derive(Debug, Clone)]
struct Called {
    path: String,
    headers: HeaderMap,
    service: String,
}

/// The health service: `up…` serves, `down` does not, and there is no other.
struct Health {
    address: SocketAddr,
    log: Arc<Mutex<Vec<Called>>>,
    accepting: JoinHandle<()>,
}

impl Drop for Health {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Health {
    async fn start() -> Health {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let logging = log.clone();
        let accepting = tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { continue };
                tokio::spawn(serve(stream, logging.clone()));
            }
        });
        Health { address, log, accepting }
    }

    fn calls(&self) -> Vec<Called> {
        self.log.lock().unwrap().clone()
    }
}

async fn serve(stream: TcpStream, log: Arc<Mutex<Vec<Called>>>) {
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    while let Some(Ok((request, answer))) = connection.accept().await {
        tokio::spawn(answer_to(request, answer, log.clone()));
    }
}

async fn answer_to(request: Request<h2::RecvStream>, mut answer: SendResponse<Bytes>, log: Arc<Mutex<Vec<Called>>>) {
    let (head, mut body) = request.into_parts();
    let mut message = Vec::new();
    while let Some(Ok(piece)) = body.data().await {
        let _ = body.flow_control().release_capacity(piece.len());
        message.extend_from_slice(&piece);
    }
    // Five bytes of the frame, a tag and a length; nothing at all where no service is named.
    let service = String::from_utf8(message.get(7..).unwrap_or_default().to_vec()).unwrap();
    log.lock().unwrap().push(Called { path: head.uri.path().into(), headers: head.headers, service: service.clone() });
    let mut response = Response::builder().header("content-type", "application/grpc");
    let status = match service.as_str() {
        up if up.starts_with("up") => 1,
        "down" => 2,
        _ => {
            response = response.header("grpc-status", "5").header("grpc-message", "no such service");
            let _ = answer.send_response(response.body(()).unwrap(), true);
            return;
        }
    };
    let Ok(mut stream) = answer.send_response(response.body(()).unwrap(), false) else { return };
    let _ = stream.send_data(Bytes::copy_from_slice(&[0, 0, 0, 0, 2, 8, status]), false);
    let _ =
        stream.send_trailers(HeaderMap::from_iter([("grpc-status".parse().unwrap(), HeaderValue::from_static("0"))]));
}

#[tokio::test]
async fn calls_are_made_and_judged_by_status_and_message() {
    let server = Health::start().await;
    let profile = "
simulacro_profile: 1
name: p
timeout: 20s
constant_arrival_rate: { rate: 40, duration: 1s, max_senders: 2 }
requests:
  - name: up
    grpc: { method: grpc.health.v1.Health/Check, message: '{\"service\": \"up-${random:1-3}\"}' }
    headers: { x-tenant: 'blue ${seq}' }
    expect: { json: { $.status: SERVING } }
  - name: unknown
    grpc: { method: grpc.health.v1.Health/Check, message: '{\"service\": \"gone\"}' }
    expect: { grpc_status: NOT_FOUND }
  - name: down
    grpc: { method: grpc.health.v1.Health/Check, message: '{\"service\": \"down\"}' }
    expect: { json: { $.status: SERVING } }
  - name: wrong
    grpc: { method: grpc.health.v1.Health/Check }
";
    let heard = start(profile, &format!("http://{}", server.address)).await.hear_all().await;
    heard.assert_whole();
    let of = |name: &str| {
        let lines = heard.lines.iter().filter(|line| line.name == name);
        lines.fold((0, 0), |(ok, err), line| (ok + line.ok, err + line.err))
    };
    for (name, good) in [("up", true), ("unknown", true), ("down", false), ("wrong", false)] {
        let (ok, err) = of(name);
        assert!(if good { ok > 0 && err == 0 } else { ok == 0 && err > 0 }, "{name}: {ok} ok, {err} failed");
    }
    let reasons = heard.reasons().concat();
    assert!(reasons.contains("gRPC status NOT_FOUND") && reasons.contains("JSON value"), "{reasons}");
    let calls = server.calls();
    let up: BTreeSet<&str> = calls.iter().map(|call| call.service.as_str()).filter(|s| s.starts_with("up")).collect();
    assert!(up.iter().all(|service| ["up-1", "up-2", "up-3"].contains(service)), "{up:?}");
    for call in &calls {
        let header = |name: &str| call.headers.get(name).and_then(|value| value.to_str().ok());
        assert_eq!(call.path, "/grpc.health.v1.Health/Check");
        assert_eq!((header("content-type"), header("te")), (Some("application/grpc"), Some("trailers")));
        assert_eq!(header("grpc-timeout"), Some("20000000u"));
        assert_eq!(header("x-tenant").is_some(), call.service.starts_with("up"));
    }
}

#[cfg(feature = "goose")]
#[tokio::test]
async fn what_a_call_answers_is_in_the_next_one() {
    let server = Health::start().await;
    let profile = "
simulacro_profile: 1
name: p
timeout: 20s
per_vu_iterations: { vus: 2, iterations: 2 }
journeys:
  - name: j
    wait_time: { min: 1ms, max: 2ms }
    steps:
      - name: first
        grpc: { method: grpc.health.v1.Health/Check, message: '{\"service\": \"up\"}' }
        extract: { status: { json: $.status } }
      - name: second
        grpc: { method: grpc.health.v1.Health/Check, message: '{\"service\": \"up ${json:status}\"}' }
";
    let heard = start(profile, &format!("http://{}", server.address)).await.hear_all().await;
    heard.assert_whole();
    assert_eq!((heard.ok(), heard.err(), heard.not_sent()), (8, 0, 0), "{:?}", heard.reasons());
    assert_eq!(server.calls().iter().filter(|call| call.service == "up SERVING").count(), 4);
}
