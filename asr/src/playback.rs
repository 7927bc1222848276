//! A recording cut into utterances as the daemon cuts what a microphone hears: while the
//! recogniser works at a pause, the recording goes on.
//!
//! No time is waited out, so a minute of sound takes little more than the recogniser's own time.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::{
    Ahead, Completeness, Error, FrontEnd, Hearing, Noticed, Pauses, Read, Source, Utterance,
};

/// A source that pauses is waited for so long.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Hears `source` to its end. The silence behind each utterance, from its `end_of_speech` to its
/// `ended_at_sample`, is what the daemon would have waited for.
pub fn play(
    source: &mut dyn Source,
    front_end: &mut FrontEnd,
    ahead: &mut Ahead,
) -> Result<Hearing, Error> {
    front_end.set_format(source.format())?;
    let busy = front_end.busy();
    let playback = Playback {
        tape: RefCell::new(Tape {
            source,
            front_end,
            noticed: VecDeque::new(),
            pausing: None,
            ended: None,
            over: false,
            failed: None,
            played: Duration::ZERO,
        }),
        running: Cell::new(None),
    };
    let mut heard = Vec::new();
    loop {
        match playback.next()? {
            Some(Noticed::Paused(utterance)) => {
                playback.running.set(Some(Instant::now()));
                ahead.pause(utterance, &playback)?;
                playback.catch_up();
                playback.running.set(None);
            }
            Some(Noticed::Utterance(utterance)) => {
                let recognised = ahead.recognise(&utterance)?;
                heard.push((utterance, recognised.recognition));
            }
            Some(Noticed::SpeechStarted | Noticed::Resumed | Noticed::TooShort) => {}
            None => {
                let tape = playback.tape.into_inner();
                return Ok(Hearing {
                    heard,
                    duration: tape.played,
                    front_end: tape.front_end.busy().saturating_sub(busy),
                });
            }
        }
    }
}

/// The recording as those see it who work while it sounds.
struct Playback<'a> {
    tape: RefCell<Tape<'a>>,
    /// Until when it has been played, while it is played at its own pace.
    running: Cell<Option<Instant>>,
}

struct Tape<'a> {
    source: &'a mut dyn Source,
    front_end: &'a mut FrontEnd,
    noticed: VecDeque<Noticed>,
    /// The last voiced sample before the present pause.
    pausing: Option<u64>,
    /// The last voiced sample of the utterance that ended last.
    ended: Option<u64>,
    over: bool,
    failed: Option<Error>,
    played: Duration,
}

impl Playback<'_> {
    /// What is noticed next, playing as fast as it can be read; `None` at the end.
    fn next(&self) -> Result<Option<Noticed>, Error> {
        let tape = &mut *self.tape.borrow_mut();
        loop {
            if let Some(error) = tape.failed.take() {
                return Err(error);
            }
            if let Some(noticed) = tape.noticed.pop_front() {
                return Ok(Some(noticed));
            }
            if tape.over {
                return Ok(None);
            }
            tape.play_block();
        }
    }

    /// Plays what has sounded since the recogniser began.
    fn catch_up(&self) {
        let tape = &mut *self.tape.borrow_mut();
        while let Some(until) = self.running.get() {
            if until >= Instant::now() || tape.over {
                return;
            }
            self.running.set(Some(until + tape.play_block()));
        }
    }
}

impl Pauses for Playback<'_> {
    fn is_pausing(&self, utterance: &Utterance) -> bool {
        self.catch_up();
        self.tape.borrow().pausing == Some(utterance.end_of_speech.at_sample)
    }

    fn has_resumed(&self, utterance: &Utterance) -> bool {
        !self.is_pausing(utterance)
            && self.tape.borrow().ended != Some(utterance.end_of_speech.at_sample)
    }

    fn judge(&self, utterance: &Utterance, completeness: Completeness) {
        self.catch_up();
        let tape = &mut *self.tape.borrow_mut();
        let last_voiced = utterance.end_of_speech.at_sample;
        if let Some(noticed) = tape.front_end.judge(last_voiced, completeness) {
            tape.note(noticed);
        }
    }
}

impl Tape<'_> {
    /// Plays a little, and tells how long it sounds.
    fn play_block(&mut self) -> Duration {
        let mut block = Vec::new();
        let noticed = match self.source.read(&mut block, LONGEST_PAUSE) {
            Ok(Read::Audio) => self.front_end.push(&block, Instant::now()),
            Ok(Read::End) => {
                self.over = true;
                self.front_end.finish(Instant::now())
            }
            Ok(Read::Nothing) => Err(Error::DeviceSilent {
                device: self.source.name().to_owned(),
                waited: LONGEST_PAUSE,
            }),
            Err(error) => Err(error),
        };
        match noticed {
            Ok(noticed) => noticed.into_iter().for_each(|noticed| self.note(noticed)),
            Err(error) => {
                self.over = true;
                self.failed = Some(error);
            }
        }
        let sounds = self.source.format().duration_of(block.len());
        self.played += sounds;
        sounds
    }

    fn note(&mut self, noticed: Noticed) {
        match &noticed {
            Noticed::Paused(utterance) => self.pausing = Some(utterance.end_of_speech.at_sample),
            Noticed::Utterance(utterance) => {
                self.pausing = None;
                self.ended = Some(utterance.end_of_speech.at_sample);
            }
            Noticed::Resumed | Noticed::TooShort => self.pausing = None,
            Noticed::SpeechStarted => {}
        }
        self.noticed.push_back(noticed);
    }
}
