//! Where sound comes from: the trait that the microphone and recordings share.

mod microphone;
mod watch;
mod wav;

use std::time::Duration;

pub use microphone::{AudioHost, Microphone, MicrophoneOptions, input_devices};
pub use wav::{Pace, WavSource};

use crate::{Error, Format};

/// A stream of audio in one format from beginning to end.
pub trait Source: Send {
    /// Rate and channels of every block this source will ever deliver.
    fn format(&self) -> Format;

    /// A name for people: the device or the file.
    fn name(&self) -> &str;

    /// Appends the next interleaved samples (-1.0 to 1.0, whole frames) to `into`, waiting for
    /// them no longer than `wait`.
    ///
    /// A lost or stalled device, or a broken file, is an error; the source is of no use after it.
    fn read(&mut self, into: &mut Vec<f32>, wait: Duration) -> Result<Read, Error>;

    /// Samples thrown away because the reader was too slow, since the source was opened.
    fn overrun_samples(&self) -> u64 {
        0
    }
}

/// What one [`Source::read`] brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// At least one frame was appended.
    Audio,
    /// The wait is over and nothing came yet; ask again.
    Nothing,
    /// There is no more and there never will be.
    End,
}
