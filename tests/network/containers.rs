//! Faults of networks on containers of a real engine, with its resolver.

use std::process::Command;

use simulacro::safety::{Reverted, Standing};

use crate::engine::{Container, Network, docker};
use crate::fault::Stage;

/// What a container finds when it connects to a port where nobody listens.
fn reaches(from: &Container, to: &Container) -> bool {
    let dial = format!("timeout 2 bash -c '</dev/tcp/{}/5432'", to.name);
    let output = Command::new("docker").args(["exec", &from.name, "sh", "-c", &dial]).output().unwrap();
    match output.status.code() {
        // Refused: the other side has answered.
        Some(1) => true,
        Some(124) => false,
        other => panic!("{other:?}: {}", String::from_utf8_lossy(&output.stderr)),
    }
}

/// The address that a container finds for a name; none when nobody answers.
fn address(from: &Container, name: &str) -> Option<String> {
    let ask = format!("timeout 3 getent ahostsv4 {name}");
    let output = Command::new("docker").args(["exec", &from.name, "sh", "-c", &ask]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_ascii_whitespace().next().map(str::to_owned)
}

fn stage(app: &Container, db: &Container) -> Stage {
    let targets = serde_json::json!({
        "app": { "container": { "name": app.name } },
        "db": { "container": { "name": db.name } },
    });
    Stage::aimed_at(targets, "60s")
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs docker, root and nft"]
async fn a_container_is_cut_off_from_another_and_its_names_fail() {
    let network = Network::new("network", &[]);
    let (app, db) =
        (Container::start("app", &["--network", &network.name]), Container::start("db", &["--network", &network.name]));
    let stage = stage(&app, &db);
    let usual = address(&app, &db.name).expect("the engine's resolver knows it");
    assert!(reaches(&app, &db));

    let cut = stage.inject("network-partition: { target: app, peer: db, ports: [5432] }").await;
    assert!(!reaches(&app, &db));
    assert!(stage.touched(&cut).await.is_some_and(|touched| touched > 0));
    assert_eq!(address(&app, &db.name).as_deref(), Some(usual.as_str()), "only the port is cut");
    stage.revert(&cut).await;
    assert!(reaches(&app, &db));

    for fault in ["dns-failure: { target: app }", "dns-failure: { target: app, answer: refused }"] {
        let nameless = stage.inject(fault).await;
        assert_eq!(address(&app, &db.name), None, "{fault}");
        assert!(stage.touched(&nameless).await.is_some_and(|touched| touched > 0), "{fault}");
        stage.revert(&nameless).await;
    }

    let stale = stage.inject(&format!("dns-override: {{ target: app, names: {{ {}: 192.0.2.7 }} }}", db.name)).await;
    assert_eq!(address(&app, &db.name).as_deref(), Some("192.0.2.7"));
    assert!(address(&app, &app.name).is_some(), "other names are answered by the engine");
    stage.revert(&stale).await;
    assert_eq!(address(&app, &db.name), Some(usual));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs docker, root and nft"]
async fn a_container_that_restarts_leaves_its_rules_behind() {
    let network = Network::new("network", &[]);
    let (app, db) =
        (Container::start("app", &["--network", &network.name]), Container::start("db", &["--network", &network.name]));
    let stage = stage(&app, &db);
    let cut = stage.inject("network-partition: { target: app, ports: [5432] }").await;
    assert!(!reaches(&app, &db));
    docker(&["restart", "-t", "0", &app.name]);
    assert!(reaches(&app, &db), "a new namespace has no rules");
    for record in &cut.undo {
        assert_eq!(stage.world.standing(record).await, Ok(Standing::Gone));
        let reverted = stage.world.revert(record).await.unwrap();
        // The kernel may have given the number to the new namespace, where the table is not.
        assert!(matches!(reverted, Reverted::TargetGone | Reverted::AlreadyBack), "{reverted:?}");
    }
}
