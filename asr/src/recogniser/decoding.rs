//! Writes down what was said, token by token.
//!
//! whisper.cpp encodes and scores; which token is taken is decided here and not by
//! `whisper_full`, for three reasons: the language is detected before the first word instead of
//! after the last, so that no utterance is encoded twice; the scores are leaned towards what is
//! expected while the probabilities that are reported stay the model's own; and a recognition
//! that nobody waits for any more ends between two tokens.
//!
//! The rules are those of OpenAI's decoder at temperature 0 (whisper/decoding.py): markers and
//! signs that are no speech are never taken; a timestamp is taken where all timestamps together
//! are more probable than the best text; they come in pairs and never go back.

use codriver_catalog::Language;
use whisper_rs::{
    FullParams, SamplingStrategy, WhisperContext, WhisperError, WhisperState, WhisperTokenId,
};

use super::bias::{Bias, BiasWeights, Path, Sentence, Stops};
use super::decoded::{Decoded, Piece};
use super::repetition::is_looping;
use super::threads::Threads;
use super::tokens::TokenTable;

/// The markers of a model, and what it must not write.
pub(super) struct Rules {
    start: WhisperTokenId,
    end_of_text: WhisperTokenId,
    transcribe: WhisperTokenId,
    no_speech: WhisperTokenId,
    first_timestamp: WhisperTokenId,
    multilingual: bool,
    /// Signs that are written for sounds, not for speech.
    suppressed: Vec<WhisperTokenId>,
    pub(super) stops: Stops,
    longest: usize,
}

/// Signs and brackets, from `non_speech_tokens` of whisper/tokenizer.py.
const NO_SPEECH: [&str; 48] = [
    "\"",
    "#",
    "(",
    ")",
    "*",
    "+",
    "/",
    ":",
    ";",
    "<",
    "=",
    ">",
    "@",
    "[",
    "\\",
    "]",
    "^",
    "_",
    "`",
    "{",
    "|",
    "}",
    "~",
    "「",
    "」",
    "『",
    "』",
    "<<",
    ">>",
    "<<<",
    ">>>",
    "--",
    "---",
    "-(",
    "-[",
    "('",
    "(\"",
    "((",
    "))",
    "(((",
    ")))",
    "[[",
    "]]",
    "{{",
    "}}",
    "♪",
    "♪♪",
    "♪♪♪",
];

impl Rules {
    pub(super) fn new(context: &WhisperContext, table: &TokenTable) -> Self {
        let with_blank = NO_SPEECH.iter().map(|sign| format!(" {sign}"));
        let suppressed = NO_SPEECH
            .iter()
            .map(|sign| (*sign).to_owned())
            .chain(with_blank)
            // Allowed within words, not before them.
            .chain([" -", " '", "♩", "♫", "♬", "♭", "♮", "♯"].map(str::to_owned))
            .filter_map(|sign| table.token(&sign))
            .collect();
        Self {
            start: context.token_sot(),
            end_of_text: context.token_eot(),
            transcribe: context.token_transcribe(),
            no_speech: context.token_nosp(),
            first_timestamp: context.token_beg(),
            multilingual: context.is_multilingual(),
            suppressed,
            stops: Stops::new(
                table,
                context.token_eot(),
                context.token_beg()..context.n_vocab(),
            ),
            // The other half of the text context is for what was said before.
            longest: usize::try_from(context.n_text_ctx() / 2).unwrap_or(0),
        }
    }
}

/// Who speaks, as the model scores it before any word.
pub(super) struct Beginning {
    /// Probability that nobody speaks.
    pub(super) no_speech_probability: f32,
    /// The languages asked for with their scores.
    pub(super) languages: Vec<(Language, f32)>,
}

/// A model, and in its state the utterance that was encoded last.
pub(super) struct Model {
    pub(super) state: WhisperState,
    pub(super) context: WhisperContext,
    pub(super) rules: Rules,
    pub(super) table: TokenTable,
    pub(super) threads: Threads,
}

/// How to write down an utterance.
#[derive(Clone, Copy)]
pub(super) struct Writing<'a> {
    pub(super) language: Language,
    /// As [`Beginning`] has it.
    pub(super) no_speech_probability: f32,
    /// What is known to be said first.
    pub(super) opening: Option<&'a Opening>,
    /// What is expected, and how much to lean towards it.
    pub(super) bias: Option<(&'a Bias, BiasWeights)>,
    pub(super) most_tokens: usize,
    /// Asked before each token.
    pub(super) wanted: &'a dyn Fn() -> bool,
}

/// Words at the beginning of a text that are not the model's own choice.
pub(super) struct Opening {
    pub(super) pieces: Vec<Piece>,
    /// Tokens that may not follow: they would make another word of the last.
    pub(super) not_behind: Vec<WhisperTokenId>,
}

impl Opening {
    pub(super) fn log_probability(&self) -> f32 {
        self.pieces.iter().map(|piece| piece.probability.ln()).sum()
    }
}

impl Model {
    pub(super) fn new(context: WhisperContext, state: WhisperState, threads: Threads) -> Self {
        let table = TokenTable::new(&context);
        Self {
            rules: Rules::new(&context, &table),
            table,
            state,
            context,
            threads,
        }
    }

    /// Listens: the encoder's work, which is read as often as one likes. `audio_context` are
    /// encoder positions, 50 a second.
    pub(super) fn encode(&mut self, audio: &[f32], audio_context: i32) -> Result<(), WhisperError> {
        self.set_audio_context(audio, audio_context)?;
        self.state.encode(0, self.threads.listening)
    }

    /// Makes the spectrum of all the audio, and sets how many encoder positions there are from now.
    pub(super) fn set_audio_context(
        &mut self,
        audio: &[f32],
        audio_context: i32,
    ) -> Result<(), WhisperError> {
        let mut parameters = FullParams::new(SamplingStrategy::Greedy { best_of: 1 });
        parameters.set_n_threads(i32::try_from(self.threads.listening).unwrap_or(1));
        parameters.set_audio_ctx(audio_context);
        // To recognise no more than 100 ms is to recognise nothing. There is no other way to set
        // the context.
        parameters.set_duration_ms(100);
        self.state.full(parameters, audio)?;
        Ok(())
    }

    /// Asks who speaks, in which of these languages.
    pub(super) fn begin(&mut self, languages: &[Language]) -> Result<Beginning, WhisperError> {
        self.threads
            .decode(&mut self.state, &[self.rules.start], 0)?;
        let scores = self.state.get_logits()?;
        let score = |token: WhisperTokenId| score(scores, token);
        let language = |language: &Language| {
            let token = self.language_token(*language);
            (*language, token.map_or(f32::NEG_INFINITY, score))
        };
        let sum = log_sum_exp(scores);
        Ok(Beginning {
            no_speech_probability: (score(self.rules.no_speech) - sum).exp(),
            languages: languages.iter().map(language).collect(),
        })
    }

    fn language_token(&self, language: Language) -> Option<WhisperTokenId> {
        whisper_rs::get_lang_id(language.code()).map(|id| self.context.token_lang(id))
    }

    /// Writes the words down that were encoded. `None` when nobody wants them any
    /// more.
    pub(super) fn write(&mut self, how: &Writing<'_>) -> Result<Option<Decoded>, WhisperError> {
        let mut past = self.set_task(how.language)?;
        let mut path = how.bias.map(|(bias, weights)| (bias.begin(), weights));
        let mut line = Line::new(&self.rules);
        let mut scores = Vec::new();
        let mut next = vec![self.rules.first_timestamp];
        let mut not_next: &[WhisperTokenId] = &[];
        if let Some(opening) = how.opening {
            line.begin_with(&opening.pieces);
            for piece in &opening.pieces {
                next.push(piece.token);
                if let Some((path, _)) = &mut path {
                    path.written(piece.token, &piece.bytes);
                }
            }
            not_next = &opening.not_behind;
        }
        while past < self.rules.longest {
            if !(how.wanted)() {
                return Ok(None);
            }
            self.threads.decode(&mut self.state, &next, past)?;
            past += next.len();
            scores.clear();
            scores.extend_from_slice(self.state.get_logits()?);
            let leaning = path.as_ref().map(|(path, weights)| (path, weights));
            let token = line.take(&mut scores, leaning, not_next);
            not_next = &[];
            next = vec![token];
            if token == self.rules.end_of_text {
                break;
            }
            if token < self.rules.end_of_text {
                let bytes = self.table.bytes(token);
                line.write(token, bytes);
                if let Some((path, _)) = &mut path {
                    path.written(token, bytes);
                }
                if line.pieces.len() >= how.most_tokens || line.is_looping() {
                    break;
                }
            }
        }
        Ok(Some(Decoded {
            language: how.language,
            no_speech_probability: how.no_speech_probability,
            log_probability: line.log_probability(),
            kind: path.map_or(Sentence::Other, |(path, _)| path.kind()),
            pieces: line.pieces,
            call: None,
            call_pieces: 0,
        }))
    }

    /// Decodes so many tokens, whichever, after [`begin`](Self::begin): for its time.
    pub(super) fn write_blindly(
        &mut self,
        language: Language,
        tokens: usize,
    ) -> Result<(), WhisperError> {
        let past = self.set_task(language)?;
        for past in (past..self.rules.longest).take(tokens) {
            let any = self.rules.first_timestamp;
            self.threads.decode(&mut self.state, &[any], past)?;
        }
        Ok(())
    }

    /// Tells the model language and task, after the start; answers how many tokens it was told.
    pub(super) fn set_task(&mut self, language: Language) -> Result<usize, WhisperError> {
        let start = 1;
        let token = self.language_token(language);
        let Some(language) = token.filter(|_| self.rules.multilingual) else {
            return Ok(start);
        };
        let task = [language, self.rules.transcribe];
        self.threads.decode(&mut self.state, &task, start)?;
        Ok(start + task.len())
    }
}

/// What was written so far, and the rules about what may follow.
struct Line<'a> {
    rules: &'a Rules,
    pieces: Vec<Piece>,
    /// Probability of the token that was taken last.
    probability: f32,
    /// Logarithm of the probability that the text ends, before each piece and behind the last.
    ends: Vec<f32>,
    /// The last two tokens were timestamps.
    last_timestamps: [bool; 2],
    timestamp: WhisperTokenId,
    /// Looked for loops when there were so many pieces.
    looked_at: usize,
}

/// A loop is looked for each time so many tokens have been written.
const LOOK_FOR_LOOPS_EVERY: usize = 12;

impl<'a> Line<'a> {
    fn new(rules: &'a Rules) -> Self {
        Self {
            rules,
            pieces: Vec::new(),
            probability: 1.0,
            ends: Vec::new(),
            last_timestamps: [true, true],
            timestamp: rules.first_timestamp,
            looked_at: 0,
        }
    }

    /// Begins with pieces that somebody else has chosen. Where the text might have ended within
    /// them nobody asks.
    fn begin_with(&mut self, pieces: &[Piece]) {
        self.pieces.extend_from_slice(pieces);
        self.ends.resize(pieces.len(), f32::NEG_INFINITY);
        self.last_timestamps = [false; 2];
    }

    fn write(&mut self, token: WhisperTokenId, bytes: &[u8]) {
        self.pieces.push(Piece {
            token,
            bytes: bytes.to_vec(),
            probability: self.probability,
        });
    }

    /// Logarithm of the probability of the words and that they end there; what punctuation
    /// stands behind them counts for nothing.
    fn log_probability(&self) -> f32 {
        let is_word = |piece: &Piece| piece.bytes.iter().any(|b| !b.is_ascii_punctuation());
        let words = self.pieces.iter().rposition(is_word).map_or(0, |at| at + 1);
        let written = self.pieces.iter().take(words);
        let end = self.ends.get(words).copied().unwrap_or(0.0);
        written.map(|piece| piece.probability.ln()).sum::<f32>() + end
    }

    fn is_looping(&mut self) -> bool {
        if self.pieces.len() < self.looked_at + LOOK_FOR_LOOPS_EVERY {
            return false;
        }
        self.looked_at = self.pieces.len();
        is_looping(&super::decoded::text(&self.pieces))
    }

    /// The token to write next, none of `not_next`.
    fn take(
        &mut self,
        scores: &mut [f32],
        path: Option<(&Path<'_>, &BiasWeights)>,
        not_next: &[WhisperTokenId],
    ) -> WhisperTokenId {
        self.rules
            .forbid(scores, self.last_timestamps, self.timestamp);
        // The model's own opinion, before anybody leans on it.
        let sum = log_sum_exp(scores);
        let own = scores.to_vec();
        if self.ends.len() <= self.pieces.len() {
            self.ends.push(self.rules.end(scores) - sum);
        }
        // Their probability is lost to what is taken instead of them.
        for token in not_next {
            if let Some(score) = scores.get_mut(index(*token)) {
                *score = f32::NEG_INFINITY;
            }
        }
        if let Some((path, weights)) = path {
            path.lean(weights, scores, &self.rules.stops);
        }
        let (text, timestamps) = scores.split_at_mut(index(self.rules.first_timestamp));
        let best_text = text.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        if log_sum_exp(timestamps) > best_text {
            text.fill(f32::NEG_INFINITY);
        }
        let best = scores
            .iter()
            .enumerate()
            .max_by(|one, other| one.1.total_cmp(other.1))
            .map_or(index(self.rules.end_of_text), |(token, _)| token);
        self.probability = (own.get(best).copied().unwrap_or(f32::NEG_INFINITY) - sum).exp();
        let token = WhisperTokenId::try_from(best).unwrap_or(self.rules.end_of_text);
        let is_timestamp = token >= self.rules.first_timestamp;
        self.last_timestamps = [self.last_timestamps[1], is_timestamp];
        if is_timestamp {
            self.timestamp = token;
        }
        token
    }
}

impl Rules {
    /// Takes away what may not follow now: `last_timestamps` says whether the last two tokens
    /// were timestamps, `timestamp` which was the last.
    pub(super) fn forbid(
        &self,
        scores: &mut [f32],
        last_timestamps: [bool; 2],
        timestamp: WhisperTokenId,
    ) {
        let (end, first) = (index(self.end_of_text), index(self.first_timestamp));
        let mut forbid = |range: std::ops::Range<usize>| {
            if let Some(scores) = scores.get_mut(range) {
                scores.fill(f32::NEG_INFINITY);
            }
        };
        // Behind the end of text stand the markers, then the timestamps.
        forbid(end + 1..first);
        forbid(first..index(timestamp));
        for token in &self.suppressed {
            forbid(index(*token)..index(*token) + 1);
        }
        match last_timestamps {
            [true, true] => {
                if let Some(scores) = scores.get_mut(first..) {
                    scores.fill(f32::NEG_INFINITY);
                }
            }
            // A second timestamp or the end.
            [false, true] => forbid(0..end),
            _ => {}
        }
    }

    /// All that ends a text, together.
    pub(super) fn end(&self, scores: &[f32]) -> f32 {
        let ends: Vec<f32> = self
            .stops
            .tokens()
            .map(|token| score(scores, token))
            .collect();
        log_sum_exp(&ends)
    }

    pub(super) fn first_timestamp(&self) -> WhisperTokenId {
        self.first_timestamp
    }
}

fn index(token: WhisperTokenId) -> usize {
    usize::try_from(token).unwrap_or(usize::MAX)
}

pub(super) fn score(scores: &[f32], token: WhisperTokenId) -> f32 {
    scores
        .get(index(token))
        .copied()
        .unwrap_or(f32::NEG_INFINITY)
}

pub(super) fn log_sum_exp(scores: &[f32]) -> f32 {
    let most = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if most == f32::NEG_INFINITY {
        return most;
    }
    let sum: f32 = scores.iter().map(|score| (score - most).exp()).sum();
    sum.ln() + most
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Text 0 to 3, end of text 4, markers 5 and 6, timestamps from 7 on.
    fn rules() -> Rules {
        Rules {
            start: 5,
            end_of_text: 4,
            transcribe: 6,
            no_speech: 6,
            first_timestamp: 7,
            multilingual: true,
            suppressed: vec![3],
            stops: Stops::none(4, 7..10),
            longest: 224,
        }
    }

    fn take(line: &mut Line<'_>, scores: [f32; 10]) -> WhisperTokenId {
        line.take(&mut scores.clone(), None, &[])
    }

    #[test]
    fn markers_and_signs_are_never_written() {
        let rules = rules();
        let mut line = Line::new(&rules);
        let scores = [0.0, 1.0, 0.0, 9.0, 0.0, 9.0, 9.0, 0.0, 0.0, 0.0];
        assert_eq!(take(&mut line, scores), 1);
        assert!((0.2..0.6).contains(&line.probability));
    }

    #[test]
    fn timestamps_that_are_likelier_together_win_and_come_in_pairs() {
        let rules = rules();
        let mut line = Line::new(&rules);
        let text = [5.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 9.0, 9.0, 9.0];
        assert_eq!(take(&mut line, text), 0, "text follows the first pair");
        let together = [2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.5, 1.5];
        let closing = take(&mut line, together);
        assert!(closing >= 8, "{closing}");
        let after = [9.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 3.0, 0.0, 0.0];
        assert_eq!(
            take(&mut line, after),
            4,
            "no text, no time gone by, so the end"
        );
    }
}
