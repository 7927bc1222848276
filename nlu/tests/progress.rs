//! How far a sentence has come whose speaker has paused.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;

use codriver_catalog::Catalog;
use codriver_nlu::{Progress, Understanding};

fn understanding() -> Understanding {
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs");
    Understanding::new(Arc::new(Catalog::load(&configs).unwrap())).unwrap()
}

fn assert_all(understanding: &Understanding, expected: Progress, sentences: &[&str]) {
    let wrong: Vec<_> = sentences
        .iter()
        .map(|text| (text, understanding.progress(text, None)))
        .filter(|(_, found)| *found != expected)
        .collect();
    assert!(wrong.is_empty(), "not {expected:?}: {wrong:?}");
}

#[test]
fn a_whole_phrase_is_complete_in_both_languages() {
    let sentences = [
        "Turn on the air conditioning.",
        "Turn on the front defroster.",
        "Set the fan speed to sixty percent",
        "Open the driver's window and turn on the seat heating.",
        "打开前雾灯",
        "把温度调到22度",
    ];
    assert_all(&understanding(), Progress::Complete, &sentences);
}

#[test]
fn a_whole_phrase_to_which_a_value_may_be_added_is_extensible_in_both_languages() {
    let sentences = [
        "Open the window",
        "Open the sunroof.",
        "Open my window",
        "turn on the seat heating",
        "Set the temperature to 22 degrees.",
        "打开天窗",
    ];
    assert_all(&understanding(), Progress::Extensible, &sentences);
    let sentences = [
        "Open the window halfway",
        "Open the window please",
        "Open the window all the way",
    ];
    assert_all(&understanding(), Progress::Complete, &sentences);
}

#[test]
fn the_beginning_of_a_phrase_is_unfinished_in_both_languages() {
    let sentences = [
        "Navigate to...",
        "Set the temperature to",
        "Turn on the",
        "Open the sunroof and",
        "Call",
        "把温度调到",
        "打开",
        "导航到",
    ];
    assert_all(&understanding(), Progress::Unfinished, &sentences);
}

#[test]
fn what_only_sounds_like_a_phrase_is_worth_a_second_look() {
    let sentences = ["Turn on the air condishoning", "打开空雕"];
    assert_all(&understanding(), Progress::Unknown, &sentences);
}

#[test]
fn free_text_and_words_of_no_phrase_are_unknown() {
    let sentences = [
        "",
        "Navigate to the train",
        "I went to the cinema yesterday",
        "do not open the window",
        "昨天我去看了电影",
    ];
    assert_all(&understanding(), Progress::Unknown, &sentences);
}
