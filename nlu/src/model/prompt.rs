//! The tokens around an utterance, the fixed ones computed once.

use codriver_catalog::Catalog;
use codriver_models::{PromptSegment, PromptTemplate};

use super::call;
use super::vocabulary::Vocabulary;
use crate::{Context, Error, Proposal};

/// A pack's prompt template in tokens.
pub struct Prompt {
    prefix: Vec<u32>,
    rest: Vec<Piece>,
}

enum Piece {
    Fixed(Vec<u32>),
    /// With the space, if any, that stands before it in the template: words
    /// are tokens together with the space before them.
    Utterance {
        space: &'static str,
    },
    Context {
        space: &'static str,
    },
}

impl Prompt {
    /// Encodes the fixed text of `template`.
    ///
    /// # Errors
    /// [`Error::Inference`] when the tokenizer refuses it.
    pub fn new(template: &PromptTemplate, vocabulary: &Vocabulary) -> Result<Self, Error> {
        let mut pieces = Vec::new();
        let mut space = "";
        for segment in template.segments() {
            let piece = match segment {
                PromptSegment::Literal(text) => {
                    // A space at the end belongs to the word that will follow.
                    let fixed = text.strip_suffix(' ');
                    space = if fixed.is_some() { " " } else { "" };
                    Piece::Fixed(vocabulary.encode_trusted(fixed.unwrap_or(text))?)
                }
                PromptSegment::Utterance => Piece::Utterance {
                    space: std::mem::take(&mut space),
                },
                PromptSegment::Context => Piece::Context {
                    space: std::mem::take(&mut space),
                },
            };
            pieces.push(piece);
        }
        let prefix = match pieces.first_mut() {
            Some(Piece::Fixed(tokens)) => std::mem::take(tokens),
            _ => Vec::new(),
        };
        Ok(Self {
            prefix,
            rest: pieces,
        })
    }

    /// The tokens that begin every prompt.
    pub fn prefix(&self) -> &[u32] {
        &self.prefix
    }

    /// How many tokens the fixed pieces have together.
    pub fn fixed_tokens(&self) -> usize {
        let rest = self.rest.iter().map(|piece| match piece {
            Piece::Fixed(tokens) => tokens.len(),
            _ => 0,
        });
        self.prefix.len() + rest.sum::<usize>()
    }

    /// The tokens after the prefix for one [sanitised](sanitise) utterance,
    /// or `None` when utterance and context have more than `limit` tokens.
    ///
    /// # Errors
    /// [`Error::Inference`] when the tokenizer refuses the text.
    pub fn rest(
        &self,
        vocabulary: &Vocabulary,
        utterance: &str,
        context: &str,
        limit: usize,
    ) -> Result<Option<Vec<u32>>, Error> {
        let mut tokens = Vec::new();
        let mut spoken = 0;
        for piece in &self.rest {
            let (space, text) = match piece {
                Piece::Fixed(fixed) => {
                    tokens.extend(fixed);
                    continue;
                }
                Piece::Utterance { space } => (space, utterance),
                Piece::Context { space } => (space, context),
            };
            let encoded = vocabulary.encode_spoken(&format!("{space}{text}"))?;
            spoken += encoded.len();
            if spoken > limit {
                return Ok(None);
            }
            tokens.extend(encoded);
        }
        Ok(Some(tokens))
    }
}

/// The words of an utterance on one line, without quotes, backslashes and
/// control characters, which the call syntax cannot hold, and in simplified
/// characters: models learn from those, and recognisers write either.
pub fn sanitise(utterance: &str) -> String {
    let plain: String = fast2s::convert(utterance)
        .chars()
        .map(|c| match c {
            '"' | '\\' => ' ',
            c if c.is_control() => ' ',
            c => c,
        })
        .collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What was done last, oldest first, as a model would have answered it.
pub fn recent_calls(catalog: &Catalog, context: &Context, most: usize) -> String {
    let calls: Vec<String> = context
        .recent
        .iter()
        .take(most)
        .rev()
        .filter_map(|command| {
            let proposal = Proposal {
                name: command.name.clone(),
                arguments: command.arguments.clone(),
            };
            call::write(catalog, &[proposal]).ok()
        })
        .collect();
    calls.concat().trim_start().to_owned()
}

#[cfg(test)]
mod tests {
    use super::sanitise;

    #[test]
    fn a_model_reads_one_line_in_simplified_characters_without_quotes() {
        for (spoken, read) in [
            ("幫我加大腰部支撐。", "帮我加大腰部支撑。"),
            ("say \"hi\"\nto\\him", "say hi to him"),
        ] {
            assert_eq!(sanitise(spoken), read);
        }
    }
}
