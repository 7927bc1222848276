//! Recordings become words.

use codriver_asr::{
    BiasWeights, Error, Recogniser, Recognition, Rejected, Transcript, WhisperOptions, hear_file,
};
use codriver_catalog::Language;

use crate::support::{expected, front_end, recording, speech, test_data, whisper, write_wav};

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
    assert_eq!(transcript.timings.encodes, 1);
}

#[test]
fn a_change_of_language_costs_no_second_encoding() {
    let mut whisper = whisper(WhisperOptions::default());
    for (file, language) in [
        ("en-sunroof-open.wav", Language::English),
        ("zh-media-next.wav", Language::Mandarin),
        ("en-sunroof-open.wav", Language::English),
    ] {
        let transcript = only_transcript(&recording(file), &mut whisper);
        assert_eq!(transcript.language, language, "{}", transcript.text);
        assert_eq!(transcript.timings.encodes, 1, "{file}");
    }
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
fn what_is_expected_is_written_where_it_sounds_like_it() {
    let unaided = whisper(WhisperOptions::default());
    let mut expecting = whisper(WhisperOptions::default());
    for language in Language::ALL {
        expecting.expect(expected(language));
    }
    for (mut whisper, right) in [(unaided, false), (expecting, true)] {
        // "Plus all the windows."
        let heard = only_transcript(&recording("en-windows-close.wav"), &mut whisper).text;
        assert_eq!(heard.contains("Close"), right, "{heard}");
    }
}

#[test]
fn what_is_expected_is_not_written_where_something_else_was_said() {
    let mut whisper = whisper(WhisperOptions::default());
    whisper.expect(expected(Language::English));
    for (file, said) in [
        ("en-chatter-cinema.wav", "cinema"),
        ("en-chatter-game.wav", "football"),
        ("en-navigate-station.wav", "navigate to the train station"),
    ] {
        let text = only_transcript(&recording(file), &mut whisper).text;
        assert!(text.to_lowercase().contains(said), "{file}: {text}");
    }
}

#[test]
fn the_probability_of_a_word_is_the_models_own_whatever_it_is_leaned_towards() {
    let path = recording("en-sunroof-open.wav");
    let confidence = |bias: BiasWeights| {
        let options = WhisperOptions {
            bias,
            ..WhisperOptions::default()
        };
        let mut whisper = whisper(options);
        whisper.expect(expected(Language::English));
        let transcript = only_transcript(&path, &mut whisper);
        assert_eq!(transcript.text, "Open the sunroof.");
        transcript.confidence
    };
    let strong = BiasWeights {
        beginning: 8.0,
        following: 8.0,
        recovered: 8.0,
    };
    assert!((confidence(BiasWeights::NONE) - confidence(strong)).abs() < 1e-4);
}

#[test]
fn a_glance_is_taken_at_less_context() {
    let mut whisper = whisper(WhisperOptions::default());
    whisper.expect(expected(Language::English));
    let path = recording("en-defrost-front.wav");
    let hearing = hear_file(&path, &mut front_end(), &mut whisper).unwrap();
    let glanced = whisper.glance(&hearing.heard[0].0, &|| true).unwrap();
    let Recognition::Heard(glanced) = glanced else {
        panic!("nothing was heard at a glance");
    };
    let text = glanced.text.to_lowercase();
    // How it is spelt is looked after when it is over.
    assert!(text.contains("front defrost"), "{text}");
    assert_eq!(
        (glanced.timings.encodes, glanced.timings.audio_context),
        (1, 256)
    );
}

#[test]
fn a_recognition_that_nobody_wants_any_more_stops() {
    let mut whisper = whisper(WhisperOptions::default());
    let path = recording("en-defrost-front.wav");
    let hearing = hear_file(&path, &mut front_end(), &mut whisper).unwrap();
    let asked = std::cell::Cell::new(0);
    let wanted = || {
        asked.set(asked.get() + 1);
        asked.get() < 3
    };
    let recognition = whisper.recognise(&hearing.heard[0].0, &wanted).unwrap();
    let Recognition::Rejected { reason, .. } = recognition else {
        panic!("{recognition:?}");
    };
    assert_eq!(reason, Rejected::Unwanted);
    assert_eq!(asked.get(), 3);
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
