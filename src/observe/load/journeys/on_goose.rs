//! The users on goose: from a stream to an attack, and its end.

use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use goose::client::GooseClientBuilder;
use goose::config::GooseConfiguration;
use goose::goose::{GooseUser, Scenario, Transaction, TransactionFunction};
use goose::{GooseAttack, GooseError};
use tokio::runtime::Runtime;

use super::ClosedStream;
use super::user::{Route, Users};
use crate::observe::load::stop::Stop;

/// How long the runtime may take to end, even against a target that hangs.
const SHUTDOWN: Duration = Duration::from_millis(100);
/// Users that goose starts in a second, for each user there is: all are ready within 50 ms, and wait for their visits.
const EAGERNESS: u32 = 20;

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
/// When the runtime cannot be made, or goose refuses what it is given.
pub fn start(stream: ClosedStream, stop: Stop, done: Sender<Result<(), String>>) -> Result<(), String> {
    // A second logger is refused; then there is one already, which is all that is needed.
    let _ = log::set_logger(&Silence);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| format!("no threads for the users: {e}"))?;
    let users = Arc::new(Users::new(stream, stop));
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

fn attack(users: &Arc<Users>) -> Result<GooseAttack, Box<GooseError>> {
    let count = users.stream().crew.users();
    let mut configuration = GooseConfiguration::default();
    configuration.host = Some(users.stream().origin.clone());
    configuration.users = Some(count as usize);
    configuration.increase_rate = Some(count.saturating_mul(EAGERNESS).to_string());
    configuration.quiet = 2;
    configuration.no_metrics = true;
    configuration.no_reset_metrics = true;
    configuration.no_print_metrics = true;
    configuration.no_error_summary = true;
    configuration.no_telnet = true;
    configuration.no_websocket = true;
    // One client for all users' own `client` too, which nobody uses: by default each has one, at 130 KB.
    let unused = GooseClientBuilder::new().without_cookies();
    let mut attack = GooseAttack::initialize_with_config(configuration)?.set_client_builder_without_cookies(unused)?;
    let mut first = 0;
    for journey in &users.stream().profile.journeys {
        if journey.weight > 0 {
            let route = Arc::new(Route::new(journey, first));
            let transaction = Transaction::new(turn(users, &route)).set_name(journey.name.as_str());
            let scenario = Scenario::new(journey.name.as_str()).set_weight(journey.weight as usize)?;
            attack = attack.register_scenario(scenario.register_transaction(transaction));
        }
        first += journey.requests().count();
    }
    Ok(attack)
}

/// One turn of a user: what goose calls again and again.
fn turn(users: &Arc<Users>, route: &Arc<Route>) -> TransactionFunction {
    let (users, route) = (users.clone(), route.clone());
    Arc::new(move |user: &mut GooseUser| {
        let (users, route, number) = (users.clone(), route.clone(), user.weighted_users_index);
        Box::pin(async move {
            users.turn(&route, number).await;
            Ok(())
        })
    })
}

/// Lets the users go on until a stop or until all have gone for good, and then waits for their last answers.
fn run(runtime: &Runtime, users: &Arc<Users>, attack: GooseAttack) -> Result<(), String> {
    runtime.block_on(async {
        let mut stop = users.stop();
        let ended = tokio::select! {
            () = stop.wait() => Ok(()),
            () = users.all_gone() => Ok(()),
            ended = tokio::spawn(attack.execute()) => Err(match ended {
                Ok(Ok(_)) => "goose ended by itself".to_owned(),
                Ok(Err(e)) => format!("goose ended: {e}"),
                Err(e) => format!("goose ended: {e}"),
            }),
        };
        users.drain().await;
        ended
    })
}
