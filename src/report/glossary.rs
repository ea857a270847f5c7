//! The words of a report, and how its numbers were measured, a line each. `docs/reports.md` has the long form.

/// What only a drill has to say: of a load alone it is left out.
const OF_DRILLS: [&str; 12] = [
    "Recovery time",
    "Data loss",
    "Restore time",
    "RTO, RTA",
    "RPO, RPA",
    "armed, act",
    "in effect, lost, undone",
    "impact",
    "bad time",
    "SLO",
    "Pass",
    "open, closed, probe",
];

/// What only a load alone has to say.
const OF_LOADS: [&str; 6] = ["Rate", "Service time", "Error budget", "Apdex", "threshold", "open, closed"];

/// How each number was measured, in a drill or in a load alone.
pub(crate) fn methods(load: bool) -> Vec<(&'static str, &'static str)> {
    fitting(METHODS, load)
}

/// The terms.
pub(crate) fn terms(load: bool) -> Vec<(&'static str, &'static str)> {
    fitting(TERMS, load)
}

fn fitting(all: &[(&'static str, &'static str)], load: bool) -> Vec<(&'static str, &'static str)> {
    let left_out: &[&str] = if load { &OF_DRILLS } else { &OF_LOADS };
    all.iter().filter(|(term, _)| !left_out.contains(term)).copied().collect()
}

/// How each number was measured.
const METHODS: &[(&str, &str)] = &[
    (
        "Time",
        "One monotonic clock on the runner. Every time is a distance from the start of the run; the wall clock was read once.",
    ),
    (
        "Latency",
        "From the intended start of a request to its last byte, so a stalled server cannot hide behind a stalled client. \
         Failures rank as the slowest; quantiles come from merged histograms with three significant digits.",
    ),
    (
        "Service time",
        "From the actual start of a request to its last byte, successes only. Where the latency is longer, requests waited \
         for a free sender: the target held them all, or our side was late.",
    ),
    (
        "Rate",
        "Requests that were started. Under 95 % of what was asked, for reasons on our side, the figures say nothing about \
         the rate asked for: inconclusive. A request that finds every sender waiting for the target is dropped, and failed.",
    ),
    (
        "Error budget",
        "Used: failures / (requests expected in the period × (1 − level)). Burn: share of failures / (1 − level); above 1 the \
         budget would not last the period.",
    ),
    (
        "Recovery time",
        "From the first bad to the last bad observation at least; from the last good one before to the first good one of \
         the stretch that then held, at most. The interval stands in brackets.",
    ),
    (
        "Pass",
        "The upper bound meets the objective. Breach: the lower bound misses it. In between, or where blind time could \
         change the answer: inconclusive.",
    ),
    (
        "Data loss",
        "Numbered writes, each journaled before it was sent. Lost: acknowledged, and not in the final read. A write that \
         was never answered may be there or not; neither is a loss.",
    ),
    (
        "Restore time",
        "From locating the backup to the first write on the restored copy, step by step. Checks are timed apart.",
    ),
];

/// The terms.
const TERMS: &[(&str, &str)] = &[
    (
        "RTO, RTA",
        "Recovery time objective: the longest outage that is acceptable. Recovery time actual: the one measured.",
    ),
    (
        "RPO, RPA",
        "Recovery point objective: the most data, as time, that may be lost. Recovery point actual: what was lost.",
    ),
    ("SLO", "Service level objective: a bound on latency, failures or availability in a phase or during a fault."),
    ("armed, act", "The undo record was on disk; the call that harms was issued."),
    (
        "in effect, lost, undone",
        "The fault was seen to work; its effect was found gone too early; it was seen to be gone.",
    ),
    ("impact", "The outage that clients saw began; declared as expected, tolerated or none."),
    ("bad time", "Total of the bad windows: less than the RTA where a service flaps."),
    ("blind", "Our side could not send or see: neither good nor bad, and a pass cannot rest on it."),
    (
        "open, closed, probe",
        "Load at its own rate; users who wait for each answer; a look at the service on a schedule.",
    ),
    ("threshold", "A bound on a metric over the whole load, or over one stage of it."),
    ("open, closed", "Load at its own rate; users who wait for each answer, and so slow down with the target."),
    ("under way", "Requests without an answer when the span ended. They are counted as what became of them later."),
    (
        "Apdex",
        "(Answers within T + half of those within 4 T) / all: 1 is everybody satisfied, failures satisfy nobody.",
    ),
    ("p50, p95, p99", "Half, 95 % or 99 % of all requests were at least this fast."),
    ("inconclusive", "It could not be told. It is not a pass."),
];
