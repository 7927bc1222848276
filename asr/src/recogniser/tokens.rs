//! The pieces of text that whisper writes, and how text is cut into them.

use std::collections::HashMap;

use whisper_rs::{WhisperContext, WhisperTokenId};

/// The text tokens of a model; its markers are not among them.
pub(super) struct TokenTable {
    pieces: Vec<Vec<u8>>,
    numbers: HashMap<Vec<u8>, WhisperTokenId>,
}

/// Endings that are cut off a word before it is cut any further.
const CONTRACTIONS: [&str; 7] = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"];

impl TokenTable {
    /// Reads the table out of a model.
    pub(super) fn new(context: &WhisperContext) -> Self {
        let piece = |token| context.token_to_bytes(token).unwrap_or_default().to_vec();
        let pieces: Vec<Vec<u8>> = (0..context.token_eot()).map(piece).collect();
        let mut numbers = HashMap::with_capacity(pieces.len());
        for (token, piece) in (0..).zip(&pieces) {
            numbers.entry(piece.clone()).or_insert(token);
        }
        Self { pieces, numbers }
    }

    /// What a token stands for: bytes, perhaps parts of a character; nothing for a marker.
    pub(super) fn bytes(&self, token: WhisperTokenId) -> &[u8] {
        usize::try_from(token)
            .ok()
            .and_then(|token| self.pieces.get(token))
            .map_or(&[], Vec::as_slice)
    }

    /// All tokens with what they stand for.
    pub(super) fn all(&self) -> impl Iterator<Item = (WhisperTokenId, &[u8])> {
        (0..).zip(self.pieces.iter().map(Vec::as_slice))
    }

    /// The token that stands for exactly this.
    pub(super) fn token(&self, text: &str) -> Option<WhisperTokenId> {
        self.numbers.get(text.as_bytes()).copied()
    }

    /// The tokens of one word, with the blank before it where it has one, as the model was taught
    /// them: byte pair encoding, in which a token's number is its rank. (whisper.cpp cuts off
    /// the longest token instead, which gives others.) `None` for what the table cannot write.
    pub(super) fn spell(&self, word: &str) -> Option<Vec<WhisperTokenId>> {
        let contraction = CONTRACTIONS
            .iter()
            .find(|ending| word.len() > ending.len() && word.ends_with(**ending));
        let (stem, ending) = word.split_at(word.len() - contraction.map_or(0, |c| c.len()));
        let mut tokens = self.merge(stem.as_bytes())?;
        tokens.extend(self.merge(ending.as_bytes())?);
        Some(tokens)
    }

    fn merge(&self, bytes: &[u8]) -> Option<Vec<WhisperTokenId>> {
        let mut parts: Vec<&[u8]> = bytes.chunks(1).collect();
        loop {
            let rank = |at: usize| {
                let (left, right) = (parts.get(at)?, parts.get(at + 1)?);
                self.numbers.get(&[*left, *right].concat())
            };
            let best = (0..parts.len())
                .filter_map(|at| rank(at).map(|rank| (*rank, at)))
                .min();
            let Some((_, at)) = best else { break };
            let start: usize = parts.iter().take(at).map(|part| part.len()).sum();
            let length = parts.get(at)?.len() + parts.get(at + 1)?.len();
            let merged = bytes.get(start..start + length)?;
            parts.splice(at..=at + 1, [merged]);
        }
        parts
            .into_iter()
            .map(|part| self.numbers.get(part).copied())
            .collect()
    }
}
