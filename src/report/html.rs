//! `report.html`: one file that needs no network, for a screen, a phone and paper.
//!
//! The template escapes every text; the only text that is not escaped is the style sheet, which is the program's own.

use askama::Template;

use crate::model::Delta;
use crate::result::latency::LatencyRow;
use crate::result::{Bounds, LoadInfo, OutageInfo, Outcome, RunResult, Search, SpanKind};
use crate::timeline::restore::RestoreProof;

use super::chart::{self, Charts, Panel};
use super::table::{Table, Tone};
use super::words::{self, Headline};
use super::{glossary, load, restore, tables};

/// The page.
#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    result: &'a RunResult,
    title: &'a str,
    head: Headline,
    retry: Option<String>,
    tally: Vec<(Tone, String)>,
    tiles: Vec<Tile>,
    facts: Vec<(&'static str, String)>,
    objectives: Table,
    charts: Option<Charts>,
    faults: Table,
    outages: Table,
    latency: Table,
    stages: Table,
    service: Table,
    searches: Vec<(Table, String, Tone)>,
    budget: Table,
    ledger: Option<(String, Tone)>,
    ledger_table: Option<Table>,
    restores: Vec<Restore<'a>>,
    steps: Table,
    streams: Table,
    notes: Vec<(String, &'a str)>,
    methods: Vec<(&'static str, &'static str)>,
    terms: Vec<(&'static str, &'static str)>,
}

/// A figure at the top.
struct Tile {
    label: String,
    value: String,
    detail: String,
    tone: Tone,
}

/// One restore proof.
struct Restore<'a> {
    name: &'a str,
    word: &'static str,
    tone: Tone,
    why: &'a str,
    facts: Vec<(&'static str, String)>,
    steps: Table,
    checks: Table,
    ledger: Option<(String, Tone)>,
    leftovers: &'a [String],
}

/// The report as one HTML file.
///
/// # Errors
/// The template engine's own; it writes into memory.
pub fn html(result: &RunResult) -> Result<String, askama::Error> {
    let page = Page {
        result,
        title: result.run.title.as_deref().unwrap_or(result.run.scenario.as_str()),
        head: words::headline(result),
        retry: words::retry(result),
        tally: tally(result),
        tiles: tiles(result),
        facts: facts(result),
        objectives: tables::objectives(result),
        charts: chart::charts(result),
        faults: tables::faults(result),
        outages: tables::outages(result),
        latency: tables::latency(result, true),
        stages: load::stages(result, true),
        service: load::service(result),
        searches: result.load.iter().flat_map(|load| &load.searches).map(searched).collect(),
        budget: load::budget(result.error_budget.as_ref()),
        ledger: result.ledger.as_ref().map(tables::ledger_line),
        ledger_table: result.ledger.as_ref().map(tables::ledger),
        restores: result.restores.iter().map(|(name, proof)| restored(name, proof)).collect(),
        steps: tables::steps(&result.steps),
        streams: if result.load.is_some() { load::streams(&result.streams) } else { tables::streams(&result.streams) },
        notes: result.notes.iter().map(|n| (words::moment(n.at), n.text.as_str())).collect(),
        methods: glossary::methods(result.load.is_some()),
        terms: glossary::terms(result.load.is_some()),
    };
    page.render()
}

/// How many objectives came out how, the worst first.
fn tally(result: &RunResult) -> Vec<(Tone, String)> {
    [Outcome::Breach, Outcome::Inconclusive, Outcome::Pass]
        .into_iter()
        .map(|outcome| (outcome, result.verdict.parts.iter().filter(|p| p.outcome == outcome).count()))
        .filter(|(_, n)| *n > 0)
        .map(|(outcome, n)| (outcome.into(), format!("{} {n} {outcome}", words::sign(outcome))))
        .collect()
}

fn searched(search: &Search) -> (Table, String, Tone) {
    let (line, tone) = load::found(search);
    (load::search(search), line, tone)
}

/// The figures of a load alone: what was found, and the latency of each stream.
fn load_tiles(result: &RunResult, info: &LoadInfo) -> Vec<Tile> {
    let searches = info.searches.iter().map(|search| Tile {
        label: format!("Highest rate of {}", search.stream),
        value: search.highest_held.map_or_else(|| "none held".into(), |rate| words::rate(f64::from(rate))),
        detail: if search.confirmed == Some(true) { "confirmed" } else { "not confirmed" }.into(),
        tone: load::found(search).1,
    });
    let total = |row: &&LatencyRow| row.kind == SpanKind::Total && row.request.is_none();
    let streams = result.latency.rows.iter().filter(total).flat_map(|row| {
        let l = &row.latency;
        let (q, us) = if l.p99_us.is_some() { ("p99", l.p99_us) } else { ("p95", l.p95_us) };
        let quantile = us.map_or_else(|| tables::quantiles(l)[1].text.clone(), words::micros);
        let detail = format!("p50 {}", l.p50_us.map_or_else(|| "–".into(), words::micros));
        let failed = words::count(l.err + l.dropped);
        let tone = if l.err + l.dropped > 0 { Tone::Breach } else { Tone::Plain };
        let of = words::count(l.ok + l.err + l.dropped);
        [
            Tile { label: format!("{q} of {}", row.stream), value: quantile, detail, tone: Tone::Plain },
            Tile {
                label: format!("Failures of {}", row.stream),
                value: words::percent(l.error_rate),
                detail: format!("{failed} of {of} requests"),
                tone,
            },
        ]
    });
    searches.chain(streams).collect()
}

/// The figures that people ask for first: recovery time, data loss, restore time.
fn tiles(result: &RunResult) -> Vec<Tile> {
    if let Some(load) = &result.load {
        return load_tiles(result, load);
    }
    let outages = result.outages.iter().map(outage_tile);
    let loss = result.ledger.iter().map(|ledger| {
        let (_, tone) = tables::ledger_line(ledger);
        let rpa = ledger.rpa.iter().map(|(fault, b)| format!("RPA of {fault}: {}", b.display()));
        Tile {
            label: "Acknowledged writes lost".into(),
            value: ledger.lost.map_or_else(|| "unknown".into(), words::count),
            detail: rpa.collect::<Vec<_>>().join("; "),
            tone,
        }
    });
    let restores = result.restores.iter().map(|(name, proof)| Tile {
        label: format!("Restore of {name}"),
        value: proof.restore_time.map_or_else(|| "not reached".into(), |t| t.to_string()),
        detail: words::proof(proof.outcome).0.into(),
        tone: words::proof(proof.outcome).1,
    });
    outages.chain(loss).chain(restores).collect()
}

fn outage_tile(outage: &OutageInfo) -> Tile {
    let (value, detail) = match (&outage.recovery, outage.rta.upper) {
        (Some(_), Some(upper)) => {
            let by = words::recovered_by(outage.recovered_by);
            (outage.rta.value.to_string(), format!("{} to {upper}, recovered by {by}", outage.rta.lower))
        }
        _ => (Bounds::<Delta>::display(&outage.rta), "did not recover within the deadline".into()),
    };
    let tone = if outage.recovery.is_some() { Tone::Plain } else { Tone::Breach };
    Tile { label: format!("Recovery time of {}", outage.fault), value, detail, tone }
}

/// What the drill was.
fn facts(result: &RunResult) -> Vec<(&'static str, String)> {
    let run = &result.run;
    let world = if run.simulated { "simulated: nothing real was touched".to_owned() } else { run.host.clone() };
    let maybe = |value: &Option<String>| value.clone().unwrap_or_default();
    let rejudged = if result.verdict.rejudged {
        format!("{}, judged again: the run was made for {}", result.verdict.objectives_digest, run.objectives_digest)
    } else {
        result.verdict.objectives_digest.clone()
    };
    [
        ("scenario", run.scenario.to_string()),
        ("file", run.file.clone()),
        ("owner", maybe(&run.owner)),
        ("criticality", maybe(&run.criticality)),
        ("runbook", maybe(&run.runbook)),
        ("tags", run.tags.join(", ")),
        ("run", run.id.to_string()),
        ("started", words::wall(&run.started)),
        ("took", words::span(run.took)),
        ("environment", run.environment.clone()),
        ("world", world),
        ("seed", run.seed.to_string()),
        ("exit code", result.end.exit_code.to_string()),
        ("program", format!("simulacro {}", result.program)),
        ("scenario SHA-256", run.digest.clone()),
        ("objectives SHA-256", rejudged),
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
    .collect()
}

fn restored<'a>(name: &'a crate::model::Name, proof: &'a RestoreProof) -> Restore<'a> {
    let (word, tone) = words::proof(proof.outcome);
    Restore {
        name: name.as_str(),
        word,
        tone,
        why: &proof.why,
        facts: restore::facts(proof),
        steps: restore::steps(name, proof),
        checks: restore::checks(name, proof),
        ledger: proof.ledger.as_ref().map(restore::ledger_line),
        leftovers: &proof.leftovers,
    }
}

/// What the template asks of a panel.
impl Panel {
    fn height(&self) -> u32 {
        chart::HEIGHT as u32
    }
}

#[cfg(test)]
mod tests;
