//! Speech recognition with whisper.cpp.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use codriver_catalog::{Language, UtteranceId};
use codriver_models::ModelPack;
use whisper_rs::{WhisperContext, WhisperContextParameters, WhisperError};

use super::bias::{Bias, BiasWeights, Sentence};
use super::calling::CallOptions;
use super::decoded::Decoded;
use super::decoding::{Model, Writing};
use super::guard::{GuardOptions, Rejected, judge};
use super::repetition::is_looping;
use super::search::Search;
use super::threads::Threads;
use super::{Recogniser, Recognition, Timings, processor};
use crate::audio::SAMPLE_RATE_HZ;
use crate::{Error, Expected, Utterance};

/// How whisper runs.
#[derive(Debug, Clone, PartialEq)]
pub struct WhisperOptions {
    /// Languages to expect: one, or several to detect among; the first is tried first.
    pub languages: Vec<Language>,
    /// Threads for one recognition; single tokens are decoded by one of them where that was
    /// faster when the model was loaded.
    pub threads: u16,
    /// Encoder positions (50 a second) that even the shortest utterance gets, 64 to 1500. Few
    /// are fast, but whisper was taught on 1500 and begins to repeat itself; what does is decoded
    /// again with twice as many.
    pub least_audio_context: u16,
    /// How much the model is leaned towards what is expected.
    pub bias: BiasWeights,
    /// When an expected sentence is taken for what was said.
    pub search: SearchOptions,
    /// When a wake phrase is taken for what was said.
    pub call: CallOptions,
    /// When a transcript is not believed.
    pub guard: GuardOptions,
}

impl Default for WhisperOptions {
    fn default() -> Self {
        Self {
            languages: Language::ALL.to_vec(),
            threads: 2,
            least_audio_context: 256,
            bias: BiasWeights::default(),
            search: SearchOptions::default(),
            call: CallOptions::default(),
            guard: GuardOptions::default(),
        }
    }
}

/// When an expected sentence is taken for what was said, where the model by itself wrote another.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchOptions {
    /// By how much less probable it may be than what the model wrote, as a logarithm: with 4 some
    /// 50 times.
    pub concession: f32,
    /// The geometric mean of its token probabilities must be at least this.
    pub min_confidence: f32,
    /// The model is asked for no more than so many tokens; 0 never searches.
    pub most_steps: usize,
}

impl Default for SearchOptions {
    fn default() -> Self {
        Self {
            concession: 4.0,
            min_confidence: 0.35,
            most_steps: 48,
        }
    }
}

/// A loaded whisper model.
pub struct Whisper {
    model: Model,
    options: WhisperOptions,
    biases: HashMap<Language, Bias>,
    /// The language spoken last: of two that sound alike it is taken.
    spoken_last: Language,
    heard: Option<Heard>,
}

/// What the model has heard of the utterance that it holds encoded.
struct Heard {
    utterance: UtteranceId,
    /// The last voiced sample: the same utterance may have gone on since.
    until: u64,
    seconds: f32,
    decoded: Decoded,
    encodes: u32,
    audio_context: i32,
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
        let mut model = Model::new(context, state, Threads::all(options.threads));
        model
            .choose_threads(options.least_audio_context.into())
            .map_err(failed)?;
        Ok(Self {
            model,
            options,
            biases: HashMap::new(),
            spoken_last,
            heard: None,
        })
    }

    /// Encodes, and forgets what was heard before.
    pub(super) fn encode_only(&mut self, audio: &[f32]) -> Result<(), Error> {
        self.heard = None;
        let audio_context = audio_context(audio.len(), self.options.least_audio_context);
        self.model.encode(audio, audio_context).map_err(failed)
    }

    /// Detects the language of what was encoded and decodes so many tokens, whichever.
    pub(super) fn write_only(&mut self, tokens: usize) -> Result<(), Error> {
        self.model.begin(&self.options.languages).map_err(failed)?;
        self.model
            .write_blindly(self.spoken_last, tokens)
            .map_err(failed)
    }

    /// What the model by itself, leaned a little, writes down. `None` when it is not wanted.
    fn listen(
        &mut self,
        utterance: &Utterance,
        wanted: &dyn Fn() -> bool,
    ) -> Result<Option<&Heard>, Error> {
        self.heard = None;
        let audio = long_enough(&utterance.samples);
        let seconds = audio.len() as f32 / SAMPLE_RATE_HZ as f32;
        let mut audio_context = audio_context(audio.len(), self.options.least_audio_context);
        let mut encodes = 1;
        self.model.encode(&audio, audio_context).map_err(failed)?;
        let calls = utterance.wake.as_ref().map_or(&[][..], |wake| &wake.calls);
        let mut decoded = self.write(seconds, calls, wanted)?;
        if decoded.as_ref().is_some_and(|d| is_looping(&d.text()))
            && audio_context < MAX_AUDIO_CONTEXT
        {
            // A short context invites loops; a longer one costs time but ends most of them.
            audio_context = (audio_context * 2).min(MAX_AUDIO_CONTEXT);
            encodes += 1;
            self.model.encode(&audio, audio_context).map_err(failed)?;
            decoded = self.write(seconds, calls, wanted)?;
        }
        self.heard = decoded.map(|decoded| Heard {
            utterance: utterance.id,
            until: utterance.end_of_speech.at_sample,
            seconds,
            decoded,
            encodes,
            audio_context,
        });
        Ok(self.heard.as_ref())
    }

    /// Writes down what was encoded, in the language that it sounds most like, and makes sure of
    /// the wake phrase in it.
    fn write(
        &mut self,
        seconds: f32,
        calls: &[Arc<str>],
        wanted: &dyn Fn() -> bool,
    ) -> Result<Option<Decoded>, Error> {
        let beginning = self.model.begin(&self.options.languages).map_err(failed)?;
        let likelier = |(language, score): &(Language, f32)| {
            let spoken_last = f32::from(u8::from(*language == self.spoken_last)) * SPOKEN_LAST;
            (*language, score + spoken_last)
        };
        let language = beginning
            .languages
            .iter()
            .map(likelier)
            .max_by(|one, other| one.1.total_cmp(&other.1))
            .map_or(self.spoken_last, |(language, _)| language);
        let bias = self.biases.get(&language);
        let writing = Writing {
            language,
            no_speech_probability: beginning.no_speech_probability,
            opening: None,
            bias: bias.map(|bias| (bias, self.options.bias)),
            most_tokens: most_tokens(language, seconds),
            wanted,
        };
        let written = self.model.write(&writing).map_err(failed)?;
        let Some(written) = written else {
            return Ok(None);
        };
        let options = &self.options.call;
        self.model
            .confirm(calls, options, writing, written)
            .map_err(failed)
    }

    /// The expected sentence that may be taken for what was written, where that is none itself.
    fn expected_instead(
        &mut self,
        heard: &Heard,
        wanted: &dyn Fn() -> bool,
    ) -> Result<Option<Decoded>, Error> {
        let written = &heard.decoded;
        let options = &self.options.search;
        let Some(bias) = self.biases.get(&written.language) else {
            return Ok(None);
        };
        let concession = match written.kind {
            _ if options.most_steps == 0 => return Ok(None),
            Sentence::Expected => return Ok(None),
            // A name sounds like many things.
            Sentence::Dictation => options.concession / 2.0,
            Sentence::Other => options.concession,
        };
        let search = Search {
            language: written.language,
            bias,
            opening: written
                .pieces
                .get(..written.call_pieces)
                .unwrap_or_default(),
            at_least: written.log_probability - concession,
            most_steps: options.most_steps,
            most_tokens: most_tokens(written.language, heard.seconds),
            wanted,
        };
        let found = self.model.search(&search).map_err(failed)?;
        let Some((pieces, log_probability)) = found else {
            return Ok(None);
        };
        let expected = Decoded {
            language: written.language,
            no_speech_probability: written.no_speech_probability,
            log_probability,
            kind: Sentence::Expected,
            pieces,
            call: written.call.clone(),
            call_pieces: written.call_pieces,
        };
        tracing::debug!(
            written = written.text(),
            written_log_probability = written.log_probability,
            expected = expected.text(),
            log_probability,
            confidence = expected.confidence(),
            "an expected sentence sounds like it"
        );
        let sure = expected.confidence() >= options.min_confidence;
        let whole = are_about_as_long(&expected.text(), &written.text());
        Ok((sure && whole).then_some(expected))
    }

    fn believe(
        &mut self,
        utterance: &Utterance,
        decoded: Option<Decoded>,
        timings: Timings,
    ) -> Recognition {
        let Some(decoded) = decoded else {
            let reason = Rejected::Unwanted;
            return Recognition::Rejected { reason, timings };
        };
        let language = decoded.language;
        let transcript = decoded.into_transcript(utterance.duration(), timings);
        match judge(&transcript, utterance, &self.options.guard) {
            Some(reason) => Recognition::Rejected { reason, timings },
            None => {
                self.spoken_last = language;
                Recognition::Heard(transcript)
            }
        }
    }
}

impl Heard {
    fn timings(&self, total: Duration) -> Timings {
        Timings {
            total,
            encodes: self.encodes,
            audio_context: self.audio_context.unsigned_abs(),
        }
    }

    fn is_of(&self, utterance: &Utterance) -> bool {
        self.utterance == utterance.id && self.until == utterance.end_of_speech.at_sample
    }
}

impl Recogniser for Whisper {
    fn set_languages(&mut self, languages: &[Language]) -> Result<(), Error> {
        let first = first_language(languages)?;
        self.options.languages = languages.to_vec();
        self.heard = None;
        if !languages.contains(&self.spoken_last) {
            self.spoken_last = first;
        }
        Ok(())
    }

    fn expect(&mut self, expected: Expected) {
        self.heard = None;
        self.biases
            .insert(expected.language(), Bias::new(expected, &self.model.table));
    }

    fn glance(
        &mut self,
        utterance: &Utterance,
        wanted: &dyn Fn() -> bool,
    ) -> Result<Recognition, Error> {
        let begun = Instant::now();
        let heard = self.listen(utterance, wanted)?;
        let timings = heard.map_or_else(Timings::default, |heard| heard.timings(begun.elapsed()));
        let decoded = heard.map(|heard| heard.decoded.clone());
        Ok(self.believe(utterance, decoded, timings))
    }

    fn recognise(
        &mut self,
        utterance: &Utterance,
        wanted: &dyn Fn() -> bool,
    ) -> Result<Recognition, Error> {
        let begun = Instant::now();
        if !self
            .heard
            .as_ref()
            .is_some_and(|heard| heard.is_of(utterance))
        {
            self.listen(utterance, wanted)?;
        }
        let Some(heard) = self.heard.take() else {
            return Ok(self.believe(utterance, None, Timings::default()));
        };
        let expected = self.expected_instead(&heard, wanted)?;
        let timings = heard.timings(begun.elapsed());
        let decoded = expected.unwrap_or(heard.decoded);
        Ok(self.believe(utterance, Some(decoded), timings))
    }
}

/// Whether neither text leaves more than a quarter of the other unsaid. A request that somebody
/// tells of, "they said open the window and ...", holds one that would fit but for the rest.
fn are_about_as_long(one: &str, other: &str) -> bool {
    let length = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).count();
    let (one, other) = (length(one), length(other));
    one.min(other) * 4 >= one.max(other) * 3
}

/// By so much, in logits, the language spoken last is likelier to be spoken again.
const SPOKEN_LAST: f32 = 0.5;

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
fn most_tokens(language: Language, seconds: f32) -> usize {
    let per_second = match language {
        Language::English => 7.0,
        Language::Mandarin => 12.0,
    };
    (6.0 + per_second * seconds) as usize
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_not_taken_for_a_sentence_that_says_more_or_less() {
        for (expected, written) in [
            (
                "Lock the back door",
                "Lock the back door when you go out, darling.",
            ),
            ("Yes", "Yes, that's spelled with a Y."),
            (
                "Turn the heating down",
                "They turn the heating down to save money.",
            ),
            ("打开车窗", "打开"),
        ] {
            assert!(!are_about_as_long(expected, written), "{written}");
        }
        assert!(are_about_as_long(
            "Set the passenger seat heating to level 2",
            "Set the Pass and your C teating to level 2."
        ));
        assert!(are_about_as_long("请打开天窗", "輕大開天床。"));
    }

    #[test]
    fn the_audio_context_is_never_short_and_never_beyond_the_model() {
        assert_eq!(audio_context(0, 512), 512);
        assert_eq!(audio_context(2 * 16_000, 512), 512);
        assert_eq!(audio_context(15 * 16_000, 512), 832);
        assert_eq!(audio_context(60 * 16_000, 512), 1500);
    }
}
