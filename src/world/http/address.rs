//! Addresses as people write them, and the way from a name to sockets.

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::Uri;
use tokio::net::lookup_host;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::{ExchangeFailure, FailureClass};

/// Lookups under way at one time. A resolver that hangs keeps a thread for each; more would only wait behind them.
const LOOKUPS: usize = 32;

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Authority {
    /// Whether TLS is spoken.
    pub tls: bool,
    /// Name or number, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
}

impl Authority {
    /// The authority of an absolute `http` or `https` address.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn of(uri: &Uri) -> Result<Authority, String> {
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err("it does not begin with http:// or https://".into()),
        };
        let authority = uri.authority().ok_or("it names no host")?;
        if authority.as_str().contains('@') {
            return Err("it carries a user or a password: send them in an `authorization` header".into());
        }
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        Ok(Authority { tls, host: bare(authority.host()).to_owned(), port })
    }

    /// Reads `host:port`; IPv6 numbers stand in brackets.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn plain(address: &str) -> Result<Authority, String> {
        let wrong = || format!("`{address}` is not `host:port`");
        let (host, port) = address.rsplit_once(':').ok_or_else(wrong)?;
        if host.is_empty() || (host.contains(':') && !host.starts_with('[')) {
            return Err(wrong());
        }
        Ok(Authority { tls: false, host: bare(host).to_owned(), port: port.parse().map_err(|_| wrong())? })
    }
}

fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

/// Turns names into sockets, with a limit on how many lookups run at once.
#[derive(Debug, Clone)]
pub struct Resolver(Arc<Semaphore>);

impl Default for Resolver {
    fn default() -> Self {
        Resolver(Arc::new(Semaphore::new(LOOKUPS)))
    }
}

impl Resolver {
    /// The sockets of a host; never empty. Numbers are not looked up.
    ///
    /// # Errors
    /// Always ours: `Unresolvable`, also when the resolver does not answer in time.
    pub async fn sockets(&self, to: &Authority, deadline: Instant) -> Result<Vec<SocketAddr>, ExchangeFailure> {
        if let Ok(number) = to.host.parse() {
            return Ok(vec![SocketAddr::new(number, to.port)]);
        }
        let Authority { host, port, .. } = to.clone();
        let unresolvable = |why: &str| ExchangeFailure {
            class: FailureClass::Unresolvable,
            detail: format!("name {} cannot be resolved: {why}", to.host),
            sent: false,
        };
        let permits = self.0.clone();
        // In a task of its own: the lookup's thread cannot be stopped, so its permit must outlive our patience.
        let lookup = tokio::spawn(async move {
            let _permit = permits.acquire_owned().await;
            lookup_host((host, port)).await.map(Iterator::collect::<Vec<SocketAddr>>)
        });
        match timeout_at(deadline, lookup).await {
            Ok(Ok(Ok(sockets))) if !sockets.is_empty() => Ok(sockets),
            Ok(Ok(Ok(_))) => Err(unresolvable("it has no address")),
            Ok(Ok(Err(e))) => Err(unresolvable(&e.to_string())),
            Ok(Err(e)) => Err(unresolvable(&e.to_string())),
            Err(_) => Err(unresolvable("the resolver did not answer in time")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(url: &str) -> Result<(bool, String, u16), String> {
        Authority::of(&url.parse().unwrap()).map(|a| (a.tls, a.host, a.port))
    }

    #[test]
    fn addresses_are_read_with_their_default_ports() {
        assert_eq!(of("http://a.example/x?y"), Ok((false, "a.example".into(), 80)));
        assert_eq!(of("https://a.example"), Ok((true, "a.example".into(), 443)));
        assert_eq!(of("http://[::1]:8080/"), Ok((false, "::1".into(), 8080)));
        assert!(of("/x").unwrap_err().contains("http://"));
        assert!(of("ftp://a/").unwrap_err().contains("http://"));
        assert!(of("http://u:p@a/").unwrap_err().contains("authorization"));
    }

    #[test]
    fn host_and_port_are_both_needed() {
        let plain = |text: &str| Authority::plain(text).map(|a| (a.host, a.port));
        assert_eq!(plain("127.0.0.1:80"), Ok(("127.0.0.1".into(), 80)));
        assert_eq!(plain("[::1]:80"), Ok(("::1".into(), 80)));
        for wrong in ["127.0.0.1", ":80", "a:", "a:99999", "::1", "::1:80"] {
            assert!(plain(wrong).unwrap_err().contains("host:port"), "{wrong}");
        }
    }
}
