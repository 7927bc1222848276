//! The microphone, through cpal.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use cpal::{
    BufferSize, Device, ErrorKind, FromSample, HostId, SampleFormat, SizedSample, StreamConfig,
    SupportedStreamConfig, SupportedStreamConfigRange,
};
use rtrb::{Consumer, Producer, RingBuffer};

use super::watch::{Allowed, Watch, is_monitor};
use super::{Read, Source};
use crate::{Error, Format, SAMPLE_RATE_HZ};

/// Which part of the system gives the audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AudioHost {
    /// PulseAudio (or PipeWire's PulseAudio service) where it answers, else ALSA.
    #[default]
    Auto,
    /// A PulseAudio server.
    PulseAudio,
    /// The kernel's sound cards.
    Alsa,
}

impl AudioHost {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::PulseAudio => "pulseaudio",
            Self::Alsa => "alsa",
        }
    }

    pub(crate) fn open(self) -> Result<cpal::Host, Error> {
        let open = |id| {
            cpal::host_from_id(id).map_err(|error| Error::HostUnavailable {
                host: self.name().to_owned(),
                reason: error.to_string(),
            })
        };
        match self {
            Self::PulseAudio => open(HostId::PulseAudio),
            Self::Alsa => open(HostId::Alsa),
            Self::Auto => open(HostId::PulseAudio).or_else(|_| open(HostId::Alsa)),
        }
    }
}

impl FromStr for AudioHost {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        [Self::Auto, Self::PulseAudio, Self::Alsa]
            .into_iter()
            .find(|host| host.name() == name)
            .ok_or_else(|| {
                format!("unknown audio host \"{name}\"; use \"auto\", \"pulseaudio\" or \"alsa\"")
            })
    }
}

/// Which microphone, and how it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MicrophoneOptions {
    /// Which part of the system gives the audio.
    pub host: AudioHost,
    /// Part of the device's name or identifier, in any case; empty takes the default device. What
    /// a loudspeaker plays (a sound server's monitor) is taken only by a name with "monitor" in it.
    pub device: String,
    /// Channels that are wanted at least.
    pub channels: u16,
    /// Frames the sound system delivers at a time; 512 and 1024 are known to be lossless.
    pub buffer_frames: u32,
    /// A device that delivers nothing for this long counts as lost.
    pub silent_after: Duration,
}

impl Default for MicrophoneOptions {
    fn default() -> Self {
        Self {
            host: AudioHost::Auto,
            device: String::new(),
            channels: 1,
            buffer_frames: 512,
            silent_after: Duration::from_secs(3),
        }
    }
}

/// The names of the input devices on `host`.
pub fn input_devices(host: AudioHost) -> Result<Vec<String>, Error> {
    Ok(inputs(host, &host.open()?)?.iter().map(label).collect())
}

/// An open microphone; dropping it closes the stream.
pub struct Microphone {
    name: String,
    format: Format,
    silent_after: Duration,
    heard_last: Instant,
    samples: Consumer<f32>,
    overrun_samples: Arc<AtomicU64>,
    faults: Receiver<cpal::Error>,
    /// A sound card's stream is never moved, so that none is needed.
    watch: Option<Watch>,
    _stream: cpal::Stream,
}

/// Audio the ring holds while nobody reads, in seconds.
const RING_SECONDS: usize = 2;

/// How often a waiting reader looks into the ring: a quarter of the shortest buffer's length.
/// The callback wakes nobody, because even that is a system call on the audio thread.
const POLL: Duration = Duration::from_millis(8);

/// How long the sound system may take to set the stream up.
const OPEN_DEADLINE: Duration = Duration::from_secs(5);

impl Microphone {
    /// Opens the first input device that `options` describes and begins to capture.
    pub fn open(options: &MicrophoneOptions) -> Result<Self, Error> {
        let host = options.host.open()?;
        let device = find(options, &host)?;
        let name = label(&device);
        let supported = best_config(&device, &name, options.channels)?;
        let format = Format::new(supported.sample_rate(), supported.channels(), &name)?;
        let config = StreamConfig {
            channels: supported.channels(),
            sample_rate: supported.sample_rate(),
            buffer_size: BufferSize::Fixed(options.buffer_frames),
        };
        let capacity = RING_SECONDS * format.rate_hz() as usize * usize::from(format.channels());
        let (ring, samples) = RingBuffer::new(capacity);
        let overrun_samples = Arc::new(AtomicU64::new(0));
        let (fault, faults) = sync_channel(4);
        let capture = Capture {
            ring,
            channels: usize::from(format.channels()),
            overrun_samples: Arc::clone(&overrun_samples),
        };
        let refused = |error: cpal::Error| Error::DeviceRefused {
            device: name.clone(),
            reason: error.to_string(),
        };
        let stream = capture
            .start(&device, config, supported.sample_format(), fault)
            .map_err(refused)?;
        stream.play().map_err(refused)?;
        let watch = match host.id() {
            HostId::PulseAudio => Some(Watch::start(allowed(options, &device))?),
            _ => None,
        };
        Ok(Self {
            name: name.clone(),
            format,
            silent_after: options.silent_after,
            heard_last: Instant::now(),
            samples,
            overrun_samples,
            faults,
            watch,
            _stream: stream,
        })
    }

    fn lost(&self, reason: String) -> Error {
        Error::DeviceLost {
            device: self.name.clone(),
            reason,
        }
    }

    fn check_origin(&self) -> Result<(), Error> {
        match self.watch.as_ref().and_then(Watch::lost) {
            Some(reason) => Err(self.lost(reason)),
            None => Ok(()),
        }
    }

    fn check(&self) -> Result<(), Error> {
        match self.faults.try_recv() {
            Ok(fault) => return Err(self.lost(fault.to_string())),
            Err(TryRecvError::Disconnected) => {
                return Err(self.lost("the sound system closed the stream".to_owned()));
            }
            Err(TryRecvError::Empty) => {}
        }
        let waited = self.heard_last.elapsed();
        if waited > self.silent_after {
            return Err(Error::DeviceSilent {
                device: self.name.clone(),
                waited,
            });
        }
        Ok(())
    }
}

impl Source for Microphone {
    fn format(&self) -> Format {
        self.format
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn read(&mut self, into: &mut Vec<f32>, wait: Duration) -> Result<Read, Error> {
        let deadline = Instant::now() + wait;
        loop {
            // What is in the ring already may come from elsewhere.
            self.check_origin()?;
            // The callback pushes whole frames, so a partial frame is never seen here.
            let ready = self.samples.slots();
            if let Ok(chunk) = self.samples.read_chunk(ready)
                && ready > 0
            {
                into.extend(chunk);
                self.heard_last = Instant::now();
                return Ok(Read::Audio);
            }
            self.check()?;
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Read::Nothing);
            }
            thread::sleep(POLL.min(left));
        }
    }

    fn overrun_samples(&self) -> u64 {
        self.overrun_samples.load(Ordering::Relaxed)
    }
}

/// The audio callback's side: a ring to push into and a counter for what did not fit.
struct Capture {
    ring: Producer<f32>,
    channels: usize,
    overrun_samples: Arc<AtomicU64>,
}

impl Capture {
    fn start(
        self,
        device: &Device,
        config: StreamConfig,
        sample_format: SampleFormat,
        fault: SyncSender<cpal::Error>,
    ) -> Result<cpal::Stream, cpal::Error> {
        match sample_format {
            SampleFormat::F32 => self.start_as::<f32>(device, config, fault),
            SampleFormat::I16 => self.start_as::<i16>(device, config, fault),
            SampleFormat::I24 => self.start_as::<cpal::I24>(device, config, fault),
            SampleFormat::I32 => self.start_as::<i32>(device, config, fault),
            SampleFormat::U8 => self.start_as::<u8>(device, config, fault),
            SampleFormat::U16 => self.start_as::<u16>(device, config, fault),
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
        fault: SyncSender<cpal::Error>,
    ) -> Result<cpal::Stream, cpal::Error>
    where
        T: SizedSample,
        f32: FromSample<T>,
    {
        device.build_input_stream(
            config,
            move |data: &[T], _: &cpal::InputCallbackInfo| self.push(data),
            move |error: cpal::Error| {
                if ends_stream(error.kind()) {
                    // A full channel already holds a reason to reopen.
                    let _ = fault.try_send(error);
                }
            },
            Some(OPEN_DEADLINE),
        )
    }

    /// Runs on the audio thread: no allocation, no lock, no log, no system call.
    fn push<T>(&mut self, data: &[T])
    where
        T: SizedSample,
        f32: FromSample<T>,
    {
        let free_frames = self.ring.slots() / self.channels;
        let fits = data.len().min(free_frames * self.channels);
        if let Ok(chunk) = self.ring.write_chunk_uninit(fits) {
            chunk.fill_from_iter(data.iter().map(|&sample| f32::from_sample_(sample)));
        }
        let lost = (data.len() - fits) as u64;
        if lost > 0 {
            self.overrun_samples.fetch_add(lost, Ordering::Relaxed);
        }
    }
}

/// Whether the stream delivers nothing more after this.
fn ends_stream(kind: ErrorKind) -> bool {
    !matches!(
        kind,
        ErrorKind::Xrun | ErrorKind::DeviceChanged | ErrorKind::RealtimeDenied
    )
}

fn inputs(asked: AudioHost, host: &cpal::Host) -> Result<Vec<Device>, Error> {
    let devices = host
        .input_devices()
        .map_err(|error| Error::HostUnavailable {
            host: asked.name().to_owned(),
            reason: error.to_string(),
        })?;
    Ok(devices.collect())
}

fn find(options: &MicrophoneOptions, host: &cpal::Host) -> Result<Device, Error> {
    let present = inputs(options.host, host)?;
    let not_found = |present: &[Device]| Error::DeviceNotFound {
        pattern: options.device.clone(),
        host: options.host.name().to_owned(),
        present: present.iter().map(label).collect(),
    };
    let wanted = options.device.to_lowercase();
    let found = if wanted.is_empty() {
        host.default_input_device()
    } else {
        let fits = |device: &&Device| label(device).to_lowercase().contains(&wanted);
        let mut fitting = present.iter().filter(fits);
        match wanted.contains("monitor") {
            true => fitting.next().cloned(),
            false => fitting
                .find(|device| !is_monitor(&identifier(device)))
                .cloned(),
        }
    };
    found
        .filter(|device| allowed(options, device).takes(&identifier(device)))
        .ok_or_else(|| not_found(&present))
}

/// Where a capture that was opened on `device` may come from.
fn allowed(options: &MicrophoneOptions, device: &Device) -> Allowed {
    match options.device.is_empty() {
        true => Allowed::AnyMicrophone,
        false => Allowed::Only(identifier(device)),
    }
}

/// The sound system's own name for a device.
fn identifier(device: &Device) -> String {
    device.id().map(|id| id.id().to_owned()).unwrap_or_default()
}

/// What people may name a device by: its identifier and its description.
fn label(device: &Device) -> String {
    let id = device.id().map(|id| id.to_string()).unwrap_or_default();
    format!("{device} ({id})")
}

/// The configuration nearest to what speech needs: 16 kHz if the device can, few channels
/// but `channels` at least, samples without conversion.
fn best_config(device: &Device, name: &str, channels: u16) -> Result<SupportedStreamConfig, Error> {
    let refused = |error: cpal::Error| Error::DeviceRefused {
        device: name.to_owned(),
        reason: error.to_string(),
    };
    let usable = |range: &SupportedStreamConfigRange| {
        matches!(
            range.sample_format(),
            SampleFormat::F32 | SampleFormat::I16 | SampleFormat::I24 | SampleFormat::I32
        )
    };
    let at_16_khz = device
        .supported_input_configs()
        .map_err(refused)?
        .filter(usable)
        .filter(|range| range.channels() >= channels)
        .filter_map(|range| range.try_with_sample_rate(SAMPLE_RATE_HZ))
        .min_by_key(|config| {
            let floats_first = config.sample_format() != SampleFormat::F32;
            (config.channels(), floats_first)
        });
    match at_16_khz {
        Some(config) => Ok(config),
        None => device.default_input_config().map_err(refused),
    }
}
