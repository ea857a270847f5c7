//! A container's place in a network: left, and taken again as it was.

use std::net::Ipv4Addr;

use bollard::models::NetworkInspect;

use super::act;
use super::engine::Engine;
use super::host::inspect;
use super::view::{ContainerView, Life, view};
use crate::model::{ContainerId, Endpoint};
use crate::safety::Reverted;
use crate::world::DriverError;

/// Whether both are places in the same network.
pub(super) fn same(a: &Endpoint, b: &Endpoint) -> bool {
    if a.network_id.is_empty() || b.network_id.is_empty() {
        return a.network == b.network;
    }
    a.network_id == b.network_id
}

/// Connects a container again as it was. `now`: the look that was just taken.
pub(super) async fn reconnect(
    engine: &Engine,
    container: &ContainerId,
    before: &Endpoint,
    keep_address: bool,
    now: &ContainerView,
) -> Result<Reverted, DriverError> {
    if let Some(place) = now.networks.iter().find(|n| same(n, before)) {
        return right_address(place, before, keep_address, now).map(|()| Reverted::AlreadyBack);
    }
    match act::connect(engine, container, before).await {
        Ok(()) => {}
        // The container was there a moment ago: it is the network that is gone, and with it what was cut.
        Err(DriverError::NotFound(_)) if inspect(engine, container).await.is_ok() => return Ok(Reverted::TargetGone),
        // Somebody else may have connected it in the same moment: the look below tells.
        Err(e) => {
            let now = view(&inspect(engine, container).await?);
            return if now.networks.iter().any(|n| same(n, before)) { Ok(Reverted::Restored) } else { Err(e) };
        }
    }
    let mut now = view(&inspect(engine, container).await?);
    let place = |now: &ContainerView| now.networks.iter().find(|n| same(n, before)).cloned().unwrap_or_default();
    if keep_address && right_address(&place(&now), before, true, &now).is_err() {
        // A network with a subnet of its own takes orders for addresses.
        let ordered = Endpoint { fixed: before.address.clone(), ..before.clone() };
        act::disconnect(engine, container, before).await?;
        if act::connect(engine, container, &ordered).await.is_err() {
            act::connect(engine, container, before).await?;
        }
        now = view(&inspect(engine, container).await?);
    }
    right_address(&place(&now), before, keep_address, &now).map(|()| Reverted::Restored)
}

/// Whether it has the address that it had. A container that does not run has none.
fn right_address(place: &Endpoint, before: &Endpoint, keep: bool, now: &ContainerView) -> Result<(), DriverError> {
    let told = now.life == Life::Down || place.address.is_empty() || before.address.is_empty();
    if !keep || told || place.address == before.address {
        return Ok(());
    }
    Err(DriverError::Failed(format!(
        "it is in the network {} again, with the address {} instead of {}: another container has that now. End that \
         one, then disconnect and connect this one; `address: any` makes do with another address",
        before.network, place.address, before.address
    )))
}

/// Whether the engine would give a container the address again that it has now: it is asked for by number, or is the
/// lowest that nobody else has, which is what engines give.
pub(super) async fn address_returns(engine: &Engine, id: &str, place: &Endpoint) -> Result<bool, DriverError> {
    if !place.fixed.is_empty() || place.address.is_empty() {
        return Ok(true);
    }
    let asked = engine.docker.inspect_network(&place.network_id, None);
    let told = engine.call(&format!("the network {}", place.network), asked).await?;
    Ok(place.address.parse().is_ok_and(|mine| lowest_free(&told, id) == Some(mine)))
}

/// The lowest address that no other container has.
fn lowest_free(network: &NetworkInspect, id: &str) -> Option<Ipv4Addr> {
    let plain = |text: &String| text.split('/').next()?.parse::<Ipv4Addr>().ok();
    let pool = network.ipam.as_ref()?.config.as_ref()?.iter().find(|c| c.subnet.as_ref().and_then(plain).is_some())?;
    let base = pool.ip_range.as_ref().or(pool.subnet.as_ref()).and_then(plain)?;
    let others = network.containers.iter().flatten().filter(|(other, _)| *other != id);
    let taken = others.filter_map(|(_, c)| c.ipv4_address.as_ref().and_then(plain));
    let reserved = pool.auxiliary_addresses.iter().flat_map(|a| a.values()).filter_map(plain);
    let mut taken: Vec<u32> =
        taken.chain(reserved).chain(pool.gateway.as_ref().and_then(plain)).map(u32::from).collect();
    taken.sort_unstable();
    let first = u32::from(base) + 1;
    Some(Ipv4Addr::from(taken.into_iter().fold(first, |free, t| if t == free { free + 1 } else { free })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_address_that_nobody_else_has_is_what_comes_back() {
        let network: NetworkInspect = serde_json::from_value(serde_json::json!({
            "IPAM": { "Config": [{ "Subnet": "172.18.0.0/16", "Gateway": "172.18.0.1" }] },
            "Containers": {
                "mine": { "IPv4Address": "172.18.0.4/16" },
                "a": { "IPv4Address": "172.18.0.2/16" },
                "b": { "IPv4Address": "172.18.0.3/16" },
                "c": { "IPv4Address": "172.18.0.5/16" }
            }
        }))
        .unwrap();
        assert_eq!(lowest_free(&network, "mine"), Some(Ipv4Addr::new(172, 18, 0, 4)));
        assert_eq!(lowest_free(&network, "a"), Some(Ipv4Addr::new(172, 18, 0, 2)));
        assert_eq!(lowest_free(&network, "c"), Some(Ipv4Addr::new(172, 18, 0, 5)));
        assert_eq!(lowest_free(&NetworkInspect::default(), "mine"), None);
    }

    #[test]
    fn networks_are_the_same_by_id_and_by_name_only_where_no_id_is_known() {
        let place = |network: &str, id: &str| Endpoint {
            network: network.into(),
            network_id: id.into(),
            ..Endpoint::default()
        };
        assert!(same(&place("shop", "1"), &place("shop", "1")));
        assert!(!same(&place("shop", "1"), &place("shop", "2")), "made anew under the same name");
        assert!(same(&place("shop", ""), &place("shop", "2")));
    }
}
