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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::fault::Fault;
    use crate::model::{LinkAddress, RunId};
    use crate::safety::{Reverted, Standing};
    use crate::scenario::Scenario;
    use crate::scenario::fault::{FaultSpec, ProxyDown};
    use crate::world::sim::Sim;

    fn name(text: &str) -> Name {
        text.parse().expect("a name")
    }

    async fn world() -> (Scenario, World) {
        let scenario: Scenario = serde_json::from_value(serde_json::json!({ "name": "drill" })).expect("a scenario");
        let world = Sim::new(&scenario).world(Clock::start());
        let (listen, upstream) = ("127.0.0.1:1".into(), "127.0.0.1:2".into());
        world
            .links
            .open(&[LinkAddress { name: name("front"), listen, upstream, control: None }], 1)
            .await
            .expect("open");
        (scenario, world)
    }

    /// The whole life of one fault: prepared, not yet there, injected, there, reverted, gone.
    async fn lives(fault: &impl Fault) {
        let (scenario, world) = world().await;
        let (run, fault_name) = (RunId("run-1".into()), name("crawl"));
        let context = FaultContext { run: &run, name: &fault_name, scenario: &scenario, dir: "/".as_ref(), seed: 7 };
        let undo = fault.prepare(&world, context).await.expect("prepared");
        let [Undo::Link(record)] = undo.as_slice() else { panic!("{undo:?}") };
        assert_eq!((record.link.as_str(), record.rule.0.as_str()), ("front", "run-1/crawl"));
        assert_eq!(world.standing(&undo[0]).await, Ok(Standing::Gone), "prepare changes nothing");
        fault.inject(&world, &undo, Licence::for_tests()).await.expect("injected");
        assert_eq!(world.standing(&undo[0]).await, Ok(Standing::InForce { touched: 0 }));
        assert_eq!(world.revert(&undo[0]).await, Ok(Reverted::Restored));
        assert_eq!(world.revert(&undo[0]).await, Ok(Reverted::AlreadyBack));
        assert_eq!(world.standing(&undo[0]).await, Ok(Standing::Gone));
    }

    #[tokio::test(start_paused = true)]
    async fn every_fault_of_links_is_one_rule_under_the_id_its_undo_removes() {
        for kind in FaultSpec::KINDS.iter().filter(|kind| kind.starts_with("proxy-")) {
            let (example, _) = FaultSpec::example_of(kind).expect("an example");
            let fault = serde_saphyr::from_str::<FaultSpec>(example).expect("a fault");
            lives(&fault).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_unknown_link_and_an_undo_of_another_kind_are_refused_before_anything_happens() {
        let (scenario, world) = world().await;
        let (run, fault_name) = (RunId("run-1".into()), name("cut"));
        let context = FaultContext { run: &run, name: &fault_name, scenario: &scenario, dir: "/".as_ref(), seed: 7 };
        let fault = ProxyDown { proxy: name("back"), probability: crate::model::whole() };
        assert!(matches!(fault.prepare(&world, context).await, Err(DriverError::NotFound(_))));
        assert!(matches!(fault.inject(&world, &[], Licence::for_tests()).await, Err(DriverError::Failed(_))));
    }
}
