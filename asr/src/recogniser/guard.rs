//! Refuses text that a model made up: whisper writes sentences over silence and noise.

use std::fmt;
use std::time::Duration;

use codriver_catalog::Language;

use super::Transcript;
use super::repetition::is_looping;
use crate::Utterance;

/// When a transcript is not believed.
#[derive(Debug, Clone, PartialEq)]
pub struct GuardOptions {
    /// Above this no-speech probability a transcript must be surer than
    /// [`confidence_if_no_speech`](Self::confidence_if_no_speech).
    pub no_speech_above: f32,
    /// The confidence that outweighs a high no-speech probability.
    pub confidence_if_no_speech: f32,
    /// Below this geometric mean of token probabilities nothing is believed. It is low on
    /// purpose: understanding by sound mends many words that the recogniser was unsure of, and
    /// weighs the confidence itself.
    pub min_confidence: f32,
    /// More English letters and digits than this in a voiced second are not speech.
    pub max_letters_per_second: f32,
    /// More Mandarin characters than this in a voiced second are not speech.
    pub max_characters_per_second: f32,
}

impl Default for GuardOptions {
    fn default() -> Self {
        Self {
            no_speech_above: 0.6,
            confidence_if_no_speech: 0.6,
            min_confidence: 0.2,
            max_letters_per_second: 35.0,
            max_characters_per_second: 14.0,
        }
    }
}

/// Why a transcript is not believed.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq)]
pub enum Rejected {
    /// The model wrote no letter or digit.
    NoWords,
    /// Nobody waits for the words any more; what they were is not known.
    Unwanted,
    /// The model itself doubts that anybody spoke, and is unsure of the words.
    NoSpeech {
        /// Its probability that nobody spoke.
        probability: f32,
        /// Geometric mean of the token probabilities.
        confidence: f32,
    },
    /// The words are too improbable.
    Unsure {
        /// Geometric mean of the token probabilities.
        confidence: f32,
    },
    /// The model repeats itself, also with a longer context.
    Looping {
        /// What it kept saying.
        text: String,
    },
    /// The text names a sound instead of words: `[music]`.
    SoundLabel {
        /// The label.
        text: String,
    },
    /// More text than anybody could say in the voiced time.
    TooMuchText {
        /// Letters or characters written.
        characters: usize,
        /// Time that held voice.
        voiced: Duration,
    },
}

impl Rejected {
    /// A stable word for logs and machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoWords => "no_words",
            Self::Unwanted => "unwanted",
            Self::NoSpeech { .. } => "no_speech",
            Self::Unsure { .. } => "unsure",
            Self::Looping { .. } => "looping",
            Self::SoundLabel { .. } => "sound_label",
            Self::TooMuchText { .. } => "too_much_text",
        }
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoWords => write!(f, "no words"),
            Self::Unwanted => write!(f, "nobody waits for it any more"),
            Self::NoSpeech {
                probability,
                confidence,
            } => write!(
                f,
                "probably nobody spoke (no-speech {probability:.2}, confidence {confidence:.2})"
            ),
            Self::Unsure { confidence } => write!(f, "too unsure (confidence {confidence:.2})"),
            Self::Looping { text } => write!(f, "the recogniser repeats itself: \"{text}\""),
            Self::SoundLabel { text } => write!(f, "a sound, not words: \"{text}\""),
            Self::TooMuchText { characters, voiced } => write!(
                f,
                "{characters} characters cannot be said in {} ms of voice",
                voiced.as_millis()
            ),
        }
    }
}

/// The reason not to believe `transcript`, if there is one.
pub(super) fn judge(
    transcript: &Transcript,
    utterance: &Utterance,
    options: &GuardOptions,
) -> Option<Rejected> {
    let text = transcript.text.trim();
    let characters = text.chars().filter(|c| c.is_alphanumeric()).count();
    let confidence = transcript.confidence;
    if characters == 0 {
        return Some(Rejected::NoWords);
    }
    if is_sound_label(text) {
        return Some(Rejected::SoundLabel {
            text: text.to_owned(),
        });
    }
    if is_looping(text) {
        return Some(Rejected::Looping {
            text: text.to_owned(),
        });
    }
    if transcript.no_speech_probability > options.no_speech_above
        && confidence < options.confidence_if_no_speech
    {
        let probability = transcript.no_speech_probability;
        return Some(Rejected::NoSpeech {
            probability,
            confidence,
        });
    }
    if confidence < options.min_confidence {
        return Some(Rejected::Unsure { confidence });
    }
    let per_second = match transcript.language {
        Language::English => options.max_letters_per_second,
        Language::Mandarin => options.max_characters_per_second,
    };
    if characters as f32 > per_second * utterance.voiced.as_secs_f32() {
        return Some(Rejected::TooMuchText {
            characters,
            voiced: utterance.voiced,
        });
    }
    None
}

/// Whether all of the text stands in brackets, asterisks or notes.
fn is_sound_label(text: &str) -> bool {
    const PAIRS: [(char, char); 6] = [
        ('[', ']'),
        ('(', ')'),
        ('（', '）'),
        ('【', '】'),
        ('*', '*'),
        ('♪', '♪'),
    ];
    let text = text.trim_end_matches(['.', '。', ' ']);
    PAIRS
        .iter()
        .any(|&(open, close)| text.starts_with(open) && text.ends_with(close))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use codriver_catalog::UtteranceId;

    use super::*;
    use crate::{EndOfSpeech, Timings};

    fn transcript(text: &str, language: Language) -> Transcript {
        Transcript {
            text: text.to_owned(),
            language,
            confidence: 0.9,
            tokens: Vec::new(),
            no_speech_probability: 0.0,
            call: None,
            duration: Duration::from_secs(2),
            timings: Timings::default(),
        }
    }

    fn utterance(voiced: Duration) -> Utterance {
        Utterance {
            id: UtteranceId::next(),
            samples: vec![0.0; 32_000],
            started_at_sample: 0,
            ended_at_sample: 32_000,
            end_of_speech: EndOfSpeech {
                at_sample: 24_000,
                at: Instant::now(),
            },
            voiced,
            zone: None,
            truncated: false,
            wake: None,
        }
    }

    fn code(transcript: &Transcript, voiced_ms: u64) -> Option<&'static str> {
        let utterance = utterance(Duration::from_millis(voiced_ms));
        judge(transcript, &utterance, &GuardOptions::default()).map(|reason| reason.code())
    }

    #[test]
    fn ordinary_commands_are_believed() {
        let english = transcript("Open the driver's window to 50%.", Language::English);
        assert_eq!(code(&english, 1600), None);
        let mandarin = transcript("打开主驾驶车窗", Language::Mandarin);
        assert_eq!(code(&mandarin, 1200), None);
    }

    #[test]
    fn made_up_text_is_refused_with_its_reason() {
        let english = |text| transcript(text, Language::English);
        assert_eq!(code(&english(" ..."), 900), Some("no_words"));
        assert_eq!(code(&english("[BLANK_AUDIO]"), 900), Some("sound_label"));
        assert_eq!(code(&english("(wind blowing)."), 900), Some("sound_label"));
        assert_eq!(
            code(&english("Thank you for watching, see you next time."), 200),
            Some("too_much_text")
        );
        assert_eq!(
            code(
                &english("go on and go on and go on and go on and go on"),
                4000
            ),
            Some("looping")
        );
        let unsure = Transcript {
            confidence: 0.1,
            ..english("yes")
        };
        assert_eq!(code(&unsure, 900), Some("unsure"));
        let silent = Transcript {
            confidence: 0.5,
            no_speech_probability: 0.8,
            ..english("you")
        };
        assert_eq!(code(&silent, 900), Some("no_speech"));
        let sure = Transcript {
            confidence: 0.9,
            ..silent
        };
        assert_eq!(
            code(&sure, 900),
            None,
            "sure words outweigh the no-speech token"
        );
    }
}
