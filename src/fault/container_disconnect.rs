//! `container-disconnect`: takes a container out of a network; undo connects it again as it was.

use super::containers::{CALL, act_on_all, targeted, undo};
use super::{Fault, FaultContext};
use crate::model::{ContainerId, Endpoint};
use crate::safety::{ContainerEffect, Licence, Undo};
use crate::scenario::fault::{AddressAfter, ContainerDisconnect};
use crate::world::docker::{ContainerAct, ContainerView};
use crate::world::{DriverError, World};

impl Fault for ContainerDisconnect {
    async fn prepare(&self, world: &World, context: FaultContext<'_>) -> Result<Vec<Undo>, DriverError> {
        let mut undos = Vec::new();
        for (container, view) in targeted(world, context, &self.target).await? {
            let refused = |why: String| DriverError::Refused(format!("fault {}: {container} {why}", context.name));
            let endpoint = place(&container, &view, self.network.as_deref()).map_err(refused)?;
            if view.loose_ports {
                return Err(refused(
                    "publishes a port that the engine chose, and would come back with another one: publish it under a \
                     number of your own"
                        .into(),
                ));
            }
            let keep_address = self.address == AddressAfter::Keep;
            if keep_address && !world.containers.address_returns(&container, &endpoint).await? {
                return Err(refused(format!(
                    "has the address {} in the network {}, and the engine would give it a lower one that has become \
                     free: give it a fixed address (`ipv4_address`), or make do with another one by `address: any`",
                    endpoint.address, endpoint.network
                )));
            }
            let effect = ContainerEffect::Disconnected { endpoint, keep_address };
            undos.push(undo(container, &view, CALL, effect));
        }
        Ok(undos)
    }

    async fn inject(&self, world: &World, undo: &[Undo], licence: Licence<'_>) -> Result<(), DriverError> {
        act_on_all(world, undo, ContainerAct::Disconnect, licence).await
    }
}

/// The place that is meant; else why there is none.
fn place(container: &ContainerId, view: &ContainerView, network: Option<&str>) -> Result<Endpoint, String> {
    if let Some(whose) = &view.shares_network {
        return Err(format!("has no network of its own (`--network {whose}`): there is nothing to take it out of"));
    }
    let names = || view.networks.iter().map(|n| n.network.as_str()).collect::<Vec<_>>().join(", ");
    match (network, view.networks.as_slice()) {
        (_, []) => Err(format!("is in no network: `docker network connect NETWORK {}`", container.name)),
        (None, [only]) => Ok(only.clone()),
        (None, _) => Err(format!("is in several networks: say which by `network:` ({})", names())),
        (Some(wanted), networks) => {
            // Compose puts the project before the name that a file gives.
            let found = networks.iter().find(|n| n.network == wanted);
            let found = found.or_else(|| {
                let mut ends = networks.iter().filter(|n| n.network.ends_with(&format!("_{wanted}")));
                ends.next().filter(|_| ends.next().is_none())
            });
            found.cloned().ok_or_else(|| format!("is not in the network {wanted}; it is in {}", names()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ContainerLimits;
    use crate::world::docker::Life;

    fn view(networks: &[&str], shares: Option<&str>) -> ContainerView {
        let network = |name: &&str| Endpoint { network: (*name).to_owned(), ..Endpoint::default() };
        ContainerView {
            life: Life::Running,
            started: String::new(),
            auto_remove: false,
            policy: None,
            limits: ContainerLimits::default(),
            cpu_period: 100_000,
            networks: networks.iter().map(network).collect(),
            shares_network: shares.map(str::to_owned),
            loose_ports: false,
            engine_id: String::new(),
        }
    }

    #[test]
    fn the_network_is_named_by_its_own_name_or_by_that_of_the_compose_file() {
        let container = ContainerId { id: "0".repeat(64), name: "db".into(), engine: String::new() };
        let place = |view: &ContainerView, wanted| place(&container, view, wanted).map(|place| place.network);
        let two = view(&["shop_back", "shop_front"], None);
        assert_eq!(place(&two, Some("back")), Ok("shop_back".into()));
        assert_eq!(place(&two, Some("shop_front")), Ok("shop_front".into()));
        assert!(place(&two, Some("side")).unwrap_err().contains("it is in shop_back, shop_front"));
        assert!(place(&two, None).unwrap_err().contains("say which"));
        assert_eq!(place(&view(&["only"], None), None), Ok("only".into()));
        assert!(place(&view(&[], None), None).unwrap_err().contains("docker network connect"));
        assert!(place(&view(&["host"], Some("host")), None).unwrap_err().contains("--network host"));
        assert!(place(&view(&["a_net", "b_net"], None), Some("net")).is_err(), "two fit");
    }
}
