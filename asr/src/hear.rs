//! A recording from beginning to end, heard with all the time in the world.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::{
    Error, FrontEnd, Noticed, Pace, Read, Recogniser, Recognition, Source, Utterance, WavSource,
};

/// Everything heard in one recording.
#[derive(Debug)]
pub struct Hearing {
    /// The utterances in order, each with what the recogniser made of it.
    pub heard: Vec<(Utterance, Recognition)>,
    /// Length of the recording.
    pub duration: Duration,
    /// Time spent on reading, resampling, voice detection and endpointing, all utterances
    /// together.
    pub front_end: Duration,
}

/// Hears a whole WAV file (any rate and channel count) as fast as it can.
///
/// A recording in which nobody speaks is no error: `heard` is empty.
pub fn hear_file(
    path: &Path,
    front_end: &mut FrontEnd,
    recogniser: &mut dyn Recogniser,
) -> Result<Hearing, Error> {
    let begun = Instant::now();
    let mut source = WavSource::open(path, Pace::Unpaced)?;
    let (utterances, duration) = utterances_of(&mut source, front_end)?;
    let spent = begun.elapsed();
    let heard = utterances
        .into_iter()
        .map(|utterance| {
            let recognition = recogniser.recognise(&utterance, &|| true)?;
            Ok((utterance, recognition))
        })
        .collect::<Result<_, Error>>()?;
    Ok(Hearing {
        heard,
        duration,
        front_end: spent,
    })
}

/// Reads `source` to its end and cuts it into utterances; also tells how long it is.
///
/// A source that pauses is waited for, ten seconds at most at a time.
pub fn utterances_of(
    source: &mut dyn Source,
    front_end: &mut FrontEnd,
) -> Result<(Vec<Utterance>, Duration), Error> {
    const LONGEST_PAUSE: Duration = Duration::from_secs(10);
    let format = source.format();
    front_end.set_format(format)?;
    let mut utterances = Vec::new();
    let mut keep = |noticed: Vec<Noticed>| {
        utterances.extend(noticed.into_iter().filter_map(|found| match found {
            Noticed::Utterance(utterance) => Some(utterance),
            Noticed::SpeechStarted | Noticed::Paused(_) | Noticed::Resumed | Noticed::TooShort => {
                None
            }
        }));
    };
    let mut block = Vec::new();
    let mut samples = 0;
    loop {
        block.clear();
        match source.read(&mut block, LONGEST_PAUSE)? {
            Read::Audio => {
                samples += block.len();
                keep(front_end.push(&block, Instant::now())?);
            }
            Read::Nothing => {
                let device = source.name().to_owned();
                return Err(Error::DeviceSilent {
                    device,
                    waited: LONGEST_PAUSE,
                });
            }
            Read::End => break,
        }
    }
    keep(front_end.finish(Instant::now())?);
    Ok((utterances, format.duration_of(samples)))
}
