//! A profile made ready for sending: templates parsed, secrets in place, the target taken apart.

use std::borrow::Cow;

use bytes::Bytes;
use hyper::Uri;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use crate::scenario::profile::{self, Expect, Rendering, Request, Secrets, Template, mix};
use crate::timeline::load_line::Assignment;
use crate::world;

/// Why a profile cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// One request.
    #[error("request `{name}`: {why}")]
    Request {
        /// Its name.
        name: String,
        /// What is wrong.
        why: String,
    },
}

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
    /// Scheme, authority and prefix.
    pub base: String,
    /// Whether it is `https`.
    pub tls: bool,
}

/// What to send.
#[derive(Debug)]
pub struct Plan {
    stream: String,
    /// The stream's name, safe in a path.
    stream_in_path: String,
    seed: u64,
    requests: Vec<Prepared>,
    /// Running sums of the requests' weights.
    weights: Vec<u64>,
}

/// One request, ready to be rendered.
#[derive(Debug)]
pub struct Prepared {
    /// The index of its name.
    pub name: u16,
    /// The method.
    pub method: hyper::Method,
    /// What counts as good.
    pub expect: Expect,
    path: Text<Bytes>,
    headers: Vec<(HeaderName, Text<HeaderValue>)>,
    body: Text<Bytes>,
}

/// One request for the wire.
#[derive(Debug, Clone)]
pub struct Rendered {
    /// Path and query with the target's prefix.
    pub path: Bytes,
    /// Headers without `Host`.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// A text that was prepared once, or is rendered each time.
#[derive(Debug)]
enum Text<T> {
    Ready(T),
    Each(Template),
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
            return Err("put credentials into a header of the profile, as `${env:NAME}`");
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
            base: format!("{scheme}://{authority}{prefix}"),
            prefix,
            tls,
        })
    }
}

impl Plan {
    /// Prepares `requests` of the assignment's profile; their place in the slice is how they are asked for later.
    ///
    /// # Errors
    ///
    /// A template that is wrong, a secret that cannot be read, or a request that is not HTTP.
    pub fn new<'r>(
        assignment: &Assignment,
        requests: impl Iterator<Item = &'r Request>,
        prefix: &str,
        secrets: &dyn Secrets,
    ) -> Result<Plan, PlanError> {
        let names = assignment.profile.request_names();
        let stream = assignment.stream.to_string();
        let mut plan = Plan {
            stream_in_path: stream.replace(' ', "%20"),
            stream,
            seed: assignment.seed,
            requests: Vec::new(),
            weights: Vec::new(),
        };
        for request in requests {
            let name = names.iter().position(|name| *name == request.name).unwrap_or(0) as u16;
            let prepared = Prepared::new(request, name, prefix, secrets)
                .map_err(|why| PlanError::Request { name: request.name.to_string(), why })?;
            // One rendering tells now what would otherwise fail half a million times later.
            plan.rendered(&prepared, 0, 0, 0)
                .map_err(|why| PlanError::Request { name: request.name.to_string(), why })?;
            plan.requests.push(prepared);
            plan.weights.push(plan.weights.last().copied().unwrap_or(0) + u64::from(request.weight));
        }
        Ok(plan)
    }

    /// The request at a place.
    pub fn request(&self, place: usize) -> &Prepared {
        &self.requests[place]
    }

    /// The place of the request that arrival `n` sends: by weight, with the seed.
    pub fn pick(&self, n: u64) -> usize {
        let total = self.weights.last().copied().unwrap_or(0);
        if self.requests.len() < 2 || total == 0 {
            return 0;
        }
        let bits = mix(self.seed.rotate_left(17) ^ mix(n));
        let point = ((u128::from(bits) * u128::from(total)) >> 64) as u64;
        self.weights.partition_point(|sum| *sum <= point)
    }

    /// Renders a request.
    ///
    /// # Errors
    ///
    /// When the values make a path or a header that HTTP does not allow.
    pub fn rendered(&self, request: &Prepared, seq: u64, user: u64, iteration: u64) -> Result<Rendered, String> {
        let values = Rendering { seed: self.seed, stream: &self.stream, seq, user, iteration };
        let path = match &request.path {
            Text::Ready(path) => path.clone(),
            Text::Each(template) => Bytes::from(template.render(&Rendering { stream: &self.stream_in_path, ..values })),
        };
        let mut headers = HeaderMap::with_capacity(request.headers.len() + 2);
        for (name, value) in &request.headers {
            let value = match value {
                Text::Ready(value) => value.clone(),
                Text::Each(template) => header_value(&template.render(&values))?,
            };
            headers.insert(name.clone(), value);
        }
        let body = match &request.body {
            Text::Ready(body) => body.clone(),
            Text::Each(template) => Bytes::from(template.render(&values)),
        };
        Ok(Rendered { path, headers, body })
    }

    /// A number for a choice that is made by user, pass and step: the same in every run with this seed.
    #[cfg_attr(not(feature = "goose"), expect(dead_code, reason = "only users think"))]
    pub fn chance(&self, user: u64, iteration: u64, step: usize) -> u64 {
        mix(self.seed ^ mix(user ^ mix(iteration ^ mix(step as u64))))
    }
}

impl Prepared {
    fn new(request: &Request, name: u16, prefix: &str, secrets: &dyn Secrets) -> Result<Prepared, String> {
        let template = |text: &str| -> Result<Template, String> {
            let parsed: Template = text.parse().map_err(|e: profile::TemplateError| e.to_string())?;
            parsed.resolve(secrets).map_err(|e| e.to_string())
        };
        let bytes = |template: Template| match template.constant() {
            Some(text) => Text::Ready(Bytes::from(text)),
            None => Text::Each(template),
        };
        let mut headers = Vec::new();
        for (name, value) in &request.headers {
            let name: HeaderName = name.parse().map_err(|_| format!("`{name}` is not a header name"))?;
            let value = template(value)?;
            let value = match value.constant() {
                Some(text) => Text::Ready(header_value(&text)?),
                None => Text::Each(value),
            };
            headers.push((name, value));
        }
        let body = request.body.as_deref().unwrap_or_default();
        let json = body.trim_start().starts_with(['{', '[']);
        if json && !headers.iter().any(|(name, _)| *name == CONTENT_TYPE) {
            headers.push((CONTENT_TYPE, Text::Ready(HeaderValue::from_static("application/json"))));
        }
        Ok(Prepared {
            name,
            method: request.method.as_str().parse().map_err(|_| "not an HTTP method".to_owned())?,
            expect: request.expect.clone(),
            path: bytes(template(&format!("{}{}", prefix.replace("${", "$${"), request.path))?),
            headers,
            body: bytes(template(body)?),
        })
    }
}

fn header_value(text: &str) -> Result<HeaderValue, String> {
    // The text may be a secret, so the message does not show it.
    let mut value =
        HeaderValue::from_str(text).map_err(|_| "a header's value has characters that HTTP refuses".to_owned())?;
    value.set_sensitive(true);
    Ok(value)
}

/// Secrets from the worker's own environment and files.
pub struct OwnSecrets(pub world::secrets::Secrets);

impl Secrets for OwnSecrets {
    fn env(&self, name: &str) -> Option<String> {
        self.0.resolve(&format!("${{env:{name}}}")).ok().map(Cow::into_owned)
    }

    fn file(&self, path: &str) -> Option<String> {
        self.0.resolve(&format!("${{file:{path}}}")).ok().map(Cow::into_owned)
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
