use proptest::prelude::*;
use tokio::io::{DuplexStream, duplex};

use super::*;

const ALL: Wants = Wants { headers: true, body: true, trailers: true };

/// What is made of `sent` when it comes in pieces of at most `piece` bytes and the connection then ends.
fn read(sent: &[u8], piece: usize, wants: Wants, limit: u64) -> Result<(Answered, Connection<DuplexStream>), Reason> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let (here, mut there) = duplex(piece);
        let sent = sent.to_vec();
        let server = tokio::spawn(async move {
            let _ = there.write_all(&sent).await;
        });
        let mut connection = Connection::new(here);
        let answered = connection.answer(&Method::GET, wants, limit).await.map_err(|failure| failure.reason);
        server.abort();
        answered.map(|answered| (answered, connection))
    })
}

/// Body and trailers as chunks.
fn chunks(parts: &[Vec<u8>], trailer: Option<&str>) -> Vec<u8> {
    let mut all = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-One: 1\r\n\r\n".to_vec();
    for part in parts.iter().filter(|part| !part.is_empty()) {
        all.extend_from_slice(format!("{:X};ext=1\r\n", part.len()).as_bytes());
        all.extend_from_slice(part);
        all.extend_from_slice(b"\r\n");
    }
    all.extend_from_slice(b"0\r\n");
    all.extend_from_slice(trailer.map_or(String::new(), |value| format!("x-sum: {value}\r\n")).as_bytes());
    all.extend_from_slice(b"\r\n");
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn a_body_is_whole_however_it_is_cut(
        parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3000), 0..5),
        piece in prop_oneof![1usize..40, Just(1 << 20)],
        trailer in prop::option::of("[a-z]{1,5}"),
        how in 0..3,
    ) {
        let body = parts.concat();
        let sent = match how {
            0 => chunks(&parts, trailer.as_deref()),
            1 => [format!("HTTP/1.1 100 C\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len()).as_bytes(), &body].concat(),
            _ => [b"HTTP/1.1 200 OK\r\n\r\n", body.as_slice()].concat(),
        };
        let ((answer, keep), connection) = read(&sent, piece, ALL, body.len() as u64).unwrap();
        prop_assert_eq!((answer.status, &answer.body[..], keep), (200, &body[..], how != 2));
        prop_assert!(connection.got.is_empty(), "nothing is left over");
        let sum = answer.trailers.get("x-sum").map(|value| value.to_str().unwrap().to_owned());
        prop_assert_eq!(sum, trailer.filter(|_| how == 0));
        // The same again, when nobody wants to see it, and when it is one byte too large.
        let ((bare, _), _) = read(&sent, piece, Wants::default(), u64::MAX).unwrap();
        prop_assert!(bare.body.is_empty() && bare.headers.is_empty() && bare.trailers.is_empty());
        if let Some(limit) = (body.len() as u64).checked_sub(1) {
            prop_assert_eq!(read(&sent, piece, ALL, limit).err(), Some(Reason::TooLarge));
        }
    }

    #[test]
    fn an_answer_that_breaks_off_is_no_answer(part in prop::collection::vec(any::<u8>(), 1..200), at in 0.0f64..1.0) {
        let sent = chunks(&[part], Some("x"));
        let cut = (sent.len() as f64 * at) as usize;
        prop_assert_eq!(read(&sent[..cut], 1 << 20, ALL, u64::MAX).err(), Some(Reason::Closed));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), http: bool) {
        let sent = if http { [b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", bytes.as_slice()].concat() } else { bytes };
        let _ = read(&sent, 1 << 20, ALL, 1 << 20);
    }
}

#[test]
fn a_request_says_what_must_be_said_and_nothing_twice() {
    let mut rendered = Rendered { path: "/shop?n=7".parse().unwrap(), headers: HeaderMap::new(), body: Bytes::new() };
    let style = Style::new(&HeaderValue::from_static("shop:80"));
    let write = |method: &Method, rendered: &Rendered| {
        let mut out = b"left over".to_vec();
        style.write(&mut out, method, rendered);
        String::from_utf8(out).unwrap()
    };
    let agent = format!("user-agent: {AGENT}\r\n");
    assert_eq!(write(&Method::GET, &rendered), format!("GET /shop?n=7 HTTP/1.1\r\nhost: shop:80\r\n{agent}\r\n"));
    assert!(write(&Method::POST, &rendered).ends_with("content-length: 0\r\n\r\n"));
    rendered.body = Bytes::from_static(b"{}");
    for (name, value) in [("host", "other"), ("content-length", "99"), ("x-a", "1"), ("user-agent", "me")] {
        rendered.headers.insert(name, HeaderValue::from_static(value));
    }
    let text = write(&Method::PUT, &rendered);
    for line in ["host: other\r\n", "x-a: 1\r\n", "user-agent: me\r\n", "content-length: 2\r\n"] {
        assert_eq!(text.matches(line).count(), 1, "{text}");
    }
    assert_eq!(text.matches("host:").count() + text.matches("content-length:").count(), 2, "{text}");
}

#[test]
fn what_is_not_http_and_what_is_left_over_is_noticed() {
    let reason = |sent: &str| read(sent.as_bytes(), 1 << 20, ALL, u64::MAX).err();
    assert_eq!(reason("SSH-2.0-OpenSSH_9.9\r\n\r\n"), Some(Reason::Protocol));
    assert_eq!(reason("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"), Some(Reason::Protocol));
    assert_eq!(reason("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nabc"), Some(Reason::Protocol));
    assert_eq!(reason(""), Some(Reason::Closed));
    let (_, connection) = read(b"HTTP/1.1 204 No\r\n\r\nHTTP", 1 << 20, ALL, u64::MAX).unwrap();
    assert!(!connection.got.is_empty(), "so that it is not used again");
}
