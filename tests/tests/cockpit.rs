//! Typed sentences to the real programs of a cockpit: mpv, oFono, navit, speech-dispatcher.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use serde_json::Value as Json;
use stage::{Assistant, CallState, Child, Event, Navigation, Scene, SceneOptions, Telephone};
use tempfile::TempDir;
use zbus::wire::OwnedVariant;

const REPLY_WITHIN: Duration = Duration::from_secs(30);
/// What a program of the cockpit shows after a command, on a busy machine.
const SHOWN_WITHIN: Duration = Duration::from_secs(10);

struct Cockpit {
    assistant: Assistant,
    scene: Scene,
}

/// What was answered and done.
#[derive(Debug)]
struct Answer {
    text: String,
    outcomes: Vec<Json>,
}

impl Answer {
    fn outcome(&self) -> (&str, &str) {
        assert_eq!(self.outcomes.len(), 1, "{self:#?}");
        let word = |key: &str| self.outcomes[0][key].as_str().unwrap();
        (word("outcome"), word("reason"))
    }
}

impl Cockpit {
    async fn with(settings: &[(&str, &str)]) -> Self {
        let settings = settings
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        let scene = Scene::start(SceneOptions {
            settings,
            ..SceneOptions::default()
        });
        let scene = scene.await.unwrap();
        Self {
            assistant: scene.assistant().await.unwrap(),
            scene,
        }
    }

    async fn hears(&mut self, text: &str, language: &str) -> Answer {
        self.assistant.submit(text, language).await.unwrap();
        let happenings = self.assistant.until_said(REPLY_WITHIN).await.unwrap();
        let mut answer = Answer {
            text: String::new(),
            outcomes: Vec::new(),
        };
        for happening in happenings {
            match happening.event {
                Event::Acted(json) => {
                    answer.outcomes = json["outcomes"].as_array().unwrap().clone();
                }
                Event::Said { text, .. } => answer.text = text,
                _ => {}
            }
        }
        answer
    }

    /// Hears an English sentence whose one command is done.
    async fn does(&mut self, text: &str) -> Answer {
        let answer = self.hears(text, "en").await;
        assert_eq!(
            answer.outcome(),
            ("done", ""),
            "{text}: {answer:#?}\n{}",
            self.scene.logs()
        );
        answer
    }
}

/// Looks until it is so.
async fn shows(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + SHOWN_WITHIN;
    while !is_so().await {
        assert!(
            Instant::now() < deadline,
            "{what}: not within {SHOWN_WITHIN:?}"
        );
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

struct Player {
    bus: zbus::Connection,
    _mpv: Child,
}

impl Player {
    /// mpv with three long tones, playing the first.
    async fn start(scene: &Scene) -> Self {
        let tracks = ["one.wav", "two.wav", "three.wav"];
        for track in tracks {
            let made = Command::new("sox")
                .args(["-n", "-r", "8000", "-c", "1", track])
                .args(["synth", "120", "sine", "300"])
                .current_dir(scene.directory())
                .status();
            assert!(made.unwrap().success());
        }
        let mut command = Command::new("mpv");
        command
            .args(["--no-video", "--ao=null", "--idle=yes"])
            .args(tracks)
            .current_dir(scene.directory())
            .env("DBUS_SESSION_BUS_ADDRESS", scene.bus.address());
        let mut mpv = Child::start(command, scene.directory(), false).unwrap();
        scene
            .bus
            .wait_for_name("org.mpris.MediaPlayer2.mpv", &mut mpv, REPLY_WITHIN)
            .await
            .unwrap();
        let player = Self {
            bus: scene.bus.connect().await.unwrap(),
            _mpv: mpv,
        };
        shows("mpv plays", async || player.track().await == "one.wav").await;
        player
    }

    async fn property(&self, name: &str) -> OwnedVariant {
        let body = ("org.mpris.MediaPlayer2.Player", name);
        let properties = Some("org.freedesktop.DBus.Properties");
        let mpv = Some("org.mpris.MediaPlayer2.mpv");
        let reply = self
            .bus
            .call_method(mpv, "/org/mpris/MediaPlayer2", properties, "Get", &body)
            .await;
        reply.unwrap().body().deserialize().unwrap()
    }

    /// The name of the file that plays.
    async fn track(&self) -> String {
        let metadata = self.property("Metadata").await;
        let metadata: std::collections::HashMap<String, OwnedVariant> =
            metadata.try_into().unwrap();
        let url = metadata.get("xesam:url").map(|url| url.to_string());
        let url = url.unwrap_or_default();
        let name = url.rsplit('/').next().unwrap_or_default();
        name.trim_end_matches('"').to_owned()
    }

    async fn volume(&self) -> f64 {
        self.property("Volume").await.try_into().unwrap()
    }

    async fn seconds(&self) -> i64 {
        let position: i64 = self.property("Position").await.try_into().unwrap();
        position / 1_000_000
    }
}

#[tokio::test]
async fn mpv_changes_track_volume_and_place_as_it_is_told() {
    let mut cockpit = Cockpit::with(&[]).await;
    let player = Player::start(&cockpit.scene).await;
    cockpit.does("next song").await;
    shows("the second track", async || {
        player.track().await == "two.wav"
    })
    .await;
    cockpit.does("previous song").await;
    shows("the first track", async || {
        player.track().await == "one.wav"
    })
    .await;
    cockpit.does("set the volume to thirty percent").await;
    assert!((player.volume().await - 0.3).abs() < 0.005);
    cockpit.does("increase the volume by twenty percent").await;
    assert!((player.volume().await - 0.5).abs() < 0.005);
    // mpv takes no seek before the track has begun.
    shows("it plays", async || player.seconds().await >= 1).await;
    let before = player.seconds().await;
    cockpit.does("skip forward by sixty seconds").await;
    shows("a minute later", async || {
        player.seconds().await >= before + 59
    })
    .await;
}

/// An address book of Anna, two Toms and 王小明.
fn address_book() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (file, name, structured, number) in [
        ("anna.vcf", "Anna Berg", "Berg;Anna", "+49 171 5550101"),
        ("tom1.vcf", "Tom Baker", "Baker;Tom", "+49 171 5550102"),
        ("tom2.vcf", "Tom Hill", "Hill;Tom", "+49 171 5550103"),
        ("wang.vcf", "王小明", "王;小明", "138 0013 8000"),
    ] {
        let card = format!(
            "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:{name}\r\nN:{structured};;;\r\n\
             TEL;TYPE=CELL:{number}\r\nEND:VCARD\r\n"
        );
        fs::write(folder.path().join(file), card).unwrap();
    }
    folder
}

async fn with_telephone(contacts: &Path) -> (Cockpit, Telephone) {
    let contacts = contacts.to_str().unwrap();
    let cockpit = Cockpit::with(&[("CODRIVER__CONTACTS__DIRECTORY", contacts)]).await;
    let scene = &cockpit.scene;
    let telephone = Telephone::start(&scene.bus, scene.directory()).await;
    let telephone = telephone.unwrap();
    (cockpit, telephone)
}

/// Neither the network nor oFono has a call any more.
async fn no_call(telephone: &Telephone) {
    shows("no call", async || {
        telephone.call().is_none() && telephone.shown_calls().await.unwrap().is_empty()
    })
    .await;
}

fn state(telephone: &Telephone) -> Option<CallState> {
    telephone.call().map(|call| call.state)
}

#[tokio::test]
async fn ofono_calls_somebody_by_name_after_a_yes_and_hangs_up() {
    let contacts = address_book();
    let (mut cockpit, telephone) = with_telephone(contacts.path()).await;
    let question = cockpit.hears("call anna", "en").await;
    assert_eq!(question.text, "Shall I call anna?");
    assert!(telephone.dialled().is_empty());
    let answer = cockpit.does("yes").await;
    assert_eq!(answer.text, "Calling anna.");
    assert_eq!(telephone.dialled(), ["+491715550101"]);
    telephone.pick_up();
    cockpit.does("hang up").await;
    no_call(&telephone).await;

    // Whatever characters the recogniser chose for the name.
    let question = cockpit.hears("打电话给王晓明", "zh").await;
    assert_eq!(question.text, "要呼叫王晓明吗？");
    cockpit.hears("是的", "zh").await;
    assert_eq!(telephone.dialled(), ["+491715550101", "13800138000"]);
}

#[tokio::test]
async fn ofono_takes_or_turns_away_the_call_that_rings() {
    let contacts = address_book();
    let (mut cockpit, telephone) = with_telephone(contacts.path()).await;
    let nothing = cockpit.hears("answer the call", "en").await;
    assert_eq!(nothing.outcome(), ("refused", "no_object"));
    telephone.ring("+8613800138000").unwrap();
    answered(&mut cockpit, "answer the call").await;
    assert_eq!(state(&telephone), Some(CallState::Active));
    // oFono asks its modem now and then.
    shows("the call taken", async || {
        telephone.shown_calls().await.unwrap() == ["active"]
    })
    .await;
    let nothing = cockpit.hears("reject the call", "en").await;
    assert_eq!(nothing.outcome(), ("refused", "no_object"));
    assert_eq!(state(&telephone), Some(CallState::Active));
    cockpit.does("hang up").await;
    no_call(&telephone).await;

    telephone.ring("+8613800138000").unwrap();
    answered(&mut cockpit, "reject the call").await;
    no_call(&telephone).await;
}

/// Says it until oFono has noticed that it rings.
async fn answered(cockpit: &mut Cockpit, text: &str) {
    let deadline = Instant::now() + SHOWN_WITHIN;
    loop {
        let answer = cockpit.hears(text, "en").await;
        if answer.outcome() == ("done", "") {
            return;
        }
        assert_eq!(answer.outcome().1, "no_object", "{answer:#?}");
        assert!(Instant::now() < deadline, "{text}: {answer:#?}");
    }
}

#[tokio::test]
async fn who_is_unknown_or_one_of_several_is_not_called_and_the_reply_says_why() {
    let contacts = address_book();
    let settings = [(
        "CODRIVER__CONTACTS__DIRECTORY",
        contacts.path().to_str().unwrap(),
    )];
    let mut cockpit = Cockpit::with(&settings).await;
    let unknown = cockpit.hears("call bob", "en").await;
    assert_eq!(unknown.outcome(), ("refused", "unknown_contact"));
    assert_eq!(
        unknown.text,
        "I can't call bob: there is nobody of that name in your contacts."
    );
    let several = cockpit.hears("call tom", "en").await;
    assert_eq!(several.outcome(), ("refused", "several_matches"));
    assert_eq!(
        several.text,
        "I can't call tom: there are several: Tom Baker, Tom Hill."
    );
    // Nothing was asked, so a yes calls nobody; a new card is known at once.
    let yes = cockpit.hears("yes", "en").await;
    assert!(yes.outcomes.is_empty(), "{yes:#?}");
    let card = "BEGIN:VCARD\nVERSION:4.0\nFN:Bob\nTEL:tel:112\nEND:VCARD\n";
    fs::write(contacts.path().join("bob.vcf"), card).unwrap();
    let known = cockpit.hears("call bob", "en").await;
    assert_eq!(known.text, "Shall I call bob?");
    // There is no telephone on this bus.
    let absent = cockpit.hears("yes", "en").await;
    assert_eq!(absent.outcome(), ("failed", "no_service"));
    assert_eq!(
        absent.text,
        "I could not call bob: the app for that is not running."
    );
}

#[tokio::test]
async fn navit_leads_to_a_place_of_the_places_file_and_stops_when_told() {
    let folder = tempfile::tempdir().unwrap();
    let places = folder.path().join("places.db");
    rusqlite::Connection::open(&places)
        .unwrap()
        .execute_batch(
            "CREATE TABLE places(name TEXT, kind TEXT, address TEXT, latitude REAL, longitude REAL);
             INSERT INTO places VALUES('Cafe Lux', 'cafe', NULL, 48.14, 11.57);
             INSERT INTO places VALUES('our house', 'home', NULL, 48.2, 11.6);",
        )
        .unwrap();
    let settings = [("CODRIVER__PLACES__FILE", places.to_str().unwrap())];
    let mut cockpit = Cockpit::with(&settings).await;
    let scene = &cockpit.scene;
    let navigation = Navigation::start(&scene.bus, scene.directory()).await;
    let navigation = navigation.unwrap();
    assert_eq!(navigation.destination(), None);
    let leads_to = async |latitude: f64, longitude: f64| {
        shows("the destination", async || {
            // navit counts in whole metres.
            let near = |a: f64, b: f64| (a - b).abs() < 2e-5;
            let leads = |(a, b)| near(a, latitude) && near(b, longitude);
            navigation.destination().is_some_and(leads)
        })
        .await;
    };

    let answer = cockpit.does("navigate to cafe lux").await;
    assert_eq!(answer.text, "Navigating to cafe lux.");
    leads_to(48.14, 11.57).await;
    cockpit.does("take me home").await;
    leads_to(48.2, 11.6).await;

    // Nobody knows where that is: navit leads where it led.
    let unknown = cockpit
        .hears("navigate to the enchanted forest", "en")
        .await;
    assert_eq!(unknown.outcome(), ("failed", "peer_error"));
    leads_to(48.2, 11.6).await;

    cockpit.does("cancel the navigation").await;
    shows("no destination", async || {
        navigation.destination().is_none()
    })
    .await;
}

/// The time of day in China, to the minute, as an English reply says it.
fn time_in_china() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let minutes = now.as_secs() / 60 + 8 * 60;
    let (hour, minute) = (minutes / 60 % 24, minutes % 60);
    let half = if hour < 12 { "am" } else { "pm" };
    let hour = if hour % 12 == 0 { 12 } else { hour % 12 };
    match minute {
        0 => format!("It is {hour} {half}."),
        _ => format!("It is {hour}:{minute:02} {half}."),
    }
}

#[tokio::test]
async fn the_head_unit_tells_its_own_time_and_closes_its_own_microphone() {
    let mut cockpit = Cockpit::with(&[("TZ", "UTC-8")]).await;
    let before = time_in_china();
    let answer = cockpit.does("what time is it").await;
    assert!(
        [before, time_in_china()].contains(&answer.text),
        "{answer:#?}"
    );
    let date = cockpit.hears("今天星期几", "zh").await;
    assert!(date.text.contains("，星期"), "{date:#?}");

    assert!(!cockpit.assistant.muted().await.unwrap());
    let answer = cockpit.does("turn off the microphone").await;
    assert_eq!(answer.text, "Microphone off. Turn it back on by hand.");
    assert!(cockpit.assistant.muted().await.unwrap());
}

/// speech-dispatcher with a voice that writes what it speaks, as words and as sound.
fn start_speech(folder: &Path) -> (Child, PathBuf) {
    let modules = folder.join("modules");
    fs::create_dir(&modules).unwrap();
    let here = folder.display();
    // No sound card: the voice itself plays nothing, and its audio output is ALSA's null device.
    let main = format!(
        "LogLevel 3\nLogDir \"{here}\"\nDisableAutoSpawn\n\
         AudioOutputMethod \"alsa\"\nAudioALSADevice \"null\"\n\
         AddModule \"writes\" \"sd_generic\" \"writes.conf\"\nDefaultModule writes\n"
    );
    let voice = format!(
        "GenericExecuteSynth \"printf %s \\'$DATA\\' | tee -a {here}/spoken.txt | \
         espeak-ng -v $VOICE --stdin -w {here}/spoken.wav\"\n\
         GenericLanguage \"en\" \"en\" \"utf-8\"\nAddVoice \"en\" \"MALE1\" \"en\"\nDefaultVoice \"en\"\n"
    );
    fs::write(folder.join("speechd.conf"), main).unwrap();
    fs::write(modules.join("writes.conf"), voice).unwrap();
    let socket = folder.join("speechd.sock");
    let mut command = Command::new("speech-dispatcher");
    command
        .args(["-s", "-t", "0", "-c", "unix_socket", "-C"])
        .arg(folder)
        .arg("-P")
        .arg(folder.join("speechd.pid"))
        .arg("-S")
        .arg(&socket);
    let child = Child::start(command, folder, false).unwrap();
    (child, socket)
}

#[tokio::test]
async fn speech_dispatcher_speaks_the_reply() {
    let folder = tempfile::tempdir().unwrap();
    let (mut dispatcher, socket) = start_speech(folder.path());
    shows("the socket of speech-dispatcher", async || {
        dispatcher.check().unwrap();
        socket.exists()
    })
    .await;
    let settings = [
        ("CODRIVER__SPEECH__OUTPUT", "on"),
        ("CODRIVER__SPEECH__SOCKET", socket.to_str().unwrap()),
    ];
    let mut cockpit = Cockpit::with(&settings).await;
    let answer = cockpit.hears("turn on the air conditioning", "en").await;
    assert_eq!(answer.outcome(), ("done", ""));
    let spoken = || fs::read_to_string(folder.path().join("spoken.txt")).unwrap_or_default();
    shows("the spoken words", async || spoken() == answer.text).await;
    // More than the header of a sound file, and not only silence.
    shows("the spoken sound", async || {
        let sound = fs::read(folder.path().join("spoken.wav")).unwrap_or_default();
        sound.iter().skip(44).filter(|byte| **byte != 0).count() > 1000
    })
    .await;
}
