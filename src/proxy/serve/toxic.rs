//! Toxics as Toxiproxy's clients write them, and the rules they stand for.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::ApiError;
use crate::model::{DataRate, HttpRule, HumanDuration, LinkRule, Ratio, Scope, Size, Ways, retransmission};

/// A toxic on a proxy.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Toxic {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) stream: Stream,
    pub(super) toxicity: f64,
    pub(super) attributes: Map<String, Value>,
}

/// Which way a toxic covers, in Toxiproxy's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    Upstream,
    Downstream,
}

impl Stream {
    fn word(self) -> &'static str {
        match self {
            Stream::Upstream => "upstream",
            Stream::Downstream => "downstream",
        }
    }
}

/// The attributes that a kind has, as Toxiproxy shows them; none for an unknown kind. The last three kinds are ours.
fn attributes_of(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "noop" | "down" => &[],
        "latency" => &["latency", "jitter"],
        "bandwidth" => &["rate"],
        "slow_close" => &["delay"],
        "timeout" | "reset_peer" => &["timeout"],
        "slicer" => &["average_size", "size_variation", "delay"],
        "limit_data" => &["bytes"],
        "packet_loss" => &["loss", "retransmit"],
        "http" => &["rule"],
        _ => return None,
    })
}

impl Toxic {
    /// Reads a new toxic. Names, streams and toxicity have Toxiproxy's defaults.
    pub(super) fn new(document: &Value) -> Result<Self, ApiError> {
        let text = |key: &str| match document.get(key) {
            None | Some(Value::Null) => Ok(""),
            Some(Value::String(text)) => Ok(text.as_str()),
            Some(_) => Err(ApiError::bad_body(&format!("{key} is not a text"))),
        };
        let stream = match text("stream")?.to_ascii_lowercase().as_str() {
            "" | "downstream" => Stream::Downstream,
            "upstream" => Stream::Upstream,
            _ => return Err(ApiError::invalid_stream()),
        };
        let kind = text("type")?.to_owned();
        let known = attributes_of(&kind).ok_or_else(ApiError::invalid_type)?;
        let name = match text("name")? {
            "" => format!("{kind}_{}", stream.word()),
            name => name.to_owned(),
        };
        let attributes = known.iter().map(|key| ((*key).to_owned(), default_of(&kind, key))).collect();
        let mut toxic = Toxic { name, kind, stream, toxicity: 1.0, attributes };
        toxic.update(document)?;
        Ok(toxic)
    }

    /// Takes up new attributes and toxicity.
    pub(super) fn update(&mut self, document: &Value) -> Result<(), ApiError> {
        let mut changed = self.clone();
        if let Some(toxicity) = document.get("toxicity").filter(|value| !value.is_null()) {
            changed.toxicity = toxicity.as_f64().ok_or_else(|| ApiError::bad_body("toxicity is not a number"))?;
        }
        if let Some(Value::Object(given)) = document.get("attributes") {
            for (key, value) in given {
                if let Some(slot) = changed.attributes.get_mut(key) {
                    *slot = value.clone();
                }
            }
        } else if document.get("attributes").is_some_and(|value| !value.is_null()) {
            return Err(ApiError::bad_body("attributes are no object"));
        }
        changed.rule()?;
        *self = changed;
        Ok(())
    }

    /// The rule that it stands for.
    pub(super) fn rule(&self) -> Result<LinkRule, ApiError> {
        let direction = match self.stream {
            Stream::Upstream => Ways::Up,
            Stream::Downstream => Ways::Down,
        };
        let scope = Scope { direction, probability: Ratio(self.toxicity.clamp(0.0, 1.0)) };
        let millis = |key: &str| self.number(key).map(HumanDuration::from_millis);
        Ok(match self.kind.as_str() {
            "latency" => LinkRule::Latency { latency: millis("latency")?, jitter: millis("jitter")?, scope },
            // Kilobytes of 1000 bytes.
            "bandwidth" => LinkRule::Bandwidth { rate: DataRate(self.number("rate")?.saturating_mul(1000)), scope },
            "slow_close" => LinkRule::SlowClose { delay: millis("delay")?, scope },
            "timeout" => LinkRule::Timeout { timeout: millis("timeout")?, scope },
            "reset_peer" => LinkRule::Reset { after: millis("timeout")?, scope },
            "slicer" => LinkRule::Slicer {
                average_size: Size(self.number("average_size")?),
                size_variation: Size(self.number("size_variation")?),
                delay: HumanDuration(Duration::from_micros(self.number("delay")?)),
                scope,
            },
            "limit_data" => LinkRule::LimitData { bytes: Size(self.number("bytes")?), scope },
            "packet_loss" => {
                let loss = self.attributes.get("loss").and_then(Value::as_f64).filter(|l| (0.0..=1.0).contains(l));
                let loss = loss.ok_or_else(|| ApiError::bad_body("loss is a number from 0 to 1"))?;
                LinkRule::PacketLoss { loss: Ratio(loss), retransmit: millis("retransmit")?, scope }
            }
            "http" => {
                let rule = self.attributes.get("rule").cloned().unwrap_or_default();
                let rule = serde_json::from_value(rule).map_err(|error| ApiError::bad_body(&error.to_string()))?;
                LinkRule::Http { rule, scope }
            }
            "down" => LinkRule::Down { scope },
            _ => LinkRule::latency(HumanDuration::default(), HumanDuration::default()),
        })
    }

    /// What the API shows of it.
    pub(super) fn document(&self) -> Value {
        // A whole number, as Toxiproxy writes it: clients of other languages tell the two apart.
        let toxicity = if self.toxicity.fract() == 0.0 { json!(self.toxicity as i64) } else { json!(self.toxicity) };
        json!({
            "attributes": self.attributes,
            "name": self.name,
            "type": self.kind,
            "stream": self.stream.word(),
            "toxicity": toxicity,
        })
    }

    /// An attribute that is a whole number; what is negative counts as zero.
    fn number(&self, key: &str) -> Result<u64, ApiError> {
        let value = self.attributes.get(key);
        let number = value.and_then(|v| v.as_u64().or_else(|| v.as_i64().map(|_| 0)));
        number.ok_or_else(|| ApiError::bad_body(&format!("{key} is not a whole number")))
    }
}

fn default_of(kind: &str, key: &str) -> Value {
    match (kind, key) {
        ("packet_loss", "retransmit") => json!(retransmission().get().as_millis() as u64),
        ("http", "rule") => json!(HttpRule::default()),
        _ => json!(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_those_of_toxiproxy() {
        let toxic = Toxic::new(&json!({ "type": "latency", "attributes": { "latency": 1000 } })).expect("a toxic");
        let shown = json!({
            "attributes": { "jitter": 0, "latency": 1000 },
            "name": "latency_downstream", "stream": "downstream", "toxicity": 1, "type": "latency",
        });
        assert_eq!(toxic.document(), shown);
        let scope = Scope { direction: Ways::Down, ..Scope::default() };
        let latency = HumanDuration::from_secs(1);
        assert_eq!(toxic.rule(), Ok(LinkRule::Latency { latency, jitter: HumanDuration::default(), scope }));
    }

    #[test]
    fn units_are_those_of_toxiproxy() {
        let rule = |kind: &str, attributes: Value| {
            Toxic::new(&json!({ "type": kind, "attributes": attributes, "stream": "UPSTREAM" })).expect(kind).rule()
        };
        let scope = Scope { direction: Ways::Up, ..Scope::default() };
        assert_eq!(rule("bandwidth", json!({ "rate": 7 })), Ok(LinkRule::Bandwidth { rate: DataRate(7000), scope }));
        let slicer = rule("slicer", json!({ "average_size": 64, "delay": 10 }));
        let Ok(LinkRule::Slicer { delay, .. }) = slicer else { panic!("{slicer:?}") };
        assert_eq!(delay, HumanDuration(Duration::from_micros(10)));
    }

    #[test]
    fn what_is_wrong_is_told_as_toxiproxy_tells_it() {
        let error = |document: Value| Toxic::new(&document).expect_err("wrong");
        assert_eq!(error(json!({ "type": "weather" })).message, "invalid toxic type");
        let stream = error(json!({ "type": "latency", "stream": "sideways" }));
        assert_eq!(stream.message, "stream was invalid, can be either upstream or downstream");
        let body = error(json!({ "type": "latency", "attributes": { "latency": "much" } }));
        assert!(body.status == 400 && body.message.starts_with("bad request body: "), "{}", body.message);
    }
}
