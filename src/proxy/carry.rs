//! The life of one connection: let in, carried on, pumped, ended.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::door::reset;
use super::pump::{Ended, pump};
use super::rules::Gate;
use super::view::View;

/// Longest time for the upstream to accept a connection.
const DIAL: Duration = Duration::from_secs(10);

/// Longest time to hear a side out whose connection a rule closes.
const LINGER: Duration = Duration::from_millis(500);

/// Where a link's connections go.
pub struct Carrier {
    upstream: String,
    /// The upstream, when it is written as a number: then no name has to be looked up.
    fixed: Option<SocketAddr>,
}

impl Carrier {
    /// Carries on to `host:port`.
    pub fn new(upstream: &str) -> Self {
        Carrier { upstream: upstream.to_owned(), fixed: upstream.parse().ok() }
    }

    async fn dial(&self) -> io::Result<TcpStream> {
        let dialled = async {
            match self.fixed {
                Some(address) => TcpStream::connect(address).await,
                None => TcpStream::connect(&self.upstream).await,
            }
        };
        tokio::time::timeout(DIAL, dialled).await?
    }
}

/// Carries one connection to its end. A client whose upstream cannot be reached is reset, because it was let in
/// already.
pub async fn carry(mut client: TcpStream, carrier: &Carrier, mut view: View) {
    let Some(mut upstream) = reach(carrier, &mut view).await else { return reset(&client) };
    for side in [&client, &upstream] {
        // Waiting for more to send would add latency nobody asked for. It fails only on a connection that is gone.
        let _ = side.set_nodelay(true);
    }
    match pump(&mut client, &mut upstream, &mut view).await {
        Ended::Closed => {}
        Ended::Shut => shut(client, upstream, &mut view).await,
        Ended::Reset => {
            reset(&client);
            reset(&upstream);
        }
    }
}

/// Closes both sides in good order: what was sent must arrive, and a socket that is dropped while its peer still sends
/// is reset instead. So both are told that nothing more comes, and heard out for a while.
async fn shut(mut client: TcpStream, mut upstream: TcpStream, view: &mut View) {
    let drain = async |side: &mut TcpStream| {
        let _ = side.shutdown().await;
        let _ = tokio::io::copy(side, &mut tokio::io::sink()).await;
    };
    let both = async { tokio::join!(drain(&mut client), drain(&mut upstream)) };
    tokio::select! {
        _ = tokio::time::timeout(LINGER, both) => {}
        () = async { while view.changed().await && !view.is_cut() {} } => {}
    }
}

/// Reaches the upstream as soon as the rules let the connection through; none when they cut it, or it cannot be
/// reached.
async fn reach(carrier: &Carrier, view: &mut View) -> Option<TcpStream> {
    loop {
        let alive = match view.gate() {
            Gate::Cut => return None,
            // Into a black hole not even the attempt passes. It is made when the rule goes.
            Gate::Held => view.changed().await,
            Gate::Open => tokio::select! {
                biased;
                alive = view.changed() => alive,
                dialled = carrier.dial() => return dialled.ok(),
            },
        };
        if !alive {
            return None;
        }
    }
}
