use proptest::prelude::*;

use super::*;
use crate::scenario::profile::Profile;

fn assignment(requests: &str) -> Assignment {
    let profile =
        format!("{{simulacro_profile: 1, name: p, constant_arrival_rate: {{rate: 1}}, requests: [{requests}]}}");
    Assignment {
        stream: "my stream".parse().unwrap(),
        base_url: String::new(),
        profile: Profile::from_yaml(&profile).unwrap(),
        seed: 7,
        epoch: 0,
        not_before: 0,
        log: "log".into(),
    }
}

fn plan(requests: &str, prefix: &str) -> Result<Plan, PlanError> {
    let assignment = assignment(requests);
    Plan::new(&assignment, assignment.profile.requests.iter(), prefix, &OwnSecrets(world::secrets::Secrets::new()))
}

#[test]
fn a_base_url_is_taken_apart() {
    let target = Target::parse("http://[::1]:8080/shop/").unwrap();
    assert_eq!((target.host.as_str(), target.port, target.prefix.as_str()), ("::1", 8080, "/shop"));
    assert_eq!((target.authority.as_str(), target.base.as_str()), ("[::1]:8080", "http://[::1]:8080/shop"));
    assert_eq!(Target::parse("http://orders").unwrap().port, 80);
    assert!(Target::parse("https://orders").unwrap().tls);
    for wrong in ["orders:80", "ftp://orders", "http://me:secret@orders", "http://orders/?x=1", "/orders", ""] {
        assert!(Target::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_request_is_rendered_with_prefix_headers_and_body() {
    let one = "{name: a, method: PUT, path: '/${stream}/${seq}', headers: {X-User: 'u${user}'}, body: '{\"n\": ${iteration}}'}";
    let plan = plan(one, "/shop").unwrap();
    let rendered = plan.rendered(plan.request(0), 4, 2, 9).unwrap();
    assert_eq!(&rendered.path[..], b"/shop/my%20stream/4");
    assert_eq!(&rendered.body[..], b"{\"n\": 9}");
    assert_eq!(rendered.headers["x-user"], "u2");
    assert_eq!(rendered.headers["content-type"], "application/json");
    assert_eq!(plan.request(0).method, hyper::Method::PUT);
}

#[test]
fn a_header_of_the_profile_wins_and_a_bad_one_is_named() {
    let own = "{name: a, path: /, headers: {Content-Type: text/plain}, body: '{}'}";
    let own = plan(own, "").unwrap();
    assert_eq!(own.rendered(own.request(0), 0, 0, 0).unwrap().headers["content-type"], "text/plain");
    let wrong = plan("{name: broken, path: /, headers: {'a b': x}}", "").unwrap_err().to_string();
    assert!(wrong.contains("`broken`") && wrong.contains("`a b`"), "{wrong}");
}

proptest! {
    #[test]
    fn requests_are_picked_by_weight_and_the_same_ones_again(heavy in 1u32..20, seed: u64) {
        let mut assignment = assignment(&format!(
            "{{name: a, path: /a, weight: {heavy}}}, {{name: never, path: /n, weight: 0}}, {{name: b, path: /b}}"
        ));
        assignment.seed = seed;
        let secrets = OwnSecrets(world::secrets::Secrets::new());
        let plan = Plan::new(&assignment, assignment.profile.requests.iter(), "", &secrets).unwrap();
        let picks: Vec<usize> = (0..4000).map(|n| plan.pick(n)).collect();
        prop_assert_eq!(&picks, &(0..4000).map(|n| plan.pick(n)).collect::<Vec<_>>());
        let share = picks.iter().filter(|place| **place == 0).count() as f64 / 4000.0;
        let wanted = f64::from(heavy) / f64::from(heavy + 1);
        // Six standard deviations of 4,000 picks are below 5 %.
        prop_assert!((share - wanted).abs() < 0.05, "{share} instead of {wanted}");
        prop_assert!(!picks.contains(&1));
    }
}
