//! Finds numbers in words and numerals. The crates do the number work:
//! text2num for English, chinese-number for Mandarin.

use std::borrow::Cow;
use std::ops::Range;

use chinese_number::{ChineseCountMethod, ChineseToNumber};
use text2num::lang::English;

use super::{Script, Token};

/// A number and the tokens that say it, as long as possible.
#[derive(Debug, Clone, PartialEq)]
pub struct NumberSpan {
    /// Which tokens.
    pub tokens: Range<usize>,
    /// Its value, finite.
    pub value: f64,
}

/// All numbers of a sentence, in order, without overlap.
pub fn numbers(tokens: &[Token]) -> Vec<NumberSpan> {
    let mut found = english(tokens);
    found.extend(numerals(tokens));
    found.extend(mandarin(tokens));
    found.sort_by_key(|number| number.tokens.start);
    found
}

struct Spoken<'a>(&'a Token);

impl text2num::Token for &Spoken<'_> {
    fn text(&self) -> Cow<'_, str> {
        self.0.text.as_str().into()
    }

    fn text_lowercase(&self) -> Cow<'_, str> {
        self.0.text.as_str().into()
    }

    fn nt_separated(&self, _previous: &Self) -> bool {
        self.0.after_pause
    }

    fn not_a_number_part(&self) -> bool {
        // A lone "o" is a letter more often than a nought.
        self.0.script != Script::Letters || self.0.text.len() == 1
    }
}

fn english(tokens: &[Token]) -> Vec<NumberSpan> {
    let spoken: Vec<_> = tokens.iter().map(Spoken).collect();
    text2num::find_numbers(spoken.iter(), &English::new(), 0.0)
        .into_iter()
        .filter(|number| !number.is_ordinal && number.value.is_finite())
        .map(|number| NumberSpan {
            tokens: number.start..number.end,
            value: number.value,
        })
        .collect()
}

fn numerals(tokens: &[Token]) -> Vec<NumberSpan> {
    let digits = |(at, token): (usize, &Token)| {
        let value: f64 = token.text.parse().ok()?;
        (token.script == Script::Digits && value.is_finite()).then_some(NumberSpan {
            tokens: at..at + 1,
            value,
        })
    };
    tokens.iter().enumerate().filter_map(digits).collect()
}

/// Longest Chinese numeral that is looked for, in characters.
const LONGEST: usize = 12;
/// What stands between the whole and the decimals of a spoken Chinese number.
const DECIMAL_POINT: &str = "点";
/// What follows the number of parts in a fraction.
const PARTS: &str = "分";

fn mandarin(tokens: &[Token]) -> Vec<NumberSpan> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let Some((mut end, mut value)) = longest(tokens, at, whole) else {
            at += 1;
            continue;
        };
        let next = tokens.get(end).map(|token| token.text.as_str());
        // The hundred of 百分之五十 is the sign of a percentage, not a number.
        if next == Some(PARTS) {
            at = end;
            continue;
        }
        if next == Some(DECIMAL_POINT)
            && let Some((decimals_end, decimals)) = longest(tokens, end + 1, decimals)
        {
            end = decimals_end;
            value += decimals.copysign(value);
        }
        found.push(NumberSpan {
            tokens: at..end,
            value,
        });
        at = end;
    }
    found
}

/// The longest run of characters from `start` that `parse` can read.
fn longest(tokens: &[Token], start: usize, parse: fn(&str) -> Option<f64>) -> Option<(usize, f64)> {
    let mut text = String::new();
    let mut best = None;
    let run = tokens.get(start..)?.iter().take(LONGEST);
    for (offset, token) in run.take_while(|t| t.script == Script::Han).enumerate() {
        if offset > 0 && token.after_pause {
            break;
        }
        text.push_str(&token.text);
        match parse(&text) {
            Some(value) => best = Some((start + offset + 1, value)),
            // "负" and "百" begin numbers without being one.
            None if offset >= 1 && best.is_none() => break,
            None => {}
        }
    }
    best
}

/// What the crate is shown: other characters that it takes for exponents (分, 个)
/// trip its assertions.
const NUMERALS: &str = "零〇一二两三四五六七八九十百千万亿负";

fn whole(text: &str) -> Option<f64> {
    if !text.chars().all(|c| NUMERALS.contains(c)) {
        return None;
    }
    let counted =
        |text: &str| -> Option<i64> { text.to_number(ChineseCountMethod::TenThousand).ok() };
    let digit_by_digit = || -> Option<i64> { text.to_number_naive().ok() };
    // "百" alone is said for a hundred where the writing wants "一百".
    counted(text)
        .or_else(digit_by_digit)
        .or_else(|| counted(&format!("一{text}")))
        .map(|value| value as f64)
}

fn decimals(text: &str) -> Option<f64> {
    let digits: u32 = text.to_number_naive().ok()?;
    let places = i32::try_from(text.chars().count()).ok()?;
    Some(f64::from(digits) / 10f64.powi(places))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normalise::Sentence;

    fn values(text: &str) -> Vec<f64> {
        let found = numbers(&Sentence::read(text).tokens);
        found.into_iter().map(|number| number.value).collect()
    }

    #[test]
    fn english_numbers_are_read_in_words_and_numerals() {
        assert_eq!(values("set it to twenty two point five degrees"), [22.5]);
        assert_eq!(values("Twenty-One, 50 and a hundred"), [21.0, 50.0, 100.0]);
        assert_eq!(values("21.5 -3"), [21.5, -3.0]);
    }

    #[test]
    fn two_numbers_said_together_stay_two() {
        assert_eq!(values("twenty one fifty"), [21.0, 50.0]);
        assert_eq!(values("level two, three"), [2.0, 3.0]);
    }

    #[test]
    fn ordinals_and_letters_are_no_numbers() {
        assert_eq!(values("the second row o a"), [] as [f64; 0]);
        assert_eq!(values("to too for"), [] as [f64; 0]);
    }

    #[test]
    fn mandarin_numbers_are_read_in_all_their_forms() {
        assert_eq!(values("二十二"), [22.0]);
        assert_eq!(values("两档"), [2.0]);
        assert_eq!(values("调到二十二点五度"), [22.5]);
        assert_eq!(values("百分之五十"), [50.0]);
        assert_eq!(values("百分之百"), [100.0]);
        assert_eq!(values("一百二"), [120.0]);
        assert_eq!(values("二五"), [25.0]);
        assert_eq!(values("負五度"), [-5.0]);
        assert_eq!(values("兩百"), [200.0]);
    }
}
