use super::*;

fn freeze(yaml: &str) -> Freeze {
    serde_saphyr::from_str(yaml).unwrap()
}

fn forbids(freezes: &Freezes, now: &str) -> Option<String> {
    freezes.forbid(now.parse().unwrap(), Duration::from_secs(600)).unwrap()
}

fn only(yaml: &str) -> Freezes {
    Freezes { windows: vec![freeze(yaml)], events: Vec::new() }
}

fn calendar(body: &str) -> Result<Freezes, String> {
    let text = format!("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n{body}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n");
    let mut freezes = Freezes::default();
    freezes.read(Path::new("freeze.ics"), &text)?;
    Ok(freezes)
}

#[test]
fn a_window_forbids_from_its_beginning_to_its_end() {
    let exact = only("{ from: '2026-12-20T18:00:00+01:00', to: 2027-01-02T00:00:00Z, reason: Christmas }");
    assert!(forbids(&exact, "2026-12-20T16:49:59Z").is_none());
    let why = forbids(&exact, "2026-12-20T16:55:00Z").unwrap();
    assert!(why.contains("up to 10 min would run into") && why.contains("Christmas"), "{why}");
    assert!(forbids(&exact, "2026-12-25T00:00:00Z").unwrap().starts_with("no drill starts"));
    assert!(forbids(&exact, "2027-01-01T23:59:59Z").is_some());
    assert!(forbids(&exact, "2027-01-02T00:00:00Z").is_none());
}

#[test]
fn a_date_counts_to_its_end_in_its_zone() {
    let days = only("{ from: 2026-12-24, to: 2026-12-26, zone: America/New_York, reason: shops }");
    assert!(forbids(&days, "2026-12-24T04:40:00Z").is_none(), "still the 23rd in New York");
    assert!(forbids(&days, "2026-12-24T05:00:00Z").is_some());
    assert!(forbids(&days, "2026-12-27T04:59:00Z").is_some(), "still the 26th in New York");
    assert!(forbids(&days, "2026-12-27T05:00:00Z").is_none());
}

#[test]
fn a_week_has_its_window_across_a_change_of_clocks() {
    // Berlin puts its clocks back at 01:00 UTC on Sunday, 25 October 2026.
    let weekend = only("{ weekly: 'Fri 16:00 - Mon 08:00', zone: Europe/Berlin, reason: weekend }");
    assert!(forbids(&weekend, "2026-10-23T13:49:00Z").is_none());
    assert!(forbids(&weekend, "2026-10-23T14:00:00Z").is_some(), "16:00 in summer");
    assert!(forbids(&weekend, "2026-10-26T06:59:00Z").is_some(), "07:59 in winter");
    assert!(forbids(&weekend, "2026-10-26T07:00:00Z").is_none());
    let hours = only("{ weekly: 'Tue 10:00 - Tue 12:00', zone: UTC, reason: deploys }");
    assert!(forbids(&hours, "2026-11-24T11:00:00Z").is_some());
    assert!(forbids(&hours, "2026-11-24T12:00:00Z").is_none());
    let always = only("{ weekly: 'Mon 00:00 - Mon 00:00', zone: UTC, reason: never }");
    assert!(forbids(&always, "2026-11-25T00:00:00Z").is_some());
}

#[test]
fn a_window_that_cannot_be_understood_is_a_problem_of_its_key() {
    for (yaml, key) in [
        ("{ from: 2026-12-20, to: 2026-12-24, reason: x }", "from"),
        ("{ from: 2026-12-20, to: 2026-12-19, zone: UTC, reason: x }", "to"),
        ("{ from: soon, to: 2026-12-24, zone: UTC, reason: x }", "from"),
        ("{ from: 2026-12-20, reason: x }", "reason"),
        ("{ from: 2026-12-20, to: 2026-12-24, weekly: 'Mon 00:00 - Tue 00:00', zone: UTC, reason: x }", "reason"),
        ("{ weekly: 'Mon 00:00 - Tue 00:00', reason: x }", "zone"),
        ("{ weekly: 'Mon 00:00 - Tue 00:00', zone: Mars/Base, reason: x }", "zone"),
        ("{ weekly: 'Mon - Tue', zone: UTC, reason: x }", "weekly"),
        ("{ weekly: 'Mon 00:00 - Tue 25:00', zone: UTC, reason: x }", "weekly"),
        ("{ from: 2026-12-20, to: 2026-12-24, zone: UTC, reason: ' ' }", "reason"),
    ] {
        let problem = freeze(yaml).problem();
        assert_eq!(problem.as_ref().map(|(key, _)| *key), Some(key), "{yaml}: {problem:?}");
    }
}

#[test]
fn events_of_a_calendar_forbid() {
    let once = "DTSTART;TZID=Europe/Berlin:20261127T080000\r\nDTEND;TZID=Europe/Berlin:20261127T200000\r\n\
                SUMMARY:Black Friday\\, no \r\n changes\r\nBEGIN:VALARM\r\nDTSTART:wrong\r\nEND:VALARM";
    let once = calendar(once).unwrap();
    assert!(forbids(&once, "2026-11-27T07:00:00Z").unwrap().ends_with("Black Friday, no changes"));
    assert!(forbids(&once, "2026-11-27T19:00:00Z").is_none());
    let cancelled = calendar("DTSTART:20261127T080000Z\r\nDURATION:PT2H\r\nSTATUS:CANCELLED").unwrap();
    assert!(forbids(&cancelled, "2026-11-27T09:00:00Z").is_none());
    let lasting = calendar("DTSTART:20261127T080000Z\r\nDURATION:PT2H").unwrap();
    assert!(forbids(&lasting, "2026-11-27T09:59:00Z").is_some());
    assert!(forbids(&lasting, "2026-11-27T10:00:00Z").is_none());
    let day = calendar("DTSTART;TZID=UTC;VALUE=DATE:20261127").unwrap();
    assert!(forbids(&day, "2026-11-27T23:00:00Z").is_some());
    assert!(forbids(&day, "2026-11-28T00:00:00Z").is_none());
}

#[test]
fn repeated_events_forbid_every_time() {
    let weekly = calendar("DTSTART:20260105T090000Z\r\nDURATION:PT1H\r\nRRULE:FREQ=WEEKLY;BYDAY=MO,WE").unwrap();
    assert!(forbids(&weekly, "2026-11-23T09:30:00Z").is_some(), "a Monday");
    assert!(forbids(&weekly, "2026-11-25T09:30:00Z").is_some(), "a Wednesday");
    assert!(forbids(&weekly, "2026-11-24T09:30:00Z").is_none(), "a Tuesday");
    let counted = calendar("DTSTART:20261101T090000Z\r\nDURATION:PT1H\r\nRRULE:FREQ=DAILY;INTERVAL=2;COUNT=3").unwrap();
    assert!(forbids(&counted, "2026-11-05T09:30:00Z").is_some(), "the third");
    assert!(forbids(&counted, "2026-11-07T09:30:00Z").is_none(), "there is no fourth");
    let until = calendar("DTSTART:20250101T000000Z\r\nDURATION:P2D\r\nRRULE:FREQ=YEARLY;UNTIL=20270101").unwrap();
    assert!(forbids(&until, "2027-01-02T12:00:00Z").is_some());
    assert!(forbids(&until, "2028-01-01T12:00:00Z").is_none());
    let monthly = calendar("DTSTART:20250130T000000Z\r\nDURATION:P1D\r\nRRULE:FREQ=MONTHLY").unwrap();
    assert!(forbids(&monthly, "2026-11-30T12:00:00Z").is_some());
}

#[test]
fn a_calendar_that_is_not_understood_is_an_error() {
    for body in [
        "DTSTART:20261127T080000Z",
        "DTSTART:20261127T080000\r\nDURATION:PT1H",
        "DTSTART;TZID=W. Europe Standard Time:20261127T080000\r\nDURATION:PT1H",
        "DTSTART:tomorrow\r\nDURATION:PT1H",
        "DTSTART:20261127T080000Z\r\nDTEND:20261127T080000Z",
        "DTSTART:20261127T080000Z\r\nDURATION:PT1H\r\nRRULE:FREQ=MONTHLY;BYDAY=1FR",
        "DTSTART:20261127T080000Z\r\nDURATION:PT1H\r\nRRULE:FREQ=SECONDLY",
        "DTSTART:20261127T080000Z\r\nDURATION:PT1H\r\nRDATE:20261201T080000Z",
        "SUMMARY:when?",
        "no line",
    ] {
        let read = calendar(body);
        assert!(read.is_err(), "{body}: {read:?}");
    }
    let cut = Freezes::default().read(Path::new("x"), "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20261127");
    assert!(cut.unwrap_err().contains("within an event"));
}

#[test]
fn a_file_may_hold_a_list_like_the_scenario() {
    let mut freezes = Freezes::default();
    let text = "- { from: 2026-12-24, to: 2026-12-26, zone: UTC, reason: shops }\n";
    freezes.read(Path::new("freeze.yaml"), text).unwrap();
    assert!(forbids(&freezes, "2026-12-25T00:00:00Z").is_some());
    let wrong = freezes.read(Path::new("freeze.yaml"), "- { from: 2026-12-24, to: 2026-12-26, reason: shops }\n");
    assert!(wrong.unwrap_err().contains("[0].from"));
    assert!(freezes.read(Path::new("freeze.yaml"), "frozen: yes\n").is_err());
    assert!(freezes.read(Path::new("freeze.yaml"), "").is_err(), "an empty calendar is one that was not written");
}

#[test]
fn the_longest_drill_counts_every_fault() {
    let text = "name: d\nphases: { warmup: 1s, baseline: 2s, recovery: { deadline: 3s, hold: 4s }, after: 5s }\n\
                proxies: { p: { listen: '127.0.0.1:1', upstream: '127.0.0.1:2' } }\n\
                faults: [{ name: a, at: 10s, for: 20s, proxy-down: { proxy: p } },\n\
                 { name: b, after: { fault: a, delay: 100s }, until: { recovered: true, at_most: 200s }, \
                   proxy-down: { proxy: p } }]";
    let scenario: Scenario = serde_saphyr::from_str(text).unwrap();
    assert_eq!(longest(&scenario), Duration::from_secs(15 + 30 + 300));
}
