//! Recordings become words.

use codriver_asr::{Error, Recogniser, Recognition, Transcript, WhisperOptions, hear_file};
use codriver_catalog::Language;

use crate::support::{front_end, recording, speech, test_data, whisper, write_wav};

fn only_transcript(path: &std::path::Path, whisper: &mut dyn Recogniser) -> Transcript {
    let mut hearing = hear_file(path, &mut front_end(), whisper).unwrap();
    assert_eq!(hearing.heard.len(), 1, "{}", path.display());
    match hearing.heard.remove(0).1 {
        Recognition::Heard(transcript) => transcript,
        Recognition::Rejected { reason, .. } => panic!("{}: {reason}", path.display()),
    }
}

#[test]
fn english_recordings_become_their_words_with_probabilities() {
    let mut whisper = whisper(WhisperOptions::default());
    for (file, expected) in [
        ("en-air-conditioning-on.wav", "turn on the air conditioning"),
        ("en-window-driver-open.wav", "open the driver window"),
        ("en-temperature-driver-19.wav", "driver temperature"),
    ] {
        let transcript = only_transcript(&recording(file), &mut whisper);
        let text = transcript.text.to_lowercase();
        assert!(text.contains(expected), "{file}: {text}");
        assert_eq!(transcript.language, Language::English);
        assert!(
            (0.5..=1.0).contains(&transcript.confidence),
            "{}",
            transcript.confidence
        );
        assert!(transcript.weakest_token() <= transcript.confidence);
        let joined: String = transcript
            .tokens
            .iter()
            .map(|token| token.text.as_str())
            .collect();
        assert_eq!(joined.trim(), transcript.text);
    }
}

#[test]
fn mandarin_is_detected_and_written_in_han_characters() {
    let mut whisper = whisper(WhisperOptions::default());
    let transcript = only_transcript(&recording("zh-media-next.wav"), &mut whisper);
    assert_eq!(
        transcript.language,
        Language::Mandarin,
        "{}",
        transcript.text
    );
    let han = transcript
        .text
        .chars()
        .filter(|c| ('\u{4e00}'..='\u{9fff}').contains(c))
        .count();
    assert!(
        han >= 5 && transcript.text.contains("下一首"),
        "{}",
        transcript.text
    );
    // One decode in the language tried first, one in the language detected.
    assert_eq!(transcript.timings.decodes, 2);

    let again = only_transcript(&recording("zh-media-next.wav"), &mut whisper);
    assert_eq!(again.language, Language::Mandarin);
    assert_eq!(
        again.timings.decodes, 1,
        "the language spoken last is tried first"
    );
    assert_eq!(again.text, transcript.text);
}

#[test]
fn only_configured_languages_are_heard() {
    let english_only = WhisperOptions {
        languages: vec![Language::English],
        ..WhisperOptions::default()
    };
    let mut whisper = whisper(english_only);
    let path = recording("zh-temperature-22.wav");
    let hearing = hear_file(&path, &mut front_end(), &mut whisper).unwrap();
    for (_, recognition) in hearing.heard {
        if let Recognition::Heard(transcript) = recognition {
            assert_eq!(transcript.language, Language::English);
        }
    }
    assert!(matches!(
        whisper.set_languages(&[]),
        Err(Error::OptionUnusable { .. })
    ));
}

#[test]
fn a_vocabulary_of_any_length_is_taken_and_does_not_silence_the_recogniser() {
    let mut whisper = whisper(WhisperOptions::default());
    let words: Vec<String> = ["air conditioning", "sunroof", "bad\0word", "  "]
        .into_iter()
        .map(str::to_owned)
        .chain((0..5000).map(|n| format!("word{n}")))
        .collect();
    whisper.set_vocabulary(Language::English, &words);
    let transcript = only_transcript(&recording("en-air-conditioning-on.wav"), &mut whisper);
    assert!(
        transcript.text.to_lowercase().contains("air conditioning"),
        "{}",
        transcript.text
    );
}

#[test]
fn a_glance_is_taken_at_less_context_and_reads_no_vocabulary_out() {
    let mut whisper = whisper(WhisperOptions::default());
    let words = ["air conditioning", "sunroof", "defroster", "fog lights"].map(str::to_owned);
    whisper.set_vocabulary(Language::English, &words);
    let path = recording("en-defrost-front.wav");
    let hearing = hear_file(&path, &mut front_end(), &mut whisper).unwrap();
    let Recognition::Heard(glanced) = whisper.glance(&hearing.heard[0].0).unwrap() else {
        panic!("nothing was heard at a glance");
    };
    let text = glanced.text.to_lowercase();
    assert!(text.contains("front defroster"), "{text}");
    assert_eq!(
        (glanced.timings.decodes, glanced.timings.audio_context),
        (1, 256)
    );
    assert_eq!(hearing.heard[0].1.timings().audio_context, 512);
}

#[test]
fn two_sentences_with_a_pause_are_two_utterances() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("two.wav");
    let pause = vec![0.0; 24_000];
    let sound = [
        speech("en-air-conditioning-on.wav"),
        pause,
        speech("en-sunroof-open.wav"),
    ];
    write_wav(&path, &sound.concat());
    let mut whisper = whisper(WhisperOptions::default());
    let hearing = hear_file(&path, &mut front_end(), &mut whisper).unwrap();
    assert_eq!(hearing.heard.len(), 2);
    let (first, second) = (&hearing.heard[0].0, &hearing.heard[1].0);
    assert!(first.ended_at_sample <= second.started_at_sample);
    assert!(first.end_of_speech.at_sample < first.ended_at_sample);
    assert_ne!(first.id, second.id);
}

#[test]
fn a_human_voice_is_understood() {
    let Some(path) = test_data("speech/jfk.wav") else {
        return;
    };
    let mut whisper = whisper(WhisperOptions::default());
    let hearing = hear_file(&path, &mut front_end(), &mut whisper).unwrap();
    let text: String = hearing
        .heard
        .iter()
        .filter_map(|(_, recognition)| match recognition {
            Recognition::Heard(transcript) => Some(transcript.text.to_lowercase()),
            Recognition::Rejected { .. } => None,
        })
        .collect();
    assert!(
        text.contains("fellow americans") && text.contains("your country"),
        "{text}"
    );
}
