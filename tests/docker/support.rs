//! Containers and networks of a test's own, by the engine's own command line.

#![allow(dead_code)]

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;
use simulacro::model::ContainerId;
use simulacro::scenario::target::ContainerSelector;
use simulacro::world::Containers;
use simulacro::world::docker::HostContainers;

/// What containers of tests run; built by `scripts/images`.
pub const IMAGE: &str = "simulacro-test/base:bookworm";

/// A shell that ends at once when asked to, and does nothing.
pub const IDLE: &str = "trap 'exit 0' TERM; while :; do sleep 0.1; done";

/// Runs `docker`, and gives what it printed.
pub fn docker(args: &[&str]) -> String {
    let output = Command::new("docker").args(args).output().expect("the program docker");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "docker {}: {said}", args.join(" "));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A name that no other test has.
pub fn unique(what: &str) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("simulacro-test-{}-{what}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A container that is removed when the test ends.
pub struct Container {
    pub name: String,
}

impl Container {
    /// One that idles, with more arguments of `docker run`.
    pub fn start(what: &str, args: &[&str]) -> Self {
        Container::running(what, args, IDLE)
    }

    /// One that runs a script.
    pub fn running(what: &str, args: &[&str], script: &str) -> Self {
        let name = unique(what);
        let mut all = vec!["run", "-d", "--name", &name, "--hostname", "box"];
        all.extend(args);
        all.extend([IMAGE, "sh", "-c", script]);
        docker(&all);
        Container { name }
    }

    /// What the engine tells of it.
    pub fn inspect(&self) -> Value {
        let told: Value = serde_json::from_str(&docker(&["inspect", &self.name])).expect("JSON");
        told[0].clone()
    }

    pub fn id(&self) -> String {
        self.inspect()["Id"].as_str().expect("an id").to_owned()
    }

    pub fn pid(&self) -> i64 {
        self.inspect()["State"]["Pid"].as_i64().expect("a pid")
    }

    /// The selector that means it.
    pub fn selector(&self) -> ContainerSelector {
        ContainerSelector { name: Some(self.name.clone()), ..Default::default() }
    }

    /// Its identity, as the driver finds it.
    pub async fn resolved(&self, driver: &HostContainers) -> ContainerId {
        driver.resolve(&self.selector()).await.expect("found").remove(0)
    }

    pub fn remove(&self) {
        let _ = Command::new("docker").args(["rm", "-fv", &self.name]).output();
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        self.remove();
    }
}

/// A network that is removed when the test ends: after the containers, so declare it first.
pub struct Network {
    pub name: String,
}

impl Network {
    pub fn new(what: &str, args: &[&str]) -> Self {
        let name = unique(what);
        let mut all = vec!["network", "create"];
        all.extend(args);
        all.push(&name);
        docker(&all);
        Network { name }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let _ = Command::new("docker").args(["network", "rm", &self.name]).output();
    }
}
