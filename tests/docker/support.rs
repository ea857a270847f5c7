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

/// What of an inspection must be the same before and after: everything but the traces of time, in one spelling.
pub fn lasting(told: &Value) -> Value {
    let mut host = told["HostConfig"].clone();
    // Spellings of "no limit": what was never set, and what was set back.
    for (key, none) in [("CpuQuota", -1), ("PidsLimit", 0), ("Memory", 1 << 62), ("MemorySwap", i64::MAX - 4095)] {
        if host[key].is_null() || host[key] == serde_json::json!(none) {
            host[key] = 0.into();
        }
    }
    let networks = told["NetworkSettings"]["Networks"].as_object().cloned().unwrap_or_default();
    let networks: serde_json::Map<String, Value> = networks
        .into_iter()
        .map(|(name, n)| {
            let fixed = n["IPAMConfig"]["IPv4Address"].clone();
            let mut aliases: Vec<_> = n["Aliases"].as_array().into_iter().flatten().map(Value::to_string).collect();
            aliases.sort();
            // On the network that all tests share, an address goes to whoever starts first.
            let address = if name == "bridge" { &Value::Null } else { &n["IPAddress"] };
            let place = serde_json::json!([aliases, address, n["NetworkID"], n["Links"], fixed]);
            (name, place)
        })
        .collect();
    let state = &told["State"];
    serde_json::json!({
        "id": told["Id"], "name": told["Name"], "config": told["Config"], "host": host, "networks": networks,
        "ports": told["NetworkSettings"]["Ports"],
        "state": [state["Running"], state["Paused"], state["Restarting"]],
    })
}

/// Whether two inspections say the same of what lasts; names what differs.
pub fn assert_same(after: &Value, before: &Value, at: &str) {
    let parts = before.as_object().expect("parts");
    let differing = parts.iter().filter(|(key, was)| after[key.as_str()] != **was);
    let told: Vec<_> = differing.map(|(key, was)| format!("{key}: {was} became {}", after[key.as_str()])).collect();
    assert!(told.is_empty(), "{at}: {}", told.join("; "));
}

/// A value that the kernel keeps for the container, by the names that both versions of control groups give it.
pub fn kernel(container: &Container, controller: &str, v1: &str, v2: &str) -> String {
    let groups = std::fs::read_to_string(format!("/proc/{}/cgroup", container.pid())).expect("its control groups");
    let path = |named: &str| {
        groups.lines().find_map(|line| {
            let mut fields = line.splitn(3, ':').skip(1);
            let controllers = fields.next()?;
            let path = fields.next()?;
            controllers.split(',').any(|c| c == named).then(|| path.to_owned())
        })
    };
    let file = match path(controller) {
        Some(path) => format!("/sys/fs/cgroup/{controller}{path}/{v1}"),
        None => format!("/sys/fs/cgroup{}/{v2}", path("").expect("a unified control group")),
    };
    std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{file}: {e}")).trim().to_owned()
}

/// Whether a command in the container succeeds.
pub fn succeeds(container: &Container, command: &[&str]) -> bool {
    let args = ["exec", &container.name].into_iter().chain(command.iter().copied());
    Command::new("docker").args(args).output().expect("the program docker").status.success()
}
