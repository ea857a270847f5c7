//! The person in front of the drill.

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
