//! URLs as load profiles see them: an origin, and a path that is sent as it stands. A URL library would tidy paths up
//! (`/a/../b`), and then another request would be sent than the one that was imported.

/// A URL taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// Scheme and authority in lower case, without the scheme's own port: `https://shop.example`.
    pub origin: String,
    /// User and password, as written.
    pub userinfo: Option<String>,
    /// Path and query; starts with `/`, and holds what a request line may hold.
    pub path: String,
}

impl Address {
    /// Takes an absolute URL apart. The fragment is dropped: no client sends it.
    ///
    /// # Errors
    /// What is wrong with it, without showing it.
    pub fn parse(url: &str) -> Result<Address, &'static str> {
        let (scheme, rest) = url.split_once("://").ok_or("the URL is not absolute: http://host/path is")?;
        let scheme = scheme.to_ascii_lowercase();
        if scheme != "http" && scheme != "https" {
            return Err("the URL starts with neither http:// nor https://");
        }
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (userinfo, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user.to_owned()), host),
            None => (None, authority),
        };
        let host = host.to_ascii_lowercase();
        let usual = if scheme == "http" { ":80" } else { ":443" };
        let host = host.strip_suffix(usual).unwrap_or(&host);
        // An address in brackets has colons of its own.
        let port = host.rsplit_once(':').filter(|(_, port)| !port.contains(']'));
        if host.is_empty() || port.is_some_and(|(name, port)| name.is_empty() || port.parse::<u16>().is_err()) {
            return Err("the URL has no host, or a port that is no number");
        }
        if !host.chars().all(|c| c.is_ascii_alphanumeric() || "-._~:[]".contains(c)) {
            return Err("the URL's host is not in ASCII: write it in Punycode (xn--…)");
        }
        Ok(Address { origin: format!("{scheme}://{host}"), userinfo, path: path_of(path) })
    }
}

/// The authority of an origin.
pub(super) fn host_of(origin: &str) -> &str {
    origin.split_once("://").map_or(origin, |(_, host)| host)
}

/// A path and query without fragment, that begins with `/`, every character that may not stand in it as `%20`.
fn path_of(text: &str) -> String {
    let text = text.split('#').next().unwrap_or_default();
    let safe = encode(text, |c| c.is_ascii_graphic() && !"\"<>\\^`{|}".contains(c));
    if safe.starts_with('/') { safe } else { format!("/{safe}") }
}

/// Writes every character as `%20` that `keep` does not keep.
fn encode(text: &str, keep: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if keep(c) {
            out.push(c);
        } else {
            let mut bytes = [0; 4];
            c.encode_utf8(&mut bytes).bytes().for_each(|byte| out.push_str(&format!("%{byte:02X}")));
        }
    }
    out
}

/// Text as one part of a path, or a key or value of a query or a form: only unreserved characters stay
/// (RFC 3986, 2.3).
pub(super) fn component(text: &str) -> String {
    encode(text, |c| c.is_ascii_alphanumeric() || "-._~".contains(c))
}

/// The characters themselves, where `%20` and `+` stand for some.
pub(super) fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = (bytes[at] == b'%').then(|| bytes.get(at + 1..at + 3)).flatten();
        let byte = hex.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        out.push(byte.unwrap_or(if bytes[at] == b'+' { b' ' } else { bytes[at] }));
        at += if byte.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart_and_paths_kept_as_they_are() {
        let of = |url| Address::parse(url).unwrap();
        let shop = of("HTTPS://Jo:pw@Shop.Example:443/a/../b//c?q=ü x#top");
        assert_eq!((shop.origin.as_str(), shop.userinfo.as_deref()), ("https://shop.example", Some("Jo:pw")));
        assert_eq!((shop.path.as_str(), host_of(&shop.origin)), ("/a/../b//c?q=%C3%BC%20x", "shop.example"));
        assert_eq!(of("http://[::1]:8080?x={1}").path, "/?x=%7B1%7D");
        assert_eq!(of("http://[::1]:8080?x").origin, "http://[::1]:8080");
        assert_eq!(of("http://[::1]").origin, "http://[::1]");
        for wrong in ["/relative", "ftp://x/", "http://", "http://:80/", "http://x:port/", "http://ü/", "ws://x/"] {
            assert!(Address::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn characters_survive_being_encoded() {
        assert_eq!(component("a b/ü&="), "a%20b%2F%C3%BC%26%3D");
        assert_eq!(decoded(&component("a b/ü&=+%")), "a b/ü&=+%");
        assert_eq!(decoded("a+b%2"), "a b%2");
    }
}
