//! From the address of a scenario to a connection: secrets are put in, TCP is dialled, TLS is prepared.

use std::fmt;

use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::rustls::ClientConfig;
use url::Url;

use crate::scenario::profile::Tls;
use crate::scenario::reference::resolve;
use crate::world::DriverError;
use crate::world::http::ExchangeFailure;
use crate::world::http::address::Authority;
use crate::world::http::dial::Dialler;
use crate::world::secrets::{SecretError, Secrets};
use crate::world::tls::client_config;

/// A database's address, secrets put in. Its `Debug` and `Display` show host and port only.
#[derive(Clone)]
pub(super) struct Address {
    pub(super) scheme: String,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) user: String,
    pub(super) password: Option<String>,
    /// What stands behind the first slash: a database's name or number.
    pub(super) database: String,
    pub(super) parameters: Vec<(String, String)>,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

impl Address {
    /// Reads an address of a scenario. A secret may hold any character: it is put in as one part.
    pub(super) fn of(secrets: &Secrets, text: &str, port: u16) -> Result<Address, DriverError> {
        let whole = resolve(text, |reference| {
            let reference = reference.to_string();
            secrets.resolve(&reference).map(|value| escaped(&value))
        });
        let whole = whole.map_err(|e: SecretError| DriverError::from(e))?;
        let wrong = |why: &str| {
            let node = crate::scenario::database::node(text);
            DriverError::Refused(format!("the address of the database at {node} {why}"))
        };
        let url = Url::parse(&whole).map_err(|e| wrong(&format!("cannot be read: {e}")))?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| wrong("names no host"))?;
        Ok(Address {
            scheme: url.scheme().to_owned(),
            host: host.trim_matches(['[', ']']).to_owned(),
            port: url.port().unwrap_or(port),
            user: plain(url.username()),
            password: url.password().map(plain),
            database: plain(url.path().trim_start_matches('/')),
            parameters: url.query_pairs().map(|(k, v)| (k.into_owned(), v.into_owned())).collect(),
        })
    }

    /// A parameter behind the `?`.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Opens a TCP connection.
    pub(super) async fn dial(&self, dialler: &Dialler, deadline: Instant) -> Result<TcpStream, ExchangeFailure> {
        let to = Authority { tls: false, host: self.host.clone(), port: self.port };
        let stream = dialler.tcp(&to, deadline).await?;
        // Small messages, each waited for: held back they would only be late.
        let _ = stream.set_nodelay(true);
        Ok(stream)
    }

    /// TLS, checked against this machine's authorities or against the file that `ca` names.
    pub(super) fn tls(&self, checked: bool, ca: Option<&str>) -> Result<ClientConfig, String> {
        let tls = Tls { insecure: !checked, ca: ca.map(str::to_owned), ..Tls::default() };
        client_config(&tls, &[]).map_err(|why| why.replace("http.tls.ca", "sslrootcert"))
    }
}

/// A value so that an address keeps it as one part.
fn escaped(value: &str) -> String {
    value
        .bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

/// A part of an address without its escapes.
fn plain(part: &str) -> String {
    let bytes = part.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = bytes.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        let byte = escape.and_then(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok());
        out.push(byte.unwrap_or(bytes[at]));
        at += if byte.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_may_hold_what_an_address_is_made_of() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "p@ss:w/rd?#%41\n").unwrap();
        let secrets = Secrets::new();
        let text = format!("postgres://me:${{file:{}}}@db.example:6000/shop?sslmode=require", file.path().display());
        let address = Address::of(&secrets, &text, 5432).unwrap();
        assert_eq!(address.password.as_deref(), Some("p@ss:w/rd?#%41"));
        assert_eq!((address.host.as_str(), address.port, address.user.as_str()), ("db.example", 6000, "me"));
        assert_eq!((address.database.as_str(), address.parameter("sslmode")), ("shop", Some("require")));
        assert_eq!(format!("{address:?} {address}"), "Address(db.example:6000) db.example:6000");
    }

    #[test]
    fn what_is_missing_is_named_and_no_value_is() {
        let error = Address::of(&Secrets::new(), "redis://:${env:SIMULACRO_NO_SUCH}@h", 6379).unwrap_err();
        assert!(error.to_string().contains("${env:SIMULACRO_NO_SUCH}"), "{error}");
        let address = Address::of(&Secrets::new(), "redis://[::1]/2", 6379).unwrap();
        assert_eq!((address.host.as_str(), address.port, address.database.as_str()), ("::1", 6379, "2"));
    }
}
