//! The limits on members as a driver would tell them. Whole drills that they refuse are in `tests/guards`.

use super::*;

fn member(name: &str, readiness: Readiness, service: Option<&str>) -> Member {
    let labels =
        service.map(|s| COMPOSE.map(String::from).into_iter().zip(["shop".to_owned(), s.to_owned()]).collect());
    Member {
        identity: format!("id of {name}"),
        shown: format!("container {name}"),
        name: name.into(),
        owner: String::new(),
        labels: labels.unwrap_or_default(),
        readiness,
        own: false,
    }
}

fn container(name: &str) -> Target {
    Target::Container(ContainerSelector {
        name: Some(name.into()),
        engine: Some("unix:///e.sock".into()),
        ..Default::default()
    })
}

#[test]
fn containers_of_one_compose_service_belong_together() {
    let members = [member("a", Readiness::Ready, Some("app")), member("b", Readiness::Ready, Some("app"))];
    let found = groups(&container("a"), &members);
    let expected = Target::Container(ContainerSelector {
        compose_project: Some("shop".into()),
        compose_service: Some("app".into()),
        engine: Some("unix:///e.sock".into()),
        ..Default::default()
    });
    assert_eq!(found, [expected]);
    let loose = [member("a", Readiness::Ready, Some("app")), member("b", Readiness::Ready, None)];
    assert_eq!(groups(&container("a"), &loose), [container("a")]);
}

#[test]
fn only_what_is_ready_and_untouched_counts() {
    let name: Name = "app".parse().unwrap();
    let group = [
        member("a", Readiness::Ready, None),
        member("b", Readiness::Ready, None),
        member("c", Readiness::NotReady("unhealthy".into()), None),
        member("d", Readiness::Unknown("no health".into()), None),
    ];
    let hurt = BTreeSet::from(["id of a".to_owned()]);
    assert_eq!(enough(&name, &group, &hurt, 1), Ok(()));
    let why = enough(&name, &group, &hurt, 2).unwrap_err();
    assert!(why.contains("asks for 2 of target app") && why.contains("and 1 would"), "{why}");
    assert!(why.contains("container a (touched by a fault)") && why.contains("not ready: unhealthy"), "{why}");
    assert!(enough(&name, &[], &hurt, 1).unwrap_err().contains("there is nothing"));
    assert_eq!(enough(&name, &[], &hurt, 0), Ok(()));
}
