//! Playbook steps.

use std::sync::Arc;

use super::inbox::{Inbox, Input};
use crate::scenario::Target;
use crate::scenario::plan::Plan;
use crate::scenario::step::{
    CommandStep, ContainerDo, ContainerStep, HttpStep, PostgresAction, PostgresStep, StepAction,
};
use crate::timeline::event::{EventKind, StepMark};
use crate::world::World;
use crate::world::command::CommandLine;
use crate::world::docker::ContainerOrder;
use crate::world::http::{HttpOutcome, HttpRequest};

/// Largest answer of an HTTP step that is read.
const MAX_BODY: usize = 64 * 1024;

/// Runs one step and tells how it went.
pub(super) async fn run_step(plan: Arc<Plan>, index: usize, world: World, inbox: Inbox) {
    let step = &plan.scenario.playbook[index];
    let name = step.name.clone();
    let tell = async |mark| {
        let _ = inbox.send(Input::Event(EventKind::Step { step: name.clone(), mark })).await;
    };
    tell(StepMark::Began { when: world.clock.now() }).await;
    let within = step.within.get().min(plan.scenario.guard.max_hold.get());
    let work = async {
        match step.action() {
            Ok(StepAction::Http(http)) => by_http(&world, http, within).await,
            Ok(StepAction::Command(command)) => by_command(&plan, &world, command, within).await,
            Ok(StepAction::Container(container)) => by_container(&plan, &world, container).await,
            Ok(StepAction::Manual(manual)) => {
                world.operator.ask(&manual.prompt, within).await.map_err(|e| e.to_string())
            }
            Ok(StepAction::Postgres(postgres)) => on_postgres(&plan, &world, postgres, within).await,
            Err(wrong) => Err(wrong.to_string()),
        }
    };
    let done = tokio::time::timeout(within, work).await;
    let when = world.clock.now();
    tell(match done {
        Ok(Ok(answer)) => StepMark::Done { when, answer },
        Ok(Err(why)) => StepMark::Failed { when, why },
        Err(_) => StepMark::Failed { when, why: format!("not done within {}", step.within) },
    })
    .await;
}

async fn by_http(world: &World, http: &HttpStep, within: std::time::Duration) -> Result<String, String> {
    let request = HttpRequest {
        method: http.method.clone(),
        url: http.url.clone(),
        headers: http.headers.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
        body: http.body.clone(),
        timeout: within,
        max_body: MAX_BODY,
        fresh_connection: true,
    };
    match world.http.exchange(&request).await {
        HttpOutcome::Answered { status, .. } => {
            let fits = http.status.map_or((200..300).contains(&status), |wanted| wanted == status);
            if fits { Ok(format!("status {status}")) } else { Err(format!("status {status}")) }
        }
        HttpOutcome::Failed(failure) => Err(failure.detail),
    }
}

async fn by_command(
    plan: &Plan,
    world: &World,
    command: &CommandStep,
    within: std::time::Duration,
) -> Result<String, String> {
    if !plan.allow_commands {
        return Err("commands are off: run with --allow-commands".into());
    }
    let line = CommandLine { argv: command.argv.clone(), dir: plan.dir.clone(), within };
    match world.commands.run(&line).await {
        Ok(output) if output.code == Some(0) => Ok(output.tail.trim().to_owned()),
        Ok(output) => {
            let how = output.code.map_or("a signal".to_owned(), |code| format!("exit code {code}"));
            Err(format!("ended by {how}: {}", output.tail.trim()))
        }
        Err(e) => Err(e.to_string()),
    }
}

async fn on_postgres(
    plan: &Plan,
    world: &World,
    step: &PostgresStep,
    within: std::time::Duration,
) -> Result<String, String> {
    let Some(Target::Postgres(target)) = plan.scenario.targets.get(&step.target) else {
        return Err(format!("`targets:` has no postgres called {}", step.target));
    };
    if step.action == PostgresAction::Promote && !plan.scenario.guard.allow_irreversible {
        return Err("a promotion cannot be taken back: consent with `guard.allow_irreversible`".into());
    }
    world.databases.step(&target.url, step.action, within).await.map_err(|e| e.to_string())
}

async fn by_container(plan: &Plan, world: &World, step: &ContainerStep) -> Result<String, String> {
    let ContainerStep { target, r#do, network } = step;
    let Some(Target::Container(selector)) = plan.scenario.targets.get(target) else {
        return Err(format!("`targets:` has no container called {target}"));
    };
    let order = match (r#do, network) {
        (ContainerDo::Start, _) => ContainerOrder::Start,
        (ContainerDo::Stop, _) => ContainerOrder::Stop,
        (ContainerDo::Restart, _) => ContainerOrder::Restart,
        (ContainerDo::Unpause, _) => ContainerOrder::Unpause,
        (ContainerDo::Connect, Some(network)) => ContainerOrder::Connect { network },
        (ContainerDo::Connect, None) => return Err("`connect` needs a `network`".into()),
    };
    let found = world.containers.resolve(selector).await.map_err(|e| e.to_string())?;
    let [container] = found.as_slice() else {
        let names: Vec<_> = found.iter().map(|c| c.name.as_str()).collect();
        return Err(format!("target {target} means {}: say which by `name`", names.join(", ")));
    };
    world.containers.order(container, order).await.map_err(|e| e.to_string())
}
