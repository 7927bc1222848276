//! WAV files of every kind, good and bad.

use std::path::Path;
use std::time::{Duration, Instant};

use codriver_asr::{Error, Pace, Read, Source, WavSource};
use hound::{SampleFormat, WavSpec, WavWriter};

use crate::support::{recording, write_wav};

fn read_all(path: &Path) -> Result<Vec<f32>, Error> {
    let mut source = WavSource::open(path, Pace::Unpaced)?;
    let mut samples = Vec::new();
    while source.read(&mut samples, Duration::ZERO)? == Read::Audio {}
    Ok(samples)
}

/// A frame of two channels in each sample format reads as the same half-scale values.
#[test]
fn every_sample_format_reads_as_the_same_sound() {
    let directory = tempfile::tempdir().unwrap();
    for (bits, format) in [
        (8, SampleFormat::Int),
        (16, SampleFormat::Int),
        (24, SampleFormat::Int),
        (32, SampleFormat::Int),
        (32, SampleFormat::Float),
    ] {
        let path = directory.path().join(format!("{bits}-{format:?}.wav"));
        let spec = WavSpec {
            channels: 2,
            sample_rate: 22_050,
            bits_per_sample: bits,
            sample_format: format,
        };
        let mut writer = WavWriter::create(&path, spec).unwrap();
        for _ in 0..3000 {
            match format {
                SampleFormat::Float => {
                    writer.write_sample(0.5f32).unwrap();
                    writer.write_sample(-0.25f32).unwrap();
                }
                SampleFormat::Int => {
                    let half = 1i32 << (bits - 2);
                    writer.write_sample(half).unwrap();
                    writer.write_sample(-half / 2).unwrap();
                }
            }
        }
        writer.finalize().unwrap();

        let source = WavSource::open(&path, Pace::Unpaced).unwrap();
        assert_eq!(
            (source.format().rate_hz(), source.format().channels()),
            (22_050, 2)
        );
        let samples = read_all(&path).unwrap();
        assert_eq!(samples.len(), 6000, "{bits} {format:?}");
        for frame in samples.chunks(2) {
            assert!(
                (frame[0] - 0.5).abs() < 1e-6,
                "{bits} {format:?}: {frame:?}"
            );
            assert!(
                (frame[1] + 0.25).abs() < 1e-6,
                "{bits} {format:?}: {frame:?}"
            );
        }
    }
}

#[test]
fn a_truncated_wav_is_an_error_that_names_the_file_and_what_is_missing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cut.wav");
    write_wav(&path, &[0.1; 16_000]);
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 10_001]).unwrap();

    let error = read_all(&path).unwrap_err();
    let Error::WavTruncated {
        found, expected, ..
    } = &error
    else {
        panic!("{error:?}")
    };
    assert_eq!((*found, *expected), (10_999, 16_000));
    assert!(
        error.to_string().contains("cut.wav: is truncated"),
        "{error}"
    );
}

#[test]
fn a_wav_cut_within_its_header_is_malformed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("header.wav");
    write_wav(&path, &[0.1; 100]);
    let whole = std::fs::read(&path).unwrap();
    for length in [0, 3, 11, 20, 30, 40] {
        std::fs::write(&path, &whole[..length]).unwrap();
        let error = read_all(&path).unwrap_err();
        assert!(
            matches!(error, Error::WavMalformed { .. }),
            "{length} bytes: {error:?}"
        );
        assert!(error.to_string().contains("header.wav"), "{error}");
    }
}

#[test]
fn a_wav_with_an_empty_data_chunk_holds_no_audio() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("empty.wav");
    write_wav(&path, &[]);
    let error = read_all(&path).unwrap_err();
    assert!(matches!(error, Error::WavEmpty { .. }), "{error:?}");
    assert!(
        error.to_string().contains("empty.wav: holds no audio"),
        "{error}"
    );
}

#[test]
fn a_missing_file_a_directory_and_a_text_file_are_errors_that_name_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing.wav");
    let error = read_all(&missing).unwrap_err();
    assert!(matches!(error, Error::FileUnreadable { .. }), "{error:?}");
    assert!(
        error.to_string().contains("missing.wav: cannot be read"),
        "{error}"
    );

    let error = read_all(directory.path()).unwrap_err();
    assert!(matches!(error, Error::FileUnreadable { .. }), "{error:?}");

    let text = directory.path().join("notes.wav");
    std::fs::write(&text, "this is not audio, however long it may be").unwrap();
    let error = read_all(&text).unwrap_err();
    assert!(matches!(error, Error::WavMalformed { .. }), "{error:?}");
    assert!(error.to_string().contains("notes.wav"), "{error}");
}

#[test]
fn a_sample_rate_no_speech_fits_in_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("slow.wav");
    let spec = WavSpec {
        channels: 1,
        sample_rate: 100,
        bits_per_sample: 16,
        sample_format: SampleFormat::Int,
    };
    let mut writer = WavWriter::create(&path, spec).unwrap();
    writer.write_sample(0i16).unwrap();
    writer.finalize().unwrap();
    let error = read_all(&path).unwrap_err();
    assert!(
        matches!(error, Error::FormatUnusable { rate_hz: 100, .. }),
        "{error:?}"
    );
}

#[test]
fn a_paced_recording_never_delivers_sound_before_it_would_have_been_heard() {
    let path = recording("en-undo.wav");
    let mut source = WavSource::open(&path, Pace::Real).unwrap();
    let format = source.format();
    let began = Instant::now();
    let mut samples = Vec::new();
    loop {
        let read = source
            .read(&mut samples, Duration::from_millis(10))
            .unwrap();
        assert!(began.elapsed() + Duration::from_millis(1) >= format.duration_of(samples.len()));
        assert!(began.elapsed() < Duration::from_secs(60));
        if read == Read::End {
            break;
        }
    }
    assert_eq!(samples, read_all(&path).unwrap());
}
