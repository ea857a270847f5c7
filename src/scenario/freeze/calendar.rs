//! iCalendar (RFC 5545), as far as calendars of change freezes use it: events with a start and an end or a duration,
//! repeated by day, week, month or year. What is not understood is an error: a calendar that was half read would let a
//! drill through. Exceptions of a repetition are ignored, which can only forbid more.

use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, ToSpan, Zoned};

use super::{Edge, Window, edge_of, zone};

/// The most occurrences of one event that are looked at.
const OCCURRENCES: u64 = 100_000;

/// An event, perhaps repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    from: Zoned,
    to: Zoned,
    summary: String,
    repeat: Option<Repeat>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Repeat {
    every: Unit,
    interval: i64,
    /// How often at most.
    count: Option<u64>,
    /// The last moment at which it begins.
    until: Option<Zoned>,
    /// The days of a week; empty: that of the first.
    days: Vec<Weekday>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Day,
    Week,
    Month,
    Year,
}

/// All events of a calendar that are not cancelled.
pub(super) fn events(text: &str) -> Result<Vec<Event>, String> {
    let lines = unfold(text);
    let mut events = Vec::new();
    let mut open: Option<Vec<Line>> = None;
    // Alarms and the like stand within events and have starts of their own.
    let mut nested = 0;
    for (number, text) in &lines {
        let line = Line::parse(*number, text)?;
        match (line.name.as_str(), line.value.trim(), &mut open) {
            ("BEGIN", "VEVENT", None) => open = Some(Vec::new()),
            ("END", "VEVENT", _) => {
                let lines = open.take().ok_or_else(|| format!("line {number}: END without BEGIN"))?;
                let cancelled = value(&lines, "STATUS").is_some_and(|v| v.eq_ignore_ascii_case("CANCELLED"));
                if !cancelled {
                    events.push(event(&lines).map_err(|why| format!("the event that ends at line {number}: {why}"))?);
                }
            }
            ("BEGIN", _, Some(_)) => nested += 1,
            ("END", _, Some(_)) => nested -= 1,
            (_, _, Some(lines)) if nested == 0 => lines.push(line),
            _ => {}
        }
    }
    match open {
        Some(_) => Err("it ends within an event".into()),
        None => Ok(events),
    }
}

/// Lines that were folded begin with a space or a tab.
fn unfold(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    for (i, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(more), Some((_, last))) => last.push_str(more),
            _ if line.trim().is_empty() => {}
            _ => lines.push((i + 1, line.to_owned())),
        }
    }
    lines
}

/// `NAME;PARAMETER=VALUE:VALUE`
#[derive(Debug, Clone)]
struct Line {
    name: String,
    parameters: Vec<(String, String)>,
    value: String,
}

impl Line {
    fn parse(number: usize, text: &str) -> Result<Line, String> {
        let mut quoted = false;
        let colon = text.char_indices().find(|(_, c)| {
            quoted ^= *c == '"';
            *c == ':' && !quoted
        });
        let (colon, _) = colon.ok_or_else(|| format!("line {number}: `{text}` is no line of a calendar"))?;
        let mut head = text[..colon].split(';');
        let name = head.next().unwrap_or_default().to_ascii_uppercase();
        let parameters = head.filter_map(|p| p.split_once('='));
        let parameters = parameters.map(|(k, v)| (k.to_ascii_uppercase(), v.trim_matches('"').to_owned())).collect();
        Ok(Line { name, parameters, value: text[colon + 1..].to_owned() })
    }

    fn zone(&self) -> Result<Option<TimeZone>, String> {
        let named = self.parameters.iter().find(|(key, _)| key == "TZID");
        named.map(|(_, name)| zone(name.trim_start_matches('/'))).transpose()
    }
}

fn line<'a>(lines: &'a [Line], name: &str) -> Option<&'a Line> {
    lines.iter().find(|line| line.name == name)
}

fn value<'a>(lines: &'a [Line], name: &str) -> Option<&'a str> {
    line(lines, name).map(|line| line.value.as_str())
}

fn event(lines: &[Line]) -> Result<Event, String> {
    let start = line(lines, "DTSTART").ok_or("it has no DTSTART")?;
    let (from, whole_day) = moment(start)?;
    let to = match (line(lines, "DTEND"), value(lines, "DURATION")) {
        (Some(end), _) => moment(end)?.0,
        (None, Some(text)) => {
            let span: Span = text.parse().map_err(|e| format!("DURATION {text}: {e}"))?;
            from.checked_add(span).map_err(|e| e.to_string())?
        }
        (None, None) if whole_day => from.tomorrow().map_err(|e| e.to_string())?,
        (None, None) => return Err("it has neither DTEND nor DURATION".into()),
    };
    if to <= from {
        return Err("it ends before it begins".into());
    }
    if line(lines, "RDATE").is_some() {
        return Err("RDATE is not understood: write its dates as events".into());
    }
    let repeat = value(lines, "RRULE").map(|rule| repeat(rule, &from)).transpose()?;
    let summary = value(lines, "SUMMARY").unwrap_or("a freeze without a name");
    let summary = summary.replace("\\,", ",").replace("\\;", ";").replace("\\n", " ").replace("\\\\", "\\");
    Ok(Event { from, to, summary, repeat })
}

/// A moment, and whether it is a whole day.
fn moment(line: &Line) -> Result<(Zoned, bool), String> {
    let text = line.value.trim();
    let wrong = |e: jiff::Error| format!("{} {text}: {e}", line.name);
    if let Some(utc) = text.strip_suffix('Z') {
        let civil = DateTime::strptime("%Y%m%dT%H%M%S", utc).map_err(wrong)?;
        return Ok((civil.to_zoned(TimeZone::UTC).map_err(wrong)?, false));
    }
    let zone = line.zone()?;
    if text.len() == 8 {
        // A day without a zone is that of whoever reads it.
        let day = Date::strptime("%Y%m%d", text).map_err(wrong)?;
        let zoned = edge_of(day, Edge::Begin)?.to_zoned(zone.unwrap_or_else(TimeZone::system)).map_err(wrong)?;
        return Ok((zoned, true));
    }
    let civil = DateTime::strptime("%Y%m%dT%H%M%S", text).map_err(wrong)?;
    let zone = zone.ok_or_else(|| format!("{} {text} has no time zone", line.name))?;
    Ok((civil.to_zoned(zone).map_err(wrong)?, false))
}

fn repeat(rule: &str, first: &Zoned) -> Result<Repeat, String> {
    let mut made = Repeat { every: Unit::Day, interval: 1, count: None, until: None, days: Vec::new() };
    let wrong = |part: &str| format!("RRULE {rule}: `{part}` is not understood");
    for part in rule.split(';').filter(|part| !part.is_empty()) {
        let (key, value) = part.split_once('=').ok_or_else(|| wrong(part))?;
        match (key.to_ascii_uppercase().as_str(), value) {
            ("FREQ", "DAILY") => made.every = Unit::Day,
            ("FREQ", "WEEKLY") => made.every = Unit::Week,
            ("FREQ", "MONTHLY") => made.every = Unit::Month,
            ("FREQ", "YEARLY") => made.every = Unit::Year,
            ("INTERVAL", n) => made.interval = n.parse().ok().filter(|n| *n > 0).ok_or_else(|| wrong(part))?,
            ("COUNT", n) => made.count = Some(n.parse().map_err(|_| wrong(part))?),
            ("UNTIL", at) => {
                let zone = vec![("TZID".to_owned(), first.time_zone().iana_name().unwrap_or("UTC").to_owned())];
                let line = Line { name: "UNTIL".into(), parameters: zone, value: at.to_owned() };
                let (until, whole_day) = moment(&line)?;
                made.until = Some(if whole_day { until.tomorrow().map_err(|e| e.to_string())? } else { until });
            }
            ("BYDAY", days) => {
                let day = |name: &str| match name {
                    "MO" => Some(Weekday::Monday),
                    "TU" => Some(Weekday::Tuesday),
                    "WE" => Some(Weekday::Wednesday),
                    "TH" => Some(Weekday::Thursday),
                    "FR" => Some(Weekday::Friday),
                    "SA" => Some(Weekday::Saturday),
                    "SU" => Some(Weekday::Sunday),
                    _ => None,
                };
                made.days = days.split(',').map(day).collect::<Option<_>>().ok_or_else(|| wrong(part))?;
            }
            // Where a week begins matters only when weeks are left out.
            ("WKST", "MO") => {}
            ("WKST", _) if made.interval == 1 => {}
            _ => return Err(wrong(part)),
        }
    }
    if !made.days.is_empty() && made.every != Unit::Week {
        return Err(format!("RRULE {rule}: BYDAY is understood with FREQ=WEEKLY only"));
    }
    Ok(made)
}

impl Event {
    pub(super) fn summary(&self) -> &str {
        &self.summary
    }

    /// Its first occurrence that a drill would meet.
    pub(super) fn meets(&self, drill: Window) -> Result<Option<Window>, String> {
        let length = self.to.timestamp().duration_since(self.from.timestamp());
        let Some(repeat) = &self.repeat else {
            let window = Window { from: self.from.timestamp(), to: self.to.timestamp() };
            return Ok(window.meets(drill).then_some(window));
        };
        let mut seen = 0;
        for round in 0..OCCURRENCES {
            for from in repeat.round(&self.from, round)? {
                let over = repeat.count.is_some_and(|count| seen >= count);
                if over || from.timestamp() >= drill.to || repeat.until.as_ref().is_some_and(|until| from > *until) {
                    return Ok(None);
                }
                seen += 1;
                let window = window(&from, length)?;
                if window.meets(drill) {
                    return Ok(Some(window));
                }
            }
        }
        Err(format!("the event `{}` repeats too often to be looked through", self.summary))
    }
}

fn window(from: &Zoned, length: SignedDuration) -> Result<Window, String> {
    let to = from.timestamp().checked_add(length).map_err(|e| e.to_string())?;
    Ok(Window { from: from.timestamp(), to })
}

impl Repeat {
    /// The beginnings in the n-th day, week, month or year.
    fn round(&self, first: &Zoned, round: u64) -> Result<Vec<Zoned>, String> {
        let wrong = |e: jiff::Error| e.to_string();
        let n = i64::try_from(round).unwrap_or(i64::MAX).saturating_mul(self.interval);
        let step = match self.every {
            Unit::Day => Span::new().try_days(n),
            Unit::Week => Span::new().try_weeks(n),
            Unit::Month => Span::new().try_months(n),
            Unit::Year => Span::new().try_years(n),
        };
        let at = first.checked_add(step.map_err(wrong)?).map_err(wrong)?;
        if self.days.is_empty() {
            return Ok(vec![at]);
        }
        let monday = at.checked_sub(i64::from(at.weekday().to_monday_zero_offset()).days()).map_err(wrong)?;
        let days = (0..7).map(|day: i64| monday.checked_add(day.days()).map_err(wrong));
        let days: Vec<Zoned> = days.collect::<Result<_, _>>()?;
        Ok(days.into_iter().filter(|day| self.days.contains(&day.weekday()) && *day >= *first).collect())
    }
}
