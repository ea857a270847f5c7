//! Where requests go.

use hyper::Uri;

/// Where requests go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Host name or address, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Host and port as the `Host` header says them.
    pub authority: String,
    /// The path before every request's own, without a final `/`.
    pub prefix: String,
    /// Scheme and authority: what a request's path is added to.
    pub origin: String,
    /// Whether it is `https`.
    pub tls: bool,
}

impl Target {
    /// Takes a base URL apart.
    ///
    /// # Errors
    ///
    /// What is wrong with it, without showing it.
    pub fn parse(url: &str) -> Result<Target, &'static str> {
        let uri: Uri = url.parse().map_err(|_| "it is not a URL such as http://127.0.0.1:8080")?;
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err("it starts with http:// or https://"),
        };
        let authority = uri.authority().ok_or("it has no host")?;
        if authority.as_str().contains('@') {
            return Err("put credentials into `http.auth` of the profile, as `${env:NAME}`");
        }
        if uri.query().is_some() {
            return Err("a query belongs to the requests' paths");
        }
        let prefix = uri.path().trim_end_matches('/').to_owned();
        let scheme = if tls { "https" } else { "http" };
        Ok(Target {
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            port: authority.port_u16().unwrap_or(if tls { 443 } else { 80 }),
            authority: authority.to_string(),
            origin: format!("{scheme}://{authority}"),
            prefix,
            tls,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_taken_apart() {
        let target = Target::parse("http://[::1]:8080/shop/").unwrap();
        assert_eq!((target.host.as_str(), target.port, target.prefix.as_str()), ("::1", 8080, "/shop"));
        assert_eq!((target.authority.as_str(), target.origin.as_str()), ("[::1]:8080", "http://[::1]:8080"));
        assert_eq!(Target::parse("http://orders").unwrap().port, 80);
        assert!(Target::parse("https://orders").unwrap().tls);
        for wrong in ["orders:80", "ftp://orders", "http://me:secret@orders", "http://orders/?x=1", "/orders", ""] {
            assert!(Target::parse(wrong).is_err(), "{wrong}");
        }
    }
}
