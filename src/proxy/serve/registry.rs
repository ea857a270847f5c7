//! The proxies of a long-lived process: created, changed, switched off and on, with their toxics and leased rules.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::ApiError;
use super::toxic::{Stream, Toxic};
use crate::clock::Clock;
use crate::model::{LinkRule, RuleId};
use crate::proxy::hands::Hands;
use crate::proxy::link::{Link, LinkError};
use crate::world::links::protocol::{Answer, Request};

/// A rule that a drill sets here expires when it was not renewed for so long.
pub(super) const LEASE: Duration = Duration::from_secs(2);

/// One proxy.
struct Proxy {
    listen: String,
    upstream: String,
    /// The link, while the proxy is enabled.
    link: Option<Link>,
    /// In the order in which they were added.
    toxics: Vec<Toxic>,
}

/// All proxies, and the rules that expire.
pub(super) struct Registry {
    proxies: BTreeMap<String, Proxy>,
    leases: BTreeMap<(String, RuleId), Instant>,
    clock: Clock,
    seed: u64,
    most: u32,
    hands: Arc<Hands>,
}

/// What a new proxy is asked to be.
pub(super) struct Wanted {
    pub(super) name: String,
    pub(super) listen: String,
    pub(super) upstream: String,
    pub(super) enabled: bool,
}

impl Wanted {
    /// Reads one; `at`: which of a list it is.
    pub(super) fn read(document: &Value, at: Option<usize>) -> Result<Self, ApiError> {
        let text = |key: &str| match document.get(key) {
            None | Some(Value::Null) => Ok(String::new()),
            Some(Value::String(text)) => Ok(text.clone()),
            Some(_) => Err(ApiError::bad_body(&format!("{key} is not a text"))),
        };
        let enabled = match document.get("enabled") {
            None | Some(Value::Null) => true,
            Some(Value::Bool(enabled)) => *enabled,
            Some(_) => return Err(ApiError::bad_body("enabled is neither true nor false")),
        };
        let wanted = Wanted { name: text("name")?, listen: text("listen")?, upstream: text("upstream")?, enabled };
        for (key, value) in [("name", &wanted.name), ("upstream", &wanted.upstream)] {
            if value.is_empty() {
                let place = at.map_or(String::new(), |n| format!(" at proxy {}", n + 1));
                return Err(ApiError::missing(&format!("{key}{place}")));
            }
        }
        Ok(wanted)
    }
}

fn toxic_id(name: &str) -> RuleId {
    RuleId(format!("toxic/{name}"))
}

impl Proxy {
    fn document(&self, name: &str) -> Value {
        json!({
            "name": name,
            "listen": self.listen,
            "upstream": self.upstream,
            "enabled": self.link.is_some(),
            "toxics": self.shown(),
        })
    }

    /// The toxics as Toxiproxy lists them: those of the upstream first.
    fn shown(&self) -> Vec<Value> {
        let of = |stream| self.toxics.iter().filter(move |toxic| toxic.stream == stream).map(Toxic::document);
        of(Stream::Upstream).chain(of(Stream::Downstream)).collect()
    }

    fn toxic(&self, name: &str) -> Result<usize, ApiError> {
        self.toxics.iter().position(|toxic| toxic.name == name).ok_or_else(ApiError::no_toxic)
    }

    async fn stop(&mut self) {
        if let Some(link) = self.link.take() {
            link.close().await;
        }
    }
}

impl Registry {
    pub(super) fn new(seed: u64, most: u32, hands: Arc<Hands>) -> Self {
        Registry { proxies: BTreeMap::new(), leases: BTreeMap::new(), clock: Clock::start(), seed, most, hands }
    }

    /// All proxies by name.
    pub(super) fn all(&self) -> Value {
        self.proxies.iter().map(|(name, proxy)| (name.clone(), proxy.document(name))).collect()
    }

    /// One proxy.
    pub(super) fn show(&self, name: &str) -> Result<Value, ApiError> {
        Ok(self.proxy(name)?.document(name))
    }

    fn proxy(&self, name: &str) -> Result<&Proxy, ApiError> {
        self.proxies.get(name).ok_or_else(ApiError::no_proxy)
    }

    /// Makes a proxy.
    pub(super) async fn create(&mut self, wanted: Wanted) -> Result<Value, ApiError> {
        if self.proxies.contains_key(&wanted.name) {
            return Err(ApiError::exists());
        }
        self.put(wanted).await
    }

    async fn put(&mut self, wanted: Wanted) -> Result<Value, ApiError> {
        let Wanted { name, listen, upstream, enabled } = wanted;
        let mut proxy = Proxy { listen, upstream, link: None, toxics: Vec::new() };
        if enabled {
            self.start(&name, &mut proxy).await?;
        }
        let document = proxy.document(&name);
        self.proxies.insert(name, proxy);
        Ok(document)
    }

    /// Opens the link of a proxy, with its toxics.
    async fn start(&self, name: &str, proxy: &mut Proxy) -> Result<(), ApiError> {
        if proxy.link.is_some() {
            return Ok(());
        }
        let seed = self.seed ^ u64::from(crc32fast::hash(name.as_bytes()));
        let open = |listen: &str| Link::open(listen, &proxy.upstream, seed, self.clock, self.most, &self.hands);
        // Without a host, all of them are meant, of both families where there are two.
        let link = match proxy.listen.strip_prefix(':').or(proxy.listen.is_empty().then_some("0")) {
            Some(port) => open(&format!("[::]:{port}")).or_else(|_| open(&format!("0.0.0.0:{port}"))),
            None => open(&proxy.listen),
        };
        let link = link.map_err(|error| ApiError::failed(&format!("listen tcp {}: {error}", proxy.listen)))?;
        for toxic in &proxy.toxics {
            link.set(toxic_id(&toxic.name), toxic.rule()?).await?;
        }
        proxy.listen = link.local().to_string();
        proxy.link = Some(link);
        Ok(())
    }

    /// Changes a proxy: what is not given stays.
    pub(super) async fn update(&mut self, name: &str, document: &Value) -> Result<Value, ApiError> {
        let old = self.proxy(name)?;
        let mut wanted = json!({
            "name": name, "listen": old.listen, "upstream": old.upstream, "enabled": old.link.is_some(),
        });
        let given = document.as_object().ok_or_else(|| ApiError::bad_body("no object"))?;
        for key in ["listen", "upstream", "enabled"] {
            if let Some(value) = given.get(key).filter(|value| !value.is_null()) {
                wanted[key] = value.clone();
            }
        }
        let wanted = Wanted::read(&wanted, None)?;
        let mut proxy = self.proxies.remove(name).ok_or_else(ApiError::no_proxy)?;
        let moved = proxy.listen != wanted.listen || proxy.upstream != wanted.upstream;
        if moved || !wanted.enabled {
            proxy.stop().await;
        }
        (proxy.listen, proxy.upstream) = (wanted.listen, wanted.upstream);
        let started = if wanted.enabled { self.start(name, &mut proxy).await } else { Ok(()) };
        let document = proxy.document(name);
        self.proxies.insert(name.to_owned(), proxy);
        started.map(|()| document)
    }

    /// Removes a proxy.
    pub(super) async fn delete(&mut self, name: &str) -> Result<(), ApiError> {
        let mut proxy = self.proxies.remove(name).ok_or_else(ApiError::no_proxy)?;
        proxy.stop().await;
        self.leases.retain(|(of, _), _| of != name);
        Ok(())
    }

    /// Makes every proxy of a list; those that exist and differ are replaced. What was made before an error stays, as
    /// with Toxiproxy, and is told.
    pub(super) async fn populate(&mut self, list: Vec<Wanted>) -> (Vec<Value>, Option<ApiError>) {
        let mut made = Vec::new();
        for wanted in list {
            let name = wanted.name.clone();
            let same = |old: &Proxy| old.listen == wanted.listen && old.upstream == wanted.upstream;
            let done = match self.proxies.get(&name) {
                Some(old) if same(old) => Ok(old.document(&name)),
                Some(_) => {
                    // It was there a line ago.
                    let _ = self.delete(&name).await;
                    self.put(wanted).await
                }
                None => self.put(wanted).await,
            };
            match done {
                Ok(document) => made.push(document),
                Err(error) => return (made, Some(error)),
            }
        }
        (made, None)
    }

    /// Enables every proxy and removes every toxic. Rules of drills stay: they expire by themselves.
    pub(super) async fn reset(&mut self) -> Result<(), ApiError> {
        let names: Vec<String> = self.proxies.keys().cloned().collect();
        for name in names {
            let Some(mut proxy) = self.proxies.remove(&name) else { continue };
            let mut done = Ok(());
            for toxic in std::mem::take(&mut proxy.toxics) {
                if let Some(link) = &proxy.link {
                    done = done.and(link.remove(toxic_id(&toxic.name)).await.map(drop).map_err(ApiError::from));
                }
            }
            done = done.and(self.start(&name, &mut proxy).await);
            self.proxies.insert(name, proxy);
            done?;
        }
        Ok(())
    }

    /// The toxics of a proxy.
    pub(super) fn toxics(&self, name: &str) -> Result<Value, ApiError> {
        Ok(self.proxy(name)?.shown().into())
    }

    /// One toxic.
    pub(super) fn toxic(&self, name: &str, toxic: &str) -> Result<Value, ApiError> {
        let proxy = self.proxy(name)?;
        Ok(proxy.toxics[proxy.toxic(toxic)?].document())
    }

    /// Adds a toxic.
    pub(super) async fn add_toxic(&mut self, name: &str, document: &Value) -> Result<Value, ApiError> {
        let proxy = self.proxies.get_mut(name).ok_or_else(ApiError::no_proxy)?;
        let toxic = Toxic::new(document)?;
        if proxy.toxic(&toxic.name).is_ok() {
            return Err(ApiError::toxic_exists());
        }
        if let Some(link) = &proxy.link {
            link.set(toxic_id(&toxic.name), toxic.rule()?).await?;
        }
        let shown = toxic.document();
        proxy.toxics.push(toxic);
        Ok(shown)
    }

    /// Changes a toxic.
    pub(super) async fn update_toxic(&mut self, name: &str, toxic: &str, document: &Value) -> Result<Value, ApiError> {
        let proxy = self.proxies.get_mut(name).ok_or_else(ApiError::no_proxy)?;
        let at = proxy.toxic(toxic)?;
        let mut changed = proxy.toxics[at].clone();
        changed.update(document)?;
        if let Some(link) = &proxy.link {
            link.replace(toxic_id(toxic), changed.rule()?).await?;
        }
        proxy.toxics[at] = changed;
        Ok(proxy.toxics[at].document())
    }

    /// Removes a toxic.
    pub(super) async fn delete_toxic(&mut self, name: &str, toxic: &str) -> Result<(), ApiError> {
        let proxy = self.proxies.get_mut(name).ok_or_else(ApiError::no_proxy)?;
        let at = proxy.toxic(toxic)?;
        if let Some(link) = &proxy.link {
            link.remove(toxic_id(toxic)).await?;
        }
        proxy.toxics.remove(at);
        Ok(())
    }

    /// Carries out a drill's order. The rules that drills set are leases.
    pub(super) async fn order(&mut self, request: Request) -> Answer {
        let done = match request {
            Request::Set { link, id, rule } => self.lease(link.as_str(), id, rule).await,
            Request::Renew { link, id } => Ok(self.renew(link.as_str(), id)),
            Request::Remove { link, id } => match self.link_of(link.as_str()) {
                Ok(open) => {
                    self.leases.remove(&(link.as_str().to_owned(), id.clone()));
                    open.remove(id).await.map(|stood| if stood { Answer::Done } else { Answer::Absent })
                }
                Err(answer) => Ok(answer),
            },
            Request::Status { link, id } => match self.link_of(link.as_str()) {
                Ok(open) => open.status(id).await.map(|status| status.map_or(Answer::Absent, Answer::InForce)),
                Err(answer) => Ok(answer),
            },
        };
        done.unwrap_or_else(|error| Answer::Failed { why: error.to_string() })
    }

    /// The open link of a proxy, or the answer that says why there is none. A proxy that is switched off has no rules.
    fn link_of(&self, name: &str) -> Result<Link, Answer> {
        let proxy = self.proxies.get(name).ok_or(Answer::UnknownLink)?;
        proxy.link.clone().ok_or(Answer::Absent)
    }

    async fn lease(&mut self, name: &str, id: RuleId, rule: LinkRule) -> Result<Answer, LinkError> {
        let link = match self.link_of(name) {
            Ok(link) => link,
            Err(Answer::Absent) => {
                return Ok(Answer::Failed { why: format!("proxy {name} is disabled; enable it first") });
            }
            Err(answer) => return Ok(answer),
        };
        // The lease first: a rule that stands without one would never expire.
        self.leases.insert((name.to_owned(), id.clone()), Instant::now() + LEASE);
        link.set(id, rule).await.map(|()| Answer::Done)
    }

    fn renew(&mut self, name: &str, id: RuleId) -> Answer {
        match self.leases.get_mut(&(name.to_owned(), id)) {
            Some(until) => {
                *until = Instant::now() + LEASE;
                Answer::Done
            }
            None => Answer::Absent,
        }
    }

    /// Removes every rule whose lease has run out.
    pub(super) async fn expire(&mut self) {
        let now = Instant::now();
        let over: Vec<_> = self.leases.iter().filter(|(_, until)| **until <= now).map(|(key, _)| key.clone()).collect();
        for (name, id) in over {
            let removed = match self.link_of(&name) {
                Ok(link) => link.remove(id.clone()).await.is_ok(),
                Err(_) => true,
            };
            // Asked again until it obeys.
            if removed {
                self.leases.remove(&(name, id));
            }
        }
    }
}
