//! Is somebody speaking? The trait that voice detectors share.

mod silero;

pub use silero::SileroVad;

use crate::Error;

/// Tells speech from everything else, window by window.
pub trait VoiceActivity: Send {
    /// Samples (16 kHz mono) that [`probability`](Self::probability) takes at a time.
    fn window_samples(&self) -> usize;

    /// The probability, 0 to 1, that this window (exactly `window_samples()` long) is speech.
    /// The detector remembers what came before.
    fn probability(&mut self, window: &[f32]) -> Result<f32, Error>;

    /// Forgets what came before: the next window begins a new stream.
    fn reset(&mut self);
}
