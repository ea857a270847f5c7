//! The CI files: every verb and flag in them exists, shells can read every script, no input becomes code, and the
//! scripts of the action do what they say, run for real.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::common::{BINARY, Home};
use crate::door;
use clap::CommandFactory;
use serde_json::Value;
use simulacro::cli::args::Cli;

const ACTION: &str = "action.yml";
const GITLAB: &str = "docs/ci/gitlab-ci.yml";

fn workflows() -> Vec<String> {
    let files = fs::read_dir(".github/workflows").unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| path.display().to_string()).collect()
}

fn yaml(path: &str) -> Value {
    let text = fs::read_to_string(path).unwrap();
    serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn items(value: &Value) -> Vec<&Value> {
    value.as_array().map(|list| list.iter().collect()).unwrap_or_default()
}

/// The steps of the action.
fn steps() -> Vec<Value> {
    items(&yaml(ACTION)["runs"]["steps"]).into_iter().cloned().collect()
}

/// Every shell script of every CI file, with the file it stands in.
fn scripts() -> Vec<(String, String)> {
    let run = |file: &str, step: &Value| Some((file.to_owned(), step["run"].as_str()?.to_owned()));
    let mut found: Vec<_> = steps().iter().filter_map(|step| run(ACTION, step)).collect();
    for file in workflows() {
        let jobs = yaml(&file)["jobs"].as_object().unwrap().clone();
        found.extend(
            jobs.values()
                .flat_map(|job| items(&job["steps"]).into_iter().filter_map(|s| run(&file, s)).collect::<Vec<_>>()),
        );
    }
    for job in yaml(GITLAB).as_object().unwrap().values() {
        let lines = ["before_script", "script", "after_script"].into_iter().flat_map(|key| items(&job[key]));
        found.extend(lines.map(|line| (GITLAB.to_owned(), line.as_str().unwrap().to_owned())));
    }
    found
}

#[test]
fn shells_can_read_every_script() {
    let scripts = scripts();
    assert!(scripts.len() > 12, "{}", scripts.len());
    for (file, script) in scripts {
        let shell = if file == GITLAB { "sh" } else { "bash" };
        let out = Command::new(shell).args(["-n", "-c", &script]).output().unwrap();
        assert!(out.status.success(), "{file}: {}\n{script}", String::from_utf8_lossy(&out.stderr));
    }
}

/// An input that is put into the text of a script could add commands of its own.
#[test]
fn no_expression_stands_in_a_script() {
    for (file, script) in scripts() {
        assert!(!script.contains("${{"), "{file}: pass it through env:\n{script}");
    }
    let action = yaml(ACTION);
    for name in action["inputs"].as_object().unwrap().keys() {
        let text = fs::read_to_string(ACTION).unwrap();
        assert!(text.contains(&format!("${{{{ inputs.{name} }}}}")), "the input {name} does nothing");
        assert!(fs::read_to_string("docs/ci.md").unwrap().contains(&format!("`{name}`")), "docs/ci.md lacks {name}");
    }
}

/// The calls of the binary in a script: verb and flags. Flags that a script collects in an array belong to all calls
/// of that script.
fn calls(script: &str) -> Vec<(String, Vec<String>)> {
    let script = script.replace("\\\n", " ");
    let flags = |line: &str| -> Vec<String> {
        let words = line.split_whitespace().map(|word| word.trim_matches(['(', ')', ';', '"', '\'']));
        words.filter(|w| w.starts_with('-') && w.len() > 1 && *w != "--").map(str::to_owned).collect()
    };
    let lines = || script.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let pushed: Vec<String> =
        lines().filter(|l| l.contains("args+=(")).flat_map(|l| flags(l.split("args+=").nth(1).unwrap())).collect();
    let mut found = Vec::new();
    for line in lines() {
        let mut words = line.split_whitespace().skip_while(|word| *word != "simulacro");
        if let (Some(_), Some(verb)) = (words.next(), words.next().filter(|verb| !verb.starts_with('>'))) {
            let rest = line.split_once("simulacro ").unwrap().1;
            let own = flags(rest.split("||").next().unwrap());
            found.push((verb.to_owned(), own));
        }
    }
    for (verb, own) in &mut found {
        // The retry is of `run` alone, and the script asks.
        own.extend(pushed.iter().filter(|flag| verb == "run" || *flag != "--retry-inconclusive").cloned());
    }
    found
}

#[test]
fn every_verb_and_flag_exists() {
    let cli = Cli::command();
    let mut verbs = Vec::new();
    for (file, script) in scripts() {
        for (verb, flags) in calls(&script) {
            verbs.push(verb.clone());
            let Some(command) = cli.find_subcommand(&verb) else {
                panic!("{file}: there is no `simulacro {verb}`\n{script}");
            };
            for flag in flags {
                let name = flag.split('=').next().unwrap();
                let known = command.get_arguments().any(|arg| match name.strip_prefix("--") {
                    Some(long) => arg.get_long() == Some(long),
                    None => arg.get_short().is_some_and(|short| name == format!("-{short}")),
                });
                assert!(known, "{file}: `simulacro {verb}` has no {flag}\n{script}");
            }
        }
    }
    for verb in ["run", "load", "compare", "recover"] {
        assert!(verbs.iter().any(|v| v == verb), "no CI file shows {verb}");
    }
}

#[test]
fn files_that_the_workflows_name_exist() {
    for file in [".github/workflows/simulacro.yml", GITLAB] {
        let text = fs::read_to_string(file).unwrap();
        for word in text.split(|c: char| c.is_whitespace() || c == '"').filter(|w| !w.starts_with("simulacro-")) {
            if ["scenarios/", "loadprofiles/", "docs/"].iter().any(|folder| word.starts_with(folder)) {
                assert!(Path::new(word.trim_end_matches('.')).exists(), "{file} names {word}");
            }
        }
    }
}

/// A runner of GitHub's, as far as the action uses it.
struct Runner {
    home: Home,
    inputs: BTreeMap<String, String>,
    /// Folders before the usual PATH.
    path: Vec<PathBuf>,
    outputs: BTreeMap<String, String>,
}

impl Runner {
    fn new(name: &str, inputs: &[(&str, &str)]) -> Runner {
        let home = Home::new(name);
        let bin = home.path().join("bin");
        fs::create_dir(&bin).unwrap();
        std::os::unix::fs::symlink(BINARY, bin.join("simulacro")).unwrap();
        let action = yaml(ACTION);
        let default =
            |(name, input): (&String, &Value)| (name.clone(), input["default"].as_str().unwrap_or("").to_owned());
        let mut all: BTreeMap<_, _> = action["inputs"].as_object().unwrap().iter().map(default).collect();
        for (name, value) in inputs {
            assert!(all.insert((*name).into(), (*value).into()).is_some(), "no such input: {name}");
        }
        Runner { home, inputs: all, path: vec![bin], outputs: BTreeMap::new() }
    }

    /// A binary in place of the real one, which writes its arguments down and ends with a code by verb.
    fn fake(&mut self, codes: &str) {
        let bin = self.home.path().join("fake");
        fs::create_dir(&bin).unwrap();
        let log = self.home.path().join("calls");
        let script = format!(
            "#!/bin/sh\nfor word in \"$@\"; do printf '[%s]' \"$word\"; done >> '{}'\necho >> '{}'\ncase \"$1\" in {codes} esac\n",
            log.display(),
            log.display()
        );
        fs::write(bin.join("simulacro"), script).unwrap();
        Command::new("chmod").arg("+x").arg(bin.join("simulacro")).status().unwrap();
        self.path.insert(0, bin);
    }

    fn expand(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${{") {
            let (name, after) = after.split_once("}}").unwrap();
            out += before;
            out += &match name.trim() {
                "github.action_path" => "action-path".to_owned(),
                name => match name.strip_prefix("inputs.") {
                    Some(input) => self.inputs[input].clone(),
                    None => self.outputs.get(name).cloned().unwrap_or_default(),
                },
            };
            rest = after;
        }
        out + rest
    }

    /// Runs the steps in order as the runner does; the exit code of the first that fails, and what was said.
    fn run(&mut self) -> (i32, String) {
        let (mut failed, mut said) = (0, String::new());
        for step in steps() {
            let wanted = match step["if"].as_str() {
                Some("always()") => true,
                Some("inputs.base != ''") => failed == 0 && !self.inputs["base"].is_empty(),
                None => failed == 0,
                Some(other) => panic!("this test does not know `if: {other}`"),
            };
            let Some(script) = step["run"].as_str().filter(|_| wanted) else { continue };
            assert_eq!(step["shell"], "bash");
            let (code, text) = self.step(&step, script);
            said += &text;
            if failed == 0 {
                failed = code;
            }
        }
        (failed, said)
    }

    fn step(&mut self, step: &Value, script: &str) -> (i32, String) {
        let file = |name: &str| self.home.path().join(name);
        let path = self.path.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(":");
        let mut command = Command::new("bash");
        command.args(["--noprofile", "--norc", "-eo", "pipefail", "-c", script]).current_dir(self.home.path());
        command.stdin(Stdio::null()).env("PATH", format!("{path}:{}", std::env::var("PATH").unwrap()));
        command
            .env("SIMULACRO_STATE_DIR", file("state"))
            .env("SIMULACRO_PLAIN", "true")
            .env("RUNNER_TEMP", file("temp"));
        for name in ["GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_PATH"] {
            command.env(name, file(name));
        }
        for (name, value) in step["env"].as_object().into_iter().flatten() {
            command.env(name, self.expand(value.as_str().unwrap()));
        }
        let _ = fs::remove_file(file("GITHUB_OUTPUT"));
        let out = command.output().unwrap();
        for line in fs::read_to_string(file("GITHUB_OUTPUT")).unwrap_or_default().lines() {
            let (name, value) = line.split_once('=').unwrap();
            let id = step["id"].as_str().expect("a step with outputs has an id");
            self.outputs.insert(format!("steps.{id}.outputs.{name}"), value.to_owned());
        }
        let said = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
        (out.status.code().unwrap(), said)
    }

    fn calls(&self) -> Vec<String> {
        fs::read_to_string(self.home.path().join("calls")).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    fn summary(&self) -> String {
        fs::read_to_string(self.home.path().join("GITHUB_STEP_SUMMARY")).unwrap_or_default()
    }
}

#[test]
fn the_action_runs_a_real_drill_and_passes_its_exit_code_on() {
    let port = door();
    for (objective, retry, code, runs) in [("", "false", 0, 1), ("'p99': '< 1s'", "true", 20, 2)] {
        let inputs = [("files", "drill.yaml\n"), ("vars", &format!("port={port}")), ("retry-inconclusive", retry)];
        let mut runner = Runner::new("action", &inputs);
        let text = format!(
            "name: quick\nvars: {{ port: '1' }}\n\
             probes: [{{ name: p, tcp: {{ address: '127.0.0.1:${{port}}' }}, every: 50ms }}]\n\
             phases: {{ warmup: 200ms, baseline: 600ms, after: 200ms }}\nsteady_state: ['p.ok']\n\
             objectives: {{ slo: {{ baseline: {{ {objective} }} }} }}\n"
        );
        fs::write(runner.home.path().join("drill.yaml"), text).unwrap();
        let (exit, said) = runner.run();
        assert_eq!(exit, code, "{said}");
        assert_eq!(runner.outputs["steps.verdict.outputs.exit-code"], code.to_string());
        assert_eq!(runner.outputs["steps.recover.outputs.exit-code"], "0", "{said}");
        let folders = fs::read_dir(runner.home.path().join("simulacro-reports")).unwrap().count();
        assert_eq!(folders, runs, "{said}");
        assert_eq!(runner.summary().matches("Exit code ").count(), runs, "{}", runner.summary());
        assert_eq!(runner.summary().contains("Second attempt"), runs == 2);
    }
}

#[test]
fn the_action_passes_every_input_on_as_one_argument_and_runs_none_of_them() {
    let evil = "a b.yaml\n$(touch pwned).yaml\n`touch pwned`;touch pwned\"'\n";
    let inputs =
        [("files", evil), ("vars", "x=$(touch pwned) y"), ("args", "--allow-commands"), ("retry-inconclusive", "true")];
    let mut runner = Runner::new("action-evil", &inputs);
    runner.fake("run) exit 20;;");
    let (exit, said) = runner.run();
    assert_eq!(exit, 20, "{said}");
    assert!(!runner.home.path().join("pwned").exists(), "{said}");
    let expected = "[run][--report-dir][simulacro-reports][-V][x=$(touch pwned) y][--allow-commands]\
                    [--retry-inconclusive][--][a b.yaml][$(touch pwned).yaml][`touch pwned`;touch pwned\"']";
    assert_eq!(runner.calls(), [expected, "[recover][--all]"]);
}

#[test]
fn the_action_undoes_whatever_happened_and_the_most_urgent_code_decides() {
    let compared = [("files", "p.yaml"), ("command", "load"), ("base", "base.json"), ("compare-args", "--effect=15%")];
    for (codes, code, calls) in [
        ("load) exit 0;;", 0, 3),
        ("compare) exit 15;;", 15, 3),
        ("load) exit 10;; compare) exit 15;;", 10, 3),
        ("load) exit 22;; recover) exit 30;;", 30, 3),
    ] {
        let mut runner = Runner::new("action-codes", &compared);
        runner.fake(codes);
        let (exit, said) = runner.run();
        assert_eq!((exit, runner.calls().len()), (code, calls), "{codes}: {said}");
        assert!(
            runner.calls()[2].ends_with("[--effect=15%][--][base.json][simulacro-reports]"),
            "{:?}",
            runner.calls()
        );
    }
    let mut wrong = Runner::new("action-wrong", &[("files", "x"), ("command", "explode")]);
    wrong.fake("");
    let (exit, said) = wrong.run();
    assert!(exit == 2 && said.contains("run or load"), "{said}");
    // A runner without the binary, and without a way to build it: the job fails, whatever else is missing.
    let mut broken = Runner::new("action-broken", &[("files", "x"), ("simulacro", "no/such/binary")]);
    broken.path.clear();
    assert_ne!(broken.run().0, 0);
}
