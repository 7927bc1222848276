//! The recognisers of small devices, and what any of them takes on this machine.

use std::time::Duration;

use codriver_asr::{Error, Recogniser, Recognition, Whisper, WhisperOptions, hear_file};
use codriver_catalog::Language;

use crate::support::{expected, front_end, pack, recording};

const TINY: &str = "whisper-tiny.en-q8_0";
const BASE_FIVE_BITS: &str = "whisper-base-q5_1";

fn load(name: &str, languages: &[Language]) -> Result<Whisper, Error> {
    let options = WhisperOptions {
        languages: languages.to_vec(),
        ..WhisperOptions::default()
    };
    let mut whisper = Whisper::load(&pack(name), options)?;
    for language in languages {
        whisper.expect(expected(*language));
    }
    Ok(whisper)
}

/// The letters of a recording of one utterance: "sun roof" is "sunroof".
fn letters(file: &str, whisper: &mut dyn Recogniser) -> String {
    let mut hearing = hear_file(&recording(file), &mut front_end(), whisper).unwrap();
    assert_eq!(hearing.heard.len(), 1, "{file}");
    match hearing.heard.remove(0).1 {
        Recognition::Heard(transcript) => transcript
            .text
            .to_lowercase()
            .replace(|c: char| !c.is_alphanumeric(), ""),
        Recognition::Rejected { reason, .. } => panic!("{file}: {reason}"),
    }
}

#[test]
fn the_small_recognisers_hear_what_the_packs_expect() {
    let english: &[Language] = &[Language::English];
    for (name, languages) in [(TINY, english), (BASE_FIVE_BITS, &Language::ALL)] {
        let mut whisper = load(name, languages).unwrap();
        for (file, wanted) in [
            ("en-air-conditioning-on.wav", "turnontheairconditioning"),
            ("en-window-driver-open.wav", "openthedriverwindow"),
            ("en-sunroof-open.wav", "openthesunroof"),
        ] {
            assert_eq!(letters(file, &mut whisper), wanted, "{name}");
        }
    }
}

#[test]
fn base_at_five_bits_hears_mandarin_too() {
    let mut whisper = load(BASE_FIVE_BITS, &Language::ALL).unwrap();
    let text = letters("zh-media-next.wav", &mut whisper);
    assert!(text.contains("下一首"), "{text}");
}

#[test]
fn a_recogniser_of_english_alone_refuses_to_listen_for_mandarin() {
    let refused = load(TINY, &Language::ALL).err().unwrap();
    assert!(refused.to_string().contains("English only"), "{refused}");
}

#[test]
fn a_rehearsal_tells_what_listening_and_writing_take_and_leaves_the_ears_as_they_were() {
    let mut whisper = load(TINY, &[Language::English]).unwrap();
    let speech = Duration::from_secs(3);
    let short = whisper.rehearse(speech, 0).unwrap();
    let long = whisper.rehearse(speech, 200).unwrap();
    assert!(short.encode > Duration::ZERO && long.encode > Duration::ZERO);
    assert!(long.write > short.write, "{short:?} {long:?}");
    let heard = letters("en-sunroof-open.wav", &mut whisper);
    assert_eq!(heard, "openthesunroof");
}
