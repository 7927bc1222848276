//! What may be asked of the car, when, and by whom: the rules of a vehicle description.
//!
//! A rule concerns some paths and some values asked of them. It fires when all its conditions
//! hold, and a condition about a state that nobody knows holds: an unknown speed counts as
//! moving, an unknown gear as engaged. A rule that fires refuses, or asks for a confirmation.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use codriver_catalog::{Language, Zone};

use crate::{Reason, Value};

/// The rules, in the order of the file, and each path's class.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    pub(super) rules: Vec<Rule>,
    pub(super) classes: BTreeMap<String, Class>,
}

/// Which permission a caller needs for a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Reading anything.
    Reading,
    /// What only concerns well-being: climate, seats, windows, interior light.
    Comfort,
    /// Who gets in: locks, trunk, flaps.
    Access,
    /// What concerns driving: exterior lights, wipers, mirrors, assistance. Also every actuator
    /// that the description puts in no class.
    Driving,
}

/// One rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Its name, unique in the description.
    pub name: String,
    /// The paths that it concerns.
    pub paths: BTreeSet<String>,
    /// The values asked for that it concerns.
    pub wants: Test,
    /// It fires when all of these hold; without any, always.
    pub when: Vec<Condition>,
    /// What happens then.
    pub effect: Effect,
    /// Why, as a sentence for the driver; English is always there.
    pub says: BTreeMap<Language, String>,
}

/// What a rule that fires does.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// The request is refused with this reason.
    Refuse(Reason),
    /// The request is refused until somebody has said yes to it.
    Confirm,
}

/// One condition of a rule.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// The car moves faster than this, km/h, in either direction.
    SpeedAbove(f64),
    /// One of the paths has, or was just asked to take, such a value.
    State {
        /// The paths; one is enough.
        paths: Vec<String>,
        /// The values.
        test: Test,
    },
    /// Who asks sits there.
    Speaker {
        /// A seat in common with one of these is enough.
        zones: Vec<Zone>,
        /// Also when nobody knows who asks.
        unknown: bool,
    },
    /// The path was asked for this often already.
    Requests {
        /// So many requests were let through...
        count: usize,
        /// ...within this time.
        within: Duration,
    },
}

/// A set of values.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// Every value.
    Any,
    /// One of these.
    Is(Vec<Value>),
    /// None of these.
    IsNot(Vec<Value>),
    /// A number beyond a limit, which is not part of the set.
    Beyond {
        /// Larger than this...
        above: Option<f64>,
        /// ...or smaller than this.
        below: Option<f64>,
    },
}

impl Policy {
    /// The rules in the order of the file, those of interlocks first.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The permission that setting `path` needs.
    pub fn class(&self, path: &str) -> Class {
        self.classes.get(path).copied().unwrap_or(Class::Driving)
    }

    /// The rules about asking `value` of `path`.
    pub fn concerning<'a>(
        &'a self,
        path: &'a str,
        value: &'a Value,
    ) -> impl Iterator<Item = &'a Rule> {
        self.rules
            .iter()
            .filter(move |rule| rule.paths.contains(path) && rule.wants.has(value))
    }
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 4] = [Self::Reading, Self::Comfort, Self::Access, Self::Driving];

    /// The word in files: "reading", "comfort", "access", "driving".
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reading => "reading",
            Self::Comfort => "comfort",
            Self::Access => "access",
            Self::Driving => "driving",
        }
    }

    /// The polkit action.
    pub fn action(self) -> &'static str {
        match self {
            Self::Reading => "org.codriver.vehicle.reading",
            Self::Comfort => "org.codriver.vehicle.comfort",
            Self::Access => "org.codriver.vehicle.access",
            Self::Driving => "org.codriver.vehicle.driving",
        }
    }
}

impl Rule {
    /// The driver's sentence in a language, in English where it has no other.
    pub fn says(&self, language: Language) -> &str {
        self.says
            .get(&language)
            .or_else(|| self.says.get(&Language::English))
            .map_or("", String::as_str)
    }
}

impl Test {
    /// Whether the set has `value`.
    pub fn has(&self, value: &Value) -> bool {
        match self {
            Self::Any => true,
            Self::Is(values) => values.iter().any(|each| same(each, value)),
            Self::IsNot(values) => !values.iter().any(|each| same(each, value)),
            Self::Beyond { above, below } => match value {
                // Written so that a number that is none is beyond every limit.
                Value::Number(number) => {
                    above.is_some_and(|limit| {
                        !matches!(
                            number.partial_cmp(&limit),
                            Some(std::cmp::Ordering::Less | std::cmp::Ordering::Equal)
                        )
                    }) || below.is_some_and(|limit| {
                        !matches!(
                            number.partial_cmp(&limit),
                            Some(std::cmp::Ordering::Greater | std::cmp::Ordering::Equal)
                        )
                    })
                }
                Value::Flag(_) | Value::Text(_) => false,
            },
        }
    }
}

/// Equal as the car takes it: words in any case, as [`super::Entry::shows`] has it.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Text(one), Value::Text(other)) => one.eq_ignore_ascii_case(other),
        (one, other) => one == other,
    }
}

/// Whether two zones have a seat in common.
pub(crate) fn overlap(one: Zone, other: Zone) -> bool {
    seats(one).iter().any(|seat| seats(other).contains(seat))
}

fn seats(zone: Zone) -> &'static [Zone] {
    match zone {
        Zone::Driver => &[Zone::Driver],
        Zone::Passenger => &[Zone::Passenger],
        Zone::RearLeft => &[Zone::RearLeft],
        Zone::RearRight => &[Zone::RearRight],
        Zone::Front => &[Zone::Driver, Zone::Passenger],
        Zone::Rear => &[Zone::RearLeft, Zone::RearRight],
        Zone::All => &[
            Zone::Driver,
            Zone::Passenger,
            Zone::RearLeft,
            Zone::RearRight,
        ],
    }
}
