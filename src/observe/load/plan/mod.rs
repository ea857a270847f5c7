//! A profile made ready for sending: templates with secrets, data files and places for values in them; checks and
//! sources of values made ready; who keeps what from answer to answer.
//!
//! An executor makes a [`Session`] for each user, or for each sender; asks for a request with [`Plan::rendered`], sends
//! it, keeps of the answer what [`Prepared::wants`], and hands that to [`Prepared::judge`].

mod answers;
mod compile;
mod escape;
mod grpc;
mod prepared;
mod random;
mod rows;
mod session;
mod target;
mod text;

use std::borrow::Cow;

use bytes::BytesMut;
use url::Url;

pub use compile::Secrets;
pub use prepared::{Prepared, Rendered};
pub use session::Session;
pub use target::Target;
pub use text::Turn;

use self::compile::Compiler;
use self::random::{mix, scaled};
use self::rows::Rows;
use self::session::Jar;
use self::text::Values;
use super::reason::Reason;
use crate::scenario::profile::Request;
use crate::timeline::load_line::Assignment;
use crate::world;

/// What a session begins with to write its requests into, in bytes; as much as is remembered as the size to allocate
/// again, should a request be long under way. Larger requests make it grow.
const SCRATCH: usize = 1024;

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
    /// A data file.
    #[error("{0}")]
    Data(String),
}

/// What to send.
#[derive(Debug)]
pub struct Plan {
    seed: u64,
    requests: Vec<Prepared>,
    /// Running sums of the requests' weights.
    weights: Vec<u64>,
    rows: Rows,
    /// How many values are taken from answers.
    slots: usize,
    /// Where cookies come from, when they are kept.
    cookies: Option<Url>,
}

impl Plan {
    /// Prepares `requests` of the assignment's profile for `target`; their place in the order is how they are asked for
    /// later. Reads secrets and files.
    ///
    /// # Errors
    ///
    /// A template that is wrong, a secret or a file that cannot be read, or a request that is not HTTP.
    pub fn new<'r>(
        assignment: &Assignment,
        requests: impl Iterator<Item = &'r Request>,
        target: &Target,
        secrets: &dyn Secrets,
    ) -> Result<Plan, PlanError> {
        let profile = &assignment.profile;
        let names = profile.request_names();
        let mut compiler = Compiler::new(profile, assignment.stream.as_str(), secrets);
        let mut prepared = Vec::new();
        let mut weights = Vec::new();
        for request in requests {
            let name = names.iter().position(|name| *name == request.name).unwrap_or(0) as u16;
            let one = Prepared::new(request, name, &target.prefix, &mut compiler)
                .map_err(|why| PlanError::Request { name: request.name.to_string(), why })?;
            prepared.push(one);
            weights.push(weights.last().copied().unwrap_or(0) + u64::from(request.weight));
        }
        let plan = Plan {
            seed: assignment.seed,
            requests: prepared,
            weights,
            rows: compiler.rows().map_err(PlanError::Data)?,
            slots: compiler.slots(),
            cookies: profile.http.cookies.then(|| Url::parse(&target.origin).ok()).flatten(),
        };
        // One rendering tells now what would otherwise fail half a million times later.
        for one in &plan.requests {
            plan.rehearse(one).map_err(|why| {
                let name = names.get(usize::from(one.name)).map_or_else(String::new, ToString::to_string);
                PlanError::Request { name, why: why.to_string() }
            })?;
        }
        Ok(plan)
    }

    fn rehearse(&self, request: &Prepared) -> Result<(), Reason> {
        let mut session = self.session();
        // Something stands for what answers will give, which nothing but a gRPC message could be too particular for.
        session.taken.fill(Some("/1".into()));
        if request.is_grpc() && request.needs_answers() {
            return Ok(());
        }
        self.rendered(request, Turn::of_arrival(0, 0), &mut session).map(drop)
    }

    /// What a new user, or sender, has.
    pub fn session(&self) -> Session {
        let jar = self.cookies.as_ref().map(|base| Box::new(Jar::new(base)));
        let varies = self.cookies.is_some() || self.requests.iter().any(Prepared::varies);
        let scratch = BytesMut::with_capacity(if varies { SCRATCH } else { 0 });
        Session { taken: vec![None; self.slots], jar, scratch }
    }

    /// The request at a place.
    pub fn request(&self, place: usize) -> &Prepared {
        &self.requests[place]
    }

    /// Whether a connection must speak HTTP/2: for gRPC.
    pub fn needs_http2(&self) -> bool {
        self.requests.iter().any(Prepared::is_grpc)
    }

    /// The place of the request that arrival `n` sends: by weight, with the seed.
    pub fn pick(&self, n: u64) -> usize {
        let total = self.weights.last().copied().unwrap_or(0);
        if self.requests.len() < 2 || total == 0 {
            return 0;
        }
        let point = scaled(mix(self.seed.rotate_left(17) ^ mix(n)), total);
        self.weights.partition_point(|sum| *sum <= point)
    }

    /// Renders a request.
    ///
    /// # Errors
    ///
    /// Why it cannot be sent: [`Reason::NotHttp`] when its values make something that HTTP does not allow,
    /// [`Reason::Exhausted`] when a data file has no row left for it, [`Reason::NoValue`] when it needs a value that no
    /// answer gave ([`Prepared::lacks`] tells before).
    pub fn rendered(&self, request: &Prepared, turn: Turn, session: &mut Session) -> Result<Rendered, Reason> {
        request.render(&Values { seed: self.seed, turn, rows: &self.rows, taken: &[] }, session)
    }

    /// A number for a choice that is made by user, pass and step: the same in every run with this seed.
    #[cfg_attr(not(feature = "goose"), expect(dead_code, reason = "only users think"))]
    pub fn chance(&self, user: u64, iteration: u64, step: usize) -> u64 {
        mix(self.seed ^ mix(user ^ mix(iteration ^ mix(step as u64))))
    }
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
mod tests;
