//! Speech recognition with whisper.cpp.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use codriver_catalog::Language;
use codriver_models::ModelPack;
use whisper_rs::{
    FullParams, SamplingStrategy, WhisperContext, WhisperContextParameters, WhisperError,
    WhisperState,
};

use super::guard::{GuardOptions, judge};
use super::repetition::is_looping;
use super::vocabulary::Vocabulary;
use super::{Recogniser, Recognition, Timings, Token, Transcript, processor};
use crate::audio::SAMPLE_RATE_HZ;
use crate::{Error, Utterance};

/// How whisper runs.
#[derive(Debug, Clone, PartialEq)]
pub struct WhisperOptions {
    /// Languages to expect: one, or several to detect among; the first is tried first.
    pub languages: Vec<Language>,
    /// Threads for one recognition. They spin while they wait for each other, so give no more
    /// than the cores that are really free.
    pub threads: u16,
    /// Encoder positions (50 a second) that even the shortest utterance gets, 64 to 1500. Few
    /// are fast, but whisper was taught on 1500 and begins to repeat itself; what does is decoded
    /// again with twice as many.
    pub least_audio_context: u16,
    /// The same for a glance, which is not primed with the vocabulary: without it fewer do, with
    /// it a context below 512 repeats itself in every second utterance.
    pub glance_audio_context: u16,
    /// When a transcript is not believed.
    pub guard: GuardOptions,
}

impl Default for WhisperOptions {
    fn default() -> Self {
        Self {
            languages: Language::ALL.to_vec(),
            threads: 2,
            least_audio_context: 512,
            glance_audio_context: 256,
            guard: GuardOptions::default(),
        }
    }
}

/// How an utterance is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    /// With a short audio context and no vocabulary.
    Quick,
    /// With both.
    Careful,
}

/// A loaded whisper model.
pub struct Whisper {
    state: WhisperState,
    context: WhisperContext,
    options: WhisperOptions,
    vocabularies: HashMap<Language, Vocabulary>,
    /// The language spoken last: the next utterance is tried in it first.
    spoken_last: Language,
}

impl Whisper {
    /// Loads the model of `pack`, after making sure that this processor can run it.
    pub fn load(pack: &ModelPack, options: WhisperOptions) -> Result<Self, Error> {
        Self::load_file(&pack.speech_recognition()?.model, options)
    }

    fn load_file(model: &Path, options: WhisperOptions) -> Result<Self, Error> {
        processor::check()?;
        whisper_rs::install_logging_hooks();
        let unusable = |reason: &str| Error::SpeechModelUnusable {
            path: model.to_owned(),
            reason: reason.to_owned(),
        };
        let spoken_last = first_language(&options.languages)?;
        let mut parameters = WhisperContextParameters::default();
        parameters.use_gpu(false).flash_attn(true);
        let context = WhisperContext::new_with_params(model, parameters)
            .map_err(|_| unusable("it is missing or no ggml model"))?;
        if !context.is_multilingual() && options.languages.iter().any(|l| *l != Language::English) {
            return Err(unusable(
                "it knows English only, but other languages are configured",
            ));
        }
        let state = context
            .create_state()
            .map_err(|_| unusable("too little memory"))?;
        Ok(Self {
            state,
            context,
            options,
            vocabularies: HashMap::new(),
            spoken_last,
        })
    }

    fn decode(
        &mut self,
        audio: &[f32],
        language: Language,
        audio_context: i32,
        look: Look,
    ) -> Result<Decoded, Error> {
        let seconds = audio.len() as f32 / SAMPLE_RATE_HZ as f32;
        let mut parameters = base_parameters(language);
        parameters.set_n_threads(i32::from(self.options.threads.max(1)));
        parameters.set_audio_ctx(audio_context);
        parameters.set_max_tokens(max_tokens(language, seconds));
        if look == Look::Careful
            && let Some(vocabulary) = self.vocabularies.get(&language)
        {
            parameters.set_tokens(&vocabulary.tokens);
        }
        self.state.full(parameters, audio).map_err(failed)?;
        self.collect(language)
    }

    /// Reads the text tokens of the last decode out of the state.
    fn collect(&self, language: Language) -> Result<Decoded, Error> {
        let end_of_text = self.context.token_eot();
        let mut no_speech_probability: f32 = 0.0;
        let mut pieces = Vec::new();
        for segment in self.state.as_iter() {
            no_speech_probability = no_speech_probability.max(segment.no_speech_probability());
            for index in 0..segment.n_tokens() {
                let Some(token) = segment.get_token(index) else {
                    continue;
                };
                // From end-of-text on come the markers: languages, tasks, timestamps.
                if token.token_id() < end_of_text {
                    let bytes = token.to_bytes().map_err(failed)?.to_vec();
                    pieces.push((bytes, token.token_probability()));
                }
            }
        }
        Ok(Decoded {
            language,
            no_speech_probability,
            pieces,
        })
    }

    /// The configured language that the audio of the last decode sounds most like. It asks the
    /// decoder alone; the encoder's work is still there.
    fn sounds_like(&mut self) -> Result<Language, Error> {
        let start = [self.context.token_sot()];
        self.state
            .decode(&start, 0, usize::from(self.options.threads.max(1)))
            .map_err(failed)?;
        let scores = self.state.get_logits().map_err(failed)?;
        let score = |language: Language| {
            whisper_rs::get_lang_id(language.code())
                .and_then(|id| usize::try_from(self.context.token_lang(id)).ok())
                .and_then(|token| scores.get(token).copied())
                .unwrap_or(f32::NEG_INFINITY)
        };
        let best = self.options.languages.iter().copied();
        Ok(best
            .max_by(|a, b| score(*a).total_cmp(&score(*b)))
            .unwrap_or(self.spoken_last))
    }
}

impl Recogniser for Whisper {
    fn set_languages(&mut self, languages: &[Language]) -> Result<(), Error> {
        let first = first_language(languages)?;
        self.options.languages = languages.to_vec();
        if !languages.contains(&self.spoken_last) {
            self.spoken_last = first;
        }
        Ok(())
    }

    fn set_vocabulary(&mut self, language: Language, words: &[String]) {
        self.vocabularies
            .insert(language, Vocabulary::new(words, &self.context));
    }

    fn glance(&mut self, utterance: &Utterance) -> Result<Recognition, Error> {
        self.look_at(utterance, Look::Quick)
    }

    fn recognise(&mut self, utterance: &Utterance) -> Result<Recognition, Error> {
        self.look_at(utterance, Look::Careful)
    }
}

impl Whisper {
    fn look_at(&mut self, utterance: &Utterance, look: Look) -> Result<Recognition, Error> {
        let begun = Instant::now();
        let audio = long_enough(&utterance.samples);
        let least = match look {
            Look::Quick => self.options.glance_audio_context,
            Look::Careful => self.options.least_audio_context,
        };
        let mut audio_context = audio_context(audio.len(), least);
        let mut decodes = 1;
        let mut decoded = self.decode(&audio, self.spoken_last, audio_context, look)?;
        if self.options.languages.len() > 1 {
            let language = self.sounds_like()?;
            if language != decoded.language {
                decodes += 1;
                decoded = self.decode(&audio, language, audio_context, look)?;
            }
        }
        if is_looping(&decoded.text()) && audio_context < MAX_AUDIO_CONTEXT {
            // A short context invites loops; a longer one costs time but ends most of them.
            audio_context = (audio_context * 2).min(MAX_AUDIO_CONTEXT);
            decodes += 1;
            decoded = self.decode(&audio, decoded.language, audio_context, look)?;
        }
        let timings = Timings {
            total: begun.elapsed(),
            decodes,
            audio_context: audio_context.unsigned_abs(),
        };
        let language = decoded.language;
        let transcript = decoded.into_transcript(utterance.duration(), timings);
        let words = self
            .vocabularies
            .get(&language)
            .map_or(&[][..], |v| v.words.as_slice());
        Ok(
            match judge(&transcript, utterance, words, &self.options.guard) {
                Some(reason) => Recognition::Rejected { reason, timings },
                None => {
                    self.spoken_last = language;
                    Recognition::Heard(transcript)
                }
            },
        )
    }
}

/// What came out of one run of the model.
struct Decoded {
    language: Language,
    no_speech_probability: f32,
    /// Bytes (perhaps parts of a character) and probability of each text token.
    pieces: Vec<(Vec<u8>, f32)>,
}

impl Decoded {
    fn text(&self) -> String {
        let bytes: Vec<u8> = self
            .pieces
            .iter()
            .flat_map(|(bytes, _)| bytes)
            .copied()
            .collect();
        String::from_utf8_lossy(&bytes).trim().to_owned()
    }

    fn into_transcript(self, duration: Duration, timings: Timings) -> Transcript {
        Transcript {
            text: self.text(),
            language: self.language,
            confidence: geometric_mean(self.pieces.iter().map(|(_, probability)| *probability)),
            tokens: whole_characters(&self.pieces),
            no_speech_probability: self.no_speech_probability,
            duration,
            timings,
        }
    }
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
fn whole_characters(pieces: &[(Vec<u8>, f32)]) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut bytes = Vec::new();
    let mut least: f32 = 1.0;
    for (piece, probability) in pieces {
        bytes.extend_from_slice(piece);
        least = least.min(*probability);
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

/// Encoder positions (50 a second) of whisper's full window of 30 s.
const MAX_AUDIO_CONTEXT: i32 = 1500;

/// Encoder positions for `samples`, with a little silence behind them.
fn audio_context(samples: usize, least: u16) -> i32 {
    let positions = samples.div_ceil(320) + 32;
    let rounded = positions.next_multiple_of(64).max(usize::from(least));
    i32::try_from(rounded)
        .unwrap_or(MAX_AUDIO_CONTEXT)
        .min(MAX_AUDIO_CONTEXT)
}

/// The most tokens that can be said in `seconds`: a net under loops. Han characters often take
/// two tokens each.
fn max_tokens(language: Language, seconds: f32) -> i32 {
    let per_second = match language {
        Language::English => 7.0,
        Language::Mandarin => 12.0,
    };
    (6.0 + per_second * seconds) as i32
}

/// whisper needs about a second; shorter utterances are followed by silence.
fn long_enough(samples: &[f32]) -> std::borrow::Cow<'_, [f32]> {
    const MIN_SAMPLES: usize = SAMPLE_RATE_HZ as usize * 11 / 10;
    if samples.len() >= MIN_SAMPLES {
        return samples.into();
    }
    let mut padded = samples.to_vec();
    padded.resize(MIN_SAMPLES, 0.0);
    padded.into()
}

fn first_language(languages: &[Language]) -> Result<Language, Error> {
    languages
        .first()
        .copied()
        .ok_or_else(|| Error::OptionUnusable {
            option: "speech.languages",
            reason: "must name at least one language".to_owned(),
        })
}

fn failed(error: WhisperError) -> Error {
    Error::Recognition {
        reason: error.to_string(),
    }
}

/// The parameters that are the same for every utterance in `language`.
///
/// The binding never frees the language's name, so each thread makes these once per language.
fn base_parameters<'t>(language: Language) -> FullParams<'static, 't> {
    thread_local! {
        static MADE: RefCell<HashMap<Language, FullParams<'static, 'static>>> =
            RefCell::new(HashMap::new());
    }
    MADE.with_borrow_mut(|made| {
        let parameters = made.entry(language).or_insert_with(|| {
            let mut parameters = FullParams::new(SamplingStrategy::Greedy { best_of: 1 });
            parameters.set_language(Some(language.code()));
            parameters.set_no_context(true);
            parameters.set_single_segment(true);
            // Timestamps keep whisper from looping.
            parameters.set_no_timestamps(false);
            // One temperature, no second guesses: the guard judges the first answer.
            parameters.set_temperature(0.0);
            parameters.set_temperature_inc(0.0);
            parameters.set_suppress_blank(true);
            parameters.set_suppress_nst(true);
            parameters.set_print_special(false);
            parameters.set_print_progress(false);
            parameters.set_print_realtime(false);
            parameters.set_print_timestamps(false);
            parameters
        });
        parameters.clone()
    })
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
        ];
        let tokens = whole_characters(&pieces);
        let expected = [(" open", 0.9), ("窗", 0.4), ("!", 0.7)].map(|(text, probability)| Token {
            text: text.to_owned(),
            probability,
        });
        assert_eq!(tokens, expected);
    }

    #[test]
    fn the_audio_context_is_never_short_and_never_beyond_the_model() {
        assert_eq!(audio_context(0, 512), 512);
        assert_eq!(audio_context(2 * 16_000, 512), 512);
        assert_eq!(audio_context(15 * 16_000, 512), 832);
        assert_eq!(audio_context(60 * 16_000, 512), 1500);
    }

    #[test]
    fn the_geometric_mean_of_nothing_is_no_confidence() {
        assert_eq!(geometric_mean([].into_iter()), 0.0);
        assert!((geometric_mean([0.25, 1.0].into_iter()) - 0.5).abs() < 1e-6);
    }
}
