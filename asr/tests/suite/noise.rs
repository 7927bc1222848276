//! Sound without speech leads to no words.

use codriver_asr::{Recogniser, Recognition, WhisperOptions, hear_file};
use codriver_catalog::Language;

use crate::support::{expected, front_end, pink_noise, test_data, whisper, white_noise, write_wav};

/// What a glance and a careful look make of the recording.
fn words_in(path: &std::path::Path) -> Vec<String> {
    let mut whisper = whisper(WhisperOptions::default());
    for language in Language::ALL {
        whisper.expect(expected(language));
    }
    let hearing = hear_file(path, &mut front_end(), &mut whisper).unwrap();
    let mut words = Vec::new();
    for (utterance, recognition) in hearing.heard {
        for looked in [recognition, whisper.glance(&utterance, &|| true).unwrap()] {
            if let Recognition::Heard(transcript) = looked {
                words.push(transcript.text);
            }
        }
    }
    words
}

#[test]
fn white_and_pink_noise_give_no_transcript() {
    let directory = tempfile::tempdir().unwrap();
    for (name, sound) in [
        ("silence", vec![0.0; 80_000]),
        ("quiet white", white_noise(160_000, 0.02)),
        ("loud white", white_noise(160_000, 0.8)),
        ("quiet pink", pink_noise(160_000, 0.05)),
        ("loud pink", pink_noise(160_000, 0.9)),
    ] {
        let path = directory.path().join("noise.wav");
        write_wav(&path, &sound);
        assert_eq!(words_in(&path), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn recorded_noise_gives_no_transcript() {
    let Some(directory) = test_data("noise") else {
        return;
    };
    let mut paths: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "wav"))
        .collect();
    paths.sort();
    assert!(!paths.is_empty());
    for path in paths {
        assert_eq!(words_in(&path), Vec::<String>::new(), "{}", path.display());
    }
}
