//! What all faults of links share: one rule, set on one link, removed by its id.

use super::FaultContext;
use crate::model::{LinkRule, Name, RuleId};
use crate::safety::{Licence, LinkUndo, Undo};
use crate::world::{DriverError, World};

/// The undo: remove this fault's rule, and no other, from that link. The id is unique among all runs and their faults.
pub(super) fn prepare(world: &World, link: &Name, context: FaultContext<'_>) -> Result<Vec<Undo>, DriverError> {
    let control = world.links.control(link)?;
    let rule = RuleId(format!("{}/{}", context.run, context.name));
    Ok(vec![Undo::Link(LinkUndo { control, link: link.clone(), rule })])
}

/// Sets the rule under the very id that the undo record removes.
pub(super) async fn inject(
    world: &World,
    undo: &[Undo],
    rule: &LinkRule,
    licence: Licence<'_>,
) -> Result<(), DriverError> {
    let [Undo::Link(LinkUndo { link, rule: id, .. })] = undo else {
        let why = format!("fault {} has no undo record of a link; nothing was done", licence.fault());
        return Err(DriverError::Failed(why));
    };
    world.links.set_rule(link, id, rule, licence).await
}
