//! Was the wake phrase said that a head has heard?
//!
//! The model alone often writes other words for it, "a low car" for "hello car": in its books
//! people say other things. So it is not asked what it would write but how probable it finds the
//! phrase: the likeliest text that begins with the phrase, in whatever spelling, is compared with
//! the likeliest of all over the same encoding. Where it is not much less probable, the phrase was
//! said, and the transcript goes on from it. That costs some tokens of the decoder, no encoding,
//! and only where a head has woken.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::Arc;

use whisper_rs::WhisperError;

use super::decoded::{Decoded, Piece, text};
use super::decoding::{Model, Opening, Writing, log_sum_exp, score};
use super::spelling::{Progress, Spelling};
use super::transcript::{Call, Verdict};

/// When a wake phrase that a head has heard is believed to have been said, where the model by
/// itself wrote other words.
#[derive(Debug, Clone, PartialEq)]
pub struct CallOptions {
    /// By how much less probable the text with the phrase may be, as a logarithm.
    pub concession: f32,
    /// The model is asked for no more than so many tokens to find the phrase's likeliest spelling.
    pub most_steps: usize,
}

impl Default for CallOptions {
    fn default() -> Self {
        Self {
            concession: 3.0,
            most_steps: 16,
        }
    }
}

/// So much beyond the concession is still looked for, to say by how much a phrase was missed.
const LOOKED_BEYOND: f32 = 4.0;

impl Model {
    /// What was said, after the question whether it begins with one of the phrases `calls`;
    /// `written` is what the model wrote of itself in this way. `None` when nobody wants to know
    /// any more.
    pub(super) fn confirm(
        &mut self,
        calls: &[Arc<str>],
        options: &CallOptions,
        writing: Writing<'_>,
        mut written: Decoded,
    ) -> Result<Option<Decoded>, WhisperError> {
        for phrase in calls {
            let Some(spelling) = Spelling::of(phrase) else {
                continue;
            };
            let question = Question {
                spelling,
                options,
                writing,
            };
            let call = |verdict| {
                let phrase = Arc::clone(phrase);
                Some(Call { phrase, verdict })
            };
            if let Some(pieces) = written_as(&question.spelling, &written.pieces) {
                written.call = call(Verdict::Written);
                written.call_pieces = pieces;
                return Ok(Some(written));
            }
            let called = self.called(&question, &written)?;
            if !(writing.wanted)() {
                return Ok(None);
            }
            let less_probable_by = called
                .as_ref()
                .map(|called| written.log_probability - called.log_probability);
            if let (Some(mut called), Some(less_probable_by)) = (called, less_probable_by)
                && less_probable_by <= options.concession
            {
                called.call = call(Verdict::Believed { less_probable_by });
                return Ok(Some(called));
            }
            // Of several that are refused the first is reported, of which its head was surest.
            written.call = written
                .call
                .or_else(|| call(Verdict::Refused { less_probable_by }));
        }
        Ok(Some(written))
    }

    /// The likeliest text that begins with the phrase, where one is likely enough to be compared
    /// with what was written.
    fn called(
        &mut self,
        question: &Question<'_>,
        written: &Decoded,
    ) -> Result<Option<Decoded>, WhisperError> {
        let conceded = question.options.concession + LOOKED_BEYOND;
        let at_least = written.log_probability - conceded;
        let Some(pieces) = self.spell(question, at_least)? else {
            return Ok(None);
        };
        let tokens = self.table.all();
        let joined = tokens.filter(|(_, bytes)| question.spelling.is_joined_by(bytes));
        let opening = Opening {
            pieces,
            not_behind: joined.map(|(token, _)| token).collect(),
        };
        let writing = Writing {
            opening: Some(&opening),
            ..question.writing
        };
        let Some(mut called) = self.write(&writing)? else {
            return Ok(None);
        };
        called.call_pieces = opening.pieces.len();
        let rest = called.pieces.get(called.call_pieces..).unwrap_or_default();
        let again = said_again(&question.spelling, rest);
        let rest = called.call_pieces..called.call_pieces + again;
        called.pieces.drain(rest);
        let adds = adds_the_phrase(&question.spelling, &called.text(), &written.text());
        tracing::debug!(
            written = written.text(),
            called = called.text(),
            written_log_probability = written.log_probability,
            log_probability = called.log_probability,
            phrase_log_probability = opening.log_probability(),
            adds,
            "a wake phrase may be the beginning"
        );
        Ok((!adds).then_some(called))
    }

    /// A likely way to write the phrase before anything else, if any has this probability. The
    /// likeliest beginning is gone on with first, of two alike the longer.
    fn spell(
        &mut self,
        question: &Question<'_>,
        at_least: f32,
    ) -> Result<Option<Vec<Piece>>, WhisperError> {
        let spelling = &question.spelling;
        let past = self.set_task(question.writing.language)?;
        let mut held = Vec::new();
        let mut open = BinaryHeap::from([Beginning::default()]);
        let mut steps = 0;
        while let Some(best) = open.pop() {
            if spelling.is_whole(&best.progress) {
                return Ok(Some(best.pieces));
            }
            steps += 1;
            if steps > question.options.most_steps || !(question.writing.wanted)() {
                break;
            }
            let scores = self.scores_behind(&best.pieces, past, &mut held)?;
            let sum = log_sum_exp(&scores);
            for (token, bytes) in self.table.all() {
                let log_probability = score(&scores, token) - sum;
                let sum_so_far = best.log_probability + log_probability;
                if sum_so_far < at_least {
                    continue;
                }
                let Some(progress) = spelling.follow(&best.progress, bytes) else {
                    continue;
                };
                let mut pieces = best.pieces.clone();
                pieces.push(Piece {
                    token,
                    bytes: bytes.to_vec(),
                    probability: log_probability.exp(),
                });
                open.push(Beginning {
                    promise: sum_so_far + PROMISE * spelling.share(&progress),
                    log_probability: sum_so_far,
                    pieces,
                    progress,
                });
            }
        }
        Ok(None)
    }
}

/// How many pieces behind the phrase are its end once more: where the phrase is improbable, the
/// model says again what it heard. Pieces of torn characters go with them.
fn said_again(spelling: &Spelling, rest: &[Piece]) -> usize {
    let is_torn = |piece: &&Piece| {
        std::str::from_utf8(&piece.bytes)
            // A character that is merely not whole yet has no length of error.
            .is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_some())
    };
    let torn = rest.iter().take_while(is_torn).count();
    let again = |count: &usize| {
        let joined = rest.get(torn + count);
        let joined = joined.is_some_and(|next| spelling.is_joined_by(&next.bytes));
        let pieces = rest.get(torn..torn + count);
        pieces.is_some_and(|pieces| spelling.ends_in(&text(pieces))) && !joined
    };
    torn + (1..=rest.len() - torn).rfind(again).unwrap_or_default()
}

/// Whether the phrase does not stand instead of other words but before them: "hello car Carl" for
/// "hello Carl". Then the text is longer by more than a third of the phrase.
fn adds_the_phrase(spelling: &Spelling, called: &str, written: &str) -> bool {
    let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).count();
    letters(called) * 3 > letters(written) * 3 + spelling.length()
}

/// How many of the pieces are the phrase, where they begin with it.
fn written_as(spelling: &Spelling, pieces: &[Piece]) -> Option<usize> {
    let mut progress = Progress::default();
    for (place, piece) in pieces.iter().enumerate() {
        progress = spelling.follow(&progress, &piece.bytes)?;
        if spelling.is_whole(&progress) {
            let next = pieces.get(place + 1);
            let joined = next.is_some_and(|next| spelling.is_joined_by(&next.bytes));
            return (!joined).then_some(place + 1);
        }
    }
    None
}

/// What the beginning of a phrase may lose until it is whole, as a logarithm: with nothing for it,
/// short beginnings would all be gone on with before any long one.
const PROMISE: f32 = 8.0;

/// Whether a phrase was said.
struct Question<'a> {
    spelling: Spelling,
    options: &'a CallOptions,
    /// How to write down what follows it.
    writing: Writing<'a>,
}

/// A phrase that is being spelled.
#[derive(Default)]
struct Beginning {
    /// Its probability, and the more the further it has come.
    promise: f32,
    log_probability: f32,
    pieces: Vec<Piece>,
    progress: Progress,
}

impl PartialEq for Beginning {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Beginning {}

impl PartialOrd for Beginning {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Beginning {
    fn cmp(&self, other: &Self) -> Ordering {
        self.promise.total_cmp(&other.promise)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phrase_that_only_stands_before_the_words_is_told_from_one_instead_of_them() {
        for (called, written, phrase) in [
            ("Hello Car Kyle.", "Hello Kyle.", "hello car"),
            (
                "Hello Car Karen, turn it on",
                "Hello, Karen. Turn it on",
                "hello car",
            ),
            ("你好小车小李", "你好小李", "你好小车"),
        ] {
            let spelling = Spelling::of(phrase).unwrap();
            assert!(adds_the_phrase(&spelling, called, written), "{called}");
        }
        for (called, written, phrase) in [
            ("Hello car, turn it on", "a low car turn it on", "hello car"),
            ("Hello car, turn it on", "Low car, turn it on", "hello car"),
            (
                "Hey co-driver, louder",
                "K-co driver, louder",
                "hey codriver",
            ),
            ("你好小车打开空调", "1號小車搭開公角", "你好小车"),
            ("你好小车打开空调", "好消車打開空調", "你好小车"),
        ] {
            let spelling = Spelling::of(phrase).unwrap();
            assert!(!adds_the_phrase(&spelling, called, written), "{called}");
        }
    }

    #[test]
    fn the_end_of_a_phrase_that_is_said_again_is_left_out() {
        let car = "车".as_bytes();
        for (phrase, rest, again) in [
            (
                "hello car",
                &[&b" car"[..], b" turn", b" it", b" on"][..],
                1,
            ),
            ("hello car", &[b" cars", b" next"], 1),
            ("hello car", &[b" card", b" tricks"], 0),
            ("hello car", &[b" Car", b"men", b","], 0),
            ("hello car", &[b",", b" turn"], 0),
            ("hey codriver", &[b" co", b"-", b"driver", b" next"], 3),
            ("你好小车", &[&car[2..], "打".as_bytes()], 1),
            ("你好小车", &[&car[..2], &car[2..], "打".as_bytes()], 2),
            ("你好小车", &["打".as_bytes()], 0),
        ] {
            let piece = |bytes: &&[u8]| Piece {
                token: 0,
                bytes: bytes.to_vec(),
                probability: 1.0,
            };
            let rest: Vec<Piece> = rest.iter().map(piece).collect();
            let spelling = Spelling::of(phrase).unwrap();
            assert_eq!(said_again(&spelling, &rest), again, "{phrase}");
        }
    }
}
