//! From the model's tokens to a transcript.

use std::time::Duration;

use codriver_catalog::Language;
use whisper_rs::WhisperTokenId;

use super::bias::Sentence;
use super::{Call, Timings, Token, Transcript};

/// What came out of one run of the model.
#[derive(Clone)]
pub(super) struct Decoded {
    pub(super) language: Language,
    pub(super) no_speech_probability: f32,
    /// Logarithm of the model's own probability of these words and no more.
    pub(super) log_probability: f32,
    pub(super) kind: Sentence,
    pub(super) pieces: Vec<Piece>,
    /// What became of the wake phrase that a head has heard.
    pub(super) call: Option<Call>,
    /// The first pieces that are this phrase.
    pub(super) call_pieces: usize,
}

/// A text token.
#[derive(Clone)]
pub(super) struct Piece {
    pub(super) token: WhisperTokenId,
    /// Perhaps parts of a character.
    pub(super) bytes: Vec<u8>,
    /// How probable the model itself found it.
    pub(super) probability: f32,
}

impl Decoded {
    pub(super) fn text(&self) -> String {
        text(&self.pieces)
    }

    /// Of the words behind the wake phrase: where there are none, nothing is in doubt.
    pub(super) fn confidence(&self) -> f32 {
        let request = self.pieces.get(self.call_pieces..).unwrap_or_default();
        let only_called = self.call_pieces > 0 && !text(request).chars().any(char::is_alphanumeric);
        match only_called {
            true => 1.0,
            false => geometric_mean(request.iter().map(|piece| piece.probability)),
        }
    }

    pub(super) fn into_transcript(self, duration: Duration, timings: Timings) -> Transcript {
        Transcript {
            text: self.text(),
            language: self.language,
            confidence: self.confidence(),
            tokens: whole_characters(&self.pieces),
            no_speech_probability: self.no_speech_probability,
            call: self.call,
            duration,
            timings,
        }
    }
}

/// The words, in simplified characters: models write either as they please, and a search for
/// 周杰倫 finds nothing by 周杰伦.
pub(super) fn text(pieces: &[Piece]) -> String {
    let bytes: Vec<u8> = pieces
        .iter()
        .flat_map(|piece| &piece.bytes)
        .copied()
        .collect();
    fast2s::convert(String::from_utf8_lossy(&bytes).trim())
}

fn geometric_mean(probabilities: impl ExactSizeIterator<Item = f32>) -> f32 {
    let count = probabilities.len();
    if count == 0 {
        return 0.0;
    }
    let sum: f32 = probabilities
        .map(|probability| probability.max(1e-10).ln())
        .sum();
    (sum / count as f32).exp()
}

/// Joins tokens that are parts of one character.
fn whole_characters(pieces: &[Piece]) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut bytes = Vec::new();
    let mut least: f32 = 1.0;
    for piece in pieces {
        bytes.extend_from_slice(&piece.bytes);
        least = least.min(piece.probability);
        if let Ok(text) = std::str::from_utf8(&bytes) {
            tokens.push(Token {
                text: text.to_owned(),
                probability: least,
            });
            bytes.clear();
            least = 1.0;
        }
    }
    if !bytes.is_empty() {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        tokens.push(Token {
            text,
            probability: least,
        });
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_one_character_become_one_token_with_the_least_probability() {
        let window = "窗".as_bytes();
        let pieces = [
            (b" open".to_vec(), 0.9),
            (window[..1].to_vec(), 0.8),
            (window[1..].to_vec(), 0.4),
            (b"!".to_vec(), 0.7),
        ]
        .map(|(bytes, probability)| Piece {
            token: 0,
            bytes,
            probability,
        });
        let tokens = whole_characters(&pieces);
        let expected = [(" open", 0.9), ("窗", 0.4), ("!", 0.7)].map(|(text, probability)| Token {
            text: text.to_owned(),
            probability,
        });
        assert_eq!(tokens, expected);
    }

    #[test]
    fn mandarin_is_written_in_simplified_characters_whichever_the_model_chose() {
        let (token, probability) = (0, 0.9);
        let bytes = "播放周杰倫的歌。".as_bytes().to_vec();
        let pieces = [Piece {
            token,
            bytes,
            probability,
        }];
        assert_eq!(text(&pieces), "播放周杰伦的歌。");
    }

    #[test]
    fn the_geometric_mean_of_nothing_is_no_confidence() {
        assert_eq!(geometric_mean([].into_iter()), 0.0);
        assert!((geometric_mean([0.25, 1.0].into_iter()) - 0.5).abs() < 1e-6);
    }
}
