//! The verdict of the rich run.

use super::ms;
use crate::result::Outcome;
use crate::result::verdict::{Objective, Part};

fn part(objective: Objective, outcome: Outcome, texts: [&str; 4]) -> Part {
    let [subject, asked, measured, why] = texts.map(str::to_owned);
    Part { objective, subject, asked, measured, value: None, bounds: None, outcome, why, evidence: vec![] }
}

pub(super) fn parts() -> Vec<Part> {
    use Objective::*;
    use Outcome::*;
    let mut parts = vec![
        part(SteadyState, Pass, ["error_rate", "< 1%", "0%", "held over the whole baseline"]),
        part(Rto, Pass, ["crash", "<= 5s from act", "522 ms [511 ms, 541 ms]", "recovered by the system itself"]),
        part(
            Rto,
            Breach,
            [
                "cut",
                "<= 30s from undo",
                "> 60.000 s",
                "not recovered within the deadline of 60 s after the undo; no stream was good for the hold time of 3 s",
            ],
        ),
        part(
            Rpo,
            Breach,
            [
                "crash",
                "0s",
                "139 ms [139 ms, 160 ms]",
                "7 acknowledged writes are missing, the oldest 139 ms before the act",
            ],
        ),
        part(Slo, Pass, ["baseline p95 (steady)", "< 200ms", "6.31 ms", "9,996 samples"]),
        part(Slo, Pass, ["crawl p95 (steady)", "< 450ms", "301 ms", "6,000 samples"]),
        part(
            Slo,
            Inconclusive,
            [
                "crawl availability (steady)",
                ">= 99%",
                "99.96%",
                "2 s of 12 s are blind, because the load worker could not keep up: failures may be missing",
            ],
        ),
        part(
            Drill,
            Inconclusive,
            ["freeze", "impact expected", "", "the fault never began, so nothing can be said of its impact"],
        ),
        part(
            Restore,
            Breach,
            [
                "nightly",
                "rto 30s, rpo 0s",
                "4.204 s",
                "the content of table orders differs: 1 row, column note, not covered by any index",
            ],
        ),
    ];
    parts[2].value = Some(60.0);
    parts[2].bounds = Some((60.0, None));
    parts[2].evidence = vec![ms(48_004), ms(60_412), ms(120_412)];
    parts
}
