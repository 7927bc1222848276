//! Which execution providers may run which model.

use std::time::Duration;

use codriver_models::{Error, ExecutionProviders, Placement};

use super::Settings;

/// The longest that anything which listens waits for an accelerator, voice activity and wake phrases
/// one after the other: the ring behind the microphone holds two seconds, and nothing may be lost.
const LONGEST_LISTENING_PATIENCE: Duration = Duration::from_millis(500);

impl Settings {
    /// Those of the language model, best first, and the CPU behind them.
    ///
    /// # Errors
    /// An entry of `execution_provider` that is wrong, with its place.
    pub fn providers(&self) -> Result<ExecutionProviders, Error> {
        ExecutionProviders::parse(&self.execution_provider, true)
    }

    /// Where the voice activity detector runs, with the CPU behind it.
    ///
    /// # Errors
    /// The same, or `voice_activity.provider` names none of them.
    pub fn voice_activity_placement(&self) -> Result<Placement, Error> {
        self.placement("voice_activity.provider", &self.voice_activity.provider)
    }

    /// Where the wake phrases' embedding and heads run, with the CPU behind it.
    ///
    /// # Errors
    /// The same, or `listening.wake_provider` names none of them.
    pub fn wake_placement(&self) -> Result<Placement, Error> {
        self.placement("listening.wake_provider", &self.listening.wake_provider)
    }

    fn placement(&self, key: &'static str, name: &str) -> Result<Placement, Error> {
        let patience = Duration::from_millis(self.models.patience_ms.into());
        Ok(Placement {
            providers: self.providers()?.named(key, name)?,
            patience: patience.min(LONGEST_LISTENING_PATIENCE),
        })
    }
}
