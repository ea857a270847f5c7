//! `latency.hlog` is read by HdrHistogram's own Python port with the counts and quantiles that we know. The reference
//! library is Java's; this port is of the same project and reads the same files.

use std::path::{Path, PathBuf};
use std::process::Command;

use simulacro::model::{Delta, Offset};
use simulacro::report::hlog::{Interval, hlog};
use simulacro::timeline::latency::{Hist, Sparse};

/// Reads a log and prints, for each tag, the number of intervals, the count, and p50, p95, p99 and the largest value.
const READER: &str = r#"
import sys
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

sums, intervals, starts = {}, {}, []
reader = HistogramLogReader(sys.argv[1], HdrHistogram(1, 600_000_000, 3))
while True:
    one = reader.get_next_interval_histogram()
    if one is None:
        break
    tag = one.get_tag()
    sums.setdefault(tag, HdrHistogram(1, 600_000_000, 3)).add(one)
    intervals[tag] = intervals.get(tag, 0) + 1
    starts.append(one.get_start_time_stamp())
assert starts == sorted(starts), starts
for tag, hist in sorted(sums.items()):
    at = [hist.get_value_at_percentile(q) for q in (50, 95, 99, 100)]
    print(tag, intervals[tag], hist.get_total_count(), *at)
"#;

/// A Python that has the package: `SIMULACRO_HDRH_PYTHON`, as `scripts/test` sets it, or the one on the path.
fn python() -> Option<PathBuf> {
    let given = std::env::var_os("SIMULACRO_HDRH_PYTHON").map(PathBuf::from);
    let candidates = given.into_iter().chain([PathBuf::from("python3")]);
    candidates.into_iter().find(|python| {
        let import = Command::new(python).args(["-c", "import hdrh"]).output();
        import.is_ok_and(|output| output.status.success())
    })
}

/// A second of a stream: values in microseconds. A multiple of 100, because the port rounds a quantile's rank where we
/// round it up.
fn values(second: u64, tag: usize) -> Vec<u64> {
    let noise = |n: u64| (n + 17 + tag as u64 * 1_000_003).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
    (0..200).map(|n| 1 + noise(second * 1_000 + n) % if n % 50 == 0 { 600_000_000 } else { 40_000 }).collect()
}

fn read(python: &Path, log: &Path) -> String {
    let output = Command::new(python).args(["-c", READER]).arg(log).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn hdrhistograms_python_port_reads_the_same_counts_and_quantiles() {
    let Some(python) = python() else {
        let missing =
            "python3 with the package `hdrhistogram` is missing: pip install hdrhistogram, or run scripts/test";
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{missing}");
        eprintln!("NOT TESTED: {missing}");
        return;
    };
    let tags = ["steady", "shop.buy"];
    let (mut sums, mut intervals) = (vec![Hist::default(), Hist::default()], Vec::new());
    for second in 0..30 {
        for (nth, tag) in tags.into_iter().enumerate() {
            let hist = Sparse::of(values(second, nth));
            sums[nth].merge_sparse(&hist);
            let start = Offset::from_millis(second as i64 * 1_000);
            intervals.push(Interval { tag, start, length: Delta::from_millis(1_000), histogram: hist.encode().into() });
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("latency.hlog");
    std::fs::write(&file, hlog(intervals, 1_793_680_140.25).unwrap()).unwrap();
    let mut expected = Vec::new();
    for (tag, sum) in tags.iter().zip(&sums) {
        let total = sum.total();
        let at = |q: f64| sum.at_rank((q * total as f64).ceil() as u64).unwrap();
        expected.push(format!("{tag} 30 {total} {} {} {} {}", at(0.5), at(0.95), at(0.99), at(1.0)));
    }
    expected.sort();
    assert_eq!(read(&python, &file).lines().collect::<Vec<_>>(), expected);
}
