use std::sync::{Arc, Mutex};

use indicatif::TermLike;

use super::*;
use crate::timeline::script::{FINE, OPEN, REFUSED, Script, ms, plan, within};

const YAML: &str = "
name: drill
load: [{name: steady, profile: steady.yaml, base_url: 'http://127.0.0.1:1'}]
targets: {app: {process: app}}
faults:
  - {name: crash, at: 2s, process-kill: {target: app}}
  - {name: freeze, after: {fault: crash, is: recovered}, for: 2s, process-pause: {target: app}}
";

/// A drill of 20 s with an outage of 4 s.
fn drill() -> Vec<Event> {
    let mut script = Script::default();
    script.phase(0, Phase::Baseline);
    script.phase(5_000, Phase::Fault);
    script.act(7_000, "crash");
    script.load("steady", 0, 20_000, |t| if within(t, &[(7_000, 11_000)]) { REFUSED } else { FINE });
    script.at(7_300, EventKind::Signal { since: ms(7_000), state: SignalState::Bad });
    script.at(14_000, EventKind::Signal { since: ms(11_000), state: SignalState::Good });
    script.undo(15_000, "crash");
    script.end(20_500);
    script.sorted()
}

/// A log that can be looked at, and a terminal that fails.
#[derive(Clone, Default, Debug)]
struct Shared(Arc<Mutex<Vec<u8>>>, bool);

impl Shared {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.1 {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl TermLike for Shared {
    fn width(&self) -> u16 {
        100
    }
    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }
    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }
    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }
    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }
    fn write_line(&self, s: &str) -> io::Result<()> {
        self.clone().write_all(format!("{s}\n").as_bytes())
    }
    fn write_str(&self, s: &str) -> io::Result<()> {
        self.clone().write_all(s.as_bytes())
    }
    fn clear_line(&self) -> io::Result<()> {
        Ok(())
    }
    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_log_has_a_line_for_each_mark_and_gauges_every_five_seconds() {
    let out = Shared::default();
    let mut live = Live::log(&plan(YAML, &[("steady", OPEN)]), Box::new(out.clone()));
    drill().iter().for_each(|event| live.on(event));
    insta::assert_snapshot!(out.text());
}

#[test]
fn a_terminal_keeps_the_marks_and_shows_the_gauges_below() {
    let out = Shared::default();
    let target = ProgressDrawTarget::term_like(Box::new(out.clone()));
    let mut live = Live::terminal(&plan(YAML, &[("steady", OPEN)]), target, true);
    drill().iter().for_each(|event| live.on(event));
    let text = out.text();
    for piece in [
        "fault crash acts",
        "recovery signal is bad",
        "\u{1b}[31m",
        "100% errors",
        "next: freeze once crash is recovered",
    ] {
        assert!(text.contains(piece), "{piece}: {text}");
    }
}

#[test]
fn a_display_that_fails_is_left_alone() {
    let broken = Shared(Arc::default(), true);
    let plan = plan(YAML, &[("steady", OPEN)]);
    let mut log = Live::log(&plan, Box::new(broken.clone()));
    let mut terminal = Live::terminal(&plan, ProgressDrawTarget::term_like(Box::new(broken)), false);
    for event in &drill() {
        assert!(log.emit(event).is_ok() && terminal.emit(event).is_ok());
    }
    assert!(matches!(log.to, To::Nowhere));
}

#[test]
fn names_from_elsewhere_cannot_steer_the_terminal() {
    let out = Shared::default();
    let mut live = Live::log(&plan(YAML, &[("steady", OPEN)]), Box::new(out.clone()));
    let what = EventKind::Note { text: "a\u{1b}[2Jb\nc".into() };
    live.on(&Event { seq: 0, at: ms(0), what });
    assert_eq!(out.text(), "  +0.000 s  a [2Jb c\n");
}

/// A load of two streams, one of which starts later, is aborted by its threshold.
fn load_alone() -> (Plan, Vec<Event>) {
    use crate::scenario::plan::LoadPlan;
    use crate::timeline::load_line::{Hello, LoadModel, PROTOCOL};
    let yaml = "{name: gate, load: [{name: browse, profile: p, base_url: 'http://127.0.0.1:1'}, \
                {name: buy, profile: p, base_url: 'http://127.0.0.1:1'}]}";
    let ramp = OPEN.replace(
        "constant_arrival_rate: {rate: 100}",
        "ramping_arrival_rate: {stages: [{name: warm, duration: 6s, target: 100}, {duration: 20s, target: 100}]}",
    );
    let threshold = serde_json::from_value(serde_json::json!("p95 < 1s")).unwrap();
    let load =
        LoadPlan { profile: crate::timeline::script::name("gate"), thresholds: vec![threshold], error_budget: None };
    let plan = Plan { load: Some(load), ..plan(yaml, &[("browse", &ramp), ("buy", OPEN)]) };
    let mut script = Script::default();
    script.phase(0, Phase::Load);
    for (stream, from) in [("browse", 500), ("buy", 4_000)] {
        let executor = String::new();
        let hello = Hello {
            protocol: PROTOCOL,
            worker: 0,
            pid: 1,
            model: LoadModel::Open,
            executor,
            asked_rate: None,
            start: 0,
        };
        let stream = crate::timeline::script::name(stream);
        script.at(10, EventKind::LoadReady { stream, hello, from: Some(ms(from)) });
    }
    script.load("browse", 500, 12_000, |_| FINE);
    script.load("buy", 4_000, 12_000, |t| if t > 9_000 { REFUSED } else { FINE });
    let state = |held| EventKind::Threshold { threshold: "p95 < 1s".into(), held, measured: "p95 2 ms".into() };
    script.at(2_000, state(Some(true)));
    script.at(11_000, state(Some(false)));
    script.at(11_001, EventKind::Guard { condition: "p95 < 1s".into(), why: "p95 2 s".into() });
    script.end(12_500);
    (plan, script.sorted())
}

#[test]
fn a_load_alone_shows_each_stream_and_its_thresholds() {
    let (plan, events) = load_alone();
    let out = Shared::default();
    let mut live = Live::log(&plan, Box::new(out.clone()));
    events.iter().for_each(|event| live.on(event));
    let text = out.text();
    for line in [
        "browse: warm, 17%, 100/s asked, 100/s started, 0 in flight, 100 ok, 0 failed, p50",
        "buy: 100/s asked",
        "✓ p95 < 1s",
        "threshold `p95 < 1s` is missed, stopping at once: p95 2 s",
        "browse: stage 2,",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(!text.contains("as before"), "nothing was hurt: {text}");
    let shown = Shared::default();
    let target = ProgressDrawTarget::term_like(Box::new(shown.clone()));
    let mut live = Live::terminal(&plan, target, false);
    events.iter().for_each(|event| live.on(event));
    assert!(shown.text().contains("✓ p95 < 1s") && shown.text().contains("buy: begins in"), "{}", shown.text());
    let broken = Shared(Arc::default(), true);
    let mut live = Live::log(&plan, Box::new(broken));
    assert!(events.iter().all(|event| live.emit(event).is_ok()), "a failing display ends nothing");
}
