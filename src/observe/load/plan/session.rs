//! What a user, or a sender, keeps from one answer to the next.

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};
use cookie_store::CookieStore;
use hyper::header::{HeaderMap, HeaderValue, SET_COOKIE};
use url::Url;

/// What a user, or a sender, keeps from one answer to the next. Made by [`super::Plan::session`].
pub struct Session {
    /// The values taken from answers, by their places.
    pub(super) taken: Vec<Option<Box<str>>>,
    /// Its cookies, when the profile wants them kept.
    pub(super) jar: Option<Box<Jar>>,
    /// Where requests are written. Once a request is answered its space is used again.
    pub(super) scratch: BytesMut,
}

/// Says how many values there are, and none of them: they are tokens as often as not.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({} values, {:?})", self.taken.iter().flatten().count(), self.jar)
    }
}

impl Session {
    /// Keeps or forgets a value.
    pub(super) fn keep(&mut self, slot: usize, value: Option<Box<str>>) {
        if let Some(place) = self.taken.get_mut(slot) {
            *place = value;
        }
    }
}

/// The cookies of one user, as RFC 6265 has it.
pub(super) struct Jar {
    cookies: CookieStore,
    /// Where the last request went.
    url: Url,
}

/// Says how many cookies there are, and none of them.
impl fmt::Debug for Jar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Jar({} cookies)", self.cookies.iter_any().count())
    }
}

impl Jar {
    pub fn new(base: &Url) -> Jar {
        Jar { cookies: CookieStore::default(), url: base.clone() }
    }

    /// The cookies for a request to `path`, as its header has them: those of the longest paths first (RFC 6265, 5.4).
    pub fn header(&mut self, path: &str, scratch: &mut BytesMut) -> Option<HeaderValue> {
        self.url.set_path(path);
        let mut cookies = self.cookies.matches(&self.url);
        cookies.sort_by(|a, b| {
            let length = |cookie: &cookie_store::Cookie<'_>| cookie.path.len();
            length(b).cmp(&length(a)).then_with(|| a.name().cmp(b.name()))
        });
        for cookie in cookies {
            if !scratch.is_empty() {
                scratch.put_slice(b"; ");
            }
            let (name, value) = cookie.name_value();
            for part in [name, "=", value] {
                scratch.put_slice(part.as_bytes());
            }
        }
        let mut value = HeaderValue::from_maybe_shared(taken(scratch)).ok().filter(|value| !value.is_empty())?;
        value.set_sensitive(true);
        Some(value)
    }

    /// Keeps what the answer to the last request gives. What is no cookie, or not for this host, is passed over.
    pub fn keep(&mut self, headers: &HeaderMap) {
        for value in headers.get_all(SET_COOKIE) {
            if let Ok(text) = value.to_str() {
                // An error says why this cookie is not for us.
                let _ = self.cookies.parse(text, &self.url);
            }
        }
    }
}

/// What was written to `scratch`.
pub(super) fn taken(scratch: &mut BytesMut) -> Bytes {
    scratch.split().freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jar(base: &str) -> Jar {
        Jar::new(&Url::parse(base).unwrap())
    }

    fn given(jar: &mut Jar, path: &str, cookies: &[&'static str]) {
        jar.url.set_path(path);
        jar.keep(&cookies.iter().map(|cookie| (SET_COOKIE, HeaderValue::from_static(cookie))).collect());
    }

    fn sent(jar: &mut Jar, path: &str) -> String {
        let header = jar.header(path, &mut BytesMut::new());
        header.map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn cookies_go_where_they_belong() {
        let mut jar = jar("http://127.0.0.1:8080");
        given(
            &mut jar,
            "/shop/login",
            &["a=1", "b=2; Path=/", "c=3; Path=/shop/cart; HttpOnly", "other=x; Domain=example.com"],
        );
        assert_eq!(sent(&mut jar, "/shop/cart/7"), "c=3; a=1; b=2");
        assert_eq!(sent(&mut jar, "/shop/list"), "a=1; b=2");
        assert_eq!(sent(&mut jar, "/shopping"), "b=2");
        given(&mut jar, "/", &["b=4; Path=/"]);
        assert_eq!(sent(&mut jar, "/"), "b=4");
    }

    #[test]
    fn cookies_end() {
        let mut jar = jar("http://shop.test");
        given(&mut jar, "/", &["a=1; Max-Age=600", "b=2; Expires=Fri, 01 Jan 2100 00:00:00 GMT", "c=3"]);
        assert_eq!(sent(&mut jar, "/"), "a=1; b=2; c=3");
        given(&mut jar, "/", &["a=; Max-Age=0", "b=; Expires=Thu, 01 Jan 1970 00:00:00 GMT"]);
        assert_eq!(sent(&mut jar, "/"), "c=3");
    }

    #[test]
    fn secure_cookies_need_tls_and_a_jar_shows_nothing() {
        let secure = ["id=s3cret; Secure; SameSite=Strict"];
        let (mut plain, mut tls) = (jar("http://shop.test"), jar("https://shop.test"));
        given(&mut plain, "/", &secure);
        given(&mut tls, "/", &secure);
        assert_eq!((sent(&mut plain, "/").as_str(), sent(&mut tls, "/").as_str()), ("", "id=s3cret"));
        assert_eq!(format!("{tls:?}"), "Jar(1 cookies)");
    }

    #[test]
    fn what_is_no_cookie_is_passed_over() {
        let mut jar = jar("http://shop.test");
        given(&mut jar, "/", &["", "novalue", "=x", "ok=1; Max-Age=soon"]);
        assert_eq!(sent(&mut jar, "/"), "ok=1");
    }
}
