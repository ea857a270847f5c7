//! `simulacro plan`: what would happen to what, without touching it.

use std::sync::Arc;

use super::args::PlanArgs;
use super::exit::Exit;
use super::terminal;
use crate::backup::HostBackups;
use crate::clock::Clock;
use crate::scenario::plan::Plan;
use crate::scenario::resolve::{Settings, resolve};
use crate::scenario::target::ProcessSelector;
use crate::scenario::timing::{Hold, Moment};
use crate::scenario::{Fault, Scenario, Target};
use crate::world::host;
use crate::world::operator::Nobody;

/// Prints the plan of a scenario.
pub fn plan(args: &PlanArgs) -> Exit {
    let settings = Settings {
        vars: args.vars.clone(),
        seed: 0,
        utc: "<utc>".into(),
        report_dir: "reports".into(),
        simulated: false,
        allow_commands: false,
    };
    let plan = match resolve(&args.scenario, &settings) {
        Ok((plan, warnings)) => {
            terminal::problems(&warnings);
            plan
        }
        Err(problems) => {
            terminal::problems(&problems);
            return Exit::Usage;
        }
    };
    if args.json {
        match serde_json::to_string_pretty(&plan) {
            Ok(json) => terminal::out(&json),
            Err(e) => {
                eprintln!("the plan cannot be written as JSON: {e}");
                return Exit::Bug;
            }
        }
    } else {
        terminal::out(&words(&plan));
    }
    Exit::Ok
}

fn words(plan: &Plan) -> String {
    let scenario = &plan.scenario;
    let mut lines = vec![match &scenario.title {
        Some(title) => format!("{}: {title}", scenario.name),
        None => scenario.name.to_string(),
    }];
    for (name, service) in &scenario.services {
        lines.push(format!("starts service {name}: {}", service.command.join(" ")));
    }
    for (name, proxy) in &scenario.proxies {
        lines.push(format!("opens link {name}: {} -> {}", proxy.listen, proxy.upstream));
    }
    for load in &scenario.load {
        let model = plan.profiles.get(&load.name).and_then(|p| p.executor()).map_or("", |e| e.key());
        lines.push(format!("drives load {}: {model} against {}", load.name, load.base_url));
    }
    lines.extend(targets(scenario));
    let phases = &scenario.phases;
    lines.push(format!("warm-up {}, baseline {}", phases.warmup, phases.baseline));
    for condition in &scenario.steady_state {
        lines.push(format!("  must hold, or nothing is hurt: {condition}"));
    }
    lines.extend(scenario.faults.iter().map(fault));
    lines.push(format!(
        "recovery: good for {}, at most {} after the last undo; then {} more under load",
        phases.recovery.hold, phases.recovery.deadline, phases.after
    ));
    lines.extend(
        scenario.backups.keys().map(|name| format!("restores backup {name} into a scratch copy and checks it")),
    );
    lines.push(format!(
        "blast radius: at most {} target(s) a fault, no fault longer than {}, environment {:?}",
        scenario.guard.max_targets, scenario.guard.max_hold, scenario.guard.environment
    ));
    lines.join("\n")
}

/// What every target means right now. Faults look again when they begin.
fn targets(scenario: &Scenario) -> Vec<String> {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return Vec::new() };
    let clock = Clock::start();
    let words = |target: &Target| match target {
        Target::Process(ProcessSelector::Service(service)) => {
            format!("the process of service {service}, which the drill starts")
        }
        target => {
            let world = host::connect(clock, Arc::new(HostBackups::new(clock, None)), Arc::new(Nobody));
            match runtime.block_on(world.look(target)) {
                Ok(found) => found.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
                Err(e) => format!("nothing now: {e}"),
            }
        }
    };
    scenario.targets.iter().map(|(name, target)| format!("target {name}: {}", words(target))).collect()
}

fn fault(fault: &Fault) -> String {
    let when = match fault.moment() {
        Ok(Moment::At(at)) => format!("at {at}"),
        Ok(Moment::After(after)) => {
            let what = after.fault.as_ref().or(after.step.as_ref()).map_or("nothing", |n| n.as_str());
            let is = format!("{:?}", after.is).to_lowercase();
            let delay = if after.delay.get().is_zero() { String::new() } else { format!(" and {} more", after.delay) };
            format!("after {what} is {is}{delay}")
        }
        Ok(Moment::When(when)) => format!("when steady for {}", when.steady),
        Err(e) => e.to_string(),
    };
    let hold = match fault.hold() {
        Ok(Hold::Act) => String::new(),
        Ok(Hold::For(d)) => format!(", for {d}"),
        Ok(Hold::Until(until)) => format!(", at most {}", until.at_most),
        Err(e) => e.to_string(),
    };
    let touches = fault.spec.touches().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let off = if fault.spec.runs_commands() { "; runs only with --allow-commands" } else { "" };
    format!("fault {} ({}), {when}{hold}: touches {touches}{off}", fault.name, fault.spec.kind())
}
