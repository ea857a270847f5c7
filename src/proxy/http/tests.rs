//! Framing under every cut of the stream, and each way of bending.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::model::{HttpRule, HumanDuration, LinkRule, Ratio, RuleId, Scope};
use crate::proxy::rules::ActiveRule;

const NOW: Offset = Offset::from_millis(100);

fn rules(rule: HttpRule) -> RuleSet {
    some(rule, 1.0)
}

fn some(rule: HttpRule, probability: f64) -> RuleSet {
    let scope = Scope { probability: Ratio(probability), ..Scope::default() };
    let spec = LinkRule::Http { rule, scope };
    RuleSet::default().with(Arc::new(ActiveRule::new(RuleId("run/http".into()), spec, 1, Offset::ZERO)))
}

fn path(path: &str) -> HttpRule {
    HttpRule { path: Some(path.into()), ..HttpRule::default() }
}

/// A connection: what each side was passed, in order.
struct Wire {
    http: Http,
    rules: RuleSet,
    server: Vec<u8>,
    client: Vec<u8>,
    holds: Vec<(u64, Offset)>,
}

impl Wire {
    fn new(rules: RuleSet) -> Self {
        Wire { http: Http::new(None, 7), rules, server: Vec::new(), client: Vec::new(), holds: Vec::new() }
    }

    fn feed(&mut self, direction: Direction, bytes: &[u8]) {
        let pieces = self.http.feed(direction, bytes, NOW, &self.rules);
        let answers = self.http.answers();
        let own = match direction {
            Direction::Up => &mut self.server,
            Direction::Down => &mut self.client,
        };
        pieces.iter().for_each(|piece| own.extend_from_slice(&piece.bytes));
        answers.iter().for_each(|piece| self.client.extend_from_slice(&piece.bytes));
        self.holds.extend(pieces.iter().chain(&answers).filter_map(|piece| piece.hold));
    }

    fn up(&mut self, text: &str) {
        self.feed(Direction::Up, text.as_bytes());
    }

    fn down(&mut self, text: &str) {
        self.feed(Direction::Down, text.as_bytes());
    }

    fn touched(&self) -> u64 {
        self.rules.iter().map(|rule| rule.status().touched).sum()
    }

    fn server(&mut self) -> String {
        String::from_utf8(std::mem::take(&mut self.server)).expect("text")
    }

    fn client(&mut self) -> String {
        String::from_utf8(std::mem::take(&mut self.client)).expect("text")
    }
}

#[test]
fn an_aborted_request_is_answered_here_with_its_body_dropped_and_the_next_one_passes() {
    let mut wire = Wire::new(rules(HttpRule { abort: Some(503), ..path("/orders/*") }));
    wire.up("PUT /orders/1 HTTP/1.1\r\ncontent-length: 4\r\n\r\nbodyGET /ready HTTP/1.1\r\n\r\n");
    assert_eq!(wire.server(), "GET /ready HTTP/1.1\r\n\r\n");
    assert_eq!(wire.client(), "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n");
    wire.down("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    assert_eq!(wire.client(), "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    assert_eq!(wire.touched(), 1);
    assert!(wire.http.is_at_rest());
}

#[test]
fn answers_of_our_own_wait_for_their_turn_among_pipelined_ones() {
    let mut wire = Wire::new(rules(HttpRule { abort: Some(404), ..path("/b") }));
    wire.up("GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\nGET /c HTTP/1.1\r\n\r\n");
    assert_eq!(wire.server(), "GET /a HTTP/1.1\r\n\r\nGET /c HTTP/1.1\r\n\r\n");
    assert_eq!(wire.client(), "");
    wire.down(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
    );
    let client = wire.client();
    let order = ["\r\na\r\n0\r\n\r\nHTTP/1.1 404", "content-length: 0\r\n\r\nHTTP/1.1 204"];
    assert!(order.iter().all(|text| client.contains(text)), "{client}");
}

#[test]
fn a_delay_holds_the_request_and_an_aborted_one_its_answer() {
    let delay = Some(HumanDuration::from_millis(50));
    let mut wire = Wire::new(rules(HttpRule { delay, ..HttpRule::default() }));
    wire.up("GET / HTTP/1.1\r\n\r\n");
    assert_eq!(wire.server(), "GET / HTTP/1.1\r\n\r\n");
    assert_eq!(wire.holds, [(1, Offset::from_millis(150))]);
    let mut wire = Wire::new(rules(HttpRule { delay, abort: Some(500), ..HttpRule::default() }));
    wire.up("GET / HTTP/1.1\r\n\r\n");
    assert_eq!((wire.server().as_str(), wire.holds.len()), ("", 1));
    assert!(wire.client().starts_with("HTTP/1.1 500 "));
}

#[test]
fn headers_and_bodies_are_replaced_and_framed_anew() {
    let headers = |name: &str, value: &str| [(name.to_owned(), value.to_owned())].into();
    let mut wire = Wire::new(rules(HttpRule {
        request_headers: headers("x-drill", "yes"),
        response_headers: headers("server", "nobody"),
        body: Some("nonsense".into()),
        ..HttpRule::default()
    }));
    wire.up("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    assert_eq!(wire.server(), "GET / HTTP/1.1\r\nhost: a\r\nx-drill: yes\r\n\r\n");
    wire.down("HTTP/1.1 200 OK\r\nServer: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
    assert_eq!(wire.client(), "HTTP/1.1 200 OK\r\nserver: nobody\r\ncontent-length: 8\r\n\r\nnonsense");
    assert!(wire.http.is_at_rest());
    wire.up("HEAD / HTTP/1.1\r\n\r\n");
    wire.down("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n");
    assert_eq!(wire.client(), "HTTP/1.1 200 OK\r\nserver: nobody\r\ncontent-length: 8\r\n\r\n");
    assert!(wire.http.is_at_rest());
}

#[test]
fn tls_http2_and_other_protocols_pass_untouched() {
    for foreign in
        [&b"\x16\x03\x01\x02\x00\x01"[..], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"*1\r\n$4\r\nPING\r\n", b"PING\r\n"]
    {
        let mut wire = Wire::new(rules(HttpRule { abort: Some(503), ..HttpRule::default() }));
        wire.feed(Direction::Up, foreign);
        wire.feed(Direction::Down, b"\x00\xff");
        wire.feed(Direction::Up, b"\x17\x03");
        assert_eq!(wire.server, [foreign, b"\x17\x03"].concat());
        assert_eq!(wire.client, b"\x00\xff");
        assert_eq!(wire.touched(), 0);
    }
}

#[test]
fn what_follows_an_upgrade_passes_untouched() {
    let mut wire = Wire::new(rules(HttpRule { abort: Some(503), ..path("/other") }));
    wire.up("GET /chat HTTP/1.1\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n");
    wire.down("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\nGET ");
    wire.server();
    wire.up("GET /other HTTP/1.1\r\n\r\n");
    assert_eq!(wire.server(), "GET /other HTTP/1.1\r\n\r\n");
    assert!(wire.client().ends_with("GET "));
}

#[test]
fn a_rule_joins_a_standing_connection_at_its_next_request() {
    let mut wire = Wire::new(rules(HttpRule { abort: Some(503), ..HttpRule::default() }));
    wire.http = Http::new(Some(Direction::Up), 7);
    wire.up("GET /not-a-head inside of a body");
    wire.down("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    assert_eq!(wire.touched(), 0);
    wire.up("GET /next HTTP/1.1\r\n\r\n");
    assert_eq!(wire.touched(), 1);
    assert!(wire.client().contains("503"));
}

#[test]
fn a_rule_that_goes_lets_half_a_head_go_and_keeps_its_answers_framed() {
    let mut wire = Wire::new(rules(HttpRule { body: Some("new".into()), ..HttpRule::default() }));
    wire.up("GET /a HTTP/1.1\r\n\r\nGET /b HT");
    wire.rules = RuleSet::default();
    let mut out = Vec::new();
    wire.http.release(Direction::Up, &mut out);
    assert_eq!(out.iter().flat_map(|piece| piece.bytes.to_vec()).collect::<Vec<_>>(), b"GET /b HT");
    wire.server();
    wire.up("TP/1.1\r\n\r\n");
    assert_eq!(wire.server(), "TP/1.1\r\n\r\n");
    wire.down("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nold_1HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nold_2");
    assert_eq!(
        wire.client(),
        "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nnewHTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nold_2"
    );
    assert!(wire.http.is_at_rest());
}

#[test]
fn a_share_of_the_requests_is_bent() {
    let mut wire = Wire::new(some(HttpRule { abort: Some(503), ..HttpRule::default() }, 0.25));
    for _ in 0..4000 {
        wire.up("GET / HTTP/1.1\r\n\r\n");
        if !std::mem::take(&mut wire.server).is_empty() {
            wire.down("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        }
    }
    // A 99.99 % interval of the binomial.
    assert!((890..=1110).contains(&wire.touched()), "{} of 4,000 at 25 %", wire.touched());
}

proptest! {
    /// However the stream is cut, what comes out is the same; and a rule that matches nothing changes no byte.
    #[test]
    fn the_cuts_of_the_stream_change_nothing(cuts in prop::collection::vec(1usize..40, 1..60), abort: bool) {
        let up = b"PUT /a HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nGET /b HTTP/1.1\r\nx: y\r\n\r\n\
            POST /a HTTP/1.1\r\ncontent-length: 11\r\n\r\nGET / HTTP/GET /b HTTP/1.1\r\n\r\n";
        let down = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\ncontent-length: 3\r\n\r\nabc\
            HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nWiki\r\n0\r\n\r\n";
        let rule = || match abort {
            true => rules(HttpRule { abort: Some(503), ..path("/b") }),
            false => rules(HttpRule { abort: Some(503), ..path("/nowhere") }),
        };
        let run = |cuts: &mut dyn Iterator<Item = usize>| {
            let mut wire = Wire::new(rule());
            for (direction, text) in [(Direction::Up, &up[..]), (Direction::Down, &down[..])] {
                let mut left = text;
                while !left.is_empty() {
                    let (now, rest) = left.split_at(cuts.next().unwrap_or(usize::MAX).min(left.len()));
                    wire.feed(direction, now);
                    left = rest;
                }
            }
            (wire.server(), wire.client())
        };
        let whole = run(&mut std::iter::empty());
        let in_pieces = run(&mut cuts.iter().copied().cycle());
        prop_assert_eq!(&whole, &in_pieces);
        if !abort {
            prop_assert_eq!(whole.0.as_bytes(), &up[..]);
            prop_assert_eq!(whole.1.as_bytes(), &down[..]);
        }
    }

    #[test]
    fn no_bytes_make_it_panic_or_lose_one(pieces in prop::collection::vec((any::<bool>(), "[ -~\r\n]{1,40}"), 0..30)) {
        let mut wire = Wire::new(rules(HttpRule { abort: Some(503), ..path("/never") }));
        let (mut up, mut down) = (Vec::new(), Vec::new());
        for (is_up, text) in &pieces {
            wire.feed(if *is_up { Direction::Up } else { Direction::Down }, text.as_bytes());
            if *is_up { &mut up } else { &mut down }.extend_from_slice(text.as_bytes());
        }
        for (direction, sent) in [(Direction::Up, up), (Direction::Down, down)] {
            let mut out = Vec::new();
            wire.http.release(direction, &mut out);
            let mut got = if direction == Direction::Up { wire.server.clone() } else { wire.client.clone() };
            out.iter().for_each(|piece| got.extend_from_slice(&piece.bytes));
            prop_assert_eq!(got, sent);
        }
    }
}
