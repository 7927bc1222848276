//! Which execution providers may run which model.

use codriver_models::{Error, ExecutionProviders};

use super::Settings;

impl Settings {
    /// Those of the language model, best first, and the CPU behind them.
    ///
    /// # Errors
    /// An entry of `execution_provider` that is wrong, with its place.
    pub fn providers(&self) -> Result<ExecutionProviders, Error> {
        ExecutionProviders::parse(&self.execution_provider, true)
    }

    /// That of the voice activity detector, and the CPU behind it.
    ///
    /// # Errors
    /// The same, or `voice_activity.provider` names none of them.
    pub fn voice_activity_providers(&self) -> Result<ExecutionProviders, Error> {
        let name = &self.voice_activity.provider;
        self.providers()?.named("voice_activity.provider", name)
    }

    /// That of the wake phrases' embedding and heads, and the CPU behind it.
    ///
    /// # Errors
    /// The same, or `listening.wake_provider` names none of them.
    pub fn wake_providers(&self) -> Result<ExecutionProviders, Error> {
        let name = &self.listening.wake_provider;
        self.providers()?.named("listening.wake_provider", name)
    }
}
