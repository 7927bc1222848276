//! The real capture path: a private PulseAudio server, a virtual microphone, cpal.
//!
//! cpal's PulseAudio host finds its server by environment variable, so everything that needs one
//! is a single test in a process of its own: this file runs itself again with the variable set.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use codriver_asr::{
    AudioHost, Error, Microphone, MicrophoneOptions, Read, Source, ToSpeech, input_devices,
};

use crate::support::{recording, speech};

const DEADLINE: Duration = Duration::from_secs(60);
const INNER: &str = "CODRIVER_ASR_TEST_INNER";

/// Ends the child when the test does, however it ends.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn what_is_played_into_the_virtual_microphone_is_captured_through_cpal() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("pulse.sock");
    let _server = start_server(directory.path(), &socket);
    // The server lets everybody in, but hangs up on a client whose cookie is not 256 bytes long.
    let cookie = directory.path().join("cookie");
    std::fs::write(&cookie, [0; 256]).unwrap();
    let status = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "microphone::capture_from_the_private_server",
            "--ignored",
            "--nocapture",
        ])
        .env(INNER, "1")
        .env("PULSE_SERVER", format!("unix:{}", socket.display()))
        .env("PULSE_COOKIE", &cookie)
        .env("XDG_RUNTIME_DIR", directory.path())
        .status()
        .unwrap();
    assert!(status.success());
}

fn start_server(directory: &Path, socket: &Path) -> Ended {
    let script = directory.join("pulse.pa");
    std::fs::write(
        &script,
        format!(
            "load-module module-native-protocol-unix auth-anonymous=1 socket={}\n\
             load-module module-null-sink sink_name=mic_feed rate=16000 channels=1 format=s16le\n\
             load-module module-remap-source source_name=car_mic master=mic_feed.monitor channels=1\n\
             set-default-source car_mic\n",
            socket.display()
        ),
    )
    .unwrap();
    let child = Command::new("pulseaudio")
        .args([
            "-n",
            "--daemonize=no",
            "--exit-idle-time=-1",
            "--use-pid-file=no",
        ])
        .args(["--disallow-exit", "-F"])
        .arg(&script)
        .env("XDG_RUNTIME_DIR", directory)
        .env("HOME", directory)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("pulseaudio is installed (apt-get install pulseaudio)");
    let server = Ended(child);
    let until = Instant::now() + DEADLINE;
    while !socket.exists() {
        assert!(Instant::now() < until, "pulseaudio does not come up");
        std::thread::sleep(Duration::from_millis(50));
    }
    server
}

#[test]
#[ignore = "run by the test above, which starts the server it needs"]
fn capture_from_the_private_server() {
    assert!(
        std::env::var_os(INNER).is_some(),
        "only the test above may run this"
    );
    let names = input_devices(AudioHost::PulseAudio).unwrap();
    assert!(
        names.iter().any(|name| name.contains("car_mic")),
        "{names:?}"
    );

    let elsewhere = MicrophoneOptions {
        host: AudioHost::PulseAudio,
        device: "no such microphone".to_owned(),
        ..MicrophoneOptions::default()
    };
    let error = Microphone::open(&elsewhere).err().unwrap();
    assert!(matches!(error, Error::DeviceNotFound { .. }), "{error:?}");
    assert!(
        error.to_string().contains("car_mic"),
        "the error lists what there is: {error}"
    );

    let options = MicrophoneOptions {
        device: "CAR_MIC".to_owned(),
        ..elsewhere
    };
    let mut microphone = Microphone::open(&options).unwrap();
    let mut resampler = ToSpeech::new(microphone.format()).unwrap();
    let wav = recording("en-sunroof-open.wav");
    let spoken = speech("en-sunroof-open.wav");
    let _player = Ended(
        Command::new("paplay")
            .arg("--device=mic_feed")
            .arg(&wav)
            .spawn()
            .expect("paplay"),
    );

    let (mut block, mut captured) = (Vec::new(), Vec::new());
    let until = Instant::now() + DEADLINE;
    let wanted = spoken.len() + 3 * 16_000;
    while captured.len() < wanted {
        assert!(
            Instant::now() < until,
            "{} of {wanted} samples",
            captured.len()
        );
        block.clear();
        if microphone
            .read(&mut block, Duration::from_millis(100))
            .unwrap()
            == Read::Audio
        {
            resampler.push(&block, &mut captured).unwrap();
        }
    }
    assert_eq!(microphone.overrun_samples(), 0);
    let best = best_correlation(&spoken, &captured);
    assert!(
        best > 0.95,
        "what was captured is not what was played: correlation {best}"
    );
}

/// The best normalised correlation of `wanted`'s loudest second with any part of `heard`.
fn best_correlation(wanted: &[f32], heard: &[f32]) -> f32 {
    let energy = |samples: &[f32]| samples.iter().map(|s| s * s).sum::<f32>();
    let pattern = wanted
        .windows(8_000)
        .step_by(800)
        .max_by(|a, b| energy(a).total_cmp(&energy(b)))
        .unwrap();
    let norm = energy(pattern).sqrt();
    heard
        .windows(pattern.len())
        .map(|part| {
            let product: f32 = part.iter().zip(pattern).map(|(a, b)| a * b).sum();
            product / (norm * energy(part).sqrt() + 1e-9)
        })
        .fold(0.0, f32::max)
}
