//! The recogniser thread: takes utterances from the listener and makes text of them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use codriver_asr::{
    Ahead, Earcon, Event as Sound, Listener, Next as Heard, Recognition, Utterance,
};
use codriver_catalog::{Language, Zone};

use super::sentence::span;
use super::{Controls, Doubt, Event, Heartbeat, IDLE_WAIT, Sentence, State, Status, Timings};
use crate::attention::{Judged, Origin};
use crate::expectations::{Expectations, Told};
use crate::settings::{Activation, LanguageChoice};

/// New names and packs are looked for no more often than this, and only in silence.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The recogniser stage.
pub struct Recognising {
    /// Where utterances come from; its own thread captures and cuts them.
    pub listener: Arc<Listener>,
    /// What recognises, from the first pause on.
    pub recogniser: Ahead,
    /// The configured languages, listened for when the choice is "auto".
    pub languages: Vec<Language>,
    /// What the recogniser is to expect.
    pub expectations: Arc<Expectations>,
    /// What it was told of that.
    pub told: Told,
    /// Where sentences go.
    pub controls: Arc<Controls>,
    /// How the microphone is, for the status.
    pub microphone: Status,
    /// The language last heard: the one to answer in when no words were.
    pub language: Language,
}

impl Recognising {
    /// Recognises until the pipeline is stopped.
    pub fn run(mut self, heartbeat: &Heartbeat) {
        let mut choice = LanguageChoice::Detected;
        let mut looked = Instant::now();
        while !self.controls.sentences.is_closed() {
            heartbeat.beat();
            match self.listener.next(IDLE_WAIT) {
                Heard::Event(Sound::Utterance(utterance)) => {
                    self.follow(&mut choice);
                    span(utterance.id).in_scope(|| self.recognise(&utterance));
                }
                Heard::Event(Sound::Paused(utterance)) => {
                    self.follow(&mut choice);
                    span(utterance.id).in_scope(|| self.look_ahead(utterance));
                }
                Heard::Event(sound) => self.notice(sound),
                Heard::Nothing if looked.elapsed() >= LOOK_EVERY => {
                    looked = Instant::now();
                    let recogniser = &mut self.recogniser;
                    self.expectations
                        .tell(&mut self.told, |expected| recogniser.expect(expected));
                }
                Heard::Nothing => {}
                // The listener's thread is gone, which a microphone never causes:
                // without a pulse from here the watchdog starts everything afresh.
                Heard::Ended => {
                    self.microphone.set("stopped");
                    tracing::error!("the capture thread has ended");
                    return;
                }
            }
        }
    }

    fn notice(&self, sound: Sound) {
        match sound {
            Sound::SourceOpened(name) => {
                self.microphone.set(format!("open: {name}"));
            }
            Sound::SourceLost(error) => {
                self.microphone.set(error.to_string());
            }
            // Talk that nobody addressed to us yet is no reason to look attentive.
            Sound::SpeechStarted if self.is_attentive() => {
                self.controls.events.state(State::Listening);
            }
            Sound::TooShort if self.controls.attention.invited(Instant::now()).is_some() => {}
            Sound::TooShort | Sound::NothingHeard => self.controls.events.state(State::Idle),
            _ => {}
        }
    }

    fn is_attentive(&self) -> bool {
        let attention = &self.controls.attention;
        attention.activation() == Activation::Always || attention.invited(Instant::now()).is_some()
    }

    /// Listens for another language when another one was chosen.
    fn follow(&mut self, choice: &mut LanguageChoice) {
        let wanted = self.controls.language();
        if wanted == *choice {
            return;
        }
        let set = match wanted {
            LanguageChoice::Detected => self.recogniser.set_languages(&self.languages),
            LanguageChoice::Always(language) => self.recogniser.set_languages(&[language]),
        };
        match set {
            Ok(()) => *choice = wanted,
            Err(error) => tracing::warn!(%error, "the language stays as it was"),
        }
    }

    /// Recognises what was said until a pause. Nothing is told: the speaker may go on.
    fn look_ahead(&mut self, utterance: Utterance) {
        if self.controls.cancellation.voids(utterance.end_of_speech.at)
            || !self.may_be_meant(&utterance)
        {
            return;
        }
        self.controls.counts.recognise();
        if let Err(error) = self.recogniser.pause(utterance, self.listener.as_ref()) {
            tracing::warn!(%error, "recognition at a pause failed");
        }
    }

    fn may_be_meant(&self, utterance: &Utterance) -> bool {
        let attention = &self.controls.attention;
        attention.may_be_meant(utterance.began_at(), utterance.wake.as_ref())
    }

    fn recognise(&mut self, utterance: &Utterance) {
        let ended = utterance.end_of_speech.at;
        if self.controls.cancellation.voids(ended) {
            tracing::info!("cancelled before it was recognised");
            return;
        }
        let began = utterance.began_at();
        let attention = &self.controls.attention;
        if !self.may_be_meant(utterance) {
            self.controls.counts.pass_over();
            tracing::info!("no wake phrase in it: not recognised");
            return;
        }
        self.controls.counts.recognise();
        let attentive =
            attention.activation() == Activation::Always || attention.invited(began).is_some();
        if attentive {
            self.controls.events.state(State::Recognising);
        }
        let mut timings = Timings::default();
        // From the speaker's last sound until now: hangover and queue, and within them what was
        // recognised ahead.
        timings.record("endpoint", ended.elapsed());
        let begun = Instant::now();
        let recognised = self.recogniser.recognise(utterance);
        timings.record("recognise", begun.elapsed());
        if let Ok(ahead) = &recognised
            && let Some(took) = ahead.ahead
        {
            timings.record("ahead", took);
        }
        match recognised.map(|recognised| recognised.recognition) {
            Ok(Recognition::Heard(transcript)) => {
                self.language = transcript.language;
                let call = transcript.call.as_ref();
                if let Some(call) = call {
                    self.controls.counts.call(call.verdict);
                    tracing::info!(phrase = &*call.phrase, verdict = ?call.verdict, "wake phrase");
                }
                let judged = attention.judge(&transcript.text, call, began, ended);
                let (text, origin) = match judged {
                    Judged::Request(text, origin) => (text.to_owned(), origin),
                    Judged::Called => return self.called(),
                    Judged::Aside => {
                        tracing::info!(timings = timings.to_line(), "not said to the assistant");
                        return;
                    }
                };
                self.hand_on(Sentence {
                    confidence: f64::from(transcript.confidence),
                    doubts: Doubt::of(&transcript),
                    ..self.sentence(utterance, text, timings, origin)
                });
            }
            Ok(Recognition::Rejected { reason, .. }) => {
                tracing::info!(%reason, timings = timings.to_line(), "nothing that can be trusted");
                self.unheard(utterance, began, timings);
            }
            Err(error) => {
                tracing::error!(%error, "recognition failed");
                self.unheard(utterance, began, timings);
            }
        }
    }

    fn sentence(
        &self,
        utterance: &Utterance,
        text: String,
        timings: Timings,
        origin: Origin,
    ) -> Sentence {
        Sentence {
            id: utterance.id,
            text,
            language: Some(self.language),
            speaker: utterance.zone,
            confidence: 0.0,
            doubts: Vec::new(),
            ended: utterance.end_of_speech.at,
            timings,
            span: span(utterance.id),
            origin,
            joined: false,
        }
    }

    /// The wake phrase was said and nothing else: what comes next is the request.
    fn called(&self) {
        tracing::info!("called by the wake phrase");
        if self.listener.listen_now(self.controls.attention.window()) {
            self.controls.voice.hush();
            self.controls.sound(Earcon::Listening);
            self.controls.events.state(State::Listening);
        }
    }

    /// Who asked to be heard is told that nothing was understood; others are not disturbed.
    fn unheard(&self, utterance: &Utterance, began: Instant, timings: Timings) {
        if self.controls.attention.owes_answer(began) {
            let nothing = String::new();
            self.controls
                .push(self.sentence(utterance, nothing, timings, Origin::Asked));
        } else {
            self.controls.events.state(State::Idle);
        }
    }

    fn hand_on(&self, sentence: Sentence) {
        tracing::info!(
            language = sentence.language.map(Language::code),
            confidence = sentence.confidence,
            speaker = sentence.speaker.map(Zone::as_str),
            text = self.controls.loggable(&sentence.text),
            "heard"
        );
        if let Some(language) = sentence.language {
            self.controls.tell(Event::Heard {
                utterance: sentence.id,
                text: sentence.text.clone(),
                language,
                confidence: sentence.confidence,
                timings: sentence.timings.clone(),
            });
        }
        self.controls.push(sentence);
    }
}
