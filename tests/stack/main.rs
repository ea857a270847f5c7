//! The scenarios of the practice stack, run for real against it, one after the other: `docker-compose.yml` on images
//! that `scripts/images` builds. `SIMULACRO_STACK_ONLY=name,name` runs only these.

#[path = "../common/mod.rs"]
mod common;
mod looks;
mod stack;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use stack::{Drill, Replication, Stack, root};

/// A drill, how it ends, and what else must be true of it.
struct Case {
    scenario: &'static str,
    more: &'static [&'static str],
    code: i32,
    /// Whether the databases are made anew before it, and how they replicate then.
    anew: Option<Replication>,
    look: fn(&Stack, &Drill),
}

const fn case(scenario: &'static str, look: fn(&Stack, &Drill)) -> Case {
    Case { scenario, more: &[], code: 0, anew: None, look }
}

/// In this order: failovers exchange the roles of the databases and come last.
const CASES: &[Case] = &[
    case("stack-database-outage", looks::outage_ends_with_the_undo),
    case("stack-database-frozen", looks::outage_ends_with_the_undo),
    case("stack-app-crash", looks::outage_ends_by_itself),
    case("stack-app-oom", looks::outage_ends_by_itself),
    case("stack-redis-lost", looks::no_loss),
    case("stack-pool-exhausted", looks::pools_ran_dry),
    case("stack-slow-link", looks::no_loss),
    case("stack-lossy-link", looks::no_loss),
    case("stack-partition", looks::outage_ends_by_itself),
    case("stack-overload", looks::outage_ends_with_the_undo),
    case("stack-two-faults", looks::no_loss),
    case("stack-full-disk", looks::outage_ends_with_the_undo),
    case("stack-failover-async", looks::asynchronous_loss_is_the_truth),
    Case { anew: Some(Replication::Synchronous), ..case("stack-failover-sync", looks::synchronous_loss_is_none) },
    // An objective that asynchronous replication cannot keep is breached.
    Case {
        anew: Some(Replication::Asynchronous),
        more: &["-V", "loss=0s"],
        code: 12,
        ..case("stack-failover-async", looks::asynchronous_loss_is_the_truth)
    },
];

#[test]
fn every_scenario_of_the_stack_is_run() {
    let files = std::fs::read_dir(root().join("scenarios")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let ours =
        names.filter_map(|name| name.strip_suffix(".yaml").map(str::to_owned)).filter(|n| n.starts_with("stack-"));
    let left: Vec<_> = ours.filter(|name| !CASES.iter().any(|case| case.scenario == name)).collect();
    assert!(left.is_empty(), "tests/stack runs no {left:?}");
}

#[test]
#[ignore = "needs docker"]
fn scenarios_end_as_they_say_against_the_real_stack() {
    let only = std::env::var("SIMULACRO_STACK_ONLY").unwrap_or_default();
    let wanted = |case: &&Case| only.is_empty() || only.split(',').any(|name| name == case.scenario);
    let began = Instant::now();
    let stack = Stack::start();
    println!("{:32} {:5.1} s", "the stack is up", began.elapsed().as_secs_f64());
    let mut wrong = Vec::new();
    for case in CASES.iter().filter(wanted) {
        let began = Instant::now();
        let ended = catch_unwind(AssertUnwindSafe(|| run(&stack, case)));
        println!("{:32} {:5.1} s", case.scenario, began.elapsed().as_secs_f64());
        if ended.is_err() {
            wrong.push(case.scenario);
            // What one drill broke must not break the next.
            stack.renew_databases(Replication::Asynchronous);
        }
    }
    assert!(wrong.is_empty(), "{wrong:?} did not end as they should; see above");
}

fn run(stack: &Stack, case: &Case) {
    if let Some(replication) = case.anew {
        stack.renew_databases(replication);
    }
    let before = stack.standing();
    let drill = stack.drill(case.scenario, case.more);
    let folder = drill.folder.display();
    assert_eq!(drill.code, case.code, "{folder}\n{}", drill.output);
    assert_eq!(drill.result.end.remaining, Vec::<String>::new(), "{folder}");
    (case.look)(stack, &drill);
    stack.wait_until_well();
    assert_eq!(stack.standing(), before, "{}: not as it was before", case.scenario);
}
