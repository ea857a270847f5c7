//! The closed-model executor: users go through journeys, on goose.
//!
//! Goose runs the users; what they send and what is recorded is ours: one shared client with short timeouts, own times
//! that end with the last byte of the body, own think times from the seed. Its own metrics, network ports and reports
//! are off. It has one attack a process and cannot be stopped from outside: a flag keeps users from starting requests,
//! and its runtime is ended with it.

use std::sync::Arc;
use std::sync::mpsc::Sender;

use super::plan::{Plan, Target};
use super::recorder::Shard;
use super::stop::Stop;
use crate::scenario::profile::{ConstantVus, Profile};

/// What the users of a stream share.
#[derive(Debug)]
#[cfg_attr(not(feature = "goose"), expect(dead_code, reason = "only goose makes users"))]
pub struct ClosedStream {
    /// What to send: every step of every journey, in the profile's order.
    pub plan: Plan,
    /// Where to.
    pub target: Target,
    /// The profile.
    pub profile: Profile,
    /// Its executor.
    pub users: ConstantVus,
    /// Where it is written down.
    pub shard: Arc<Shard>,
}

/// Without goose there are no users.
#[cfg(not(feature = "goose"))]
pub fn start(stream: ClosedStream, stop: Stop, done: Sender<Result<(), String>>) -> Result<(), String> {
    drop((stream, stop, done));
    Err("journeys need the cargo feature `goose`, which this program was built without: \
         rebuild it with `--features goose`, or use a profile with constant_arrival_rate"
        .into())
}

#[cfg(feature = "goose")]
pub use on_goose::start;

#[cfg(feature = "goose")]
mod on_goose {
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
    use std::time::Duration;

    use goose::client::GooseClientBuilder;
    use goose::config::GooseConfiguration;
    use goose::goose::{GooseUser, Scenario, Transaction, TransactionFunction};
    use goose::{GooseAttack, GooseError};
    use tokio::runtime::Runtime;

    use super::super::answer::Answer;
    use super::super::plan::Turn;
    use super::super::reason::Reason;
    use super::super::recorder::Outcome;
    use super::super::sender::{io_source, of_hyper};
    use super::super::stop::Course;
    use super::*;
    use crate::clock::raw_now;
    use crate::scenario::profile::{Journey, WaitTime};

    /// After a connection failed, a user rests this long: twenty eager users made 11,000 failures a second without it.
    const BACK_OFF: Duration = Duration::from_millis(10);
    /// How long the runtime may take to end, even against a target that hangs.
    const SHUTDOWN: Duration = Duration::from_millis(100);

    struct Users {
        stream: ClosedStream,
        client: reqwest::Client,
        seq: AtomicU64,
        /// Set when the profile's duration is over.
        over: AtomicBool,
        stop: Stop,
    }

    /// One step of one journey.
    struct Step {
        users: Arc<Users>,
        /// Its place in the plan.
        place: usize,
        wait: Option<WaitTime>,
    }

    /// Swallows what goose logs: without a logger it makes one of its own, that writes to standard output.
    struct Silence;

    impl log::Log for Silence {
        fn enabled(&self, _: &log::Metadata<'_>) -> bool {
            false
        }
        fn log(&self, _: &log::Record<'_>) {}
        fn flush(&self) {}
    }

    /// Starts the users on threads of their own; `done` hears when they have ended.
    ///
    /// # Errors
    ///
    /// When the client or the runtime cannot be made, or goose refuses what it is given.
    pub fn start(stream: ClosedStream, stop: Stop, done: Sender<Result<(), String>>) -> Result<(), String> {
        // A second logger is refused; then there is one already, which is all that is needed.
        let _ = log::set_logger(&Silence);
        let client = client(&stream).map_err(|e| format!("the HTTP client cannot be made: {e}"))?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|e| format!("no threads for the users: {e}"))?;
        let (seq, over) = (AtomicU64::new(0), AtomicBool::new(false));
        let users = Arc::new(Users { stream, client, seq, over, stop });
        let attack = attack(&users).map_err(|e| format!("goose refuses the journeys: {e}"))?;
        std::thread::Builder::new()
            .name("journeys".into())
            .spawn(move || {
                let ended = run(&runtime, &users, attack);
                goose::trigger_killswitch("the load stream was stopped");
                runtime.shutdown_timeout(SHUTDOWN);
                let _ = done.send(ended);
            })
            .map(|_| ())
            .map_err(|e| format!("no thread for the users: {e}"))
    }

    fn client(stream: &ClosedStream) -> reqwest::Result<reqwest::Client> {
        let timeout = stream.profile.timeout.get();
        reqwest::Client::builder()
            .connect_timeout(timeout)
            .timeout(timeout)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .pool_max_idle_per_host(stream.users.vus as usize)
            .tcp_nodelay(true)
            .user_agent(concat!("simulacro/", env!("CARGO_PKG_VERSION")))
            .build()
    }

    fn attack(users: &Arc<Users>) -> Result<GooseAttack, Box<GooseError>> {
        let vus = users.stream.users.vus;
        let mut configuration = GooseConfiguration::default();
        configuration.host = Some(users.stream.target.origin.clone());
        configuration.users = Some(vus as usize);
        configuration.increase_rate = Some(users.stream.users.start_per_second.unwrap_or(vus).to_string());
        configuration.quiet = 2;
        configuration.no_metrics = true;
        configuration.no_reset_metrics = true;
        configuration.no_print_metrics = true;
        configuration.no_error_summary = true;
        configuration.no_telnet = true;
        configuration.no_websocket = true;
        // One client for all users' own `client` too, which nobody uses: by default each has one, at 130 KB.
        let unused = GooseClientBuilder::new().without_cookies();
        let mut attack =
            GooseAttack::initialize_with_config(configuration)?.set_client_builder_without_cookies(unused)?;
        let mut place = 0;
        for journey in &users.stream.profile.journeys {
            if journey.weight > 0 {
                attack = attack.register_scenario(scenario(users, journey, place)?);
            }
            place += journey.steps.len();
        }
        Ok(attack)
    }

    fn scenario(users: &Arc<Users>, journey: &Journey, first: usize) -> Result<Scenario, Box<GooseError>> {
        let mut scenario = Scenario::new(journey.name.as_str()).set_weight(journey.weight as usize)?;
        for (nth, request) in journey.steps.iter().enumerate() {
            let step = Arc::new(Step { users: users.clone(), place: first + nth, wait: journey.wait_time });
            let function: TransactionFunction = Arc::new(move |user: &mut GooseUser| {
                let step = step.clone();
                let (number, pass) = (user.weighted_users_index as u64, user.get_iterations() as u64);
                Box::pin(async move {
                    step.take(number, pass).await;
                    Ok(())
                })
            });
            // The sequence keeps the steps in order; goose counts it from 1.
            let transaction = Transaction::new(function).set_name(request.name.as_str()).set_sequence(nth + 1);
            scenario = scenario.register_transaction(transaction);
        }
        Ok(scenario)
    }

    /// Lets the users go on until a stop or the end of the profile's duration, and then waits for their last answers.
    fn run(runtime: &Runtime, users: &Arc<Users>, attack: GooseAttack) -> Result<(), String> {
        runtime.block_on(async {
            let mut stop = users.stop.clone();
            let duration = users.stream.users.duration.map(|d| d.get());
            let over = async {
                match duration {
                    Some(duration) => tokio::time::sleep(duration).await,
                    None => std::future::pending().await,
                }
            };
            let ended = tokio::select! {
                () = stop.wait() => Ok(()),
                () = over => Ok(()),
                ended = tokio::spawn(attack.execute()) => Err(match ended {
                    Ok(Ok(_)) => "goose ended by itself".to_owned(),
                    Ok(Err(e)) => format!("goose ended: {e}"),
                    Err(e) => format!("goose ended: {e}"),
                }),
            };
            users.over.store(true, Ordering::SeqCst);
            users.drain().await;
            ended
        })
    }

    impl Users {
        fn may_start(&self) -> bool {
            !self.over.load(Ordering::SeqCst) && !self.stop.called()
        }

        async fn drain(&self) {
            let mut deadline = raw_now() + self.stream.profile.timeout.get().as_nanos() as i64;
            let mut look = tokio::time::interval(Duration::from_millis(2));
            while self.stream.shard.under_way() > 0 && raw_now() < deadline {
                if let Course::Stop { until, .. } = self.stop.course() {
                    deadline = deadline.min(until);
                }
                look.tick().await;
            }
        }

        async fn send(&self, place: usize, user: u64, pass: u64) -> Outcome {
            let plan = &self.stream.plan;
            let prepared = plan.request(place);
            let seq = self.seq.fetch_add(1, Ordering::Relaxed);
            let mut session = plan.session();
            let rendered = match plan.rendered(prepared, Turn::of_user(seq, user, pass, pass), &mut session) {
                Ok(rendered) => rendered,
                Err(reason) => return Outcome::Bad(reason),
            };
            let mut request = self
                .client
                .request(prepared.method.clone(), format!("{}{}", self.stream.target.origin, rendered.path))
                .headers(rendered.headers);
            if !rendered.body.is_empty() {
                request = request.body(rendered.body);
            }
            let answer = async {
                let mut answer = request.send().await?;
                let status = answer.status().as_u16();
                while answer.chunk().await?.is_some() {}
                Ok::<u16, reqwest::Error>(status)
            };
            match answer.await {
                Ok(status) => {
                    let answer = Answer { status, ..Answer::default() };
                    prepared.judge(&answer, Duration::ZERO, &mut session).map_or_else(Outcome::Bad, |()| Outcome::Ok)
                }
                Err(error) => Outcome::Bad(of_reqwest(&error)),
            }
        }
    }

    impl Step {
        async fn take(&self, user: u64, pass: u64) {
            let users = &self.users;
            if !users.may_start() {
                // Goose would call again at once. It is about to end, with its runtime.
                return std::future::pending().await;
            }
            let ticket = users.stream.shard.begin_now(users.stream.plan.request(self.place).name);
            let outcome = users.send(self.place, user, pass).await;
            users.stream.shard.finish(ticket, outcome, raw_now());
            if matches!(outcome, Outcome::Bad(reason) if reason.calls_for_rest()) {
                tokio::time::sleep(BACK_OFF).await;
            }
            if let Some(WaitTime { min, max }) = self.wait {
                let span = max.get().saturating_sub(min.get());
                let part = users.stream.plan.chance(user, pass, self.place) as f64 / u64::MAX as f64;
                tokio::time::sleep(min.get() + span.mul_f64(part)).await;
            }
        }
    }

    /// What an error of the client's says about whose fault it is.
    fn of_reqwest(error: &reqwest::Error) -> Reason {
        if error.is_builder() {
            return Reason::NotHttp;
        }
        // The client tells a failed look-up only in words.
        if sources(error).any(|e| e.to_string().contains("dns error")) {
            return Reason::Unresolved;
        }
        if error.is_timeout() {
            return Reason::Timeout;
        }
        if error.is_connect() {
            return io_source(error).map_or(Reason::Connect(0), Reason::of_connecting);
        }
        match sources(error).find_map(|e| e.downcast_ref::<hyper::Error>()) {
            Some(inner) => of_hyper(inner),
            None => io_source(error).map_or(Reason::Closed, Reason::of_connection),
        }
    }

    fn sources(error: &reqwest::Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
        std::iter::successors(Some(error as &(dyn std::error::Error + 'static)), |e| e.source())
    }
}
