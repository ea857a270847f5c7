//! Links that faults can bend.

mod client;
mod holder;
pub mod host;
mod place;
pub mod protocol;
pub mod remote;

use async_trait::async_trait;

use super::DriverError;
use crate::model::{LinkAddress, LinkRule, Name, RuleId};
use crate::safety::{Licence, LinkUndo, Reverted, Standing};

/// Links run in a proxy process of their own; this is its remote control.
#[async_trait]
pub trait Links: Send + Sync {
    /// Opens the drill's own links; called once. An address in use is refused with the address and the link's name.
    async fn open(&self, links: &[LinkAddress], seed: u64) -> Result<(), DriverError>;
    /// The control address that an undo record of a link must carry.
    fn control(&self, link: &Name) -> Result<String, DriverError>;
    /// Sets a rule. Returns when the rule is in force for every byte and connection from then on.
    async fn set_rule(
        &self,
        link: &Name,
        id: &RuleId,
        rule: &LinkRule,
        licence: Licence<'_>,
    ) -> Result<(), DriverError>;
    /// Takes a rule away; never waits for data.
    async fn revert(&self, undo: &LinkUndo) -> Result<Reverted, DriverError>;
    /// Whether a rule stands, and what it touched.
    async fn standing(&self, undo: &LinkUndo) -> Result<Standing, DriverError>;
    /// Closes every link of the drill and ends its proxy process.
    async fn close(&self);
}
