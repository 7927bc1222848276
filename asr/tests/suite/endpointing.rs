//! Where utterances begin and end, whatever the detector says.

use std::time::Duration;

use codriver_asr::{Boundary, Completeness, EndpointOptions, Endpointer, Error, Segment};
use proptest::prelude::*;

const WINDOW: usize = 512;

/// A stream whose every sample is different, so that a misplaced one shows.
fn stream(windows: usize) -> Vec<f32> {
    (0..windows * WINDOW).map(|n| n as f32).collect()
}

fn run(options: &EndpointOptions, probabilities: &[f32]) -> Vec<Boundary> {
    let stream = stream(probabilities.len());
    let mut endpointer = Endpointer::new(options.clone()).unwrap();
    let mut found: Vec<Boundary> = stream
        .chunks(WINDOW)
        .zip(probabilities)
        .filter_map(|(window, &probability)| endpointer.push(window, probability))
        .collect();
    found.extend(endpointer.finish());
    found
}

fn segments(boundaries: &[Boundary]) -> Vec<&Segment> {
    boundaries
        .iter()
        .filter_map(|boundary| match boundary {
            Boundary::Ended(segment) => Some(segment),
            _ => None,
        })
        .collect()
}

fn windows(voiced: f32, count: usize) -> Vec<f32> {
    vec![voiced; count]
}

#[test]
fn an_utterance_has_its_pre_roll_and_ends_after_the_hangover() {
    let options = EndpointOptions::default();
    let probabilities = [windows(0.0, 30), windows(0.9, 20), windows(0.0, 40)].concat();
    let found = run(&options, &probabilities);
    let [
        Boundary::Started { at_sample },
        Boundary::Paused(_),
        Boundary::Ended(segment),
    ] = &found[..]
    else {
        panic!("{found:?}")
    };
    let pre_roll = 4800;
    assert_eq!(segment.started_at_sample, 30 * 512 - pre_roll);
    assert_eq!(*at_sample, segment.started_at_sample);
    assert_eq!(segment.last_voiced_sample, 50 * 512);
    // 700 ms are 21.9 windows, so the hangover is over with the 22nd.
    assert_eq!(segment.ended_at_sample(), 72 * 512);
    assert_eq!(segment.voiced_samples, 20 * 512);
    assert!(!segment.truncated);
}

#[test]
fn a_pause_shorter_than_the_hangover_does_not_end_the_utterance() {
    let options = EndpointOptions::default();
    let probabilities = [
        windows(0.9, 10),
        windows(0.0, 14),
        windows(0.9, 10),
        windows(0.0, 30),
    ]
    .concat();
    assert_eq!(segments(&run(&options, &probabilities)).len(), 1);
}

#[test]
fn while_a_reply_sounds_only_what_is_clearly_a_voice_begins_an_utterance() {
    let mut endpointer = Endpointer::new(EndpointOptions::default()).unwrap();
    let mut begins = |over_reply, probability, windows| {
        endpointer.over_reply(over_reply);
        let found = (0..windows).find_map(|n| {
            let found = endpointer.push(&[0.0; WINDOW], probability);
            matches!(found, Some(Boundary::Started { .. })).then_some(n + 1)
        });
        endpointer.forget();
        found
    };
    // As uncertain as what gets past an echo canceller, and as short.
    assert_eq!(begins(true, 0.85, 30), None);
    assert_eq!(begins(true, 0.95, 6), None);
    // 200 ms of a clear voice.
    assert_eq!(begins(true, 0.95, 30), Some(7));
    assert_eq!(begins(false, 0.85, 30), Some(2));
}

/// Windows without voice after twenty with it, until the utterance ends, when its pause is judged
/// so after `judged_after` of them.
fn silence_until_the_end(completeness: Completeness, judged_after: usize) -> usize {
    let mut endpointer = Endpointer::new(EndpointOptions::default()).unwrap();
    for _ in 0..20 {
        endpointer.push(&[0.0; WINDOW], 0.9);
    }
    for silent in 1..100 {
        let mut found = endpointer.push(&[0.0; WINDOW], 0.0);
        if silent == judged_after {
            found = endpointer.judge(20 * WINDOW as u64, completeness).or(found);
        }
        if matches!(found, Some(Boundary::Ended(_))) {
            return silent;
        }
    }
    panic!("it never ends")
}

#[test]
fn how_complete_the_words_are_says_how_much_silence_ends_the_utterance() {
    // 250, 450, 700 and 1200 ms in windows of 32 ms.
    assert_eq!(silence_until_the_end(Completeness::Complete, 3), 8);
    assert_eq!(silence_until_the_end(Completeness::Extensible, 3), 15);
    assert_eq!(silence_until_the_end(Completeness::Unknown, 3), 22);
    assert_eq!(silence_until_the_end(Completeness::Unfinished, 3), 38);
    // A judgement that comes when there was silence enough already ends it at once.
    assert_eq!(silence_until_the_end(Completeness::Complete, 15), 15);
    // One that comes before the pause is none of this pause.
    assert_eq!(silence_until_the_end(Completeness::Complete, 2), 22);
}

#[test]
fn a_pause_shows_what_was_said_so_far_and_its_judgement_ends_with_it() {
    let mut endpointer = Endpointer::new(EndpointOptions::default()).unwrap();
    let mut found = Vec::new();
    let mut say = |endpointer: &mut Endpointer, voiced: f32, count: usize| {
        for _ in 0..count {
            let position = endpointer.position();
            let window: Vec<f32> = (0..WINDOW as u64).map(|n| (position + n) as f32).collect();
            found.extend(endpointer.push(&window, voiced));
        }
    };
    say(&mut endpointer, 0.9, 10);
    say(&mut endpointer, 0.0, 5);
    assert_eq!(endpointer.judge(10 * 512, Completeness::Complete), None);
    // The speaker goes on before the 250 ms are over, so 250 ms are not enough any more.
    say(&mut endpointer, 0.9, 10);
    assert_eq!(endpointer.judge(10 * 512, Completeness::Complete), None);
    say(&mut endpointer, 0.0, 30);
    let [
        Boundary::Started { .. },
        Boundary::Paused(first),
        Boundary::Resumed,
        Boundary::Paused(second),
        Boundary::Ended(whole),
    ] = &found[..]
    else {
        panic!("{found:?}")
    };
    assert_eq!(first.last_voiced_sample, 10 * 512);
    assert_eq!(first.samples[..], whole.samples[..first.samples.len()]);
    assert_eq!(second.last_voiced_sample, whole.last_voiced_sample);
    assert_eq!(whole.ended_at_sample(), (25 + 22) * 512);
}

#[test]
fn a_click_is_no_utterance() {
    let options = EndpointOptions::default();
    let single = [windows(0.0, 5), windows(0.9, 1), windows(0.0, 40)].concat();
    assert_eq!(run(&options, &single), []);
    let cough = [windows(0.0, 5), windows(0.9, 3), windows(0.0, 40)].concat();
    let found = run(&options, &cough);
    assert!(
        matches!(found[..], [Boundary::Started { .. }, Boundary::TooShort]),
        "{found:?}"
    );
}

#[test]
fn five_minutes_without_a_pause_become_capped_utterances_that_lose_nothing() {
    let options = EndpointOptions::default();
    let windows_of_five_minutes = 5 * 60 * 16_000 / WINDOW;
    let found = run(&options, &windows(0.9, windows_of_five_minutes));
    let segments = segments(&found);
    assert_eq!(segments.len(), 20);
    let (last, capped) = segments.split_last().unwrap();
    assert!(capped.iter().all(|segment| segment.truncated));
    assert!(!last.truncated);
    for pair in segments.windows(2) {
        assert_eq!(pair[0].ended_at_sample(), pair[1].started_at_sample);
    }
    let total: usize = segments.iter().map(|segment| segment.samples.len()).sum();
    assert_eq!(total, windows_of_five_minutes * WINDOW);
}

#[test]
fn options_that_cannot_work_are_refused_by_name() {
    let refused = |options| match Endpointer::new(options) {
        Err(Error::OptionUnusable { option, .. }) => option,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("accepted"),
    };
    let usual = EndpointOptions::default;
    assert_eq!(
        refused(EndpointOptions {
            voiced_at: 1.5,
            ..usual()
        }),
        "audio.voiced_at"
    );
    assert_eq!(
        refused(EndpointOptions {
            voiced_at: f32::NAN,
            ..usual()
        }),
        "audio.voiced_at"
    );
    assert_eq!(
        refused(EndpointOptions {
            unvoiced_below: 0.9,
            ..usual()
        }),
        "audio.unvoiced_below"
    );
    assert_eq!(
        refused(EndpointOptions {
            voiced_at_over_reply: 1.5,
            ..usual()
        }),
        "audio.voiced_at_over_reply"
    );
    assert_eq!(
        refused(EndpointOptions {
            hangover: Duration::ZERO,
            ..usual()
        }),
        "audio.hangover_ms"
    );
    assert_eq!(
        refused(EndpointOptions {
            hard_cap: Duration::from_secs(40),
            ..usual()
        }),
        "audio.hard_cap_s"
    );
    assert_eq!(
        refused(EndpointOptions {
            hangover_complete: Duration::from_millis(900),
            ..usual()
        }),
        "endpoint.hangover_complete_ms"
    );
    assert_eq!(
        refused(EndpointOptions {
            hangover_extensible: Duration::from_millis(200),
            ..usual()
        }),
        "endpoint.hangover_extensible_ms"
    );
    assert_eq!(
        refused(EndpointOptions {
            hangover_unfinished: Duration::from_millis(500),
            ..usual()
        }),
        "endpoint.hangover_unfinished_ms"
    );
    let crowded = EndpointOptions {
        hard_cap: Duration::from_secs(1),
        hangover: Duration::from_secs(1),
        ..usual()
    };
    assert_eq!(refused(crowded), "audio.hard_cap_s");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn utterances_are_bounded_ordered_and_exact_whatever_the_detector_says(
        runs in prop::collection::vec((0.0f32..1.0, 1usize..60), 1..20),
        pre_roll_ms in 0u64..500,
        onset_ms in 0u64..200,
        hangover_ms in 50u64..600,
        min_speech_ms in 0u64..400,
        hard_cap_ms in 1300u64..4000,
    ) {
        let options = EndpointOptions {
            pre_roll: Duration::from_millis(pre_roll_ms),
            onset: Duration::from_millis(onset_ms),
            pause: Duration::from_millis(hangover_ms / 2),
            hangover: Duration::from_millis(hangover_ms),
            hangover_complete: Duration::from_millis(hangover_ms),
            hangover_extensible: Duration::from_millis(hangover_ms),
            hangover_unfinished: Duration::from_millis(hangover_ms),
            min_speech: Duration::from_millis(min_speech_ms),
            hard_cap: Duration::from_millis(hard_cap_ms),
            ..EndpointOptions::default()
        };
        let probabilities: Vec<f32> =
            runs.iter().flat_map(|&(level, count)| windows(level, count)).collect();
        let stream = stream(probabilities.len());
        let found = run(&options, &probabilities);

        let cap = hard_cap_ms as usize * 16;
        let mut free_from = 0;
        for segment in segments(&found) {
            let start = segment.started_at_sample as usize;
            let end = segment.ended_at_sample() as usize;
            prop_assert!(start >= free_from, "utterances overlap");
            prop_assert_eq!(&segment.samples[..], &stream[start..end]);
            prop_assert!(segment.samples.len() < cap + WINDOW);
            prop_assert!(!segment.truncated || segment.samples.len() >= cap);
            prop_assert!(segment.voiced_samples >= min_speech_ms * 16);
            prop_assert!(segment.last_voiced_sample <= segment.ended_at_sample());
            free_from = end;
        }
        if probabilities.iter().all(|&p| p < options.voiced_at) {
            prop_assert!(found.is_empty());
        }
    }
}
