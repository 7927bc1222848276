//! A microphone at each seat: who speaks.

use std::time::Instant;

use codriver_asr::{EndpointOptions, Error, Format, FrontEnd, Noticed, Utterance};
use codriver_catalog::Zone::{self, Driver, Passenger, RearLeft, RearRight};

use crate::support::{pink_noise, silero, speech};

const TWO: [Zone; 2] = [Driver, Passenger];
const FOUR: [Zone; 4] = [Driver, Passenger, RearLeft, RearRight];

/// A voice at one seat, as loud at the others as a cabin makes it.
struct Voice {
    seat: usize,
    begins_at: usize,
    samples: Vec<f32>,
    loudness: f32,
}

/// 16 kHz, a channel for each of `seats`: the voices and the noise of driving.
fn cabin(seats: usize, voices: &[Voice], noise: f32) -> Vec<f32> {
    let length = 16_000
        + voices
            .iter()
            .map(|v| v.begins_at + v.samples.len())
            .max()
            .unwrap();
    let mut channels: Vec<_> = (0..seats)
        .map(|seat| pink_noise(length + seat * 1_000, noise).split_off(seat * 1_000))
        .collect();
    for voice in voices {
        for (seat, channel) in channels.iter_mut().enumerate() {
            // At another seat 8 dB weaker and 2.5 ms later.
            let (gain, later) = if seat == voice.seat {
                (1.0, 0)
            } else {
                (0.4, 40)
            };
            let from = voice.begins_at + later;
            for (sample, voice_sample) in channel[from..].iter_mut().zip(&voice.samples) {
                *sample += voice_sample * gain * voice.loudness;
            }
        }
    }
    (0..length)
        .flat_map(|at| channels.iter().map(move |channel| channel[at]))
        .collect()
}

fn one_voice(seat: usize) -> Voice {
    Voice {
        seat,
        begins_at: 16_000,
        samples: speech("en-window-driver-open.wav"),
        loudness: 0.7,
    }
}

fn front_end(zones: &[Zone], channels: u16) -> Result<FrontEnd, Error> {
    let options = EndpointOptions::default();
    let mut front_end =
        FrontEnd::new(Format::SPEECH, Box::new(silero()), options)?.with_zones(zones.to_vec());
    front_end.set_format(Format::new(16_000, channels, "test")?)?;
    Ok(front_end)
}

fn utterances(front_end: &mut FrontEnd, interleaved: &[f32], channels: usize) -> Vec<Utterance> {
    let mut noticed = Vec::new();
    // Blocks that are no windows, as some sound cards deliver them.
    for block in interleaved.chunks(440 * channels) {
        noticed.extend(front_end.push(block, Instant::now()).unwrap());
    }
    noticed.extend(front_end.finish(Instant::now()).unwrap());
    let utterances = noticed.into_iter().filter_map(|found| match found {
        Noticed::Utterance(utterance) => Some(utterance),
        _ => None,
    });
    utterances.collect()
}

#[test]
fn the_seat_of_the_earliest_and_strongest_voice_wins_with_two_and_with_four_microphones() {
    for zones in [&TWO[..], &FOUR] {
        let channels = zones.len();
        for (seat, zone) in zones.iter().enumerate() {
            for noise in [0.0, 0.02] {
                let mut front_end = front_end(zones, channels as u16).unwrap();
                let sound = cabin(channels, &[one_voice(seat)], noise);
                let found = utterances(&mut front_end, &sound, channels);
                let heard: Vec<_> = found.iter().map(|utterance| utterance.zone).collect();
                assert_eq!(heard, [Some(*zone)], "{channels} channels, noise {noise}");
            }
        }
    }
}

#[test]
fn the_utterance_is_the_winning_seats_own_sound_from_its_first_sample_on() {
    let sound = cabin(2, &[one_voice(1)], 0.01);
    let found = utterances(&mut front_end(&TWO, 2).unwrap(), &sound, 2);
    let [utterance] = &found[..] else {
        panic!("{} utterances", found.len())
    };
    let from = usize::try_from(utterance.started_at_sample).unwrap();
    let own = sound.chunks_exact(2).skip(from).map(|frame| frame[1]);
    let same = utterance.samples.iter().zip(own).filter(|(a, b)| *a == b);
    assert_eq!(same.count(), utterance.samples.len());
}

#[test]
fn who_breaks_in_louder_does_not_take_the_utterance_over() {
    let second = Voice {
        begins_at: 16_000 + 8_000,
        loudness: 1.0,
        ..one_voice(0)
    };
    let sound = cabin(2, &[one_voice(1), second], 0.01);
    let found = utterances(&mut front_end(&TWO, 2).unwrap(), &sound, 2);
    assert_eq!(found[0].zone, Some(Passenger));
}

#[test]
fn one_seat_after_the_other_each_is_told_by_itself() {
    let later = Voice {
        begins_at: 90_000,
        ..one_voice(3)
    };
    let sound = cabin(4, &[one_voice(2), later], 0.01);
    let mut front_end = front_end(&FOUR, 4).unwrap();
    let found = utterances(&mut front_end, &sound, 4);
    let heard: Vec<_> = found.iter().map(|utterance| utterance.zone).collect();
    assert_eq!(heard, [Some(RearLeft), Some(RearRight)]);
    // And after what was heard is forgotten, as while the assistant speaks.
    front_end.forget();
    let sound = cabin(4, &[one_voice(1)], 0.01);
    let found = utterances(&mut front_end, &sound, 4);
    assert_eq!(found[0].zone, Some(Passenger));
}

#[test]
fn microphones_that_hear_the_same_do_not_tell_who_speaks() {
    let voice = one_voice(0).samples;
    let mut sound = vec![0.0; 32_000];
    sound.extend(voice.iter().flat_map(|sample| [*sample, *sample]));
    sound.extend(vec![0.0; 64_000]);
    let found = utterances(&mut front_end(&TWO, 2).unwrap(), &sound, 2);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].zone, None);
}

#[test]
fn a_device_with_fewer_channels_than_seats_is_refused_by_name() {
    let error = front_end(&FOUR, 2).err().unwrap().to_string();
    assert!(
        error.contains("2 channels") && error.contains("rear_right"),
        "{error}"
    );
}
