//! `http:` and data files, as far as that can be told without reading a file.

use super::names::Reach;
use super::{LONGEST_TIMEOUT, Problems};
use crate::scenario::profile::names::Named;
use crate::scenario::profile::{Auth, DataFile, DataOrder, Profile, Request};

impl Problems {
    pub(super) fn http(&mut self, profile: &Profile) {
        let http = &profile.http;
        if http.response_limit == 0 {
            self.error("http.response_limit", "no answer would fit: give a number of bytes, or leave it out");
        }
        match http.connect_timeout {
            Some(limit) if limit.get().is_zero() || limit.get() > LONGEST_TIMEOUT => {
                self.error("http.connect_timeout", "opening a connection takes more than 0s and at most 600s");
            }
            _ => {}
        }
        let tls = &http.tls;
        match (&tls.cert, &tls.key) {
            (Some(_), None) => self.error("http.tls.cert", "a certificate of ours needs its `key`"),
            (None, Some(_)) => self.error("http.tls.key", "a key needs the certificate that it belongs to: `cert`"),
            _ => {}
        }
        if tls.insecure && tls.ca.is_some() {
            self.error("http.tls.insecure", "with `insecure` any certificate is trusted, so that `ca` has no say");
        }
    }

    /// Who we say that we are, as a request needs it that has no `authorization` header.
    pub(super) fn auth(&mut self, reach: &Reach<'_>) {
        match &reach.profile().http.auth {
            None => {}
            Some(Auth::Bearer(token)) => self.credential("http.auth.bearer", token, reach),
            Some(Auth::Basic(basic)) => {
                let texts = self.template("http.auth.basic.user", &basic.user, reach);
                if texts.is_some_and(|t| reach.profile().expanded(&t).texts.iter().any(|text| text.contains(':'))) {
                    self.error("http.auth.basic.user", "the name of a user has no `:` (RFC 7617)");
                }
                self.credential("http.auth.basic.password", &basic.password, reach);
            }
        }
    }

    fn credential(&mut self, path: &str, text: &str, reach: &Reach<'_>) {
        if text.chars().any(char::is_control) {
            self.error(path, "a header value has no line ends or control characters");
        }
        let Some(template) = self.template(path, text, reach) else { return };
        let parts = reach.profile().expanded(&template);
        if !parts.secret && !parts.changes {
            let message = "it stands here, and in every report's plan, for all to read: write ${env:NAME} or \
                           ${file:PATH} and put it there";
            self.warn(path, message);
        }
    }

    pub(super) fn data(&mut self, profile: &Profile) {
        for (name, file) in &profile.data {
            let path = format!("data.{name}");
            self.reserved(&path, name.as_str());
            let DataFile { csv, jsonl, .. } = file;
            if csv.is_some() == jsonl.is_some() {
                self.error(path, "give exactly one of `csv` and `jsonl`");
            }
        }
    }

    /// Rows that would be passed over.
    pub(super) fn rows(&mut self, at: &str, profile: &Profile) {
        let sent: Vec<&Request> = profile.requests.iter().filter(|request| request.weight > 0).collect();
        for (name, _) in profile.data.iter().filter(|(_, file)| file.order == DataOrder::Once) {
            let uses = |request: &&&Request| {
                let names = request.templates().into_iter().filter_map(|(_, text)| text.parse().ok());
                let mut names = names.flat_map(|template| profile.expanded(&template).names);
                names.any(|used| matches!(profile.named(&used), Some(Named::Field { file, .. }) if file == name))
            };
            let using = sent.iter().filter(uses).count();
            if using > 0 && using < sent.len() {
                self.warn(
                    format!("{at}requests"),
                    format!(
                        "every request takes a row of `{name}`, also those that use none of it: with `order: once` \
                         the rows that fall to these are never sent; give the others a scenario of their own"
                    ),
                );
            }
        }
    }
}
