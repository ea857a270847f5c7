//! One order to a proxy that already runs, over HTTP, with a limit on every wait; and the renewal of leases.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::handshake;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Uri, body::Incoming};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_util::task::AbortOnDropHandle;

use super::client::NoAnswer;
use super::protocol::{Answer, LONGEST_LINE, Request};

/// Where a proxy takes the orders of drills, below its control address.
pub const ORDERS: &str = "/simulacro/v1/orders";

/// How often a lease is renewed: four times before it runs out.
const RENEW_EVERY: Duration = Duration::from_millis(500);

/// Whether a control address is one of HTTP.
pub(super) fn is_remote(control: &str) -> bool {
    control.starts_with("http://") || control.starts_with("https://")
}

/// Sends one order and waits for its answer, at most `limit` in all.
pub(super) async fn call(control: &str, request: &Request, limit: Duration) -> Result<Answer, NoAnswer> {
    match tokio::time::timeout(limit, exchange(control, request)).await {
        Ok(Ok(answer)) => Ok(answer),
        // Nobody listens there: the proxy has ended, and its links and rules with it.
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Err(NoAnswer::Gone),
        Ok(Err(error)) => Err(NoAnswer::Broken(error)),
        Err(_) => Err(NoAnswer::Hung(None)),
    }
}

async fn exchange(control: &str, request: &Request) -> io::Result<Answer> {
    let uri: Uri = control.parse().map_err(invalid)?;
    let (Some("http"), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(invalid(format!("{control} is no address of the form http://host:port")));
    };
    let stream = TcpStream::connect((bare(authority.host()), authority.port_u16().unwrap_or(80))).await?;
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let _driver = AbortOnDropHandle::new(tokio::spawn(async move {
        // Its error reaches whoever waits for the response.
        let _told_there = connection.await;
    }));
    let message = hyper::Request::post(ORDERS)
        .header(HOST, authority.as_str())
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(serde_json::to_vec(request)?)))
        .map_err(io::Error::other)?;
    let response = sender.send_request(message).await.map_err(io::Error::other)?;
    let status = response.status();
    let body = whole(response.into_body()).await?;
    if status.as_u16() == 404 {
        return Err(invalid("this proxy knows no orders of drills: it is no `simulacro proxy serve`"));
    }
    serde_json::from_slice(&body).map_err(|error| invalid(format!("it answered with status {status}: {error}")))
}

async fn whole(body: Incoming) -> io::Result<Bytes> {
    let whole = Limited::new(body, LONGEST_LINE as usize).collect().await;
    whole.map(http_body_util::Collected::to_bytes).map_err(io::Error::other)
}

fn invalid(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

/// Renews the lease of a rule until it is dropped. A renewal never sets a rule again: one that has expired stays away,
/// and the drill sees that.
pub(super) fn renew(control: String, renewal: Request) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(async move {
        loop {
            tokio::time::sleep(RENEW_EVERY).await;
            // Whether it worked is seen where the rule is watched.
            let _ = call(&control, &renewal, RENEW_EVERY).await;
        }
    }))
}
