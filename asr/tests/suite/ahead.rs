//! Recognition that begins at a pause: used when the utterance ends there, else thrown away.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use codriver_asr::{
    Ahead, Completeness, EndpointOptions, Error, Event, Expected, Format, FrontEnd, Listener,
    ListenerOptions, Next, Read, Recognised, Recogniser, Recognition, Sense, Source, Timings,
    Transcript, Utterance, VoiceActivity, play,
};
use codriver_catalog::Language;

const WINDOW: usize = 512;
const DEADLINE: Duration = Duration::from_secs(60);
/// Three times slower than a microphone, so that a busy machine keeps up.
const PACE: Duration = Duration::from_millis(100);

/// Ones are speech and zeros are not.
struct Loudness;

impl VoiceActivity for Loudness {
    fn window_samples(&self) -> usize {
        WINDOW
    }

    fn probability(&mut self, window: &[f32]) -> Result<f32, Error> {
        Ok(window[0])
    }

    fn reset(&mut self) {}
}

/// Plays windows one by one and then ends.
struct Script {
    levels: std::vec::IntoIter<f32>,
    pace: Duration,
}

impl Script {
    /// Windows of speech (true) and silence, so many in a row of each.
    fn new(windows: &[(bool, usize)], pace: Duration) -> Self {
        let levels: Vec<f32> = windows
            .iter()
            .flat_map(|&(voiced, count)| vec![f32::from(u8::from(voiced)); count])
            .collect();
        Self {
            levels: levels.into_iter(),
            pace,
        }
    }
}

impl Source for Script {
    fn format(&self) -> Format {
        Format::SPEECH
    }

    fn name(&self) -> &str {
        "script"
    }

    fn read(&mut self, into: &mut Vec<f32>, _wait: Duration) -> Result<Read, Error> {
        std::thread::sleep(self.pace);
        let Some(level) = self.levels.next() else {
            return Ok(Read::End);
        };
        into.extend([level; WINDOW]);
        Ok(Read::Audio)
    }
}

/// Writes how much of what it was given is speech, and counts how often it is asked.
struct Counting {
    asked: Arc<AtomicUsize>,
    takes: Duration,
}

impl Counting {
    fn hear(&self, how: &str, utterance: &Utterance) -> Recognition {
        self.asked.fetch_add(1, Ordering::SeqCst);
        std::thread::sleep(self.takes);
        Recognition::Heard(Transcript {
            text: format!("{how} {} ms", utterance.voiced.as_millis()),
            language: Language::English,
            confidence: 1.0,
            tokens: Vec::new(),
            no_speech_probability: 0.0,
            call: None,
            duration: utterance.duration(),
            timings: Timings::default(),
        })
    }
}

impl Recogniser for Counting {
    fn set_languages(&mut self, _: &[Language]) -> Result<(), Error> {
        Ok(())
    }

    fn expect(&mut self, _: Expected) {}

    fn glance(
        &mut self,
        utterance: &Utterance,
        _: &dyn Fn() -> bool,
    ) -> Result<Recognition, Error> {
        Ok(self.hear("glance", utterance))
    }

    fn recognise(
        &mut self,
        utterance: &Utterance,
        _: &dyn Fn() -> bool,
    ) -> Result<Recognition, Error> {
        Ok(self.hear("look", utterance))
    }
}

struct Always(Completeness);

impl Sense for Always {
    fn completeness(&mut self, _: &Transcript) -> Completeness {
        self.0
    }
}

fn front_end() -> FrontEnd {
    let options = EndpointOptions::default();
    FrontEnd::new(Format::SPEECH, Box::new(Loudness), options).unwrap()
}

struct Heard {
    utterances: Vec<(Utterance, Recognised)>,
    recognitions: usize,
}

/// Hears windows of speech (true) and silence, so many in a row of each.
fn hear(windows: &[(bool, usize)], completeness: Completeness, lazy: bool) -> Heard {
    let windows = windows.to_vec();
    let open = move || Ok(Box::new(Script::new(&windows, PACE)) as Box<dyn Source>);
    let listener = Listener::start(open, front_end(), ListenerOptions::default()).unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let mut ahead = Ahead::new(
        Box::new(Counting {
            asked: Arc::clone(&asked),
            takes: Duration::ZERO,
        }),
        Box::new(Always(completeness)),
    );
    let until = Instant::now() + DEADLINE;
    let mut utterances = Vec::new();
    let mut late = Vec::new();
    loop {
        assert!(Instant::now() < until);
        match listener.next(Duration::from_millis(100)) {
            Next::Event(Event::Paused(utterance)) if lazy => late.push(utterance),
            Next::Event(Event::Paused(utterance)) => ahead.pause(utterance, &listener).unwrap(),
            Next::Event(Event::Utterance(utterance)) => {
                for paused in late.drain(..) {
                    ahead.pause(paused, &listener).unwrap();
                }
                let recognised = ahead.recognise(&utterance).unwrap();
                utterances.push((utterance, recognised));
            }
            Next::Ended => break,
            _ => {}
        }
    }
    Heard {
        utterances,
        recognitions: asked.load(Ordering::SeqCst),
    }
}

fn words(recognised: &Recognised) -> &str {
    match &recognised.recognition {
        Recognition::Heard(transcript) => &transcript.text,
        Recognition::Rejected { .. } => "",
    }
}

#[test]
fn what_was_recognised_at_the_pause_is_used_when_the_utterance_ends_there() {
    let heard = hear(&[(true, 20), (false, 30)], Completeness::Complete, false);
    let [(utterance, recognised)] = &heard.utterances[..] else {
        panic!("{:?}", heard.utterances)
    };
    assert_eq!(words(recognised), "glance 640 ms");
    assert!(recognised.ahead.is_some());
    assert_eq!(heard.recognitions, 1);
    let silence = utterance.ended_at_sample - utterance.end_of_speech.at_sample;
    assert!(
        (250 * 16..700 * 16).contains(&silence),
        "a whole request needs little silence: {silence} samples"
    );
}

#[test]
fn a_pause_in_an_unfinished_command_does_not_lose_its_second_half() {
    // 1,000 ms between the halves.
    let windows = [(true, 20), (false, 31), (true, 10), (false, 50)];
    let heard = hear(&windows, Completeness::Unfinished, false);
    let [(_, recognised)] = &heard.utterances[..] else {
        panic!("{:?}", heard.utterances)
    };
    assert_eq!(
        words(recognised),
        "look 960 ms",
        "the first half was thrown away"
    );
    assert!(recognised.ahead.is_some());
    // Words that are no whole request are looked at twice.
    assert_eq!(heard.recognitions, 4);
}

/// "Open the window", 380 ms of silence, "halfway".
#[test]
fn a_value_that_comes_after_a_short_pause_belongs_to_the_request_before_it() {
    let windows = [(true, 20), (false, 12), (true, 10), (false, 30)];
    for (completeness, utterances) in [(Completeness::Extensible, 1), (Completeness::Complete, 2)] {
        let heard = hear(&windows, completeness, false);
        assert_eq!(heard.utterances.len(), utterances, "{completeness:?}");
    }
    let heard = hear(&windows, Completeness::Extensible, false);
    assert_eq!(words(&heard.utterances[0].1), "glance 960 ms");
}

#[test]
fn a_pause_that_is_over_is_not_recognised_any_more() {
    let heard = hear(&[(true, 20), (false, 30)], Completeness::Complete, true);
    let [(utterance, recognised)] = &heard.utterances[..] else {
        panic!("{:?}", heard.utterances)
    };
    assert!(recognised.ahead.is_none());
    assert_eq!(heard.recognitions, 1);
    let silence = utterance.ended_at_sample - utterance.end_of_speech.at_sample;
    assert_eq!(
        silence,
        22 * 512,
        "nobody judged, so the usual silence ends it"
    );
}

/// What is heard of a recording with a recogniser that takes so long: the words of each
/// utterance, and the silence waited for behind it.
fn played(
    windows: &[(bool, usize)],
    completeness: Completeness,
    takes: Duration,
) -> Vec<(String, Duration)> {
    let recogniser = Counting {
        asked: Arc::default(),
        takes,
    };
    let mut ahead = Ahead::new(Box::new(recogniser), Box::new(Always(completeness)));
    let mut script = Script::new(windows, Duration::ZERO);
    let hearing = play(&mut script, &mut front_end(), &mut ahead).unwrap();
    let heard = hearing.heard.into_iter().map(|(utterance, recognition)| {
        let silence = utterance.ended_at_sample - utterance.end_of_speech.at_sample;
        let Recognition::Heard(transcript) = recognition else {
            panic!("{recognition:?}")
        };
        (transcript.text, Duration::from_millis(silence / 16))
    });
    heard.collect()
}

#[test]
fn a_recording_is_ended_where_the_daemon_would_end_it_however_fast_it_is_played() {
    let windows = [(true, 20), (false, 100)];
    let quick = played(&windows, Completeness::Complete, Duration::ZERO);
    assert_eq!(quick[0].1, Duration::from_millis(256));
    let takes = Duration::from_millis(480);
    let slow = played(&windows, Completeness::Complete, takes);
    // It began after a pause of 96 ms.
    let silence = takes + Duration::from_millis(96);
    assert!(slow[0].1 >= silence, "{slow:?}");
    assert_eq!(slow[0].0, "glance 640 ms");
}

#[test]
fn a_recording_goes_on_while_the_recogniser_works() {
    // A pause of 380 ms after what seems a whole request.
    let windows = [(true, 20), (false, 12), (true, 10), (false, 100)];
    let quick = played(&windows, Completeness::Complete, Duration::ZERO);
    assert_eq!(quick.len(), 2, "{quick:?}");
    let slow = played(&windows, Completeness::Complete, Duration::from_millis(600));
    let words: Vec<_> = slow.iter().map(|(words, _)| words.as_str()).collect();
    assert_eq!(words, ["glance 960 ms"]);
}
