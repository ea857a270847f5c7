//! Windows of one second, made from formulas: same in every run.

use std::collections::BTreeMap;

use super::{d, ms, name, rich as rich_run};
use crate::model::Name;
use crate::result::{Latency, PhaseInfo, RunResult, StreamInfo, StreamKind, Window};
use crate::scenario::phases::Phase;

/// A number between 0 and 1 that looks random.
fn noise(n: u64) -> f64 {
    let mut x = n.wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^= x >> 27;
    x = x.wrapping_mul(0x94d0_49bb_1331_11eb);
    ((x ^ (x >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

fn window(second: u64, ok: u64, err: u64, p50_us: f64) -> Window {
    let swing = 0.85 + 0.3 * noise(second * 31 + ok);
    let q = |factor: f64| (ok > 0).then_some((p50_us * factor * swing) as u64);
    let reach = |share: f64, q: Option<u64>| q.filter(|_| (err as f64) <= share * (ok + err) as f64);
    let latency = Latency {
        ok,
        err,
        rate: ok as f64,
        error_rate: if ok + err == 0 { 0.0 } else { super::short(err as f64 / (ok + err) as f64) },
        p50_us: reach(0.5, q(1.0)),
        p95_us: reach(0.05, q(2.9)),
        p99_us: reach(0.01, q(4.0 + 3.0 * noise(second))),
        max_us: q(9.0),
        ..Latency::default()
    };
    Window { from: ms(second as i64 * 1000), latency, asked: None, blind: false }
}

/// What the rich run's streams lived through, second by second.
pub(super) fn rich() -> BTreeMap<Name, Vec<Window>> {
    let stream = |per_second: f64, base_us: f64, slow_us: f64, seed: u64| -> Vec<Window> {
        (1..125)
            .map(|s| {
                let asked = (per_second * (0.99 + 0.02 * noise(s + seed))) as u64;
                match s {
                    25 => window(s, asked / 2, asked / 2, base_us),
                    30..=41 => window(s, if base_us > 3000.0 { asked / 3 } else { asked }, 0, slow_us),
                    48..=124 => window(s, 0, asked, base_us),
                    _ => window(s, asked, 0, base_us),
                }
            })
            .collect()
    };
    let mut steady = stream(500.0, 2_140.0, 110_000.0, 1);
    for second in [33, 34] {
        steady[second] = Window { blind: true, latency: Latency::default(), ..steady[second].clone() };
    }
    BTreeMap::from([
        (name("steady"), steady),
        (name("shoppers"), stream(61.0, 3_070.0, 160_000.0, 2)),
        (name("checkout"), stream(50.0, 1_020.0, 104_000.0, 3)),
    ])
}

/// A run of one hour with ten streams: 36,000 windows.
pub(crate) fn hour() -> RunResult {
    let names: Vec<Name> = (0..10).map(|n| name(&format!("stream-{n}"))).collect();
    let windows = |n: u64| {
        (0..3600)
            .map(|s| match s {
                1200..=1260 => window(s, 40, 60 + n, 300_000.0),
                _ => window(s, 100 + (20.0 * noise(s * 7 + n)) as u64, 0, 3_000.0 * (1.0 + n as f64)),
            })
            .collect()
    };
    let base = rich_run();
    RunResult {
        windows: names.iter().zip(0..).map(|(stream, n)| (stream.clone(), windows(n))).collect(),
        streams: names
            .iter()
            .map(|stream| StreamInfo { name: stream.clone(), kind: StreamKind::Open, ..base.streams[2].clone() })
            .collect(),
        phases: vec![
            PhaseInfo { phase: Phase::Baseline, from: ms(0), to: ms(1_200_000) },
            PhaseInfo { phase: Phase::Fault, from: ms(1_200_000), to: ms(1_260_000) },
            PhaseInfo { phase: Phase::After, from: ms(1_260_000), to: ms(3_600_000) },
        ],
        run: crate::result::RunInfo { took: d(3_600_000), ..base.run.clone() },
        ..base
    }
}
