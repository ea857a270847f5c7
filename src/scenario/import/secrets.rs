//! Secrets of the input never reach the profile: `${env:NAME}` stands for each. Where something may be one, it is taken
//! for one: a variable too many is asked for loudly, a token too many in a repository is not.

use serde_json::Value;

use super::Notes;
use super::draft::literal;
use super::url::decoded;

/// Stand in a body, around a variable's name, while it is written as JSON. Both are of Unicode's private use.
const OPEN: char = '\u{f8f0}';
const CLOSE: char = '\u{f8f1}';

/// Gives out the names of variables: the same secret has the same name.
#[derive(Debug, Default)]
pub(super) struct Hider {
    /// What it is for, its value, its variable.
    known: Vec<(String, String, String)>,
}

impl Hider {
    /// The value of a header, as a template.
    pub fn header(&mut self, name: &str, value: &str, notes: &mut Notes) -> String {
        let place = format!("header {}", name.to_ascii_lowercase());
        if name.eq_ignore_ascii_case("cookie") {
            // One variable for all of them: cookies change from answer to answer, and nobody would set thirty.
            return self.hide("cookie", "", &place, notes);
        }
        if name.to_ascii_lowercase().ends_with("authorization")
            && let Some((scheme, secret)) = value.split_once(' ')
            && scheme.chars().all(|c| c.is_ascii_alphabetic())
        {
            let place = format!("{place}, what follows `{scheme}`");
            return format!("{scheme} {}", self.hide(name, secret.trim(), &place, notes));
        }
        if is_sensitive(name) || looks_secret(value) { self.hide(name, value, &place, notes) } else { literal(value) }
    }

    /// A path with its query, as a template.
    pub fn path(&mut self, path: &str, notes: &mut Notes) -> String {
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        let mut template = String::new();
        for (nth, segment) in path.split('/').enumerate() {
            if nth > 0 {
                template.push('/');
            }
            match looks_secret(segment) {
                true => template.push_str(&self.hide("path token", segment, "a part of the path", notes)),
                false => template.push_str(&literal(segment)),
            }
        }
        if let Some(query) = query {
            template.push('?');
            template.push_str(&self.pairs(query, "query parameter", notes));
        }
        template
    }

    /// A body as a template. `media` is its type, where it is known.
    pub fn body(&mut self, body: &str, media: Option<&str>, notes: &mut Notes) -> String {
        let media = media.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let form = media == "application/x-www-form-urlencoded"
            || (media.is_empty() && body.contains('=') && !body.contains(char::is_whitespace));
        if form {
            return self.pairs(body, "form field", notes);
        }
        if let Ok(mut json) = serde_json::from_str::<Value>(body) {
            return match self.json(&mut json, "body token", false, notes) {
                true => literal(&json.to_string()).replace(OPEN, "${env:").replace(CLOSE, "}"),
                // What holds no secret keeps its form.
                false => literal(body),
            };
        }
        if !body.is_empty() {
            let kind = if media.is_empty() { "unknown type" } else { &media };
            notes.changed(format!("a body of {kind} is copied as it is: look for secrets in it"));
        }
        literal(body)
    }

    /// A secret: its variable, as a template. `what` it is for gives the name, `place` tells people.
    pub fn hide(&mut self, what: &str, secret: &str, place: &str, notes: &mut Notes) -> String {
        format!("${{env:{}}}", self.variable(what, secret, place, notes))
    }

    fn variable(&mut self, what: &str, secret: &str, place: &str, notes: &mut Notes) -> String {
        let stem = variable(what);
        let known = self.known.iter().find(|(of, value, _)| *of == stem && value == secret);
        let name = match known {
            Some((_, _, name)) => name.clone(),
            None => {
                let taken = |name: &String| self.known.iter().any(|(_, _, known)| known == name);
                let mut numbered = (2..).map(|n| format!("{stem}_{n}"));
                let name = if taken(&stem) { numbered.find(|name| !taken(name)) } else { None };
                let name = name.unwrap_or_else(|| stem.clone());
                self.known.push((stem, secret.to_owned(), name.clone()));
                name
            }
        };
        notes.secret(&name, place);
        name
    }

    /// `a=1&b=2`, values of secrets hidden.
    fn pairs(&mut self, text: &str, kind: &str, notes: &mut Notes) -> String {
        let pairs = text.split('&').map(|pair| match pair.split_once('=') {
            Some((key, value)) if !value.is_empty() && (is_sensitive(&decoded(key)) || looks_secret(value)) => {
                let key_name = decoded(key);
                let place = format!("{kind} {key_name}, percent-encoded");
                format!("{}={}", literal(key), self.hide(&key_name, value, &place, notes))
            }
            _ => literal(pair),
        });
        pairs.collect::<Vec<_>>().join("&")
    }

    /// Puts marks in place of secrets; whether there were any. `key` is what leads to the value; everything below a key
    /// that is `sensitive` is a secret.
    fn json(&mut self, value: &mut Value, key: &str, sensitive: bool, notes: &mut Notes) -> bool {
        let mut found = false;
        let secret = match value {
            Value::Object(map) => {
                for (key, value) in map {
                    found |= self.json(value, key, sensitive || is_sensitive(key), notes);
                }
                return found;
            }
            Value::Array(items) => {
                for item in items {
                    found |= self.json(item, key, sensitive, notes);
                }
                return found;
            }
            Value::String(text) if !text.is_empty() && (sensitive || looks_secret(text)) => text.clone(),
            Value::Number(number) if sensitive => number.to_string(),
            _ => return false,
        };
        let variable = self.variable(key, &secret, &format!("body field {key}"), notes);
        *value = Value::String(format!("{OPEN}{variable}{CLOSE}"));
        true
    }
}

/// The name of a variable: `X_API_KEY`.
pub(super) fn variable(what: &str) -> String {
    let mut name = String::new();
    let mut lower = false;
    for c in what.chars().take(60) {
        // `apiKey` becomes API_KEY.
        if c.is_ascii_uppercase() && lower {
            name.push('_');
        }
        lower = c.is_ascii_lowercase();
        if c.is_ascii_alphanumeric() {
            name.push(c.to_ascii_uppercase());
        } else if !name.is_empty() && !name.ends_with('_') {
            name.push('_');
        }
    }
    let name = name.trim_end_matches('_');
    match name.chars().next() {
        None => "SECRET".to_owned(),
        Some(first) if first.is_ascii_alphabetic() => name.to_owned(),
        Some(_) => format!("SECRET_{name}"),
    }
}

/// Whether what has this name is likely to be a secret.
pub(super) fn is_sensitive(name: &str) -> bool {
    const WITHIN: [&str; 17] = [
        "accesskey",
        "apikey",
        "authorization",
        "cardnumber",
        "credential",
        "creditcard",
        "csrf",
        "jwt",
        "passphrase",
        "passwd",
        "password",
        "privatekey",
        "secret",
        "sessionid",
        "signature",
        "token",
        "xsrf",
    ];
    const WHOLE: [&str; 14] =
        ["auth", "cookie", "cvc", "cvv", "iban", "key", "otp", "pass", "pin", "pwd", "session", "sid", "sig", "xauth"];
    // Where a list goes on: no secret, and without it the request is another one.
    const HARMLESS: [&str; 7] =
        ["continuationtoken", "cursortoken", "maxtokens", "nextpagetoken", "nexttoken", "pagetoken", "tokentype"];
    let bare: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    !HARMLESS.contains(&bare.as_str())
        && (WHOLE.contains(&bare.as_str()) || WITHIN.iter().any(|word| bare.contains(word)))
}

/// Whether a value has the form of a secret: a JSON Web Token (RFC 7519), or a key whose maker marks it.
fn looks_secret(value: &str) -> bool {
    const MARKS: [&str; 9] =
        ["AKIA", "AIza", "ghp_", "github_pat_", "glpat-", "sk_live_", "sk_test_", "xoxb-", "xoxp-"];
    let token = value.trim_start_matches("Bearer ");
    let jwt = token.starts_with("eyJ") && token.len() > 30 && token.split('.').count() == 3;
    jwt || (value.len() >= 16 && MARKS.iter().any(|mark| value.starts_with(mark)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const JWT: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N";

    #[test]
    fn secrets_become_variables_and_the_same_one_has_one_name() {
        let (mut hider, mut notes) = (Hider::default(), Notes::default());
        let mut header = |name: &str, value: &str| hider.header(name, value, &mut notes);
        assert_eq!(header("Authorization", "Bearer abc"), "Bearer ${env:AUTHORIZATION}");
        assert_eq!(header("authorization", "Bearer abc"), "Bearer ${env:AUTHORIZATION}");
        assert_eq!(header("Authorization", "Basic eHl6"), "Basic ${env:AUTHORIZATION_2}");
        assert_eq!(header("Cookie", "a=1"), header("cookie", "a=2"));
        assert_eq!(header("X-Api-Key", "k"), "${env:X_API_KEY}");
        assert_eq!(header("X-Trace", JWT), "${env:X_TRACE}");
        assert_eq!(header("Accept", "text/${x}"), "text/$${x}");
        let path = hider.path(&format!("/a/{JWT}?page=2&access_token=t%20t&pageToken=7"), &mut notes);
        assert_eq!(path, "/a/${env:PATH_TOKEN}?page=2&access_token=${env:ACCESS_TOKEN}&pageToken=7");
        assert!(!format!("{notes:?}").contains("abc") && !format!("{notes:?}").contains("t%20t"), "{notes:?}");
    }

    #[test]
    fn bodies_are_searched_where_their_form_is_known() {
        let (mut hider, mut notes) = (Hider::default(), Notes::default());
        let mut body = |text: &str, media| hider.body(text, media, &mut notes);
        let json = Some("application/json; charset=utf-8");
        assert_eq!(body("{ \"n\": 1 }", json), "{ \"n\": 1 }", "what holds no secret keeps its form");
        assert_eq!(
            body(r#"{"user": {"name": "jo ${x}", "password": "hunter2", "pin": 42}}"#, json),
            r#"{"user":{"name":"jo $${x}","password":"${env:PASSWORD}","pin":"${env:PIN}"}}"#
        );
        assert_eq!(
            body(r#"{"tokens": ["a", {"x": "b"}], "list": [{"secret": "c"}, {"secret": "c"}]}"#, None),
            r#"{"list":[{"secret":"${env:SECRET}"},{"secret":"${env:SECRET}"}],"tokens":["${env:TOKENS}",{"x":"${env:X}"}]}"#
        );
        assert_eq!(body("user=jo&password=x%26y", None), "user=jo&password=${env:PASSWORD_2}");
        assert_eq!(body("<a/>", Some("text/xml")), "<a/>");
        assert!(notes.all_changed().any(|note| note.contains("text/xml")));
    }

    #[test]
    fn words_that_only_sound_like_secrets_stay() {
        for name in ["pageToken", "max_tokens", "keyword", "monkey", "passenger", "author", "design"] {
            assert!(!is_sensitive(name), "{name}");
        }
        for name in ["X-CSRF-Token", "api_key", "clientSecret", "key", "sig", "PHPSESSID_sessionid"] {
            assert!(is_sensitive(name), "{name}");
        }
        assert_eq!(variable("apiKey"), "API_KEY");
        assert_eq!(variable("2fa code"), "SECRET_2FA_CODE");
    }
}
