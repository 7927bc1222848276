//! The model's tokens: text to tokens, and the tokens a grammar allows next.

use std::collections::HashSet;
use std::path::Path;

use llguidance::api::TopLevelGrammar;
use llguidance::{Matcher, ParserFactory};
use tokenizers::Tokenizer;
use toktrie::TokEnv;
use toktrie_hf_tokenizers::ByteTokenizer;

use crate::Error;

/// A tokenizer and the grammar engine over its vocabulary.
pub struct Vocabulary {
    /// For text of the pack, in which control tokens count.
    trusted: Tokenizer,
    /// For what was said: there, `<|im_end|>` is ten characters.
    spoken: Tokenizer,
    /// Tokens that may never come from what was said.
    control: HashSet<u32>,
    environment: TokEnv,
    parsers: ParserFactory,
    end_token: u32,
}

impl Vocabulary {
    /// Reads `tokenizer.json`. `end_of_call` is the one token that ends an answer.
    ///
    /// # Errors
    /// [`Error::Model`] when the file is no such tokenizer, when `end_of_call`
    /// is not exactly one token, and when the tokenizer has more tokens than
    /// the `logits` of the graph.
    pub fn load(path: &Path, end_of_call: &str, logits: usize) -> Result<Self, Error> {
        let wrong = |problem: String| Error::Model {
            path: path.to_owned(),
            problem,
            remedy: "install the model pack again, or correct its manifest".into(),
        };
        let trusted = Tokenizer::from_file(path)
            .map_err(|error| wrong(format!("it is no tokenizer ({error})")))?;
        let end_token = match encode(&trusted, end_of_call)?[..] {
            [token] => token,
            ref tokens => {
                return Err(wrong(format!(
                    "end_of_call {end_of_call:?} is {} tokens instead of one",
                    tokens.len()
                )));
            }
        };
        let size = trusted.get_vocab_size(true);
        if size > logits {
            return Err(wrong(format!(
                "it has {size} tokens, but the graph has {logits}"
            )));
        }
        let mut spoken = trusted.clone();
        spoken.set_encode_special_tokens(true);

        let mut bytes = ByteTokenizer::from_tokenizer(trusted.clone())
            .map_err(|error| wrong(error.to_string()))?;
        bytes.set_eos_token(end_token);
        let environment = bytes
            .into_tok_env(Some(logits))
            .map_err(|error| wrong(error.to_string()))?;
        let mut parsers =
            ParserFactory::new_simple(&environment).map_err(|error| wrong(error.to_string()))?;
        parsers.quiet();
        Ok(Self {
            control: control_tokens(&trusted),
            trusted,
            spoken,
            environment,
            parsers,
            end_token,
        })
    }

    /// The token that ends an answer.
    pub fn end_token(&self) -> u32 {
        self.end_token
    }

    /// Tokens of text from the pack, control tokens included.
    ///
    /// # Errors
    /// [`Error::Inference`] when the tokenizer refuses it.
    pub fn encode_trusted(&self, text: &str) -> Result<Vec<u32>, Error> {
        encode(&self.trusted, text)
    }

    /// Tokens of what was said. None of them is a control token, whatever was said.
    ///
    /// # Errors
    /// [`Error::Inference`] when the tokenizer refuses it.
    pub fn encode_spoken(&self, text: &str) -> Result<Vec<u32>, Error> {
        let mut tokens = encode(&self.spoken, text)?;
        tokens.retain(|token| !self.control.contains(token));
        Ok(tokens)
    }

    /// The text of tokens.
    pub fn decode(&self, tokens: &[u32]) -> String {
        self.environment.tok_trie().decode_str(tokens)
    }

    /// Appends the text of a token, which may be part of a character.
    pub fn append(&self, token: u32, text: &mut Vec<u8>) {
        text.extend_from_slice(self.environment.tok_trie().token(token));
    }

    /// A matcher at the start of a Lark grammar.
    ///
    /// # Errors
    /// [`Error::Inference`] when the grammar does not compile.
    pub fn matcher(&self, grammar: String) -> Result<Matcher, Error> {
        self.parsers
            .create_parser(TopLevelGrammar::from_lark(grammar))
            .map(|parser| Matcher::new(Ok(parser)))
            .map_err(|error| Error::Inference {
                doing: "compiling its grammar",
                problem: error.to_string(),
            })
    }
}

fn encode(tokenizer: &Tokenizer, text: &str) -> Result<Vec<u32>, Error> {
    match tokenizer.encode_fast(text, false) {
        Ok(encoding) => Ok(encoding.get_ids().to_vec()),
        Err(error) => Err(Error::Inference {
            doing: "splitting text into tokens",
            problem: error.to_string(),
        }),
    }
}

/// Added tokens that steer a model, marked special or written like one.
fn control_tokens(tokenizer: &Tokenizer) -> HashSet<u32> {
    tokenizer
        .get_added_tokens_decoder()
        .into_iter()
        .filter(|(_, token)| {
            token.special || token.content.starts_with('<') && token.content.ends_with('>')
        })
        .map(|(id, _)| id)
        .collect()
}
