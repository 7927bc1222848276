//! Plays earcons through the sound system that the microphone comes from.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use cpal::{BufferSize, Device, ErrorKind, FromSample, SampleFormat, SizedSample, StreamConfig};

use super::Earcon;
use crate::{AudioHost, Error};

/// Earcons that wait for the one that sounds; what comes beyond them is not worth hearing late.
const WAITING: usize = 1;
/// How long the sound system may take to set the stream up.
const OPEN_DEADLINE: Duration = Duration::from_secs(2);
/// A sound system that has not taken an earcon after this is given up.
const PLAYED_WITHIN: Duration = Duration::from_secs(2);
/// From the last sample handed over until it is heard no more.
const LINGERS: Duration = Duration::from_millis(200);
/// Frames that the sound system asks for at a time: an earcon must not be late.
const BUFFER_FRAMES: u32 = 1024;
/// How often it is looked whether an earcon is at its end.
const POLL: Duration = Duration::from_millis(10);

/// Plays earcons on a thread of its own, which ends when this is dropped.
#[derive(Debug)]
pub struct Earcons {
    orders: SyncSender<Earcon>,
}

impl Earcons {
    /// Starts the player. `told` is called on its thread, with true before anything sounds and
    /// with false when the loudspeakers are silent again.
    ///
    /// # Errors
    /// [`Error::ThreadNotStarted`].
    pub fn start(host: AudioHost, told: impl Fn(bool) + Send + 'static) -> Result<Self, Error> {
        let (orders, taken) = sync_channel(WAITING);
        let name = "codriver-earcons";
        thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || run(host, &taken, told))
            .map_err(|reason| Error::ThreadNotStarted { name, reason })?;
        Ok(Self { orders })
    }

    /// Plays an earcon soon, or not at all. Never waits.
    pub fn play(&self, earcon: Earcon) {
        if let Err(TrySendError::Disconnected(_)) = self.orders.try_send(earcon) {
            tracing::warn!("the player of earcons has ended");
        }
    }
}

fn run(host: AudioHost, orders: &Receiver<Earcon>, told: impl Fn(bool)) {
    let mut reported = false;
    // It sleeps until there is something to play, or nobody left to ask for it.
    while let Ok(earcon) = orders.recv() {
        told(true);
        let played = play(host, earcon);
        told(false);
        match played {
            Ok(()) => reported = false,
            Err(error) if !reported => {
                reported = true;
                tracing::warn!(%error, "earcons cannot be played");
            }
            Err(error) => tracing::debug!(%error, "earcons cannot be played"),
        }
    }
}

/// Plays an earcon and waits until it is heard no more.
fn play(host: AudioHost, earcon: Earcon) -> Result<(), Error> {
    let opened = host.open()?;
    let unplayed = |reason: String| Error::NotPlayed {
        host: host.name().to_owned(),
        reason,
    };
    let refused = |error: cpal::Error| unplayed(error.to_string());
    let device = opened
        .default_output_device()
        .ok_or_else(|| unplayed("it has no default output".to_owned()))?;
    let supported = device.default_output_config().map_err(refused)?;
    let mut config = supported.config();
    config.buffer_size = BufferSize::Fixed(BUFFER_FRAMES);
    let taken = Arc::new(AtomicBool::new(false));
    let sound = Sound {
        samples: earcon.samples(config.sample_rate),
        channels: usize::from(config.channels.max(1)),
        at: 0,
        taken: Arc::clone(&taken),
    };
    let stream = sound
        .start(&device, config, supported.sample_format())
        .map_err(refused)?;
    stream.play().map_err(refused)?;
    let begun = Instant::now();
    while !taken.load(Ordering::Acquire) && begun.elapsed() < PLAYED_WITHIN {
        thread::sleep(POLL);
    }
    // A sound system that takes much at once plays it later. Also of an earcon that was given up
    // something may sound.
    thread::sleep(LINGERS.max((Earcon::DURATION + LINGERS).saturating_sub(begun.elapsed())));
    match taken.load(Ordering::Acquire) {
        true => Ok(()),
        false => Err(unplayed("it takes no sound".to_owned())),
    }
}

/// The audio callback's side.
struct Sound {
    samples: Vec<f32>,
    channels: usize,
    at: usize,
    /// All of it is handed over.
    taken: Arc<AtomicBool>,
}

impl Sound {
    fn start(
        self,
        device: &Device,
        config: StreamConfig,
        sample_format: SampleFormat,
    ) -> Result<cpal::Stream, cpal::Error> {
        match sample_format {
            SampleFormat::F32 => self.start_as::<f32>(device, config),
            SampleFormat::I16 => self.start_as::<i16>(device, config),
            SampleFormat::I24 => self.start_as::<cpal::I24>(device, config),
            SampleFormat::I32 => self.start_as::<i32>(device, config),
            other => Err(cpal::Error::with_message(
                ErrorKind::UnsupportedConfig,
                format!("its sample format {other} is not supported"),
            )),
        }
    }

    fn start_as<T>(
        mut self,
        device: &Device,
        config: StreamConfig,
    ) -> Result<cpal::Stream, cpal::Error>
    where
        T: SizedSample + FromSample<f32>,
    {
        device.build_output_stream(
            config,
            move |data: &mut [T], _: &cpal::OutputCallbackInfo| self.fill(data),
            // The player waits no longer than it must.
            |_: cpal::Error| {},
            Some(OPEN_DEADLINE),
        )
    }

    /// Runs on the audio thread: no allocation, no lock, no log, no system call.
    fn fill<T>(&mut self, data: &mut [T])
    where
        T: SizedSample + FromSample<f32>,
    {
        for frame in data.chunks_mut(self.channels) {
            let sample = self.samples.get(self.at).copied().unwrap_or(0.0);
            self.at = self.at.saturating_add(1);
            frame.fill(T::from_sample_(sample));
        }
        if self.at >= self.samples.len() {
            self.taken.store(true, Ordering::Release);
        }
    }
}
