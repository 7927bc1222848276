//! Microphones that are not as they should be.

use std::time::{Duration, Instant};

use codriver_asr::{
    EndpointOptions, Error, Event, Format, FrontEnd, Listener, ListenerOptions, Next, Noticed,
    Read, Source, Utterance,
};

use crate::support::{front_end, silero, speech};

const DEADLINE: Duration = Duration::from_secs(60);

/// A sentence with half a second of silence before and a second behind it, at 16 kHz.
fn sentence() -> Vec<f32> {
    let mut samples = vec![0.0; 8_000];
    samples.extend(speech("en-sunroof-open.wav"));
    samples.extend(vec![0.0; 16_000]);
    samples
}

/// 16 kHz mono as a device of this rate and channel count delivers it, by linear interpolation.
fn as_delivered(samples: &[f32], rate_hz: u32, channels: u16) -> Vec<f32> {
    let frames = samples.len() * rate_hz as usize / 16_000;
    (0..frames)
        .flat_map(|frame| {
            let at = frame as f32 * 16_000.0 / rate_hz as f32;
            let before = samples[at as usize];
            let after = samples.get(at as usize + 1).copied().unwrap_or(0.0);
            let value = before + (after - before) * at.fract();
            std::iter::repeat_n(value, usize::from(channels))
        })
        .collect()
}

fn utterances(rate_hz: u32, channels: u16, interleaved: &[f32]) -> Vec<Utterance> {
    let format = Format::new(rate_hz, channels, "test").unwrap();
    let options = EndpointOptions::default();
    let mut front_end = FrontEnd::new(format, Box::new(silero()), options).unwrap();
    let mut noticed = Vec::new();
    for block in interleaved.chunks(512 * usize::from(channels)) {
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
fn a_sentence_is_one_utterance_of_the_same_length_at_every_rate_and_channel_count() {
    let sentence = sentence();
    let plain = utterances(16_000, 1, &sentence);
    let [plain] = &plain[..] else {
        panic!("{plain:?}")
    };
    for (rate_hz, channels) in [
        (8_000, 1),
        (48_000, 2),
        (96_000, 1),
        (44_100, 6),
        (16_000, 8),
    ] {
        let delivered = as_delivered(&sentence, rate_hz, channels);
        let found = utterances(rate_hz, channels, &delivered);
        let [found] = &found[..] else {
            panic!(
                "{rate_hz} Hz, {channels} channels: {} utterances",
                found.len()
            )
        };
        let apart = found.samples.len().abs_diff(plain.samples.len());
        assert!(
            apart <= 3_200,
            "{rate_hz} Hz, {channels} channels: {apart} samples apart"
        );
        assert!(found.samples.iter().all(|sample| sample.abs() <= 1.0));
    }
}

#[test]
fn a_device_that_delivers_zeros_gives_nothing() {
    assert!(utterances(48_000, 2, &vec![0.0; 10 * 96_000]).is_empty());
}

#[test]
fn a_device_that_delivers_no_numbers_gives_nothing_and_does_no_harm() {
    let mut samples = vec![f32::NAN; 16_000];
    samples.extend(vec![f32::INFINITY; 16_000]);
    samples.extend(vec![0.0; 16_000]);
    for utterance in utterances(16_000, 1, &samples) {
        assert!(utterance.samples.iter().all(|sample| sample.is_finite()));
    }
    samples.extend(sentence());
    let found = utterances(16_000, 1, &samples);
    assert!(!found.is_empty(), "the sentence after it is heard");
}

#[test]
fn a_sentence_is_heard_over_a_constant_offset_and_through_clipping() {
    let offset: Vec<_> = sentence().iter().map(|sample| sample * 0.5 + 0.2).collect();
    assert_eq!(utterances(16_000, 1, &offset).len(), 1, "offset");
    let clipped: Vec<_> = sentence()
        .iter()
        .map(|sample| (sample * 30.0).clamp(-1.0, 1.0))
        .collect();
    assert_eq!(utterances(16_000, 1, &clipped).len(), 1, "clipped");
}

/// Plays a recording once in blocks, then fails, or goes silent.
struct Once {
    format: Format,
    samples: Vec<f32>,
    at: usize,
    stalls: bool,
}

impl Source for Once {
    fn format(&self) -> Format {
        self.format
    }

    fn name(&self) -> &str {
        "once"
    }

    fn read(&mut self, into: &mut Vec<f32>, wait: Duration) -> Result<Read, Error> {
        let block = 512 * usize::from(self.format.channels());
        let end = (self.at + block).min(self.samples.len());
        if self.at == end {
            if self.stalls {
                let (device, waited) = ("once".to_owned(), Duration::from_secs(3));
                return Err(Error::DeviceSilent { device, waited });
            }
            std::thread::sleep(wait);
            return Ok(Read::Nothing);
        }
        std::thread::sleep(Duration::from_millis(1));
        into.extend(&self.samples[self.at..end]);
        self.at = end;
        Ok(Read::Audio)
    }
}

#[test]
fn a_device_that_stalls_in_mid_sentence_and_comes_back_at_another_rate_is_heard_again() {
    let sentence = sentence();
    let half = sentence[..sentence.len() / 2].to_vec();
    let mut opened = 0;
    let open = move || {
        opened += 1;
        Ok(Box::new(match opened {
            1 => Once {
                format: Format::SPEECH,
                samples: half.clone(),
                at: 0,
                stalls: true,
            },
            _ => Once {
                format: Format::new(48_000, 2, "once")?,
                samples: as_delivered(&sentence, 48_000, 2),
                at: 0,
                stalls: false,
            },
        }) as Box<dyn Source>)
    };
    let options = ListenerOptions {
        retry_first: Duration::from_millis(10),
        ..ListenerOptions::default()
    };
    let listener = Listener::start(open, front_end(), options).unwrap();
    let until = Instant::now() + DEADLINE;
    let mut losses = 0;
    loop {
        assert!(Instant::now() < until, "nothing was heard");
        match listener.next(Duration::from_millis(100)) {
            Next::Event(Event::SourceLost(_)) => losses += 1,
            Next::Event(Event::Utterance(utterance)) => {
                assert_eq!(losses, 1, "half a sentence is no utterance");
                assert!(utterance.voiced > Duration::from_millis(500));
                break;
            }
            _ => {}
        }
    }
    assert_eq!(listener.counters().opened, 2);
}
