//! From a selector to containers.

use bollard::models::ContainerSummary;
use bollard::query_parameters::ListContainersOptions;

use super::engine::Engine;
use crate::model::ContainerId;
use crate::scenario::target::ContainerSelector;
use crate::world::DriverError;

const PROJECT: &str = "com.docker.compose.project";
const SERVICE: &str = "com.docker.compose.service";
const ONE_OFF: &str = "com.docker.compose.oneoff";

/// How many names a message lists.
const NAMED: usize = 8;

/// The containers that a selector means, running or not, by name.
pub(super) async fn find(engine: &Engine, selector: &ContainerSelector) -> Result<Vec<ContainerId>, DriverError> {
    let wanted = labels(selector);
    if selector.name.is_none() && wanted.is_empty() {
        return Err(DriverError::Refused(
            "the target names no container: give `name`, `labels`, `compose_project` or `compose_service`".into(),
        ));
    }
    let options = ListContainersOptions { all: true, ..Default::default() };
    let everything = engine.call("its containers", engine.docker.list_containers(Some(options))).await?;
    let fits = |c: &&ContainerSummary| {
        let labels = c.labels.as_ref();
        let label = |key: &str| labels.and_then(|l| l.get(key)).map(String::as_str);
        selector.name.as_ref().is_none_or(|name| names(c).any(|n| n == name))
            && wanted.iter().all(|(key, value)| label(key) == Some(*value))
            // `docker compose run` starts a one-off beside the service: nobody means that.
            && (selector.compose_service.is_none() || !label(ONE_OFF).is_some_and(|v| v.eq_ignore_ascii_case("true")))
    };
    let mut found: Vec<ContainerId> = everything.iter().filter(fits).filter_map(|c| identity(engine, c)).collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    if found.is_empty() { Err(missing(engine, selector, &everything)) } else { Ok(found) }
}

fn labels(selector: &ContainerSelector) -> Vec<(&str, &str)> {
    let plain = selector.labels.iter().map(|(k, v)| (k.as_str(), v.as_str()));
    let project = selector.compose_project.as_deref().map(|p| (PROJECT, p));
    let service = selector.compose_service.as_deref().map(|s| (SERVICE, s));
    plain.chain(project).chain(service).collect()
}

/// Names come with a slash before them; names with more than one are those of links to it.
fn names(container: &ContainerSummary) -> impl Iterator<Item = &str> {
    let names = container.names.iter().flatten().map(|name| name.strip_prefix('/').unwrap_or(name));
    names.filter(|name| !name.contains('/'))
}

fn identity(engine: &Engine, container: &ContainerSummary) -> Option<ContainerId> {
    let id = container.id.clone()?;
    let name = names(container).next().map_or_else(|| id.chars().take(12).collect(), str::to_owned);
    Some(ContainerId { id, name, engine: engine.address.to_string() })
}

fn missing(engine: &Engine, selector: &ContainerSelector, everything: &[ContainerSummary]) -> DriverError {
    let mut there: Vec<&str> = everything.iter().filter_map(|c| names(c).next()).collect();
    there.sort_unstable();
    let there = match there.len() {
        0 => "it has none at all".into(),
        n if n > NAMED => format!("it has {}, … ({n} in all)", there[..NAMED].join(", ")),
        _ => format!("it has {}", there.join(", ")),
    };
    let address = &engine.address;
    DriverError::NotFound(format!("no container {} at the engine {address}: {there}", words(selector)))
}

/// The selector in words.
fn words(selector: &ContainerSelector) -> String {
    let name = selector.name.iter().map(|name| format!("is called {name}"));
    let labels = labels(selector).into_iter().map(|(key, value)| format!("has the label {key}={value}"));
    name.chain(labels).collect::<Vec<_>>().join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_containers_own_name_is_told_from_names_of_links_to_it() {
        let summary = ContainerSummary {
            names: Some(vec!["/web/db".into(), "/db".into()]),
            id: Some("0".repeat(64)),
            ..Default::default()
        };
        assert_eq!(names(&summary).collect::<Vec<_>>(), ["db"]);
    }

    #[test]
    fn a_selector_is_told_in_words() {
        let selector =
            ContainerSelector { name: Some("db".into()), compose_project: Some("shop".into()), ..Default::default() };
        assert_eq!(words(&selector), "is called db and has the label com.docker.compose.project=shop");
    }
}
