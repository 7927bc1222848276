//! The listener: windows, muting, loss, and a reader that is too slow.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use codriver_asr::{
    Activation, Earcon, Error, Event, Format, Listener, ListenerOptions, Next, Pace, Read,
    Recogniser, Recognition, Source, WavSource, WhisperOptions,
};
use codriver_catalog::Language;

use crate::support::{expected, front_end, recording, speech, whisper};

const DEADLINE: Duration = Duration::from_secs(60);

/// Plays samples over and over, as fast as they are read but for a pause at each block.
struct Looped {
    samples: Vec<f32>,
    at: usize,
    blocks_until_lost: usize,
}

impl Looped {
    fn new(samples: Vec<f32>) -> Self {
        Self {
            samples,
            at: 0,
            blocks_until_lost: usize::MAX,
        }
    }
}

impl Source for Looped {
    fn format(&self) -> Format {
        Format::SPEECH
    }

    fn name(&self) -> &str {
        "looped"
    }

    fn read(&mut self, into: &mut Vec<f32>, _wait: Duration) -> Result<Read, Error> {
        if self.blocks_until_lost == 0 {
            let (device, reason) = ("looped".to_owned(), "unplugged".to_owned());
            return Err(Error::DeviceLost { device, reason });
        }
        self.blocks_until_lost -= 1;
        std::thread::sleep(Duration::from_millis(1));
        for _ in 0..512 {
            into.push(self.samples[self.at]);
            self.at = (self.at + 1) % self.samples.len();
        }
        Ok(Read::Audio)
    }
}

fn spoken_and_silent() -> Vec<f32> {
    let mut samples = speech("en-sunroof-open.wav");
    samples.extend(vec![0.0; 24_000]);
    samples
}

fn start(options: ListenerOptions, samples: Vec<f32>) -> Listener {
    let open = move || Ok(Box::new(Looped::new(samples.clone())) as Box<dyn Source>);
    Listener::start(open, front_end(), options).unwrap()
}

/// The first event that `wanted` accepts.
fn wait_for(listener: &Listener, mut wanted: impl FnMut(&Event) -> bool) -> Event {
    let until = Instant::now() + DEADLINE;
    while Instant::now() < until {
        match listener.next(Duration::from_millis(100)) {
            Next::Event(event) if wanted(&event) => return event,
            Next::Ended => panic!("ended"),
            _ => {}
        }
    }
    panic!("nothing came within {DEADLINE:?}")
}

fn is_utterance(event: &Event) -> bool {
    matches!(event, Event::Utterance(_))
}

#[test]
fn a_recording_at_real_pace_gives_its_utterance_and_ends() {
    let open = || {
        let source = WavSource::open(&recording("en-sunroof-open.wav"), Pace::Real)?;
        Ok(Box::new(source) as Box<dyn Source>)
    };
    let listener = Listener::start(open, front_end(), ListenerOptions::default()).unwrap();
    let until = Instant::now() + DEADLINE;
    let mut utterances = Vec::new();
    loop {
        assert!(Instant::now() < until);
        match listener.next(Duration::from_millis(100)) {
            Next::Event(Event::Utterance(utterance)) => utterances.push(utterance),
            Next::Ended => break,
            _ => {}
        }
    }
    let [utterance] = &utterances[..] else {
        panic!("{utterances:?}")
    };
    assert_eq!(
        utterance.samples.len() as u64,
        utterance.ended_at_sample - utterance.started_at_sample
    );
    assert!(utterance.end_of_speech.at < Instant::now());
    assert_eq!(listener.counters().utterances, 1);
}

#[test]
fn push_to_talk_takes_one_utterance_and_only_after_the_push() {
    let options = ListenerOptions {
        activation: Activation::PushToTalk,
        ..ListenerOptions::default()
    };
    let listener = start(options, spoken_and_silent());
    wait_for(&listener, |event| matches!(event, Event::SourceOpened(_)));
    assert!(matches!(
        listener.next(Duration::from_millis(500)),
        Next::Nothing
    ));

    assert!(listener.listen_now(DEADLINE));
    wait_for(&listener, is_utterance);
    assert!(matches!(
        listener.next(Duration::from_millis(500)),
        Next::Nothing
    ));
    assert_eq!(listener.counters().utterances, 1);
}

#[test]
fn a_window_without_speech_closes_and_says_so() {
    let options = ListenerOptions {
        activation: Activation::PushToTalk,
        ..ListenerOptions::default()
    };
    let listener = start(options, vec![0.0; 16_000]);
    assert!(listener.listen_now(Duration::from_millis(50)));
    wait_for(&listener, |event| matches!(event, Event::NothingHeard));
}

#[test]
fn muting_closes_the_source_and_unmuting_opens_it_again() {
    let listener = start(ListenerOptions::default(), spoken_and_silent());
    wait_for(&listener, is_utterance);
    listener.set_muted(true);
    let until = Instant::now() + DEADLINE;
    while listener.is_source_open() {
        assert!(Instant::now() < until, "still open");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(
        !listener.listen_now(DEADLINE),
        "a muted listener opens no window"
    );
    while matches!(listener.next(Duration::ZERO), Next::Event(_)) {}
    assert!(matches!(
        listener.next(Duration::from_millis(300)),
        Next::Nothing
    ));

    listener.set_muted(false);
    wait_for(&listener, |event| matches!(event, Event::SourceOpened(_)));
    wait_for(&listener, is_utterance);
    assert_eq!(listener.counters().opened, 2);
}

#[test]
fn while_paused_nothing_is_understood() {
    let listener = start(ListenerOptions::default(), spoken_and_silent());
    listener.set_paused(true);
    // Utterances cut before the pause took hold.
    while matches!(listener.next(Duration::from_millis(200)), Next::Event(_)) {}
    assert!(matches!(
        listener.next(Duration::from_millis(500)),
        Next::Nothing
    ));
    listener.set_paused(false);
    wait_for(&listener, is_utterance);
}

#[test]
fn a_lost_source_is_reported_once_and_opened_again_until_it_is_back() {
    let attempts = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&attempts);
    let open = move || {
        let mut source = Looped::new(spoken_and_silent());
        match counted.fetch_add(1, Ordering::SeqCst) {
            0 => source.blocks_until_lost = 3,
            1 | 2 => {
                let (device, reason) = ("looped".to_owned(), "not there".to_owned());
                return Err(Error::DeviceRefused { device, reason });
            }
            _ => {}
        }
        Ok(Box::new(source) as Box<dyn Source>)
    };
    let options = ListenerOptions {
        retry_first: Duration::from_millis(1),
        retry_at_most: Duration::from_millis(2),
        ..ListenerOptions::default()
    };
    let listener = Listener::start(open, front_end(), options).unwrap();
    let mut losses = 0;
    wait_for(&listener, |event| {
        losses += usize::from(matches!(event, Event::SourceLost(_)));
        is_utterance(event)
    });
    assert_eq!(losses, 1);
    assert!(attempts.load(Ordering::SeqCst) >= 4);
}

#[test]
fn a_reader_that_is_too_slow_loses_the_oldest_utterances_and_they_are_counted() {
    let listener = start(
        ListenerOptions {
            queue: 2,
            ..Default::default()
        },
        spoken_and_silent(),
    );
    let until = Instant::now() + DEADLINE;
    while listener.counters().dropped_utterances < 2 {
        assert!(Instant::now() < until, "{:?}", listener.counters());
        std::thread::sleep(Duration::from_millis(10));
    }
    let counters = listener.counters();
    assert!(
        counters.utterances > counters.dropped_utterances,
        "{counters:?}"
    );
    assert!(
        counters.dropped_events >= counters.dropped_utterances,
        "{counters:?}"
    );
}

#[test]
fn a_held_button_takes_one_utterance_over_every_pause_and_ends_it_when_let_go() {
    let options = ListenerOptions {
        activation: Activation::PushToTalk,
        ..ListenerOptions::default()
    };
    // A sentence and a second and a half of silence, over and over.
    let listener = start(options, spoken_and_silent());
    let once = spoken_and_silent().len();
    wait_for(&listener, |event| matches!(event, Event::SourceOpened(_)));
    assert!(listener.hold(DEADLINE));
    wait_for(&listener, |event| matches!(event, Event::SpeechStarted));
    // The looped source is many times faster than real time: two sentences have passed, and
    // the hard cap of 15 s has not.
    std::thread::sleep(Duration::from_millis(2 * once as u64 / 512));
    listener.release();
    let Event::Utterance(utterance) = wait_for(&listener, is_utterance) else {
        unreachable!("waited for an utterance")
    };
    assert!(
        utterance.samples.len() > once,
        "cut after {} of {once} samples",
        utterance.samples.len()
    );
    assert!(matches!(
        listener.next(Duration::from_millis(500)),
        Next::Nothing
    ));
}

#[test]
fn a_held_button_let_go_in_silence_says_that_nothing_was_heard() {
    let options = ListenerOptions {
        activation: Activation::PushToTalk,
        ..ListenerOptions::default()
    };
    let listener = start(options, vec![0.0; 16_000]);
    assert!(listener.hold(DEADLINE));
    std::thread::sleep(Duration::from_millis(50));
    listener.release();
    wait_for(&listener, |event| matches!(event, Event::NothingHeard));
}

#[test]
fn a_muted_listener_does_not_follow_a_button() {
    let listener = start(ListenerOptions::default(), spoken_and_silent());
    listener.set_muted(true);
    assert!(!listener.hold(DEADLINE));
}

#[test]
fn an_earcon_is_not_in_what_is_recorded_and_the_speech_over_it_is() {
    /// Long enough that the listener knows of the earcon before it is read.
    const LEAD: usize = 160_000;
    let tone = Earcon::Listening.samples(16_000);
    let energy = |samples: &[f32]| samples.iter().map(|s| s * s).sum::<f32>();
    let mut left = Vec::new();
    for sounding in [false, true] {
        // It sounds within the pre-roll, and again over the first words.
        let words = speech("en-sunroof-open.wav");
        let mut samples = vec![0.0; LEAD];
        let onset = words.iter().position(|sample| sample.abs() > 0.02).unwrap();
        samples.extend_from_slice(&words[onset..]);
        samples.extend(vec![0.0; 24_000]);
        for at in [LEAD - 200 - tone.len(), LEAD] {
            for (sample, tone) in samples[at..].iter_mut().zip(&tone) {
                *sample += 2.0 * tone;
            }
        }
        let length = samples.len() as u64;
        let listener = start(ListenerOptions::default(), samples);
        if sounding {
            listener.set_earcon(true);
        }
        let Event::Utterance(utterance) = wait_for(&listener, is_utterance) else {
            unreachable!()
        };
        let began = (utterance.started_at_sample % length) as usize;
        assert!(began < LEAD - 200 - tone.len(), "{began}");
        let at = LEAD - 200 - tone.len() - began;
        left.push(energy(&utterance.samples[at..at + tone.len()]) / (4.0 * energy(&tone)));
        if sounding {
            let mut whisper = whisper(WhisperOptions::default());
            whisper.expect(expected(Language::English));
            let Recognition::Heard(transcript) = whisper.recognise(&utterance, &|| true).unwrap()
            else {
                panic!("not heard")
            };
            let text = transcript.text.to_lowercase();
            assert!(text.starts_with("open the sunroof"), "{text}");
        }
    }
    assert!(left[0] > 0.5 && left[1] < 0.01, "{left:?}");
}
