//! The person in front of the drill.

use std::io::IsTerminal;
use std::time::Duration;

use async_trait::async_trait;

use super::DriverError;

/// Asks a person.
#[async_trait]
pub trait Operator: Send + Sync {
    /// Asks a person to do something and waits for the answer, at most so long.
    ///
    /// # Errors
    /// Without a terminal at once; without an answer in time.
    async fn ask(&self, prompt: &str, within: Duration) -> Result<String, DriverError>;
}

/// The person at this terminal.
#[derive(Debug, Default)]
pub struct Terminal;

#[async_trait]
impl Operator for Terminal {
    async fn ask(&self, prompt: &str, within: Duration) -> Result<String, DriverError> {
        if !std::io::stdin().is_terminal() {
            return Err(DriverError::Refused("nobody can be asked: standard input is no terminal".into()));
        }
        eprintln!("\n>>> {prompt}\n>>> press Enter when it is done, or type why not (within {within:?})");
        // A read of a terminal cannot be cut short; its thread is left behind when nobody answers, and ends with the
        // program.
        let (answer, answered) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            let read = std::io::stdin().read_line(&mut line);
            // Nobody listens once the time is over.
            let _ = answer.send(read.map(|_| line.trim().to_owned()));
        });
        match tokio::time::timeout(within, answered).await {
            Ok(Ok(Ok(line))) if line.is_empty() => Ok("done".into()),
            Ok(Ok(Ok(line))) => Ok(line),
            Ok(Ok(Err(e))) => Err(DriverError::Failed(format!("the answer could not be read: {e}"))),
            Ok(Err(_)) => Err(DriverError::Failed("the answer could not be read".into())),
            Err(_) => Err(DriverError::Timeout(format!("nobody answered within {within:?}"))),
        }
    }
}

/// Nobody: for undoing an interrupted run.
#[derive(Debug, Default)]
pub struct Nobody;

#[async_trait]
impl Operator for Nobody {
    async fn ask(&self, _: &str, _: Duration) -> Result<String, DriverError> {
        Err(DriverError::Refused("nobody can be asked".into()))
    }
}
