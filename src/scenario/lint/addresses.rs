//! Addresses: their form, and two that claim one port.

use super::Lint;
use crate::scenario::ledger::{LedgerRead, LedgerWrite};
use crate::scenario::reference::references;

/// Words before which a service's command names the address it listens on.
const LISTEN_FLAGS: [&str; 6] = ["--listen", "--bind", "--addr", "--address", "--port", "-p"];

/// An address that something listens on.
struct Claim {
    path: String,
    who: String,
    host: String,
    port: u16,
}

pub(super) fn check(lint: &mut Lint<'_>) {
    let scenario = lint.scenario;
    let mut claims = Vec::new();
    for (name, service) in &scenario.services {
        for (i, pair) in service.command.windows(2).enumerate() {
            if LISTEN_FLAGS.contains(&pair[0].as_str())
                && let Some((host, port)) = claimed(&pair[1])
            {
                let path = format!("services.{name}.command[{}]", i + 1);
                claims.push(Claim { path, who: format!("the service `{name}`"), host, port });
            }
        }
        if let Some(ready) = &service.ready {
            url(lint, format!("services.{name}.ready.http"), ready.http.as_deref());
            address(lint, format!("services.{name}.ready.tcp"), ready.tcp.as_deref());
        }
    }
    for (name, proxy) in &scenario.proxies {
        let path = format!("proxies.{name}.listen");
        if proxy.control.is_some() {
            // It runs already: what is said of its addresses is checked against it, and claims no port.
            url(lint, format!("proxies.{name}.control"), proxy.control.as_deref());
            continue;
        }
        for (key, text) in [("listen", &proxy.listen), ("upstream", &proxy.upstream)] {
            if text.is_empty() {
                let hint = "give `listen` and `upstream`, or `control` for a proxy that already runs";
                lint.error(format!("proxies.{name}"), format!("`{key}` is missing"), hint);
            }
        }
        let told = |text: &'_ String| (!text.is_empty()).then(|| text.clone());
        address(lint, format!("proxies.{name}.upstream"), told(&proxy.upstream).as_deref());
        if address(lint, path.clone(), told(&proxy.listen).as_deref())
            && let Some((host, port)) = claimed(&proxy.listen)
        {
            if claimed(&proxy.upstream).is_some_and(|(h, p)| p == port && meet(&h, &host)) {
                lint.error(format!("proxies.{name}.upstream"), "the link would pass on to itself", "");
            }
            claims.push(Claim { path, who: format!("the proxy `{name}`"), host, port });
        }
    }
    for (i, claim) in claims.iter().enumerate() {
        let rival = claims[..i].iter().find(|c| c.port == claim.port && c.port != 0 && meet(&c.host, &claim.host));
        if let Some(rival) = rival {
            let line = lint.line(&rival.path);
            let message = format!("port {} is taken by {} (line {line})", claim.port, rival.who);
            lint.error(claim.path.clone(), message, "give it another port");
        }
    }
    requests(lint);
}

fn requests(lint: &mut Lint<'_>) {
    let scenario = lint.scenario;
    for (i, probe) in scenario.probes.iter().enumerate() {
        url(lint, format!("probes[{i}].http.url"), probe.http.as_ref().map(|h| h.url.as_str()));
        url(lint, format!("probes[{i}].grpc.url"), probe.grpc.as_ref().map(|g| g.url.as_str()));
        address(lint, format!("probes[{i}].tcp.address"), probe.tcp.as_ref().map(|t| t.address.as_str()));
    }
    for (i, load) in scenario.load.iter().enumerate() {
        url(lint, format!("load[{i}].base_url"), Some(&load.base_url));
    }
    for (i, step) in scenario.playbook.iter().enumerate() {
        url(lint, format!("playbook[{i}].http.url"), step.http.as_ref().map(|h| h.url.as_str()));
    }
    if let Some(ledger) = &scenario.ledger {
        let (way, write) = match &ledger.write {
            LedgerWrite::Http(write) => ("http", Some(write.url.as_str())),
            LedgerWrite::Grpc(write) => ("grpc", Some(write.url.as_str())),
            LedgerWrite::ClickHouse(write) => ("clickhouse", Some(write.url.as_str())),
            // Addresses of databases have a rule of their own.
            LedgerWrite::Postgres(_) | LedgerWrite::Redis(_) => ("", None),
        };
        url(lint, format!("ledger.write.{way}.url"), write);
        let (way, read) = match &ledger.read {
            LedgerRead::Http(_) => ("http", Some(ledger.read.url())),
            LedgerRead::Grpc(_) => ("grpc", Some(ledger.read.url())),
            LedgerRead::ClickHouse(_) => ("clickhouse", Some(ledger.read.url())),
            LedgerRead::Postgres(_) | LedgerRead::Redis(_) => ("", None),
        };
        url(lint, format!("ledger.read.{way}.url"), read);
    }
}

/// Whether a text is an absolute HTTP address; one that begins with a reference is known only later.
fn url(lint: &mut Lint<'_>, path: String, text: Option<&str>) {
    let Some(text) = text else { return };
    if text.starts_with("${") && !references(text).is_empty() {
        return;
    }
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let host = rest.map(|r| r.split(['/', '?', '#']).next().unwrap_or(""));
    if host.is_none_or(|h| h.is_empty() || h.starts_with(':')) || text.contains(char::is_whitespace) {
        let hint = "write it whole, as in `http://127.0.0.1:8080/ready`";
        lint.error(path, format!("`{text}` is not an absolute HTTP address"), hint);
    }
}

/// Whether a text is `host:port`; reported if not.
fn address(lint: &mut Lint<'_>, path: String, text: Option<&str>) -> bool {
    let Some(text) = text else { return true };
    let fits = !references(text).is_empty()
        || text.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    if !fits {
        lint.error(path, format!("`{text}` is not an address"), "write host and port, as in `127.0.0.1:8080`");
    }
    fits
}

/// Host and port of `host:port`, `:port` or `port`.
fn claimed(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
    Some((host.trim_matches(['[', ']']).to_owned(), port.parse().ok()?))
}

/// Whether two hosts are, or include, the same interface.
fn meet(a: &str, b: &str) -> bool {
    let any = |h: &str| matches!(h, "" | "0.0.0.0" | "::" | "*");
    let local = |h: &str| matches!(h, "localhost" | "127.0.0.1" | "::1");
    a == b || any(a) || any(b) || (local(a) && local(b))
}
