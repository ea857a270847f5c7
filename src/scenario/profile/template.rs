//! Templates in a profile's requests: text with `${…}` values, checked once and rendered for each request.
//!
//! Rendering is a pure function of the stream's seed and the request's number, so that a run can be repeated.

use std::fmt::Write as _;
use std::str::FromStr;

/// A parsed template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Seq,
    User,
    Iteration,
    Stream,
    Random { low: u64, high: u64 },
    Env(String),
    File(String),
}

/// The values of one rendering.
#[derive(Debug, Clone, Copy)]
pub struct Rendering<'a> {
    /// The stream's seed.
    pub seed: u64,
    /// The stream's name.
    pub stream: &'a str,
    /// Unique among the stream's requests, from 0.
    pub seq: u64,
    /// The user's number in a closed model, the sender's in an open one; from 0.
    pub user: u64,
    /// How often this user has gone through its journey, from 0; equals `seq` in an open model.
    pub iteration: u64,
}

/// Where secrets come from when a template is made ready for sending.
pub trait Secrets {
    /// The value of an environment variable.
    fn env(&self, name: &str) -> Option<String>;
    /// The content of a file, without a final line end.
    fn file(&self, path: &str) -> Option<String>;
}

/// Why a text is not a template, or cannot be made ready.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// `${` without `}`.
    #[error("`${{` without its `}}`: close it, or write `$${{` for the characters themselves")]
    Unclosed,
    /// Not a value that templates know.
    #[error(
        "`${{{0}}}` is not known here: use ${{seq}}, ${{user}}, ${{iteration}}, ${{stream}}, ${{random:1-1000}}, \
         ${{env:NAME}} or ${{file:PATH}}"
    )]
    Unknown(String),
    /// The bounds of a random number.
    #[error("`${{random:{0}}}` needs two whole numbers, the smaller first, as in ${{random:1-1000}}")]
    Bounds(String),
    /// A secret that is not there. Its name is shown, never a value.
    #[error("the secret `${{{0}}}` cannot be read: set the variable or make the file readable for this user")]
    Secret(String),
}

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            if rest[..at].ends_with('$') {
                // `$${` stands for `${` itself.
                literal.push_str(&rest[..at - 1]);
                literal.push_str("${");
                rest = &rest[at + 2..];
                continue;
            }
            literal.push_str(&rest[..at]);
            let inner = &rest[at + 2..];
            let end = inner.find('}').ok_or(TemplateError::Unclosed)?;
            if !literal.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut literal)));
            }
            parts.push(part(&inner[..end])?);
            rest = &inner[end + 1..];
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Text(literal));
        }
        Ok(Template { parts })
    }
}

fn part(inner: &str) -> Result<Part, TemplateError> {
    match inner.split_once(':') {
        None => match inner {
            "seq" => Ok(Part::Seq),
            "user" => Ok(Part::User),
            "iteration" => Ok(Part::Iteration),
            "stream" => Ok(Part::Stream),
            other => Err(TemplateError::Unknown(other.into())),
        },
        Some(("env", name)) if !name.is_empty() => Ok(Part::Env(name.into())),
        Some(("file", path)) if !path.is_empty() => Ok(Part::File(path.into())),
        Some(("random", bounds)) => {
            let numbers = bounds.split_once('-').and_then(|(low, high)| {
                let (low, high): (u64, u64) = (low.trim().parse().ok()?, high.trim().parse().ok()?);
                (low <= high).then_some((low, high))
            });
            numbers.map(|(low, high)| Part::Random { low, high }).ok_or_else(|| TemplateError::Bounds(bounds.into()))
        }
        Some(_) => Err(TemplateError::Unknown(inner.into())),
    }
}

impl Template {
    /// Puts the secrets in. They are read where the requests are sent, so that they stand in no plan and no record.
    pub fn resolve(&self, secrets: &dyn Secrets) -> Result<Template, TemplateError> {
        let resolved = self.parts.iter().map(|part| match part {
            Part::Env(name) => {
                secrets.env(name).map(Part::Text).ok_or_else(|| TemplateError::Secret(format!("env:{name}")))
            }
            Part::File(path) => {
                secrets.file(path).map(Part::Text).ok_or_else(|| TemplateError::Secret(format!("file:{path}")))
            }
            other => Ok(other.clone()),
        });
        Ok(Template { parts: resolved.collect::<Result<_, _>>()? })
    }

    /// The text itself, when nothing in it changes from request to request; it can then be prepared once.
    pub fn constant(&self) -> Option<String> {
        self.parts.iter().map(|part| if let Part::Text(text) = part { Some(text.as_str()) } else { None }).collect()
    }

    /// The parts that stand in the template as they are.
    pub fn literals(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| if let Part::Text(text) = part { Some(text.as_str()) } else { None })
    }

    /// The text for one request. Secrets that were not resolved render as nothing.
    pub fn render(&self, values: &Rendering<'_>) -> String {
        let mut out = String::with_capacity(32);
        for (nth, part) in self.parts.iter().enumerate() {
            // Writing to a String cannot fail.
            let _ = match part {
                Part::Text(text) => out.write_str(text),
                Part::Seq => write!(out, "{}", values.seq),
                Part::User => write!(out, "{}", values.user),
                Part::Iteration => write!(out, "{}", values.iteration),
                Part::Stream => out.write_str(values.stream),
                Part::Random { low, high } => {
                    let chosen = mix(values.seed ^ mix(values.seq) ^ ((nth as u64) << 56));
                    write!(out, "{}", low + scaled(chosen, (high - low).saturating_add(1)))
                }
                Part::Env(_) | Part::File(_) => Ok(()),
            };
        }
        out
    }
}

/// A number below `bound` from 64 random bits, by multiplication: without the bias that a remainder has for large
/// bounds (Lemire, "Fast Random Integer Generation in an Interval", 2019).
fn scaled(bits: u64, bound: u64) -> u64 {
    ((u128::from(bits) * u128::from(bound)) >> 64) as u64
}

/// Random bits for a counter: the finaliser of SplitMix64 (Steele, Lea, Flood 2014). A choice made from a counter needs
/// no state that threads would have to share, and can be repeated alone.
pub fn mix(counter: u64) -> u64 {
    let mut z = counter.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const VALUES: Rendering<'static> = Rendering { seed: 7, stream: "steady", seq: 41, user: 3, iteration: 9 };

    fn render(text: &str) -> String {
        text.parse::<Template>().unwrap().render(&VALUES)
    }

    #[test]
    fn values_are_put_in_place() {
        assert_eq!(render("/orders/load-${seq}"), "/orders/load-41");
        assert_eq!(render("${stream}/${user}/${iteration}"), "steady/3/9");
        assert_eq!(render("no values, a $ and a }"), "no values, a $ and a }");
        assert_eq!(render("$${seq} is ${seq}"), "${seq} is 41");
        assert_eq!("plain".parse::<Template>().unwrap().constant(), Some("plain".into()));
        assert_eq!("${seq}".parse::<Template>().unwrap().constant(), None);
    }

    #[test]
    fn wrong_templates_say_what_would_fit() {
        let wrong = |text: &str| text.parse::<Template>().unwrap_err().to_string();
        assert!(wrong("${sequence}").contains("${seq}"));
        assert!(wrong("${seq").contains("without its `}`"));
        assert!(wrong("${random:9-1}").contains("smaller first"));
        assert!(wrong("${random:x}").contains("two whole numbers"));
        assert!(wrong("${secret:x}").contains("not known"));
    }

    #[test]
    fn secrets_are_read_late_and_missing_ones_are_named_without_a_value() {
        struct One;
        impl Secrets for One {
            fn env(&self, name: &str) -> Option<String> {
                (name == "TOKEN").then(|| "s3cret".into())
            }
            fn file(&self, _: &str) -> Option<String> {
                None
            }
        }
        let template: Template = "Bearer ${env:TOKEN}".parse().unwrap();
        assert_eq!(template.render(&VALUES), "Bearer ");
        assert_eq!(template.resolve(&One).unwrap().constant(), Some("Bearer s3cret".into()));
        let missing = "${file:key.pem}".parse::<Template>().unwrap().resolve(&One).unwrap_err();
        assert_eq!(missing, TemplateError::Secret("file:key.pem".into()));
    }

    proptest! {
        #[test]
        fn random_values_stay_in_bounds_and_repeat_with_the_seed(seed: u64, seq: u64, low in 0u64..1000, more in 0u64..1000) {
            let template: Template = format!("${{random:{low}-{}}}", low + more).parse().unwrap();
            let values = Rendering { seed, seq, ..VALUES };
            let first = template.render(&values);
            let number: u64 = first.parse().unwrap();
            prop_assert!((low..=low + more).contains(&number));
            prop_assert_eq!(template.render(&values), first);
        }

        #[test]
        fn any_text_parses_or_is_refused_without_panic(text in ".{0,40}") {
            if let Ok(template) = text.parse::<Template>() {
                template.render(&VALUES);
            }
        }
    }
}
