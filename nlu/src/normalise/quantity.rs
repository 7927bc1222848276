//! Numbers with their units: "twenty two and a half degrees", 百分之五十, "maximum".

use std::ops::Range;

use codriver_catalog::{LanguageWords, Unit};

use super::{NumberSpan, Token, words_of};

/// One way to read an amount in a sentence. The same words may be read in
/// several ways: with and without the unit beside them.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantity {
    /// The tokens that say it, unit included if there is one.
    pub tokens: Range<usize>,
    /// How much.
    pub amount: Amount,
    /// The unit that was said; `None` when the number stands alone.
    pub unit: Option<Unit>,
}

/// How much of something.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Amount {
    /// As said.
    Exactly(f64),
    /// Converted from Fahrenheit: known only to the step of the argument it fills.
    About(f64),
    /// As much as the argument allows.
    Maximum,
    /// As little as the argument allows.
    Minimum,
}

/// The words of a language that make numbers into quantities.
#[derive(Debug, Clone)]
pub struct QuantityWords {
    units: Vec<(Vec<String>, Unit)>,
    fahrenheit: Vec<Vec<String>>,
    half: Vec<Vec<String>>,
    maximum: Vec<Vec<String>>,
    minimum: Vec<Vec<String>>,
    /// What may stand between a number and "half": and, a.
    glue: Vec<Vec<String>>,
}

impl QuantityWords {
    /// Reads them from a language file.
    pub fn new(words: &LanguageWords) -> Self {
        let phrases = |list: &[String]| list.iter().map(|phrase| words_of(phrase)).collect();
        let unit = |(unit, list): (&Unit, &Vec<String>)| {
            let unit = *unit;
            let said: Vec<_> = list.iter().map(|said| (words_of(said), unit)).collect();
            said
        };
        let glue: Vec<String> = [words.fillers.clone(), words.connectives.clone()].concat();
        Self {
            units: words.units.iter().flat_map(unit).collect(),
            fahrenheit: phrases(&words.fahrenheit),
            half: phrases(&words.half),
            maximum: phrases(&words.maximum),
            minimum: phrases(&words.minimum),
            glue: phrases(&glue),
        }
    }

    /// Every quantity in a sentence whose plain numbers are known.
    pub fn find(&self, tokens: &[Token], numbers: &[NumberSpan]) -> Vec<Quantity> {
        let mut found = Vec::new();
        for number in numbers {
            self.readings(tokens, number, &mut found);
        }
        for at in 0..tokens.len() {
            let mut add = |phrases: &[Vec<String>], amount, unit| {
                found.extend(longest_at(tokens, at, phrases).map(|end| Quantity {
                    tokens: at..end,
                    amount,
                    unit,
                }));
            };
            add(&self.half, Amount::Exactly(50.0), Some(Unit::Percent));
            add(&self.maximum, Amount::Maximum, None);
            add(&self.minimum, Amount::Minimum, None);
        }
        found
    }

    /// The number alone, with a half after it, and with every unit that stands
    /// before or after it.
    fn readings(&self, tokens: &[Token], number: &NumberSpan, found: &mut Vec<Quantity>) {
        let (end, value) = self.with_half(tokens, number.tokens.end, number.value);
        let bare = number.tokens.start..end;
        for start in prefixes(tokens, bare.start, &self.fahrenheit) {
            for after_unit in std::iter::once(bare.end).chain(self.unit_ends(tokens, bare.end)) {
                fahrenheit(start..after_unit, value, found);
            }
        }
        for after_unit in std::iter::once(bare.end).chain(self.unit_ends(tokens, bare.end)) {
            for end in suffixes(tokens, after_unit, &self.fahrenheit) {
                fahrenheit(bare.start..end, value, found);
            }
        }
        for (phrase, unit) in &self.units {
            let mut add = |tokens: Range<usize>, value| {
                found.push(Quantity {
                    tokens,
                    amount: Amount::Exactly(value),
                    unit: Some(*unit),
                });
            };
            if starts_with(tokens, bare.end, phrase) {
                let (end, value) = self.with_half(tokens, bare.end + phrase.len(), value);
                add(bare.start..end, value);
            }
            if ends_with(tokens, bare.start, phrase) {
                add(bare.start - phrase.len()..bare.end, value);
            }
        }
        found.push(Quantity {
            tokens: bare,
            amount: Amount::Exactly(value),
            unit: None,
        });
    }

    fn unit_ends<'a>(&'a self, tokens: &'a [Token], at: usize) -> impl Iterator<Item = usize> + 'a {
        let said = self.units.iter().map(|(phrase, _)| phrase);
        said.filter(move |phrase| starts_with(tokens, at, phrase))
            .map(move |phrase| at + phrase.len())
    }

    /// Adds the half of "twenty two and a half" or 二十二度半 to a whole number.
    fn with_half(&self, tokens: &[Token], end: usize, value: f64) -> (usize, f64) {
        if value.fract() != 0.0 {
            return (end, value);
        }
        let mut at = end;
        // Glue is a must between written words and never stands between characters.
        let spaced = tokens
            .get(end)
            .is_some_and(|next| next.script == super::Script::Letters);
        for _ in 0..2 {
            match longest_at(tokens, at, &self.glue) {
                Some(next) if spaced => at = next,
                _ => break,
            }
        }
        match longest_at(tokens, at, &self.half) {
            Some(half_end) if !spaced || at > end => (half_end, value + 0.5_f64.copysign(value)),
            _ => (end, value),
        }
    }
}

/// A Fahrenheit reading as a temperature and as a difference of temperatures.
fn fahrenheit(tokens: Range<usize>, value: f64, found: &mut Vec<Quantity>) {
    let readings = [
        (Unit::Celsius, (value - 32.0) / 1.8),
        (Unit::Kelvin, value / 1.8),
    ];
    for (unit, converted) in readings {
        found.push(Quantity {
            tokens: tokens.clone(),
            amount: Amount::About(converted),
            unit: Some(unit),
        });
    }
}

fn starts_with(tokens: &[Token], at: usize, phrase: &[String]) -> bool {
    let run = tokens.get(at..at + phrase.len());
    !phrase.is_empty()
        && run.is_some_and(|run| {
            let same = run
                .iter()
                .zip(phrase)
                .all(|(token, word)| token.text == *word);
            same && !run.iter().any(|token| token.after_pause)
        })
}

fn ends_with(tokens: &[Token], at: usize, phrase: &[String]) -> bool {
    at.checked_sub(phrase.len())
        .is_some_and(|start| starts_with(tokens, start, phrase))
}

fn longest_at(tokens: &[Token], at: usize, phrases: &[Vec<String>]) -> Option<usize> {
    suffixes(tokens, at, phrases).max()
}

fn suffixes<'a>(
    tokens: &'a [Token],
    at: usize,
    phrases: &'a [Vec<String>],
) -> impl Iterator<Item = usize> + 'a {
    let here = phrases.iter().filter(move |p| starts_with(tokens, at, p));
    here.map(move |phrase| at + phrase.len())
}

fn prefixes<'a>(
    tokens: &'a [Token],
    at: usize,
    phrases: &'a [Vec<String>],
) -> impl Iterator<Item = usize> + 'a {
    let here = phrases.iter().filter(move |p| ends_with(tokens, at, p));
    here.map(move |phrase| at - phrase.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normalise::{Sentence, numbers};

    fn words() -> QuantityWords {
        let list = |words: &[&str]| words.iter().map(|w| words_of(w)).collect::<Vec<_>>();
        QuantityWords {
            units: vec![
                (words_of("degrees"), Unit::Celsius),
                (words_of("percent"), Unit::Percent),
                (words_of("百分之"), Unit::Percent),
                (words_of("度"), Unit::Celsius),
                (words_of("档"), Unit::Level),
            ],
            fahrenheit: list(&["fahrenheit", "华氏"]),
            half: list(&["half", "一半", "半"]),
            maximum: list(&["maximum"]),
            minimum: list(&["minimum"]),
            glue: list(&["and", "a"]),
        }
    }

    fn has(text: &str, amount: Amount, unit: Option<Unit>) -> bool {
        let tokens = Sentence::read(text).tokens;
        let found = words().find(&tokens, &numbers(&tokens));
        found.iter().any(|q| q.amount == amount && q.unit == unit)
    }

    #[test]
    fn a_unit_beside_a_number_belongs_to_it() {
        assert!(has(
            "seventy percent",
            Amount::Exactly(70.0),
            Some(Unit::Percent)
        ));
        assert!(has(
            "百分之五十",
            Amount::Exactly(50.0),
            Some(Unit::Percent)
        ));
        assert!(has("三档", Amount::Exactly(3.0), Some(Unit::Level)));
        assert!(has("三档", Amount::Exactly(3.0), None));
    }

    #[test]
    fn a_half_is_added_to_the_number_before_it() {
        assert!(has("twenty two and a half", Amount::Exactly(22.5), None));
        assert!(has(
            "twenty two and a half degrees",
            Amount::Exactly(22.5),
            Some(Unit::Celsius)
        ));
        assert!(has(
            "二十二度半",
            Amount::Exactly(22.5),
            Some(Unit::Celsius)
        ));
        assert!(has("half", Amount::Exactly(50.0), Some(Unit::Percent)));
        assert!(has("开一半", Amount::Exactly(50.0), Some(Unit::Percent)));
        assert!(!has("twenty half", Amount::Exactly(20.5), None));
    }

    #[test]
    fn fahrenheit_becomes_celsius() {
        let near = |text: &str| {
            let tokens = Sentence::read(text).tokens;
            let found = words().find(&tokens, &numbers(&tokens));
            found.iter().any(|q| {
                matches!(q.amount, Amount::About(c) if (c - 22.222).abs() < 0.01)
                    && q.unit == Some(Unit::Celsius)
                    && q.tokens == (0..tokens.len())
            })
        };
        assert!(near("72 degrees fahrenheit"));
        assert!(near("seventy two fahrenheit"));
        assert!(near("华氏七十二度"));
    }

    #[test]
    fn extremes_are_quantities_without_a_number() {
        assert!(has("maximum", Amount::Maximum, None));
        assert!(has("minimum", Amount::Minimum, None));
    }
}
