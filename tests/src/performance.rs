//! One request played from the first word to the reply, with all that could be seen of it.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use serde_json::Value as Json;

use crate::{Assistant, Error, Event, Happening, Observer, Scene, Seen};

/// Frames of a motion that ends with the reply are still on their way.
const SETTLE: Duration = Duration::from_millis(60);
/// From a button to the state that it leads to.
const LISTENS_WITHIN: Duration = Duration::from_secs(3);

/// What one request did.
#[derive(Debug, Clone)]
pub struct Performance {
    /// The assistant's signals, ending with its reply.
    pub happenings: Vec<Happening>,
    /// New frames on the bus.
    pub frames: Vec<Seen>,
    /// When the sound of the request ended, or the button was let go that was held meanwhile;
    /// None for typed ones.
    pub speech_ended: Option<Instant>,
}

impl Performance {
    /// Plays a recording into the microphone and watches what comes of it.
    ///
    /// # Errors
    /// It cannot be played, or there is no reply in time (with the logs).
    pub async fn spoken(
        scene: &Scene,
        assistant: &mut Assistant,
        observer: &mut Observer,
        recording: &Path,
        within: Duration,
    ) -> Result<Self, Error> {
        let Some(microphone) = &scene.microphone else {
            return Err(no_microphone());
        };
        observer.drain();
        let (played, happenings) =
            tokio::join!(microphone.say(recording), assistant.until_said(within));
        played?;
        let happenings = happenings.map_err(|error| with_logs(error, scene))?;
        Ok(Self::seen(happenings, observer, microphone.last_sound()).await)
    }

    /// The same by a driver who holds the button meanwhile, the boolean signal `button` of the car, and
    /// lets go when the recording is over.
    ///
    /// # Errors
    /// As [`Performance::spoken`], and nobody listens to the button.
    pub async fn held(
        scene: &mut Scene,
        assistant: &mut Assistant,
        observer: &mut Observer,
        (recording, button): (&Path, &str),
        within: Duration,
    ) -> Result<Self, Error> {
        scene.car.order(&format!("set {button} true"))?;
        let until = Instant::now() + LISTENS_WITHIN;
        while assistant.state().await? != "listening" {
            if Instant::now() > until {
                return Err(Error::Deadline {
                    what: "the assistant that listens to a button".to_owned(),
                    seconds: LISTENS_WITHIN.as_secs_f64(),
                    log: scene.logs(),
                });
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let Some(microphone) = &scene.microphone else {
            return Err(no_microphone());
        };
        microphone.say(recording).await?;
        observer.drain();
        let released = Instant::now();
        scene.car.order(&format!("set {button} false"))?;
        let happenings = assistant.until_said(within).await;
        let happenings = happenings.map_err(|error| with_logs(error, scene))?;
        Ok(Self::seen(happenings, observer, Some(released)).await)
    }

    /// Submits a typed sentence and watches what comes of it. `language`: auto, en or zh.
    ///
    /// # Errors
    /// The assistant refuses it, or does not reply in time (with the logs).
    pub async fn typed(
        scene: &Scene,
        assistant: &mut Assistant,
        observer: &mut Observer,
        (text, language): (&str, &str),
        within: Duration,
    ) -> Result<Self, Error> {
        observer.drain();
        assistant.submit(text, language).await?;
        let happenings = assistant.until_said(within).await;
        let happenings = happenings.map_err(|error| with_logs(error, scene))?;
        Ok(Self::seen(happenings, observer, None).await)
    }

    /// What `happenings` and the bus show now.
    pub async fn seen(
        happenings: Vec<Happening>,
        observer: &mut Observer,
        speech_ended: Option<Instant>,
    ) -> Self {
        tokio::time::sleep(SETTLE).await;
        Self {
            happenings,
            frames: observer.drain(),
            speech_ended,
        }
    }

    /// What was understood; Null where nothing was heard.
    pub fn understood(&self) -> &Json {
        let found = self
            .happenings
            .iter()
            .find_map(|happening| match &happening.event {
                Event::Understood(json) => Some(json),
                _ => None,
            });
        found.unwrap_or(&Json::Null)
    }

    /// Outcomes of the commands, in order.
    pub fn outcomes(&self) -> Vec<&Json> {
        let found = self
            .happenings
            .iter()
            .find_map(|happening| match &happening.event {
                Event::Acted(json) => json["outcomes"].as_array(),
                _ => None,
            });
        found
            .map(|outcomes| outcomes.iter().collect())
            .unwrap_or_default()
    }

    /// Names of the understood commands, in order.
    pub fn command_names(&self) -> Vec<&str> {
        let commands = self.understood()["commands"].as_array();
        let names = commands.into_iter().flatten();
        names
            .filter_map(|command| command["name"].as_str())
            .collect()
    }

    /// The words that were heard.
    pub fn heard(&self) -> Option<&str> {
        self.happenings
            .iter()
            .find_map(|happening| match &happening.event {
                Event::Heard { text, .. } => Some(text.as_str()),
                _ => None,
            })
    }

    /// The reply.
    pub fn reply(&self) -> Option<&str> {
        self.happenings
            .iter()
            .find_map(|happening| match &happening.event {
                Event::Said { text, .. } => Some(text.as_str()),
                _ => None,
            })
    }

    /// Frames that left for the car.
    pub fn requests(&self) -> impl Iterator<Item = &Seen> {
        self.frames.iter().filter(|frame| frame.is_request())
    }

    /// Frames of the car.
    pub fn answers(&self) -> impl Iterator<Item = &Seen> {
        self.frames.iter().filter(|frame| !frame.is_request())
    }

    /// How long after the end of the sound each stage was done, in their order: the endpoint was
    /// found, the words were there, their meaning was, the first frame left.
    pub fn stages(&self) -> Vec<(&'static str, Duration)> {
        let Some(ended) = self.speech_ended else {
            return Vec::new();
        };
        let mut stages = Vec::new();
        for happening in &self.happenings {
            let after = happening.at.saturating_duration_since(ended);
            match &happening.event {
                Event::Heard { timings, .. } => {
                    let recognised = timings.get("recognise").copied().unwrap_or_default();
                    let recognised = Duration::try_from_secs_f64(recognised / 1e3);
                    let waited = after.saturating_sub(recognised.unwrap_or_default());
                    stages.push(("speech_to_endpoint", waited));
                    stages.push(("speech_to_words", after));
                }
                Event::Understood(_) => stages.push(("speech_to_meaning", after)),
                _ => {}
            }
        }
        stages.extend(self.speech_to_frame().map(|took| ("speech_to_frame", took)));
        stages
    }

    /// From the end of the sound to the first frame that left.
    pub fn speech_to_frame(&self) -> Option<Duration> {
        let first = self.requests().next()?.at;
        first.checked_duration_since(self.speech_ended?)
    }
}

fn no_microphone() -> Error {
    Error::Missing {
        program: "the virtual microphone".to_owned(),
        remedy: "start the scene with Sound::Virtual".to_owned(),
    }
}

fn with_logs(error: Error, scene: &Scene) -> Error {
    match error {
        Error::Deadline { what, seconds, log } => Error::Deadline {
            what,
            seconds,
            log: format!("{log}\n{}", scene.logs()),
        },
        other => other,
    }
}
