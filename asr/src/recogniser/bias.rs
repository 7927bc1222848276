//! Leans the model towards what is likely to be said.
//!
//! Before each token the words so far are walked through the graph of expected sentences, and the
//! scores of the tokens that go on with one of them are raised: by little, so that only what
//! sounds nearly as good gives way. Where a phrase is complete, so are those that end it. Within
//! dictation nothing is raised, and where the words may be dictation or a phrase, half.

use whisper_rs::WhisperTokenId;

use super::decoding::score;
use super::tokens::TokenTable;
use crate::expected::units::{is_han, is_part_of_word, is_unit, simplified, traditional};
use crate::expected::{Expected, Outlook, Walk};

/// By how much scores are raised, in logits: 0 is not at all, and with 1 a token may be 2.7 times
/// less probable than another and is still preferred.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BiasWeights {
    /// At the first word: any command may come, or something that is none.
    pub beginning: f32,
    /// After the beginning of a command.
    pub following: f32,
    /// After a word that stands in a command, behind words that do not.
    pub recovered: f32,
}

impl BiasWeights {
    /// No bias at all.
    pub const NONE: Self = Self {
        beginning: 0.0,
        following: 0.0,
        recovered: 0.0,
    };
}

impl Default for BiasWeights {
    fn default() -> Self {
        Self {
            beginning: 1.0,
            following: 2.0,
            recovered: 1.0,
        }
    }
}

/// Expected sentences in the tokens of one model.
pub(super) struct Bias {
    expected: Expected,
    /// For each unit the ways in which the model may write it.
    spellings: Vec<Vec<Vec<WhisperTokenId>>>,
    /// Tokens that are two Han characters or more.
    compounds: Vec<(WhisperTokenId, Vec<char>)>,
}

/// The tokens that end a sentence: punctuation, the end of the text, timestamps. No comma: what
/// stands before one is not all that was said.
pub(super) struct Stops {
    punctuation: Vec<WhisperTokenId>,
    end_of_text: WhisperTokenId,
    timestamps: std::ops::Range<WhisperTokenId>,
}

impl Stops {
    /// `timestamps` are all that the model has.
    pub(super) fn new(
        table: &TokenTable,
        end_of_text: WhisperTokenId,
        timestamps: std::ops::Range<WhisperTokenId>,
    ) -> Self {
        let punctuation = [".", "?", "!", "。", "？", "！"];
        Self {
            punctuation: punctuation.iter().filter_map(|s| table.token(s)).collect(),
            end_of_text,
            timestamps,
        }
    }

    /// Without punctuation.
    #[cfg(test)]
    pub(super) fn none(
        end_of_text: WhisperTokenId,
        timestamps: std::ops::Range<WhisperTokenId>,
    ) -> Self {
        Self {
            punctuation: Vec::new(),
            end_of_text,
            timestamps,
        }
    }

    pub(super) fn tokens(&self) -> impl Iterator<Item = WhisperTokenId> {
        let punctuation = self.punctuation.iter().copied();
        punctuation
            .chain([self.end_of_text])
            .chain(self.timestamps.clone())
    }
}

impl Bias {
    pub(super) fn new(expected: Expected, table: &TokenTable) -> Self {
        let spellings = expected
            .vocabulary()
            .iter()
            .map(|unit| spellings(unit, table))
            .collect();
        let compounds = table
            .all()
            .filter_map(|(token, bytes)| {
                let characters: Vec<char> = std::str::from_utf8(bytes).ok()?.chars().collect();
                let compound = characters.len() > 1 && characters.iter().copied().all(is_han);
                let simple = characters.into_iter().map(simplified).collect();
                compound.then_some((token, simple))
            })
            .collect();
        Self {
            expected,
            spellings,
            compounds,
        }
    }

    /// Before the first word of an utterance.
    pub(super) fn begin(&self) -> Path<'_> {
        Path {
            bias: self,
            walk: Walk::new(&self.expected),
            word: String::new(),
            bytes: Vec::new(),
            tokens: Vec::new(),
        }
    }

    fn unit(&self, character: char) -> Option<u32> {
        self.expected.unit(character.encode_utf8(&mut [0; 4]))
    }

    fn spellings(&self, unit: u32) -> &[Vec<WhisperTokenId>] {
        self.spellings.get(unit as usize).map_or(&[], Vec::as_slice)
    }
}

/// A word in lower case, with a capital and, where it is short, in capitals, with a blank before
/// it; a character in its simplified and traditional forms.
fn spellings(unit: &str, table: &TokenTable) -> Vec<Vec<WhisperTokenId>> {
    if unit.chars().all(is_unit) {
        let others = unit.chars().flat_map(traditional).map(char::to_string);
        let forms = [unit.to_owned()].into_iter().chain(others);
        return forms.filter_map(|form| table.spell(&form)).collect();
    }
    let mut written = vec![format!(" {unit}")];
    let mut characters = unit.chars();
    if let Some(first) = characters.next() {
        written.push(format!(" {}{}", first.to_uppercase(), characters.as_str()));
    }
    if unit.len() <= 3 {
        written.push(format!(" {}", unit.to_uppercase()));
    }
    written.dedup();
    written
        .iter()
        .filter_map(|text| table.spell(text))
        .collect()
}

/// The way of one utterance through the expected sentences.
#[derive(Clone)]
pub(super) struct Path<'a> {
    bias: &'a Bias,
    walk: Walk<'a>,
    /// The word that is being written.
    word: String,
    /// Bytes of a character that is not whole yet.
    bytes: Vec<u8>,
    /// The tokens of that word or character.
    tokens: Vec<WhisperTokenId>,
}

/// What may come next on a path.
pub(super) struct Next {
    /// Tokens, each once, with what is known of the path if it is taken.
    pub(super) tokens: Vec<(WhisperTokenId, Certainty)>,
    /// Whether a sentence may be complete here, and what is known of the path.
    pub(super) end: Option<Certainty>,
}

/// What kind of sentence was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sentence {
    /// A whole one that is expected.
    Expected,
    /// The beginning of one that is expected, and then free text.
    Dictation,
    /// Any other.
    Other,
}

/// How well a path fits what is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Certainty {
    pub(super) outlook: Outlook,
    /// It may as well be dictation.
    pub(super) or_dictation: bool,
}

impl Certainty {
    fn of(walk: &Walk<'_>) -> Self {
        Self {
            outlook: walk.outlook(),
            or_dictation: walk.may_be_dictation(),
        }
    }

    fn weight(self, weights: &BiasWeights) -> f32 {
        let weight = match self.outlook {
            Outlook::Beginning => weights.beginning,
            Outlook::Following => weights.following,
            Outlook::Recovered => weights.recovered,
            Outlook::Lost => 0.0,
        };
        match self.or_dictation {
            true => weight / 2.0,
            false => weight,
        }
    }
}

impl Path<'_> {
    /// Goes on with a token that was written.
    pub(super) fn written(&mut self, token: WhisperTokenId, bytes: &[u8]) {
        let mut goes_on = !self.word.is_empty() || !self.bytes.is_empty();
        self.bytes.extend_from_slice(bytes);
        let whole = match std::str::from_utf8(&self.bytes) {
            Ok(text) => text.len(),
            Err(error) => error.valid_up_to(),
        };
        let rest = self.bytes.split_off(whole);
        let text = String::from_utf8(std::mem::replace(&mut self.bytes, rest)).unwrap_or_default();
        for character in text.chars() {
            if is_part_of_word(character) {
                self.word.extend(character.to_lowercase());
                continue;
            }
            goes_on = false;
            self.end_word();
            if is_unit(character) {
                self.walk
                    .say(simplified(character).encode_utf8(&mut [0; 4]));
            } else if !character.is_whitespace() {
                self.walk.pause();
            }
        }
        if !goes_on {
            self.tokens.clear();
        }
        if !self.word.is_empty() || !self.bytes.is_empty() {
            self.tokens.push(token);
        }
    }

    fn end_word(&mut self) {
        if !self.word.is_empty() {
            let word = std::mem::take(&mut self.word);
            self.walk.say(&word);
        }
    }

    /// What kind of sentence is written.
    pub(super) fn kind(&self) -> Sentence {
        let mut whole = self.clone();
        whole.end_word();
        let follows = self.bytes.is_empty() && whole.walk.outlook() == Outlook::Following;
        if follows && whole.walk.may_end() {
            Sentence::Expected
        } else if follows && whole.walk.may_be_dictation() {
            Sentence::Dictation
        } else {
            Sentence::Other
        }
    }

    /// What may come next. Tokens of two characters are seldom and take time to judge: only
    /// those that are `likely` are looked at.
    pub(super) fn next(&self, likely: &dyn Fn(WhisperTokenId) -> bool) -> Next {
        let mut tokens = Vec::new();
        if !self.tokens.is_empty() {
            self.go_on_with_the_word(&mut tokens);
        }
        let mut end = None;
        if self.bytes.is_empty() {
            let mut walk = self.walk.clone();
            if !self.word.is_empty() {
                walk.say(&self.word);
            }
            end = walk.may_end().then(|| Certainty::of(&walk));
            self.go_on_with(&walk, likely, &mut tokens);
        }
        // What goes on with the word stands first, and the sort is stable.
        tokens.sort_by_key(|(token, _)| *token);
        tokens.dedup_by_key(|(token, _)| *token);
        Next { tokens, end }
    }

    /// The tokens that go on with the word or character that is being written.
    fn go_on_with_the_word(&self, tokens: &mut Vec<(WhisperTokenId, Certainty)>) {
        let certainty = Certainty::of(&self.walk);
        for unit in self.walk.next() {
            for spelling in self.bias.spellings(unit) {
                if let Some([next, ..]) = spelling.strip_prefix(&self.tokens[..]) {
                    tokens.push((*next, certainty));
                }
            }
        }
    }

    /// The tokens that begin the next word.
    fn go_on_with(
        &self,
        walk: &Walk<'_>,
        likely: &dyn Fn(WhisperTokenId) -> bool,
        tokens: &mut Vec<(WhisperTokenId, Certainty)>,
    ) {
        let certainty = Certainty::of(walk);
        let next = walk.next();
        for unit in &next {
            for spelling in self.bias.spellings(*unit) {
                tokens.extend(spelling.first().map(|token| (*token, certainty)));
            }
        }
        for (token, characters) in &self.bias.compounds {
            let first = characters.first().and_then(|first| self.bias.unit(*first));
            if !likely(*token) || first.is_none_or(|first| !next.contains(&first)) {
                continue;
            }
            let mut walk = walk.clone();
            let follows = characters.iter().all(|character| {
                walk.say(character.encode_utf8(&mut [0; 4]));
                walk.outlook() == Outlook::Following
            });
            if follows {
                tokens.push((*token, certainty));
            }
        }
    }

    /// Raises the scores of what may come next.
    pub(super) fn lean(&self, weights: &BiasWeights, scores: &mut [f32], stops: &Stops) {
        let most = [weights.beginning, weights.following, weights.recovered];
        let most = most.into_iter().fold(0.0, f32::max);
        let best = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let next = self.next(&|token| score(scores, token) + most >= best);
        for (token, certainty) in next.tokens {
            raise(scores, token, certainty.weight(weights));
        }
        if let Some(certainty) = next.end {
            let weight = certainty.weight(weights);
            for token in stops.tokens() {
                raise(scores, token, weight);
            }
        }
    }
}

fn raise(scores: &mut [f32], token: WhisperTokenId, weight: f32) {
    if let Some(score) = usize::try_from(token).ok().and_then(|t| scores.get_mut(t)) {
        *score += weight;
    }
}
