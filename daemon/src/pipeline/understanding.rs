//! The understanding thread: text to commands.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use codriver_catalog::Zone;
use codriver_nlu::Context;
use tokio::runtime::Handle;
use tokio::sync::mpsc::error::TrySendError;

use super::{
    Controls, Event, Heartbeat, IDLE_WAIT, Next, Request, Sentence, State, Understood,
    UnderstoodReport,
};
use crate::attention::Origin;
use crate::car::Car;
use crate::minds::Mind;

/// How long the car may take to say whether it moves. Not knowing counts as moving.
const SPEED_WITHIN: Duration = Duration::from_millis(200);

/// The understanding stage.
pub struct Understands {
    /// What understands; replaced when the packs are reloaded.
    pub mind: Arc<Mutex<Mind>>,
    /// Where sentences come from and understood ones go.
    pub controls: Arc<Controls>,
    /// Who knows whether the car moves.
    pub car: Arc<Car>,
    /// Runs the question to the car.
    pub runtime: Handle,
}

impl Understands {
    /// Understands until the queue is closed.
    pub fn run(self, heartbeat: &Heartbeat) {
        loop {
            heartbeat.beat();
            match self.controls.sentences.pop(IDLE_WAIT) {
                Next::Item(sentence) => {
                    let span = sentence.span.clone();
                    span.in_scope(|| self.understand(sentence));
                }
                Next::Nothing => {}
                Next::Closed => return,
            }
        }
    }

    fn understand(&self, mut sentence: Sentence) {
        if self.controls.cancellation.voids(sentence.ended) {
            tracing::info!("cancelled before it was understood");
            return;
        }
        self.controls.events.state(State::Thinking);
        let context = self.context(sentence.speaker);
        let interpretation = {
            let mut mind = self.mind.lock().unwrap_or_else(PoisonError::into_inner);
            sentence.timings.measure("understand", || {
                mind.interpret(&sentence.text, sentence.language, &context)
            })
        };
        if sentence.origin == Origin::Typed && !sentence.joined {
            self.controls.tell(Event::Heard {
                utterance: sentence.id,
                text: sentence.text.clone(),
                language: interpretation.language,
                confidence: sentence.confidence,
                timings: Default::default(),
            });
        }
        tracing::info!(
            decision = ?interpretation.decision,
            source = ?interpretation.source,
            confidence = interpretation.confidence,
            "understood"
        );
        if let Ok(json) = serde_json::to_string(&UnderstoodReport::from(&interpretation)) {
            self.controls.tell(Event::Understood {
                utterance: sentence.id,
                json,
            });
        }
        self.hand_on(Understood {
            sentence,
            interpretation,
        });
    }

    /// The situation: does the car move, who speaks, and what was done last.
    fn context(&self, speaker: Option<Zone>) -> Context {
        let moving = self
            .runtime
            .block_on(async { tokio::time::timeout(SPEED_WITHIN, self.car.is_moving()).await });
        Context {
            moving: moving.unwrap_or(None),
            speaker,
            recent: self.car.recent(),
        }
    }

    fn hand_on(&self, understood: Understood) {
        let request = Request::Understood(Box::new(understood));
        match self.controls.requests.try_send(request) {
            Ok(()) | Err(TrySendError::Closed(_)) => {}
            Err(TrySendError::Full(_)) => {
                tracing::error!("too many utterances wait to act; this one is dropped");
            }
        }
    }
}
