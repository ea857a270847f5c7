//! The driver against small servers that misbehave.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::world::secrets::Secrets;

/// What a server does with a connection once it has read a request head.
#[derive(Debug, Clone, Copy)]
enum Manner {
    /// Writes this, again for each request, and keeps the connection.
    Says(&'static str),
    /// Writes this once and closes.
    SaysAndCloses(&'static str),
    /// Resets the connection.
    Resets,
    /// Does nothing.
    KeepsSilent,
    /// Answers with the request, as body.
    Echoes,
}

const HELLO: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

/// A server and the number of connections it accepted.
async fn server(manner: Manner) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, accepted) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let count = accepted.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(serve(stream, manner));
        }
    });
    (address, accepted)
}

async fn serve(mut stream: TcpStream, manner: Manner) -> std::io::Result<()> {
    let mut request = vec![0; 64 * 1024];
    loop {
        let length = stream.read(&mut request).await?;
        if length == 0 {
            return Ok(());
        }
        match manner {
            Manner::Says(text) => stream.write_all(text.as_bytes()).await?,
            Manner::SaysAndCloses(text) => return stream.write_all(text.as_bytes()).await,
            Manner::Resets => return stream.set_zero_linger(),
            Manner::KeepsSilent => std::future::pending().await,
            Manner::Echoes => {
                stream.write_all(format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n").as_bytes()).await?;
                stream.write_all(&request[..length]).await?;
            }
        }
    }
}

fn get(url: String) -> HttpRequest {
    HttpRequest {
        method: "GET".into(),
        url,
        headers: Vec::new(),
        body: None,
        timeout: Duration::from_secs(20),
        max_body: 1024,
        fresh_connection: true,
    }
}

async fn failure_of(manner: Manner) -> ExchangeFailure {
    let (address, _) = server(manner).await;
    let timeout = match manner {
        Manner::KeepsSilent | Manner::Says(_) => Duration::from_millis(100),
        _ => Duration::from_secs(20),
    };
    match HostHttp::default().exchange(&HttpRequest { timeout, ..get(format!("http://{address}/")) }).await {
        HttpOutcome::Failed(failure) => failure,
        HttpOutcome::Answered { status, .. } => panic!("{manner:?} was answered with {status}"),
    }
}

/// An address where nobody listens: it was free a moment ago.
async fn dead() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

#[tokio::test]
async fn failures_of_the_other_side_are_told_apart_and_were_sent() {
    let cases = [
        (Manner::Resets, FailureClass::Reset),
        (Manner::SaysAndCloses(""), FailureClass::Reset),
        (Manner::SaysAndCloses("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"), FailureClass::Reset),
        (Manner::SaysAndCloses("SSH-2.0-OpenSSH_9.6\r\n"), FailureClass::Other),
        (Manner::Says("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"), FailureClass::Timeout),
        (Manner::KeepsSilent, FailureClass::Timeout),
        (Manner::SaysAndCloses("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"), FailureClass::Other),
    ];
    for (manner, class) in cases {
        let failure = failure_of(manner).await;
        assert_eq!((failure.class, failure.sent), (class, true), "{manner:?}: {}", failure.detail);
    }
}

#[tokio::test]
async fn nothing_is_sent_where_nobody_listens() {
    let (http, address) = (HostHttp::default(), dead().await);
    let HttpOutcome::Failed(failure) = http.exchange(&get(format!("http://{address}/"))).await else { panic!() };
    assert_eq!((failure.class, failure.sent), (FailureClass::Refused, false));
    let tcp = http.connect(&address.to_string(), Duration::from_secs(20)).await.unwrap_err();
    assert_eq!((tcp.class, tcp.sent), (FailureClass::Refused, false));
    let (address, _) = server(Manner::KeepsSilent).await;
    assert_eq!(http.connect(&address.to_string(), Duration::from_secs(20)).await, Ok(()));
}

#[tokio::test]
async fn what_is_wrong_on_our_side_is_ours() {
    let http = HostHttp::default();
    let ask = async |request: HttpRequest| match http.exchange(&request).await {
        HttpOutcome::Failed(failure) => (failure.class, failure.sent),
        HttpOutcome::Answered { status, .. } => panic!("answered with {status}"),
    };
    // A label of more than 63 letters is refused by the resolver itself, without asking the network.
    let name = "x".repeat(64);
    assert_eq!(ask(get(format!("http://{name}.invalid/"))).await, (FailureClass::Unresolvable, false));
    assert_eq!(ask(get("http://a b/".into())).await, (FailureClass::Local, false));
    assert_eq!(ask(get("http://${env:SIMULACRO_NO_SUCH}/".into())).await, (FailureClass::Local, false));
    let headers = vec![("x".to_owned(), "a\nb".to_owned())];
    assert_eq!(ask(HttpRequest { headers, ..get("http://127.0.0.1:1/".into()) }).await, (FailureClass::Local, false));
    let tcp = http.connect("nowhere", Duration::from_secs(1)).await.unwrap_err();
    assert!(tcp.class.is_ours() && tcp.detail.contains("host:port"), "{}", tcp.detail);
}

#[tokio::test]
async fn tls_with_something_else_is_their_failure_and_nothing_was_sent() {
    let (address, _) = server(Manner::SaysAndCloses("HTTP/1.1 400 Bad Request\r\n\r\n")).await;
    let HttpOutcome::Failed(failure) = HostHttp::default().exchange(&get(format!("https://{address}/"))).await else {
        panic!()
    };
    assert!(!failure.sent, "{}", failure.detail);
    assert!(failure.detail.contains("TLS"), "{}", failure.detail);
}

#[tokio::test]
async fn a_body_is_read_up_to_its_limit() {
    let (address, _) = server(Manner::Says(HELLO)).await;
    let http = HostHttp::default();
    let ask = |max_body| HttpRequest { max_body, ..get(format!("http://{address}/")) };
    let headers = vec![("content-length".to_owned(), "5".to_owned())];
    let answered = HttpOutcome::Answered { status: 200, headers, body: b"hello".to_vec() };
    assert_eq!(http.exchange(&ask(5)).await, answered);
    let HttpOutcome::Failed(failure) = http.exchange(&ask(4)).await else { panic!() };
    assert_eq!((failure.class, failure.sent), (FailureClass::Other, true));
}

#[tokio::test]
async fn a_fresh_connection_is_fresh_and_another_is_used_again() {
    for (fresh_connection, connections) in [(true, 3), (false, 1)] {
        let (address, accepted) = server(Manner::Says(HELLO)).await;
        let http = HostHttp::default();
        for _ in 0..3 {
            let request = HttpRequest { fresh_connection, ..get(format!("http://{address}/")) };
            assert!(matches!(http.exchange(&request).await, HttpOutcome::Answered { status: 200, .. }));
        }
        assert_eq!(accepted.load(Ordering::Relaxed), connections, "fresh: {fresh_connection}");
    }
}

#[tokio::test]
async fn an_idle_connection_that_was_closed_does_not_fail_the_next_request() {
    let (address, accepted) = server(Manner::SaysAndCloses(HELLO)).await;
    let http = HostHttp::default();
    for _ in 0..20 {
        let request = HttpRequest { fresh_connection: false, ..get(format!("http://{address}/")) };
        assert!(matches!(http.exchange(&request).await, HttpOutcome::Answered { status: 200, .. }));
        // Let the close arrive: what is tested is the connection that is known to be closed.
        until_closed(&http).await;
    }
    assert_eq!(accepted.load(Ordering::Relaxed), 20);
}

async fn until_closed(http: &HostHttp) {
    while http.has_open_idle() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn secrets_go_out_and_do_not_come_back_in_messages() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "open-sesame").unwrap();
    let reference = format!("${{file:{}}}", file.path().display());
    let (address, _) = server(Manner::Echoes).await;
    let http = HostHttp::new(Secrets::new());
    let request = HttpRequest {
        method: "PUT".into(),
        headers: vec![("Authorization".into(), format!("Bearer {reference}"))],
        body: Some(format!("{{\"token\":\"{reference}\"}}")),
        ..get(format!("http://{address}/x?token={reference}"))
    };
    let HttpOutcome::Answered { body, .. } = http.exchange(&request).await else { panic!() };
    let echo = String::from_utf8(body).unwrap();
    assert!(echo.starts_with("PUT /x?token=open-sesame HTTP/1.1\r\n"), "{echo}");
    assert!(echo.contains("authorization: Bearer open-sesame\r\n"), "{echo}");
    assert!(echo.contains("content-type: application/json\r\n") && echo.contains("connection: close\r\n"), "{echo}");
    assert!(echo.contains(&format!("host: {address}\r\n")), "{echo}");

    let label = "x".repeat(64);
    let HttpOutcome::Failed(failure) = http.exchange(&get(format!("http://{reference}.{label}/"))).await else {
        panic!()
    };
    assert!(!failure.detail.contains("sesame") && failure.detail.contains(&reference), "{}", failure.detail);
}
