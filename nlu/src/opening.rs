//! Does a sentence begin with a phrase, by sound? What wakes an assistant is written by a
//! recogniser in many ways ("hey co-driver", "Hey, Code River"), and means one.

use rphonetic::DoubleMetaphone;

use crate::normalise::{Script, Sentence, Token};
use crate::sound::mandarin;

/// A phrase that sentences may begin with, in one language.
#[derive(Debug, Clone)]
pub struct OpeningPhrase(Form);

#[derive(Debug, Clone)]
enum Form {
    /// Compared as one run of letters, since recognisers part and join words as they please.
    English {
        words: usize,
        letters: String,
        codes: [String; 2],
    },
    /// Compared character by character.
    Mandarin(Vec<mandarin::Sound>),
}

/// An English phrase with fewer letters sounds like too much else.
const FEWEST_LETTERS: usize = 6;
/// The same for a Mandarin phrase's characters.
const FEWEST_CHARACTERS: usize = 3;
/// Longest code that is computed, in sounds.
const CODE_LENGTH: usize = 16;
/// Words that a recogniser may make more of the phrase than it has.
const MORE_WORDS: usize = 2;
/// A code this long may differ in one sound.
const LONG_CODE: usize = 5;

impl OpeningPhrase {
    /// A phrase of English words or of Chinese characters.
    ///
    /// # Errors
    /// Why no sentence could be told by it, and what to write instead.
    pub fn new(phrase: &str) -> Result<Self, String> {
        let tokens = Sentence::read(phrase).tokens;
        if tokens.iter().all(|token| token.script == Script::Han) {
            let sounds: Option<Vec<_>> = tokens.iter().map(sound_of_character).collect();
            return match sounds {
                Some(sounds) if sounds.len() >= FEWEST_CHARACTERS => {
                    Ok(Self(Form::Mandarin(sounds)))
                }
                _ => Err(format!(
                    "\"{phrase}\" is too short to be told from other speech; \
                     use at least {FEWEST_CHARACTERS} characters"
                )),
            };
        }
        let letters: String = tokens.iter().map(|token| token.text.as_str()).collect();
        if !letters.bytes().all(|letter| letter.is_ascii_alphabetic()) {
            return Err(format!(
                "\"{phrase}\" must be English words only, or Chinese characters only"
            ));
        }
        if letters.len() < FEWEST_LETTERS {
            return Err(format!(
                "\"{phrase}\" is too short to be told from other speech; \
                 use at least {FEWEST_LETTERS} letters or {FEWEST_CHARACTERS} Chinese characters"
            ));
        }
        Ok(Self(Form::English {
            words: tokens.len(),
            codes: codes(&letters),
            letters,
        }))
    }

    /// What is said after the phrase, as it was written; `None` when `text` does not begin with
    /// it, "" when nothing follows.
    pub fn rest<'a>(&self, text: &'a str) -> Option<&'a str> {
        let sentence = Sentence::read(text);
        let tokens = &sentence.tokens;
        let length = match &self.0 {
            Form::Mandarin(sounds) => begins_with_sounds(tokens, sounds)?,
            Form::English {
                words,
                letters,
                codes,
            } => (1..=words + MORE_WORDS)
                .filter_map(|length| {
                    let unlike = unlikeness(tokens.get(..length)?, letters, codes)?;
                    Some((unlike, length))
                })
                .min_by(|(a, _), (b, _)| a.total_cmp(b))
                .map(|(_, length)| length)?,
        };
        let from = match tokens.get(length) {
            Some(next) => next.span.start,
            None => text.len(),
        };
        text.get(from..)
    }
}

/// What is said after any of `phrases`, however often they are said; `None` when `text` begins
/// with none of them.
pub fn after_opening<'a>(phrases: &[OpeningPhrase], text: &'a str) -> Option<&'a str> {
    let after = |text| phrases.iter().find_map(|phrase| phrase.rest(text));
    let mut rest = after(text)?;
    while let Some(further) = after(rest) {
        rest = further;
    }
    Some(rest)
}

fn sound_of_character(token: &Token) -> Option<mandarin::Sound> {
    token.text.chars().next().and_then(mandarin::Sound::of)
}

/// How many tokens the phrase takes.
fn begins_with_sounds(tokens: &[Token], sounds: &[mandarin::Sound]) -> Option<usize> {
    let heard = tokens.get(..sounds.len())?;
    let alike = |(token, sound): (&Token, &mandarin::Sound)| {
        sound_of_character(token).is_some_and(|heard| sound.cost(&heard).is_some())
    };
    heard.iter().zip(sounds).all(alike).then_some(sounds.len())
}

/// How unlike the phrase these words are spelt, 0 to 1; `None` when they sound different.
fn unlikeness(heard: &[Token], letters: &str, phrase: &[String; 2]) -> Option<f32> {
    let joined: String = heard.iter().map(|token| token.text.as_str()).collect();
    if !joined.bytes().all(|letter| letter.is_ascii_alphabetic()) {
        return None;
    }
    let longest = joined.len().max(letters.len());
    let unlike = strsim::osa_distance(&joined, letters) as f32 / longest as f32;
    let sounds_apart = codes(&joined)
        .iter()
        .flat_map(|a| phrase.iter().map(move |b| (a, b)))
        .filter(|(a, b)| a.as_bytes().first() == b.as_bytes().first())
        .filter_map(|(a, b)| match strsim::osa_distance(a, b) {
            0 => Some(0),
            1 if b.len() >= LONG_CODE => Some(1),
            _ => None,
        })
        .min()?;
    let alike = match sounds_apart {
        0 => unlike <= 0.4,
        _ => unlike <= 0.2,
    };
    alike.then_some(unlike)
}

fn codes(letters: &str) -> [String; 2] {
    let result = DoubleMetaphone::new(Some(CODE_LENGTH)).double_metaphone(letters);
    [result.primary(), result.alternate()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rest<'a>(phrase: &str, text: &'a str) -> Option<&'a str> {
        let phrase = OpeningPhrase::new(phrase).unwrap();
        phrase.rest(text)
    }

    #[test]
    fn a_phrase_and_a_request_in_one_breath_leave_the_request_as_it_was_written() {
        for (text, request) in [
            ("Hello car, open the window.", "open the window."),
            ("hello, Kar. Turn on the A/C", "Turn on the A/C"),
            ("Hello Carr", ""),
        ] {
            assert_eq!(rest("hello car", text), Some(request), "{text}");
        }
        for text in [
            "Hey Codriver, louder",
            "Hey, co-driver: louder",
            "Hey Code River louder",
            "Hey God River, louder",
        ] {
            assert_eq!(rest("hey codriver", text), Some("louder"), "{text}");
        }
    }

    #[test]
    fn a_mandarin_phrase_is_known_by_its_sound_in_either_script() {
        for (text, request) in [
            ("你好小车,打开车窗", "打开车窗"),
            ("你好,小車。打開車窗", "打開車窗"),
            ("妮好小扯", ""),
        ] {
            assert_eq!(rest("你好小车", text), Some(request), "{text}");
        }
    }

    #[test]
    fn what_only_resembles_the_phrase_does_not_wake() {
        for text in [
            "Hello Carl, how are you?",
            "Hello there",
            "yellow car",
            "Open the car",
            "hello",
            "",
            "你好",
            "I said hello car",
            "hello card",
        ] {
            assert_eq!(rest("hello car", text), None, "{text}");
            assert_eq!(rest("你好小车", text), None, "{text}");
        }
        for text in ["Hey, drive on", "hey Conor", "heavy driver"] {
            assert_eq!(rest("hey codriver", text), None, "{text}");
        }
        assert_eq!(rest("你好小车", "你好小李,走吧"), None);
    }

    #[test]
    fn a_phrase_said_twice_is_taken_off_twice() {
        let phrases = ["hello car", "你好小车"].map(|phrase| OpeningPhrase::new(phrase).unwrap());
        let text = "Hello car. Hello car! Lights on";
        let after = |text| after_opening(&phrases, text);
        assert_eq!(after(text), Some("Lights on"));
        assert_eq!(after("你好小车"), Some(""));
        assert_eq!(after("lights on"), None);
    }

    #[test]
    fn a_phrase_that_could_be_anything_is_refused_with_the_way_out() {
        for phrase in ["", "car", "你好", "hello 车", "route 66 car"] {
            let problem = OpeningPhrase::new(phrase).unwrap_err();
            assert!(problem.contains("characters"), "{phrase}: {problem}");
        }
    }
}
