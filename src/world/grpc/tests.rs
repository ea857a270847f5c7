//! The driver against small servers that misbehave. `tests/grpc.rs` has servers made by somebody else.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{HeaderMap, HeaderName};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use super::*;
use crate::model::grpc::{Code, HEALTH_CHECK, frame};
use crate::world::http::FailureClass;
use crate::world::secrets::Secrets;

type Pairs = &'static [(&'static str, &'static str)];

/// What a server does with a call.
#[derive(Debug, Clone)]
enum Manner {
    /// Answers with this HTTP status, head, body, and, unless empty, trailers.
    Says(u16, Pairs, Bytes, Pairs),
    /// Resets the stream with this reason.
    Resets(h2::Reason),
    /// Does nothing.
    KeepsSilent,
    /// Answers as it should, and ends the connection.
    SaysGoodbye,
    /// Answers with a status whose message is what the request held.
    Repeats,
}

const GRPC: Pairs = &[("content-type", "application/grpc")];
const OK: Pairs = &[("grpc-status", "0")];

/// The health check's answer: field 1 is 1, SERVING.
fn serving() -> Bytes {
    frame(&[0x08, 1])
}

fn says(body: &[u8]) -> Manner {
    Manner::Says(200, GRPC, Bytes::copy_from_slice(body), OK)
}

fn headers(pairs: Pairs) -> HeaderMap {
    pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
}

type Body = StreamBody<futures_util::stream::Iter<std::vec::IntoIter<Result<Frame<Bytes>, Infallible>>>>;

fn response(status: u16, head: HeaderMap, body: Bytes, tail: HeaderMap) -> Response<Body> {
    let mut frames = Vec::new();
    // In two pieces, as they may come.
    let (first, second) = (body.slice(..body.len() / 2), body.slice(body.len() / 2..));
    frames.extend([first, second].into_iter().filter(|piece| !piece.is_empty()).map(|piece| Ok(Frame::data(piece))));
    frames.extend((!tail.is_empty()).then(|| Ok(Frame::trailers(tail))));
    let mut response = Response::new(StreamBody::new(futures_util::stream::iter(frames)));
    *response.status_mut() = status.try_into().unwrap();
    *response.headers_mut() = head;
    response
}

async fn answer(request: Request<Incoming>, manner: Manner) -> Result<Response<Body>, h2::Error> {
    match manner {
        Manner::Says(status, head, body, tail) => Ok(response(status, headers(head), body, headers(tail))),
        Manner::Resets(reason) => Err(reason.into()),
        Manner::KeepsSilent => std::future::pending().await,
        Manner::SaysGoodbye => Ok(response(200, headers(GRPC), serving(), headers(OK))),
        Manner::Repeats => {
            let (head, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let token = head.headers["authorization"].to_str().unwrap();
            let said = format!("{} {} {body:?} {token}", head.method, head.uri);
            let mut tail = headers(&[("grpc-status", "9")]);
            for name in ["content-type", "te", "x-trace"] {
                let value = head.headers.get(name).map_or("none", |value| value.to_str().unwrap());
                tail.insert(HeaderName::from_static("grpc-message"), format!("{said} {value}").parse().unwrap());
                assert_ne!(value, "none", "{name}");
            }
            let left = head.headers["grpc-timeout"].to_str().unwrap();
            assert!(left.ends_with('u') && left.len() <= 9, "{left}");
            tail.insert(HeaderName::from_static("grpc-message"), said.parse().unwrap());
            Ok(response(200, headers(GRPC), Bytes::new(), tail))
        }
    }
}

/// A server and the number of connections it accepted.
async fn server(manner: Manner) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, accepted) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let count = accepted.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            let manner = manner.clone();
            tokio::spawn(async move {
                let answered = Arc::new(Notify::new());
                let (goodbye, done) = (matches!(manner, Manner::SaysGoodbye), answered.clone());
                let service = service_fn(move |request| {
                    if goodbye {
                        answered.notify_one();
                    }
                    answer(request, manner.clone())
                });
                let http = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                let mut connection = std::pin::pin!(http.serve_connection(TokioIo::new(stream), service));
                tokio::select! {
                    _ = connection.as_mut() => return,
                    () = done.notified() => connection.as_mut().graceful_shutdown(),
                }
                let _ended = connection.await;
            });
        }
    });
    (address, accepted)
}

fn check(url: String) -> GrpcRequest {
    let call = GrpcCall {
        url,
        descriptors: None,
        method: HEALTH_CHECK.into(),
        message: r#"{"service": "db"}"#.into(),
        metadata: Default::default(),
    };
    GrpcRequest { call, timeout: Duration::from_secs(20), max_message: 64, fresh_connection: true }
}

async fn ask(manner: Manner) -> GrpcOutcome {
    let (address, _) = server(manner.clone()).await;
    let timeout = Duration::from_millis(if matches!(manner, Manner::KeepsSilent) { 100 } else { 20_000 });
    HostGrpc::default().call(&GrpcRequest { timeout, ..check(format!("http://{address}")) }).await
}

async fn failure_of(manner: Manner) -> ExchangeFailure {
    match ask(manner.clone()).await {
        GrpcOutcome::Failed(failure) => failure,
        answered => panic!("{manner:?}: {answered:?}"),
    }
}

#[tokio::test]
async fn a_whole_answer_is_status_and_message() {
    let GrpcOutcome::Answered { status, message } = ask(says(&serving())).await else { panic!() };
    assert_eq!((status.code, message), (Code::Ok, Some(json!({ "status": "SERVING" }))));
    let alone: Pairs = &[("content-type", "application/grpc"), ("grpc-status", "5"), ("grpc-message", "no%20db")];
    for manner in [
        Manner::Says(200, alone, Bytes::new(), &[]),
        Manner::Says(200, GRPC, Bytes::new(), &[("grpc-status", "5"), ("grpc-message", "no db")]),
    ] {
        let GrpcOutcome::Answered { status, message } = ask(manner).await else { panic!() };
        assert_eq!((status.to_string().as_str(), message), ("NOT_FOUND: no db", None));
    }
    let page: Pairs = &[("content-type", "text/html")];
    let GrpcOutcome::Answered { status, .. } = ask(Manner::Says(503, page, "<html>".into(), &[])).await else {
        panic!()
    };
    assert_eq!(status.code, Code::Unavailable);
}

#[tokio::test]
async fn an_answer_that_is_none_is_their_failure_and_was_sent() {
    let page: Pairs = &[("content-type", "text/html")];
    let mut long = frame(&[0; 65]).to_vec();
    long[0] = 0;
    for (manner, class, words) in [
        (Manner::Says(200, page, "<html>".into(), &[]), FailureClass::Other, "text/html"),
        (Manner::Says(200, GRPC, serving(), &[]), FailureClass::Other, "without a status"),
        (says(&[]), FailureClass::Other, "holds no message"),
        (says(&[1, 0, 0, 0, 1, 9]), FailureClass::Other, "compressed"),
        (says(&long), FailureClass::Other, "65 bytes, and 64 are the limit"),
        (says(&[serving(), serving()].concat()), FailureClass::Other, "more than one message"),
        (says(&frame(&[0xff])), FailureClass::Other, "no grpc.health.v1.HealthCheckResponse"),
        (Manner::KeepsSilent, FailureClass::Timeout, "no answer in time"),
        (Manner::Resets(h2::Reason::INTERNAL_ERROR), FailureClass::Other, "internal error"),
    ] {
        let failure = failure_of(manner.clone()).await;
        assert_eq!((failure.class, failure.sent), (class, true), "{manner:?}: {}", failure.detail);
        assert!(failure.detail.contains(words), "{manner:?}: {}", failure.detail);
    }
}

#[tokio::test]
async fn a_stream_that_the_server_refused_was_not_looked_at() {
    let failure = failure_of(Manner::Resets(h2::Reason::REFUSED_STREAM)).await;
    assert!(!failure.sent && !failure.class.is_ours(), "{failure:?}");
}

#[tokio::test]
async fn nothing_is_sent_where_nobody_listens_or_tls_is_not_spoken() {
    let dead = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (alive, _) = server(says(&serving())).await;
    for (url, class) in [(format!("http://{dead}"), Some(FailureClass::Refused)), (format!("https://{alive}"), None)] {
        let GrpcOutcome::Failed(failure) = HostGrpc::default().call(&check(url)).await else { panic!() };
        assert!(!failure.sent && class.is_none_or(|class| failure.class == class), "{failure:?}");
    }
}

#[tokio::test]
async fn a_server_of_http_1_is_their_failure() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        std::future::pending::<()>().await;
    });
    let GrpcOutcome::Failed(failure) = HostGrpc::default().call(&check(format!("http://{address}"))).await else {
        panic!()
    };
    assert!(!failure.class.is_ours() && failure.detail.contains("does it speak HTTP/2?"), "{failure:?}");
}

#[tokio::test]
async fn what_is_wrong_on_our_side_is_ours() {
    let grpc = HostGrpc::default();
    let right = || check("http://127.0.0.1:1".into()).call;
    for (call, words) in [
        (GrpcCall { url: "ftp://a".into(), ..right() }, "http://"),
        (GrpcCall { descriptors: Some("no/such.pb".into()), ..right() }, "no/such.pb"),
        (GrpcCall { method: "a.B/C".into(), ..right() }, "no service `a.B`"),
        (GrpcCall { message: "{".into(), ..right() }, "HealthCheckRequest"),
        (GrpcCall { metadata: [("a b".into(), "c".into())].into(), ..right() }, "cannot name metadata"),
        (GrpcCall { metadata: [("x".into(), "${env:SIMULACRO_NO_SUCH}".into())].into(), ..right() }, "is not set"),
    ] {
        let request = GrpcRequest { call, ..check(String::new()) };
        let GrpcOutcome::Failed(failure) = grpc.call(&request).await else { panic!() };
        assert_eq!((failure.class, failure.sent), (FailureClass::Local, false), "{failure:?}");
        assert!(failure.detail.contains(words), "{failure:?}");
    }
}

#[tokio::test]
async fn a_fresh_connection_is_fresh_and_another_is_used_again() {
    for (fresh_connection, connections) in [(true, 3), (false, 1)] {
        let (address, accepted) = server(says(&serving())).await;
        let grpc = HostGrpc::default();
        for _ in 0..3 {
            let request = GrpcRequest { fresh_connection, ..check(format!("http://{address}")) };
            assert!(matches!(grpc.call(&request).await, GrpcOutcome::Answered { message: Some(_), .. }));
        }
        assert_eq!(accepted.load(Ordering::Relaxed), connections, "fresh: {fresh_connection}");
    }
}

#[tokio::test]
async fn a_connection_that_the_server_ends_does_not_fail_the_next_call() {
    let (address, accepted) = server(Manner::SaysGoodbye).await;
    let grpc = HostGrpc::default();
    for _ in 0..20 {
        let request = GrpcRequest { fresh_connection: false, ..check(format!("http://{address}")) };
        let outcome = grpc.call(&request).await;
        assert!(matches!(outcome, GrpcOutcome::Answered { message: Some(_), .. }), "{outcome:?}");
        while grpc.has_open_idle() {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(accepted.load(Ordering::Relaxed), 20);
}

#[tokio::test]
async fn secrets_go_out_and_do_not_come_back_in_messages() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "open\"sesame").unwrap();
    let reference = format!("${{file:{}}}", file.path().display());
    let (address, _) = server(Manner::Repeats).await;
    let call = GrpcCall {
        message: json!({ "service": reference }).to_string(),
        metadata: [("authorization".into(), format!("Bearer {reference}")), ("x-trace".into(), "1".into())].into(),
        ..check(format!("http://{address}")).call
    };
    let grpc = HostGrpc::new(Secrets::new());
    let GrpcOutcome::Answered { status, .. } = grpc.call(&GrpcRequest { call, ..check(String::new()) }).await else {
        panic!()
    };
    let said = status.message;
    assert!(said.starts_with(&format!("POST http://{address}/grpc.health.v1.Health/Check ")), "{said}");
    // Eleven characters, in field 1, as the wire has them: what came out was the secret.
    assert!(said.contains("\\r\\n\\x0b") && said.contains(&format!("Bearer {reference}")), "{said}");
    assert!(!said.contains("sesame"), "{said}");
}
