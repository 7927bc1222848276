//! WAV recordings as a source, as fast as they can be read or at the pace they sound.

use std::fs::File;
use std::io::{BufReader, ErrorKind};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use hound::{SampleFormat, WavReader};

use super::{Read, Source};
use crate::{Error, Format};

/// How fast a recording is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// As fast as the disk gives it.
    Unpaced,
    /// Each block when a microphone would have delivered it.
    Real,
}

/// A WAV file: 8, 16, 24 or 32 bit integers or 32 bit floats, any usual rate and channel count.
pub struct WavSource {
    path: PathBuf,
    name: String,
    reader: WavReader<BufReader<File>>,
    format: Format,
    pace: Pace,
    delivered_samples: u64,
    expected_samples: u64,
    started: Option<Instant>,
}

/// Frames in a block, in milliseconds: what a sound card would deliver at once.
const BLOCK_MS: u32 = 32;

impl WavSource {
    /// Opens `path` and checks its header; a file without a sample is refused here.
    pub fn open(path: &Path, pace: Pace) -> Result<Self, Error> {
        let name = path.display().to_string();
        let file = File::open(path).map_err(|reason| Error::FileUnreadable {
            path: path.to_owned(),
            reason,
        })?;
        let reader =
            WavReader::new(BufReader::new(file)).map_err(|error| header_error(path, error))?;
        let spec = reader.spec();
        let format = Format::new(spec.sample_rate, spec.channels, &name)?;
        let expected_samples = u64::from(reader.len());
        if expected_samples < u64::from(spec.channels) {
            return Err(Error::WavEmpty {
                path: path.to_owned(),
            });
        }
        Ok(Self {
            path: path.to_owned(),
            name,
            reader,
            format,
            pace,
            delivered_samples: 0,
            expected_samples,
            started: None,
        })
    }

    fn block_samples(&self) -> usize {
        let frames = (self.format.rate_hz() * BLOCK_MS / 1000).max(1) as usize;
        frames * usize::from(self.format.channels())
    }

    /// How long until the next block would have come from a microphone.
    fn due_in(&mut self, block: usize) -> Duration {
        if self.pace == Pace::Unpaced {
            return Duration::ZERO;
        }
        let started = *self.started.get_or_insert_with(Instant::now);
        let sounded = usize::try_from(self.delivered_samples).unwrap_or(usize::MAX);
        let due = started + self.format.duration_of(sounded.saturating_add(block));
        due.saturating_duration_since(Instant::now())
    }

    fn decode(&mut self, into: &mut Vec<f32>, count: usize) -> Result<usize, hound::Error> {
        let spec = self.reader.spec();
        let before = into.len();
        match spec.sample_format {
            SampleFormat::Float => {
                for sample in self.reader.samples::<f32>().take(count) {
                    into.push(sample?);
                }
            }
            SampleFormat::Int => {
                let full_scale = 2f32.powi(i32::from(spec.bits_per_sample) - 1);
                for sample in self.reader.samples::<i32>().take(count) {
                    into.push(sample? as f32 / full_scale);
                }
            }
        }
        Ok(into.len() - before)
    }

    fn decode_error(&self, error: hound::Error, found: u64) -> Error {
        match error {
            hound::Error::IoError(reason) if reason.kind() != ErrorKind::UnexpectedEof => {
                // hound reports a short read as `Other`, a failing disk as the system names it.
                if reason.kind() == ErrorKind::Other {
                    self.truncated(found)
                } else {
                    Error::FileUnreadable {
                        path: self.path.clone(),
                        reason,
                    }
                }
            }
            hound::Error::IoError(_) => self.truncated(found),
            other => Error::WavMalformed {
                path: self.path.clone(),
                reason: other.to_string(),
            },
        }
    }

    fn truncated(&self, found: u64) -> Error {
        Error::WavTruncated {
            path: self.path.clone(),
            found,
            expected: self.expected_samples,
        }
    }
}

impl Source for WavSource {
    fn format(&self) -> Format {
        self.format
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn read(&mut self, into: &mut Vec<f32>, wait: Duration) -> Result<Read, Error> {
        let left = self.expected_samples - self.delivered_samples;
        let block = self
            .block_samples()
            .min(usize::try_from(left).unwrap_or(usize::MAX));
        let due_in = self.due_in(block);
        if due_in > wait {
            thread::sleep(wait);
            return Ok(Read::Nothing);
        }
        thread::sleep(due_in);
        let start = into.len();
        match self.decode(into, block) {
            Ok(0) if left > 0 => Err(self.truncated(self.delivered_samples)),
            Ok(0) => Ok(Read::End),
            Ok(read) => {
                self.delivered_samples += read as u64;
                Ok(Read::Audio)
            }
            Err(error) => {
                let found = self.delivered_samples + (into.len() - start) as u64;
                Err(self.decode_error(error, found))
            }
        }
    }
}

fn header_error(path: &Path, error: hound::Error) -> Error {
    let path = path.to_owned();
    match error {
        hound::Error::IoError(reason) => match reason.kind() {
            // Directories and failing disks; a short header is `Other` or an unexpected end.
            ErrorKind::Other | ErrorKind::UnexpectedEof => Error::WavMalformed {
                path,
                reason: "the file ends within its header".to_owned(),
            },
            _ => Error::FileUnreadable { path, reason },
        },
        other => Error::WavMalformed {
            path,
            reason: other.to_string(),
        },
    }
}
