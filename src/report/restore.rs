//! The tables of restore proofs.

use crate::model::{Name, Offset};
use crate::timeline::restore::{ProofLedger, RestoreProof};

use super::table::{Cell, Table, Tone};
use super::words;

/// One row for each proof: where the backup came from, how long the restore took, how it came out.
pub(crate) fn overview<'a>(proofs: impl IntoIterator<Item = (&'a Name, &'a RestoreProof)>) -> Table {
    let mut table =
        Table::new("Restores", &["backup", "outcome", "source", "#size", "#restore time", "#checks took", "why"]);
    for (name, proof) in proofs {
        let (word, tone) = words::proof(proof.outcome);
        table.row([
            name.as_str().into(),
            Cell::toned(word, tone),
            format!("{} {}", proof.source.provider, proof.source.version).trim_end().into(),
            Cell::maybe(proof.backup.as_ref().map(|b| words::bytes(b.bytes))),
            proof.restore_time.map_or_else(|| Cell::toned("not reached", Tone::Breach), |t| t.to_string().into()),
            proof.verify_time.to_string().into(),
            proof.why.as_str().into(),
        ]);
    }
    table
}

/// Where the backup came from and where it went.
pub(crate) fn facts(proof: &RestoreProof) -> Vec<(&'static str, String)> {
    let mut facts =
        vec![("source", format!("{} {}", proof.source.provider, proof.source.version).trim_end().to_owned())];
    facts.push(("identity", proof.source.identity.clone()));
    if let Some(backup) = &proof.backup {
        let since = |at: Option<Offset>| at.map_or_else(|| "before the run".into(), words::moment);
        let moment = backup.consistent_at.map(|(a, b)| format!("{} to {}", words::moment(a), words::moment(b)));
        facts.extend([
            ("backup", format!("{}, {} {}", backup.id, backup.kind, backup.method)),
            ("location", backup.location.clone()),
            ("size", words::bytes(backup.bytes)),
            ("asked for", since(backup.started)),
            ("complete", since(backup.completed)),
            ("holds the state of", moment.unwrap_or_default()),
            ("SHA-256", backup.digest.clone()),
        ]);
    }
    let reached = proof.restore_time.map_or_else(|| "not reached".into(), |t| t.to_string());
    facts.extend([
        ("scratch copy", proof.scratch.clone()),
        ("restore time", reached),
        ("checks took", proof.verify_time.to_string()),
    ]);
    facts.retain(|(_, value)| !value.is_empty());
    facts
}

/// The timed steps of one proof.
pub(crate) fn steps(name: &Name, proof: &RestoreProof) -> Table {
    let mut table = Table::new(format!("Restore of {name}: steps"), &["step", "#took", "outcome", "detail"]);
    for step in &proof.steps {
        table.row([
            step.name.as_str().into(),
            step.took.to_string().into(),
            if step.ok { Cell::toned("✓ done", Tone::Pass) } else { Cell::toned("✗ failed", Tone::Breach) },
            step.detail.as_str().into(),
        ]);
    }
    table
}

/// The checks of one proof by layer.
pub(crate) fn checks(name: &Name, proof: &RestoreProof) -> Table {
    let columns = ["layer", "check", "outcome", "expected", "observed", "#took"];
    let mut table = Table::new(format!("Restore of {name}: checks"), &columns);
    for check in &proof.checks {
        let (word, tone) = words::check(check.outcome);
        let required = if check.required { "" } else { " (not required)" };
        table.row([
            words::layer(check.layer).into(),
            format!("{}{required}", check.name).into(),
            Cell::toned(word, tone),
            check.expected.as_str().into(),
            check.observed.as_str().into(),
            check.took.to_string().into(),
        ]);
    }
    table
}

/// The ledger on the copy in one sentence.
pub(crate) fn ledger_line(l: &ProofLedger) -> (String, Tone) {
    let n = words::count;
    let rpa = match l.rpa {
        (least, Some(most)) if least == most => format!("RPA {least}"),
        (least, Some(most)) => format!("RPA between {least} and {most}"),
        (least, None) => format!("RPA at least {least}"),
    };
    let text = format!(
        "{} writes acknowledged before the backup: {} not on the copy, {} altered, {} never sent; {} of unknown fate are \
         there; {rpa}",
        n(l.acked),
        n(l.lost),
        n(l.altered),
        n(l.surplus),
        n(l.survived)
    );
    (text, if l.lost + l.altered + l.surplus > 0 { Tone::Breach } else { Tone::Pass })
}
