//! The real world: every driver of this host.

use std::path::PathBuf;
use std::sync::Arc;

use super::command::HostCommands;
use super::database;
use super::docker;
use super::grpc::HostGrpc;
use super::http::HostHttp;
use super::links::host::HostLinks;
use super::machine::HostMachine;
use super::network::HostNetworks;
use super::process::HostProcesses;
use super::secrets::Secrets;
use super::services::HostServices;
use super::workers::HostWorkers;
use super::{Backups, Operator, Services, World};
use crate::clock::Clock;

/// Connects every driver of this host. Nothing is started or dialled yet.
pub fn connect(clock: Clock, backups: Arc<dyn Backups>, operator: Arc<dyn Operator>) -> World {
    // The fallback names this program for as long as it runs, even when its file was replaced.
    let program: PathBuf = std::env::current_exe().unwrap_or_else(|_| "/proc/self/exe".into());
    let secrets = Secrets::new();
    let services: Arc<dyn Services> = Arc::new(HostServices::new(clock, program.clone(), secrets.clone()));
    World {
        clock,
        processes: Arc::new(HostProcesses::new(services.clone())),
        machine: Arc::new(HostMachine::new(program.clone(), services.clone())),
        services,
        links: Arc::new(HostLinks::new(program.clone())),
        containers: docker::connect(),
        networks: Arc::new(HostNetworks::new(program.clone())),
        databases: database::connect(secrets.clone()),
        commands: Arc::new(HostCommands::new(program.clone(), secrets.clone())),
        http: Arc::new(HostHttp::new(secrets.clone())),
        grpc: Arc::new(HostGrpc::new(secrets)),
        workers: Arc::new(HostWorkers::with_program(program)),
        backups,
        operator,
    }
}
