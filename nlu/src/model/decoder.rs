//! What the tier needs from a language model's graph, whatever hardware runs it.

use crate::Error;

/// A decoder with a key-value cache, one sequence at a time.
///
/// The cache is bounded and is only ever cut back or appended to; the tokens
/// that all requests share stay in it from one request to the next.
pub trait Decoder: Send {
    /// The sizes of the model.
    fn shape(&self) -> &DecoderShape;

    /// How many tokens the cache holds.
    fn position(&self) -> usize;

    /// Forgets everything after the first `position` tokens.
    fn rewind(&mut self, position: usize);

    /// Appends `tokens` and returns the logits after the last of them, one a
    /// vocabulary entry.
    ///
    /// # Errors
    /// [`Error::Inference`] when `tokens` is empty, holds an identity outside
    /// the vocabulary or does not fit into the cache, and when the runtime
    /// fails. The position is then what it was.
    fn advance(&mut self, tokens: &[u32]) -> Result<&[f32], Error>;
}

/// The sizes of a decoder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecoderShape {
    /// Number of vocabulary entries, and so of logits.
    pub vocabulary: usize,
    /// Most tokens the cache can hold.
    pub places: usize,
}

impl DecoderShape {
    /// Checks what [`Decoder::advance`] promises to refuse.
    ///
    /// # Errors
    /// [`Error::Inference`], as described there.
    pub fn check(&self, position: usize, tokens: &[u32]) -> Result<(), Error> {
        let refuse = |problem: String| {
            Err(Error::Inference {
                doing: "appending tokens",
                problem,
            })
        };
        if tokens.is_empty() {
            return refuse("there are none".into());
        }
        if let Some(token) = tokens.iter().find(|t| **t as usize >= self.vocabulary) {
            return refuse(format!(
                "token {token} is outside the vocabulary of {}",
                self.vocabulary
            ));
        }
        if position + tokens.len() > self.places {
            return refuse(format!(
                "{position} + {} tokens are more than the {} places of the cache",
                tokens.len(),
                self.places
            ));
        }
        Ok(())
    }
}
