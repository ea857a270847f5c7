//! Windows that come every week.

use std::str::FromStr;

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, ToSpan};

use super::{Window, at};

/// The days as they are written.
pub(super) const DAYS: [(&str, Weekday); 7] = [
    ("Mon", Weekday::Monday),
    ("Tue", Weekday::Tuesday),
    ("Wed", Weekday::Wednesday),
    ("Thu", Weekday::Thursday),
    ("Fri", Weekday::Friday),
    ("Sat", Weekday::Saturday),
    ("Sun", Weekday::Sunday),
];

/// A window of every week: `Fri 16:00 - Mon 08:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weekly {
    from: (Weekday, Time),
    to: (Weekday, Time),
}

impl FromStr for Weekly {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no weekly window: write it as `Fri 16:00 - Mon 08:00`");
        let (from, to) = text.split_once('-').ok_or_else(wrong)?;
        let end = |text: &str| {
            let (day, time) = text.trim().split_once(' ')?;
            let (_, day) = DAYS.iter().find(|(name, _)| name.eq_ignore_ascii_case(day))?;
            let (hour, minute) = time.trim().split_once(':')?;
            Some((*day, Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()?))
        };
        Ok(Weekly { from: end(from).ok_or_else(wrong)?, to: end(to).ok_or_else(wrong)? })
    }
}

impl Weekly {
    /// Days from its beginning to its end; a week when both are the same.
    fn days(&self) -> i64 {
        let days = i64::from(self.from.0.until(self.to.0));
        if days == 0 && self.to.1 <= self.from.1 { 7 } else { days }
    }

    /// Its first occurrence that a drill would meet.
    pub(super) fn meets(&self, zone: &TimeZone, drill: Window) -> Result<Option<Window>, String> {
        let wrong = |e: jiff::Error| e.to_string();
        let mut day = zone.to_datetime(drill.from).date().checked_sub(Span::new().days(8)).map_err(wrong)?;
        let last = zone.to_datetime(drill.to).date();
        while day <= last {
            if day.weekday() == self.from.0 {
                let until = day.checked_add(self.days().days()).map_err(wrong)?;
                let window = Window {
                    from: at(day.to_datetime(self.from.1), zone)?,
                    to: at(until.to_datetime(self.to.1), zone)?,
                };
                if window.meets(drill) {
                    return Ok(Some(window));
                }
            }
            day = day.tomorrow().map_err(wrong)?;
        }
        Ok(None)
    }
}
