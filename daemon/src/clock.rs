//! What the head unit's own clock says, in words for the speaker.
//!
//! The time of day is the system's, in the system's time zone. A clock that was never set, as
//! that of a head unit whose battery was away, tells nothing rather than a wrong time.

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};
use serde::Deserialize;

/// Nothing of this assistant is older: what lies before (2026-01-01T00:00:00Z, in seconds since
/// 1970) is a clock that was never set.
const NEVER_BEFORE: i64 = 1_767_225_600;

/// What of the present moment is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The time of day.
    Time,
    /// The day of the week and the date.
    Date,
}

/// How one language says time and date. Slots of `time` and `on_the_hour`: `{hour}` 0 to 23,
/// `{hour12}` 1 to 12, `{minute}` with two digits, `{half}` of the day. Slots of `date`:
/// `{weekday}`, `{day}`, `{month}`, `{year}`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wording {
    time: String,
    on_the_hour: String,
    date: String,
    /// Before and after noon, for `{half}`.
    #[serde(default)]
    halves: [String; 2],
    /// From Monday.
    weekdays: [String; 7],
    /// From January.
    months: [String; 12],
}

/// The present moment where the car is; `None` when the clock was never set, or nobody knows the
/// time zone. Reads a small file at times.
pub fn now() -> Option<ZonedDateTime> {
    match TimeZone::try_system() {
        Ok(zone) => believable(Timestamp::now()).map(|now| now.to_zoned_datetime(zone)),
        Err(error) => {
            tracing::warn!(%error, "the time zone is not known; set it with timedatectl");
            None
        }
    }
}

fn believable(now: Timestamp) -> Option<Timestamp> {
    if now.as_second() >= NEVER_BEFORE {
        return Some(now);
    }
    tracing::warn!(%now, "the clock was never set");
    None
}

impl Wording {
    /// Says nothing.
    pub const EMPTY: Self = Self {
        time: String::new(),
        on_the_hour: String::new(),
        date: String::new(),
        halves: [const { String::new() }; 2],
        weekdays: [const { String::new() }; 7],
        months: [const { String::new() }; 12],
    };

    /// The texts with what they may hold between braces, for checking.
    pub fn texts(&self) -> [(&'static str, &str, &'static [&'static str]); 3] {
        const OF_TIME: &[&str] = &["hour", "hour12", "minute", "half"];
        const OF_DATE: &[&str] = &["weekday", "day", "month", "year"];
        [
            ("clock.time", &self.time, OF_TIME),
            ("clock.on_the_hour", &self.on_the_hour, OF_TIME),
            ("clock.date", &self.date, OF_DATE),
        ]
    }

    /// The text for `asked`.
    pub fn text(&self, asked: Moment, now: &ZonedDateTime) -> &str {
        match asked {
            Moment::Time if now.minute() == 0 => &self.on_the_hour,
            Moment::Time => &self.time,
            Moment::Date => &self.date,
        }
    }

    /// What stands for a slot; `None` for one that is not known.
    pub fn slot(&self, slot: &str, now: &ZonedDateTime) -> Option<String> {
        Some(match slot {
            "hour" => now.hour().to_string(),
            "hour12" => match now.hour() % 12 {
                0 => "12".to_owned(),
                hour => hour.to_string(),
            },
            "minute" => format!("{:02}", now.minute()),
            "half" => self.halves[usize::from(now.hour() >= 12)].clone(),
            "day" => now.day().to_string(),
            "year" => now.year().to_string(),
            "weekday" => self.weekdays[from_monday(now.weekday())].clone(),
            "month" => self.months.get(from_january(now.month()))?.clone(),
            _ => return None,
        })
    }
}

fn from_monday(weekday: Weekday) -> usize {
    weekday.to_monday_zero_offset().unsigned_abs().into()
}

fn from_january(month: i8) -> usize {
    usize::from(month.unsigned_abs()).saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_never_set_tells_nothing() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        assert_eq!(believable(at("1970-01-01T00:03:00Z")), None);
        assert_eq!(believable(at("2025-12-31T23:59:59Z")), None);
        let good = at("2026-11-27T22:00:00Z");
        assert_eq!(believable(good), Some(good));
    }
}
