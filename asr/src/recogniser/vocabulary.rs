//! The words a recogniser is told to expect.

use whisper_rs::WhisperContext;

/// A list of expected words, as text and as the tokens whisper is primed with.
#[derive(Default)]
pub(super) struct Vocabulary {
    pub(super) words: Vec<String>,
    pub(super) tokens: Vec<i32>,
}

/// whisper keeps half its text context for the prompt: 224 tokens, one of them a marker.
const MAX_TOKENS: usize = 220;

impl Vocabulary {
    /// As many of the words, from the front, as fit the model's prompt.
    pub(super) fn new(words: &[String], context: &WhisperContext) -> Self {
        let mut vocabulary = Self::default();
        for word in words
            .iter()
            .map(|word| word.trim())
            .filter(|word| !word.is_empty())
        {
            let separator = if vocabulary.words.is_empty() {
                " "
            } else {
                ", "
            };
            let text = format!("{separator}{word}");
            // Room for one token a byte: with less, the binding misreads the count.
            let Ok(tokens) = context.tokenize(&text, text.len() + 1) else {
                tracing::warn!(word, "word cannot be given to the recogniser; left out");
                continue;
            };
            if vocabulary.tokens.len() + tokens.len() > MAX_TOKENS {
                let left_out = words.len() - vocabulary.words.len();
                tracing::debug!(
                    left_out,
                    "vocabulary is longer than the recogniser's prompt"
                );
                break;
            }
            vocabulary.tokens.extend(tokens);
            vocabulary.words.push(word.to_owned());
        }
        vocabulary
    }
}
