//! Figures that are published in `docs/performance.md`. They are printed, never asserted: what a machine is busy with
//! must not fail a test. `scripts/soak` collects them from a release build.

mod common;

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{Home, figure, free_port};
use simulacro::engine::simulate::simulate;
use simulacro::scenario::resolve::{Settings, resolve};
use simulacro::timeline::event::EndReason;

#[test]
#[ignore = "prints a figure"]
fn a_simulated_drill_of_45_minutes() {
    let home = Home::new("simulated");
    let text = "
name: long
services: { app: { command: [app, '127.0.0.1:2'], ready: { tcp: '127.0.0.1:2', within: 5s }, restart: { after: 5s } } }
proxies: { front: { listen: '127.0.0.1:1', upstream: '127.0.0.1:2' } }
targets: { app: { process: app } }
probes: [{ name: p, tcp: { address: '127.0.0.1:1' }, every: 500ms }]
recovery_signal: { streams: [p] }
ledger: { every: 1s, write: { http: { url: 'http://127.0.0.1:1/orders/${id}', body: '{}' } },
          read: { http: { url: 'http://127.0.0.1:2/orders' } } }
phases: { warmup: 1m, baseline: 15m, recovery: { deadline: 5m, hold: 10s }, after: 15m }
faults:
  - { name: kill, at: 0s, process-kill: { target: app } }
  - { name: slow, at: 5m, for: 5m, impact: tolerated, proxy-latency: { proxy: front, latency: 100ms } }
  - { name: cut, at: 14m, for: 1m, proxy-down: { proxy: front } }
";
    let file = home.path().join("long.yaml");
    fs::write(&file, text).unwrap();
    let settings = Settings {
        vars: Vec::new(),
        seed: 1,
        utc: "test".into(),
        report_dir: home.reports(),
        simulated: true,
        allow_commands: false,
    };
    let plan = Arc::new(resolve(&file, &settings).unwrap_or_else(|p| panic!("{p}")).0);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let start = Instant::now();
    let counted = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let finished = runtime.block_on(simulate(plan, Box::new(Count(counted.clone()))));
    let took = start.elapsed();
    let timeline = finished.timeline;
    assert_eq!(timeline.end.as_ref().map(|(reason, _)| reason), Some(&EndReason::Completed));
    figure("simulated drill, length, min", format!("{:.0}", timeline.now().seconds() / 60.0));
    figure("simulated drill, events", counted.load(std::sync::atomic::Ordering::Relaxed));
    figure("simulated drill, took, ms", took.as_millis());
}

struct Count(Arc<std::sync::atomic::AtomicU64>);

impl simulacro::timeline::event::EventSink for Count {
    fn emit(&mut self, _: &simulacro::timeline::event::Event) -> std::io::Result<()> {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Ok(())
    }
}

/// Processor time of a process so far, in clock ticks of 10 ms (proc(5), fields 14 and 15), and its largest resident
/// memory in KiB.
fn cost(pid: u32) -> Option<(u64, u64)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let peak =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().trim_end_matches(" kB").parse().ok()?;
    Some((fields[11].parse::<u64>().ok()? + fields[12].parse::<u64>().ok()?, peak))
}

#[test]
#[cfg(feature = "demo")]
#[ignore = "prints a figure"]
fn the_runner_itself_at_500_requests_a_second() {
    let home = Home::new("runner");
    let profile = Path::new(env!("CARGO_MANIFEST_DIR")).join("loadprofiles/orders-steady.yaml");
    let app = free_port();
    let text = format!(
        "
name: runner
services:
  orders:
    command: [simulacro, demo-service, --listen, '127.0.0.1:{app}', --data, '${{run_dir}}/orders.db']
    ready: {{ http: 'http://127.0.0.1:{app}/ready', within: 20s }}
load: [{{ name: steady, profile: '{}', base_url: 'http://127.0.0.1:{app}' }}]
probes: [{{ name: p, http: {{ url: 'http://127.0.0.1:{app}/ready' }}, every: 20ms }}]
recovery_signal: {{ streams: [p] }}
ledger:
  every: 20ms
  write: {{ http: {{ url: 'http://127.0.0.1:{app}/orders/${{id}}', body: '{{\"n\": ${{id}}}}' }} }}
  read: {{ http: {{ url: 'http://127.0.0.1:{app}/orders/ids' }} }}
phases: {{ warmup: 2s, baseline: 24s, recovery: {{ hold: 1s }}, after: 3s }}
",
        profile.display()
    );
    let file = home.path().join("runner.yaml");
    fs::write(&file, text).unwrap();
    let start = Instant::now();
    let mut runner = home.simulacro().arg("run").arg(file).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut last = None;
    let status = loop {
        if let Some(status) = runner.try_wait().unwrap() {
            break status;
        }
        last = cost(runner.id()).or(last);
        std::thread::sleep(Duration::from_millis(20));
    };
    let took = start.elapsed().as_secs_f64();
    let (ticks, peak) = last.expect("the runner was seen");
    assert!(status.code().is_some());
    figure("runner's own processor time at 500 requests/s, % of one core", format!("{:.1}", ticks as f64 / took));
    figure("runner's largest resident memory, MB", peak / 1024);
}
