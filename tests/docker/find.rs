//! Which containers a selector means, and what is said when it means none.

use std::collections::BTreeMap;

use simulacro::scenario::target::ContainerSelector;
use simulacro::world::docker::HostContainers;
use simulacro::world::{Containers, DriverError};

use crate::support::{Container, unique};

#[tokio::test]
#[ignore = "needs docker"]
async fn containers_are_found_by_name_label_and_compose_service() {
    let (project, colour) = (unique("project"), unique("blue"));
    let project_label = format!("com.docker.compose.project={project}");
    let colour_label = format!("colour={colour}");
    let labels = ["-l", &project_label, "-l", "com.docker.compose.service=db", "-l", &colour_label];
    let one = Container::start("one", &labels);
    let two = Container::start("two", &["-l", &project_label, "-l", "com.docker.compose.service=web"]);
    let run = Container::start(
        "run",
        &["-l", &project_label, "-l", "com.docker.compose.service=db", "-l", "com.docker.compose.oneoff=True"],
    );
    let driver = HostContainers::new();

    let by_name = one.resolved(&driver).await;
    assert_eq!((by_name.id, by_name.name), (one.id(), one.name.clone()));
    assert!(by_name.engine.starts_with("unix://"), "a record must not depend on DOCKER_HOST: {}", by_name.engine);

    let by_label =
        ContainerSelector { labels: BTreeMap::from([("colour".into(), colour)]), ..ContainerSelector::default() };
    assert_eq!(driver.resolve(&by_label).await.unwrap()[0].id, one.id());

    let service = |service: Option<&str>| ContainerSelector {
        compose_project: Some(project.clone()),
        compose_service: service.map(str::to_owned),
        ..ContainerSelector::default()
    };
    let names = |found: Vec<simulacro::model::ContainerId>| found.into_iter().map(|c| c.name).collect::<Vec<_>>();
    assert_eq!(
        names(driver.resolve(&service(Some("db"))).await.unwrap()),
        std::slice::from_ref(&one.name),
        "no one-off is meant"
    );
    let mut whole = vec![one.name.clone(), two.name.clone(), run.name.clone()];
    whole.sort();
    assert_eq!(names(driver.resolve(&service(None)).await.unwrap()), whole);
}

#[tokio::test]
#[ignore = "needs docker"]
async fn the_first_process_is_this_hosts_and_a_stopped_container_has_none() {
    let container = Container::start("init", &[]);
    let driver = HostContainers::new();
    let id = container.resolved(&driver).await;
    let init = driver.init(&id).await.unwrap();
    assert_eq!(i64::from(init.pid), container.pid());
    assert!(init.start > 0);

    crate::support::docker(&["kill", &container.name]);
    let Err(DriverError::Refused(told)) = driver.init(&id).await else { panic!("it has no process") };
    assert!(told.contains("does not run") && told.contains(&container.name), "{told}");

    container.remove();
    let Err(DriverError::NotFound(told)) = driver.init(&id).await else { panic!("it is gone") };
    assert!(told.contains("removed, or replaced"), "{told}");
}

#[tokio::test]
#[ignore = "needs docker"]
async fn what_is_missing_or_ambiguous_is_said_with_what_there_is() {
    let container = Container::start("there", &[]);
    let driver = HostContainers::new();
    let named = |name: &str| ContainerSelector { name: Some(name.into()), ..ContainerSelector::default() };

    // A part of a name is not the name, though the engine's own filter takes it for one.
    let part = &container.name[..container.name.len() - 2];
    let Err(DriverError::NotFound(told)) = driver.resolve(&named(part)).await else { panic!("not its name") };
    assert!(told.contains("no container is called"), "{told}");

    let Err(DriverError::Refused(told)) = driver.resolve(&ContainerSelector::default()).await else { panic!() };
    assert!(told.contains("compose_service"), "{told}");

    let elsewhere = |engine: &str| ContainerSelector { engine: Some(engine.into()), ..named("db") };
    let Err(DriverError::Refused(told)) = driver.resolve(&elsewhere("unix:///nowhere/engine.sock")).await else {
        panic!("nothing listens there")
    };
    assert!(told.contains("/nowhere/engine.sock") && told.contains("DOCKER_HOST"), "{told}");
    let Err(DriverError::Refused(told)) = driver.resolve(&elsewhere("tcp://127.0.0.1:1")).await else { panic!() };
    assert!(told.contains("not running"), "{told}");
}
