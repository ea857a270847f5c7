use super::*;
use crate::scenario::profile::Profile;

const SECOND: Duration = Duration::from_secs(1);

fn at(seconds: u64) -> Offset {
    Offset::ZERO + SECOND * seconds as u32
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// Two streams of 10 s each, the second with a grace of 2 s and the first with 1 s; both begin at 1 s.
fn course() -> Course {
    let profile = |grace: u64| {
        let text = format!(
            "simulacro_profile: 1\nname: p\nconstant_arrival_rate: {{ rate: 1, duration: 10s }}\ntimeout: 5s\n\
             graceful_stop: {grace}s\nrequests: [{{ name: a, path: /a }}]\n"
        );
        Profile::from_yaml(&text).unwrap()
    };
    let stream = |grace: u64| {
        let profile = profile(grace);
        let length = profile.executor().unwrap().duration().unwrap().get() + super::grace(&profile) + MARGIN;
        Stream { length: Some(length), start: Some(at(1)), over: false }
    };
    let streams = BTreeMap::from([(name("a"), stream(1)), (name("b"), stream(2))]);
    Course { streams, grace: SECOND * 2, stop: None }
}

fn end(course: &mut Course) {
    course.over(&name("a"));
    course.over(&name("b"));
}

#[test]
fn a_load_whose_streams_have_ended_is_complete() {
    let mut course = course();
    assert_eq!(course.poll(at(5)), None);
    course.over(&name("a"));
    assert_eq!(course.poll(at(12)), None, "one of them is still on");
    course.over(&name("b"));
    assert_eq!(course.poll(at(12)), Some(Action::Finish(EndReason::Completed)));
}

#[test]
fn a_stream_that_does_not_end_is_stopped_and_then_left() {
    let mut course = course();
    let limit = course.next_wake().unwrap();
    assert_eq!(limit, at(1 + 10 + 2 + 5), "start, duration, grace, margin of the longest");
    assert_eq!(course.poll(limit), Some(Action::Stop { grace: Duration::ZERO }));
    assert_eq!(course.poll(limit), None, "it is told once");
    assert_eq!(course.poll(limit + MARGIN), Some(Action::Finish(EndReason::Completed)));
}

#[test]
fn a_second_signal_is_more_urgent_and_the_first_reason_stays() {
    let mut course = course();
    course.stop(EndReason::Cancelled, Urgency::Graceful);
    assert_eq!(course.poll(at(3)), Some(Action::Stop { grace: SECOND * 2 }), "the longest grace of all streams");
    assert_eq!(course.poll(at(3)), None);
    course.stop(EndReason::Guard, Urgency::AtOnce);
    assert_eq!(course.poll(at(4)), Some(Action::Stop { grace: Duration::ZERO }));
    assert_eq!(course.poll(at(4)), None);
    end(&mut course);
    assert_eq!(course.poll(at(4)), Some(Action::Finish(EndReason::Cancelled)));
}

#[test]
fn workers_that_ignore_a_graceful_stop_are_stopped_at_once_and_then_left() {
    let mut course = course();
    course.stop(EndReason::Cancelled, Urgency::Graceful);
    assert_eq!(course.poll(at(3)), Some(Action::Stop { grace: SECOND * 2 }));
    let deadline = course.next_wake().unwrap();
    assert_eq!(deadline, at(3 + 2 + 5));
    assert_eq!(course.poll(deadline), Some(Action::Stop { grace: Duration::ZERO }));
    assert_eq!(course.poll(deadline + MARGIN), Some(Action::Finish(EndReason::Cancelled)));
}
