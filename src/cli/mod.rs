//! The command line: one verb per file.

pub mod args;
pub mod check;
mod compare;
mod consent;
mod demo;
mod doctor;
mod drill;
pub mod exit;
pub mod faults;
pub mod init;
mod judge;
mod load;
mod plan;
mod proxy;
mod recover;
pub mod report;
mod retry;
mod run;
mod run_folder;
pub mod schema;
pub mod show;
mod signals;
mod terminal;

use std::io;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use args::{Cli, ProxyVerb, SchemaKind, Verb};
use exit::Exit;

/// Does what the command line asks for.
pub fn main() -> ExitCode {
    match Cli::parse().verb {
        #[cfg(feature = "demo")]
        Verb::DemoService(options) => crate::demo::serve(options),
        Verb::LoadWorker => crate::observe::load::load_worker(),
        Verb::ProxyWorker => crate::proxy::proxy_worker(),
        Verb::ServiceShim => crate::world::services::service_shim(),
        Verb::StressWorker { tag, job } => crate::world::machine::stress_worker(&tag, &job),
        Verb::NetworkKeeper => crate::world::network::network_keeper(),
        Verb::Watchdog => crate::engine::watchdog::watchdog(&recover::world_of),
        verb => run_verb(verb).into(),
    }
}

fn run_verb(verb: Verb) -> Exit {
    match verb {
        Verb::Demo(args) => demo::demo(&args),
        Verb::Run(args) => run::run(&args),
        Verb::Load(args) => load::load(&args),
        Verb::Plan(args) => plan::plan(&args),
        Verb::Recover(args) => recover::recover(&args),
        Verb::Report(args) => report::report(&args),
        Verb::Judge(args) => judge::judge(&args),
        Verb::Compare(args) => compare::compare(&args),
        Verb::Proxy(ProxyVerb::Serve(args)) => proxy::serve(&args),
        Verb::Doctor(args) => doctor::doctor(&args),
        Verb::Check(args) => {
            let checked = check::check(&args.paths, &args.vars);
            let look = show::look(io::IsTerminal::is_terminal(&io::stdout()));
            said(check::report(&checked, args.json, look, &mut io::stdout()), Exit::Run(checked.exit_code()))
        }
        Verb::Faults(args) => match faults::faults(args.kind.as_deref(), &mut io::stdout()) {
            Ok(()) => Exit::Ok,
            Err(e) => usage(&e),
        },
        Verb::Schema(args) => {
            let of = match args.which {
                SchemaKind::Scenario => schema::SchemaOf::Scenario,
                SchemaKind::Profile => schema::SchemaOf::Profile,
                SchemaKind::Result => schema::SchemaOf::Result,
                SchemaKind::Comparison => schema::SchemaOf::Comparison,
                SchemaKind::Baseline => schema::SchemaOf::Baseline,
            };
            said(schema::schema(of, &mut io::stdout()), Exit::Ok)
        }
        Verb::Init(args) => {
            let written = match &args.from {
                Some(file) => init::import(&args.dir, file, &args.import),
                None => init::init(&args.dir),
            };
            match written {
                Ok(said) => {
                    eprint!("{said}");
                    Exit::Ok
                }
                Err(e) => usage(&e),
            }
        }
        Verb::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "simulacro", &mut io::stdout());
            Exit::Ok
        }
        Verb::Man => said(clap_mangen::Man::new(Cli::command()).render(&mut io::stdout()), Exit::Ok),
        // The roles of helper processes are played before this is asked.
        _ => Exit::Bug,
    }
}

/// The exit code of a verb that only prints. A reader that has gone away is not our error.
fn said(printed: io::Result<()>, exit: Exit) -> Exit {
    match printed {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
            eprintln!("cannot write to standard output: {e}");
            Exit::ResultNotWritten
        }
        _ => exit,
    }
}

fn usage(why: &dyn std::fmt::Display) -> Exit {
    eprintln!("{why}");
    Exit::Usage
}
