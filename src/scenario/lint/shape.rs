//! Keys that exclude each other, commands without a program, words with a form of their own.

use super::Lint;
use crate::scenario::target::{ForeignProcess, ProcessSelector};
use crate::scenario::{FaultSpec, Target};

pub(super) fn check(lint: &mut Lint<'_>) {
    let scenario = lint.scenario;
    if scenario.simulacro != 1 {
        let message = format!("version {} of the scenario format is unknown", scenario.simulacro);
        lint.error("simulacro", message, "this program reads version 1");
    }
    for (name, service) in &scenario.services {
        let path = format!("services.{name}");
        command(lint, format!("{path}.command"), &service.command);
        if let Some(ready) = &service.ready {
            one_of(lint, format!("{path}.ready"), &[("http", ready.http.is_some()), ("tcp", ready.tcp.is_some())]);
        }
    }
    for (name, target) in &scenario.targets {
        if let Target::Process(ProcessSelector::Foreign(process)) = target {
            foreign(lint, format!("targets.{name}.process"), process);
        }
    }
    for (i, probe) in scenario.probes.iter().enumerate() {
        let path = format!("probes[{i}]");
        let ways = [
            ("http", probe.http.is_some()),
            ("grpc", probe.grpc.is_some()),
            ("tcp", probe.tcp.is_some()),
            ("command", probe.command.is_some()),
        ];
        one_of(lint, path.clone(), &ways);
        if let Some(way) = &probe.command {
            command(lint, format!("{path}.command.argv"), &way.argv);
        }
        status(lint, format!("{path}.http.status"), probe.http.as_ref().and_then(|h| h.status));
    }
    for (i, step) in scenario.playbook.iter().enumerate() {
        let path = format!("playbook[{i}]");
        let ways = [
            ("http", step.http.is_some()),
            ("command", step.command.is_some()),
            ("container", step.container.is_some()),
            ("manual", step.manual.is_some()),
            ("postgres", step.postgres.is_some()),
        ];
        one_of(lint, path.clone(), &ways);
        let moments = [("at", step.at.is_some()), ("after", step.after.is_some()), ("when", step.when.is_some())];
        at_most_one_of(lint, &path, &moments);
        if let Some(action) = &step.command {
            command(lint, format!("{path}.command.argv"), &action.argv);
        }
        status(lint, format!("{path}.http.status"), step.http.as_ref().and_then(|h| h.status));
    }
    for (i, fault) in scenario.faults.iter().enumerate() {
        if let FaultSpec::CommandFault(spec) = &fault.spec {
            command(lint, format!("faults[{i}].command.inject"), &spec.inject);
            command(lint, format!("faults[{i}].command.undo"), &spec.undo);
        }
    }
    for (name, backup) in &scenario.backups {
        one_of(lint, format!("backups.{name}"), &[("sqlite", backup.sqlite.is_some())]);
    }
}

/// Exactly one of the keys is there. A second one is reported where it stands, none at the whole.
fn one_of(lint: &mut Lint<'_>, path: String, keys: &[(&str, bool)]) {
    if keys.iter().all(|(_, given)| !given) {
        let names: Vec<_> = keys.iter().map(|(key, _)| format!("`{key}`")).collect();
        lint.error(path, format!("needs {}", one_of_words(&names)), "");
        return;
    }
    at_most_one_of(lint, &path, keys);
}

fn at_most_one_of(lint: &mut Lint<'_>, path: &str, keys: &[(&str, bool)]) {
    let mut given = keys.iter().filter(|(_, given)| *given).map(|(key, _)| *key);
    let Some(first) = given.next() else { return };
    for second in given {
        let message = format!("`{first}` and `{second}` exclude each other");
        lint.key_error(format!("{path}.{second}"), message, "keep one of them");
    }
}

fn one_of_words(names: &[String]) -> String {
    match names {
        [one] => one.clone(),
        many => format!("one of {}", many.join(", ")),
    }
}

fn command(lint: &mut Lint<'_>, path: String, argv: &[String]) {
    if argv.first().is_none_or(|program| program.trim().is_empty()) {
        lint.error(path, "no program to run", "give the program and its arguments as a list");
    }
}

fn status(lint: &mut Lint<'_>, path: String, status: Option<u16>) {
    if let Some(status) = status.filter(|s| !(100..=599).contains(s)) {
        lint.error(path, format!("{status} is not an HTTP status"), "a status is a number from 100 to 599");
    }
}

fn foreign(lint: &mut Lint<'_>, path: String, process: &ForeignProcess) {
    let keys = [("pid_file", process.pid_file.is_some()), ("command_line", process.command_line.is_some())];
    one_of(lint, path.clone(), &keys);
    if let Some(pattern) = &process.command_line {
        if pattern.trim().is_empty() {
            lint.error(format!("{path}.command_line"), "an empty pattern matches every process", "");
        } else if let Err(e) = regex::Regex::new(pattern) {
            // The crate's message shows the pattern over several lines; its last line says what is wrong.
            let why = e.to_string().lines().last().unwrap_or_default().trim().to_owned();
            lint.error(format!("{path}.command_line"), format!("not a regular expression: {why}"), "");
        }
    }
}
