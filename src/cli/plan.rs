//! `simulacro plan`: what would happen to what, without touching it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;

use super::args::PlanArgs;
use super::exit::Exit;
use super::{consent, terminal};
use crate::backup::HostBackups;
use crate::clock::Clock;
use crate::engine::limits::tickets;
use crate::model::{Member, Name};
use crate::scenario::consent::PlanToken;
use crate::scenario::guard::Environment;
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
    let live = Live::look(&plan);
    if args.json {
        match json(&plan, &live) {
            Ok(json) => terminal::out(&json),
            Err(e) => {
                eprintln!("the plan cannot be written as JSON: {e}");
                return Exit::Bug;
            }
        }
    } else {
        terminal::out(&words(&plan, &live));
    }
    Exit::Ok
}

/// What there is right now of what the scenario names.
struct Live {
    /// Each target's members, or why there are none; those that the drill starts itself are left out.
    targets: BTreeMap<Name, Result<Vec<Member>, String>>,
    /// What stands for these targets, where a run asks for it; or why there is no such thing.
    token: Option<Result<PlanToken, String>>,
    /// What would refuse a drill now.
    forbidden: Option<String>,
}

impl Live {
    fn look(plan: &Plan) -> Live {
        let now = Timestamp::now();
        let scenario = &plan.scenario;
        let kill_file = std::env::var_os("SIMULACRO_KILL_FILE").map(PathBuf::from);
        let kill_files = consent::kill_files(scenario, &plan.file, kill_file.as_deref());
        let forbidden = consent::clear(scenario, &plan.file, &kill_files, now).err();
        let mut live = Live { targets: BTreeMap::new(), token: None, forbidden };
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return live };
        let clock = Clock::start();
        runtime.block_on(async {
            let world = host::connect(clock, Arc::new(HostBackups::new(clock, None)), Arc::new(Nobody));
            for (name, target) in &scenario.targets {
                if !matches!(target, Target::Process(ProcessSelector::Service(_))) {
                    let found = world.look(target).await.map_err(|e| e.to_string());
                    live.targets.insert(name.clone(), found);
                }
            }
            if scenario.guard.environment == Environment::Production {
                let targets = tickets(&world, scenario).await;
                let token = |targets| PlanToken { at: now, scenario: plan.digest.clone(), targets };
                live.token = Some(targets.map(token));
            }
        });
        live
    }
}

/// The plan, with what there is now beside it.
fn json(plan: &Plan, live: &Live) -> serde_json::Result<String> {
    let mut all = serde_json::to_value(plan)?;
    let found = |found: &Result<Vec<Member>, String>| match found {
        Ok(members) => json!({ "members": members }),
        Err(why) => json!({ "nothing": why }),
    };
    let targets: BTreeMap<_, _> = live.targets.iter().map(|(name, members)| (name, found(members))).collect();
    let token = live.token.as_ref().and_then(|token| token.as_ref().ok());
    all["live"] = json!({
        "targets": targets,
        "plan_token": token.map(ToString::to_string),
        "plan_token_until": token.map(PlanToken::until),
        "forbidden": live.forbidden,
    });
    serde_json::to_string_pretty(&all)
}

fn words(plan: &Plan, live: &Live) -> String {
    let scenario = &plan.scenario;
    let mut lines = vec![match &scenario.title {
        Some(title) => format!("{}: {title}", scenario.name),
        None => scenario.name.to_string(),
    }];
    for (name, service) in &scenario.services {
        lines.push(format!("starts service {name}: {}", service.command.join(" ")));
    }
    for (name, proxy) in &scenario.proxies {
        lines.push(match &proxy.control {
            Some(control) => format!("uses link {name} of the proxy at {control}"),
            None => format!("opens link {name}: {} -> {}", proxy.listen, proxy.upstream),
        });
    }
    for load in &scenario.load {
        let model = plan.profiles.get(&load.name).and_then(|p| p.executor()).map_or("", |e| e.key());
        lines.push(format!("drives load {}: {model} against {}", load.name, load.base_url));
    }
    lines.extend(targets(scenario, live));
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
    lines.extend(live.forbidden.iter().map(|why| format!("refused now: {why}")));
    lines.extend(live.token.iter().map(|token| match token {
        Ok(token) => format!(
            "plan token: {token}\n  for these targets, until {}: `simulacro run --allow-production --plan-token …`",
            token.until()
        ),
        Err(why) => format!("no plan token: {why}"),
    }));
    lines.join("\n")
}

/// What every target means right now. Faults look again when they begin.
fn targets(scenario: &Scenario, live: &Live) -> Vec<String> {
    let member = |member: &Member| match scenario.guard.refuses(member) {
        Some(why) => format!("{member}; may not be touched: {why}"),
        None => member.to_string(),
    };
    let words = |name: &Name, target: &Target| match (target, live.targets.get(name)) {
        (Target::Process(ProcessSelector::Service(service)), _) => {
            format!("the process of service {service}, which the drill starts")
        }
        (_, Some(Ok(members))) => members.iter().map(member).collect::<Vec<_>>().join("\n  "),
        (_, Some(Err(why))) => format!("nothing now: {why}"),
        (_, None) => "not looked at".to_owned(),
    };
    scenario.targets.iter().map(|(name, target)| format!("target {name}: {}", words(name, target))).collect()
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
