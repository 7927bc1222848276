use std::{collections::BTreeMap, fs, time::Duration};

use tempfile::TempDir;

use super::*;

const DBC: &str = r#"VERSION ""

BU_: IVI ECU

BO_ 257 Vehicle: 2 ECU
 SG_ Speed : 0|16@1+ (0.01,0) [0|300] "km/h" IVI
BO_ 16 Cyclic: 2 IVI
 SG_ Idle : 0|8@1+ (1,0) [0|100] "" ECU
 SG_ Kept : 8|8@1+ (1,0) [0|100] "" ECU
BO_ 17 Active: 1 IVI
 SG_ One : 0|2@1+ (1,0) [0|1] "" ECU
 SG_ Two : 2|2@1+ (1,0) [0|1] "" ECU
BO_ 18 Event: 1 IVI
 SG_ Washer : 0|1@1+ (1,0) [0|1] "" ECU
 SG_ Left : 1|1@1+ (1,0) [0|1] "" ECU
 SG_ Right : 2|1@1+ (1,0) [0|1] "" ECU
BO_ 19 Paged: 2 IVI
 SG_ Page M : 0|8@1+ (1,0) [0|2] "" ECU
 SG_ First m1 : 8|8@1+ (1,0) [0|100] "" ECU
 SG_ Second m2 : 8|8@1+ (1,0) [0|100] "" ECU
BO_ 32 Status: 8 ECU
 SG_ Idle : 0|8@1+ (1,0) [0|100] "" IVI
 SG_ Kept : 8|8@1+ (1,0) [0|100] "" IVI
 SG_ One : 16|2@1+ (1,0) [0|1] "" IVI
 SG_ Two : 18|2@1+ (1,0) [0|1] "" IVI
 SG_ Washer : 24|2@1+ (1,0) [0|1] "" IVI
 SG_ Left : 26|2@1+ (1,0) [0|1] "" IVI
 SG_ Right : 28|2@1+ (1,0) [0|1] "" IVI
 SG_ First : 32|8@1+ (1,0) [0|100] "" IVI
 SG_ Second : 40|8@1+ (1,0) [0|100] "" IVI

BA_DEF_ BO_ "GenMsgCycleTime" INT 0 10000;
BA_DEF_ BO_ "GenMsgSendType" ENUM "Cyclic","OnChange","IfActive";
BA_DEF_ SG_ "GenSigStartValue" INT 0 255;
BA_DEF_DEF_ "GenMsgCycleTime" 0;
BA_DEF_DEF_ "GenMsgSendType" "OnChange";
BA_DEF_DEF_ "GenSigStartValue" 0;
BA_ "GenMsgCycleTime" BO_ 16 100;
BA_ "GenMsgCycleTime" BO_ 17 50;
BA_ "GenMsgCycleTime" BO_ 19 50;
BA_ "GenMsgSendType" BO_ 16 0;
BA_ "GenMsgSendType" BO_ 17 2;
BA_ "GenMsgSendType" BO_ 19 2;
BA_ "GenSigStartValue" SG_ 16 Idle 255;
BA_ "GenSigStartValue" SG_ 17 One 3;
BA_ "GenSigStartValue" SG_ 17 Two 3;
BA_ "GenSigStartValue" SG_ 18 Washer 0;
BA_ "GenSigStartValue" SG_ 19 First 255;
BA_ "GenSigStartValue" SG_ 19 Second 255;
"#;

fn description() -> Description {
    let directory = TempDir::new().unwrap();
    let mut toml = "[vehicle]\nname = \"t\"\ndbc = \"t.dbc\"\nvss = \"6.0\"\nspeed = \"Speed\"\n\n\
                    [[sensor]]\npath = \"Speed\"\ntype = \"number\"\nunit = \"km/h\"\n\
                    status = \"Vehicle.Speed\"\n"
        .to_owned();
    for (message, signals, kind) in [
        (
            "Cyclic",
            "Idle Kept",
            "type = \"number\"\nmin = 0\nmax = 100\nstep = 1\n",
        ),
        ("Active", "One Two", "type = \"boolean\"\n"),
        ("Event", "Left Right", "type = \"boolean\"\n"),
        (
            "Event",
            "Washer",
            "type = \"boolean\"\nmomentary_ms = 300\n",
        ),
        (
            "Paged",
            "First Second",
            "type = \"number\"\nmin = 0\nmax = 100\nstep = 1\n",
        ),
    ] {
        for signal in signals.split(' ') {
            toml += &format!(
                "\n[[actuator]]\npath = \"{signal}\"\nrequest = \"{message}.{signal}\"\n\
                 status = \"Status.{signal}\"\nconfirm_within_ms = 8000\n{kind}"
            );
        }
    }
    toml += "interlock = { above_kmh = 5 }\n";
    fs::write(directory.path().join("t.dbc"), DBC).unwrap();
    fs::write(directory.path().join("vehicle.toml"), toml).unwrap();
    Description::load(directory.path()).unwrap()
}

/// The outgoing messages of a car whose status is as told.
struct Desk {
    outgoing: Outgoing,
    description: Description,
    status: BTreeMap<&'static str, Value>,
    forbidden: bool,
    now: Instant,
}

impl Desk {
    fn new() -> Self {
        let description = description();
        let now = Instant::now();
        let mut outgoing = Outgoing::new(&description);
        outgoing.begin(now);
        Self {
            outgoing,
            description,
            status: BTreeMap::new(),
            forbidden: false,
            now,
        }
    }

    fn ask_for(
        &mut self,
        path: &str,
        value: Value,
        time_to_live_ms: u64,
    ) -> Result<String, Outcome> {
        let entry = self.description.entry(path).unwrap();
        let physical = entry.physical(&value).unwrap();
        let asked = Asked {
            path,
            raw: entry.actuator.as_ref().unwrap().raw(physical).unwrap(),
            value: &value,
            context: Context::default(),
            deadline: self.now + Duration::from_millis(time_to_live_ms),
        };
        let known = Known {
            status: &|path| self.status.get(path).cloned(),
            allowed: &|_, _, _| true,
        };
        let frame = self.outgoing.ask(&asked, self.now, &known)?;
        Ok(frame.to_string())
    }

    fn ask(&mut self, path: &str, value: Value) -> String {
        self.ask_for(path, value, 5000).unwrap()
    }

    /// What leaves within the next milliseconds, each with its time.
    fn pass(&mut self, milliseconds: u64) -> Vec<(u64, String)> {
        let begin = self.now;
        let end = begin + Duration::from_millis(milliseconds);
        let mut frames = Vec::new();
        while let Some(due) = self.outgoing.next_due().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            let known = Known {
                status: &|path| self.status.get(path).cloned(),
                allowed: &|_, _, _| !self.forbidden,
            };
            let at = (self.now - begin).as_millis() as u64;
            let due = self.outgoing.due(self.now, &known);
            frames.extend(due.iter().map(|frame| (at, frame.to_string())));
        }
        self.now = end;
        frames
    }

    fn release(&mut self, path: &str, done: Option<i128>) {
        self.outgoing
            .release(path, done.map(Raw::Integer), self.now);
    }
}

fn texts(frames: &[(u64, String)]) -> Vec<&str> {
    frames.iter().map(|(_, text)| text.as_str()).collect()
}

const ON: Value = Value::Flag(true);

#[test]
fn a_cyclic_message_is_silent_until_what_it_has_to_keep_is_known() {
    let mut desk = Desk::new();
    assert_eq!(desk.pass(1000), []);
    desk.status.insert("Kept", Value::Number(40.0));
    let frames = desk.pass(1000);
    assert_eq!(frames.len(), 10, "{frames:?}");
    assert!(texts(&frames).iter().all(|text| *text == "010#FF28"));
}

#[test]
fn a_request_stays_in_its_cyclic_message_until_its_outcome_and_goes_back_to_idle() {
    let mut desk = Desk::new();
    desk.status.insert("Kept", Value::Number(40.0));
    assert_eq!(desk.ask("Idle", Value::Number(7.0)), "010#0728");
    assert_eq!(texts(&desk.pass(300)), ["010#0728"; 3]);
    desk.release("Idle", Some(7));
    assert_eq!(texts(&desk.pass(200)), ["010#FF28"; 2]);
}

#[test]
fn nothing_is_repeated_after_its_time_to_live() {
    let mut desk = Desk::new();
    desk.status.insert("Kept", Value::Number(40.0));
    desk.ask_for("Idle", Value::Number(7.0), 250).unwrap();
    assert_eq!(
        desk.pass(400),
        [
            (100, "010#0728".to_owned()),
            (200, "010#0728".to_owned()),
            (300, "010#FF28".to_owned()),
            (400, "010#FF28".to_owned()),
        ]
    );
}

#[test]
fn a_signal_without_an_idle_value_keeps_what_was_done_and_not_what_was_only_asked() {
    let mut desk = Desk::new();
    desk.status.insert("Kept", Value::Number(40.0));
    desk.pass(100);
    assert_eq!(desk.ask("Kept", Value::Number(60.0)), "010#FF3C");
    assert_eq!(texts(&desk.pass(100)), ["010#FF3C"]);
    desk.release("Kept", None);
    assert_eq!(texts(&desk.pass(100)), ["010#FF28"], "not done: as before");
    desk.ask("Kept", Value::Number(60.0));
    desk.release("Kept", Some(60));
    desk.status.insert("Kept", Value::Number(10.0));
    assert_eq!(
        texts(&desk.pass(100)),
        ["010#FF3C"],
        "what the car does afterwards by hand does not become a request"
    );
}

#[test]
fn two_requests_in_one_message_do_not_disturb_each_other() {
    let mut desk = Desk::new();
    assert_eq!(desk.ask("One", ON), "011#0D");
    assert_eq!(desk.ask("Two", ON), "011#05");
    assert_eq!(texts(&desk.pass(50)), ["011#05"]);
    desk.release("One", Some(1));
    assert_eq!(texts(&desk.pass(50)), ["011#07"]);
}

#[test]
fn a_message_sent_while_active_ends_with_one_frame_that_asks_for_nothing() {
    let mut desk = Desk::new();
    assert_eq!(desk.pass(500), []);
    desk.ask("One", ON);
    assert_eq!(texts(&desk.pass(100)), ["011#0D"; 2]);
    desk.release("One", Some(1));
    assert_eq!(desk.pass(500), [(0, "011#0F".to_owned())]);
}

#[test]
fn the_pages_of_a_multiplexed_message_take_turns_while_they_are_asked_for() {
    let mut desk = Desk::new();
    assert_eq!(desk.ask("First", Value::Number(1.0)), "013#0101");
    assert_eq!(desk.ask("Second", Value::Number(2.0)), "013#0202");
    let frames = desk.pass(200);
    let mut texts = texts(&frames);
    texts.sort_unstable();
    assert_eq!(texts, ["013#0101", "013#0101", "013#0202", "013#0202"]);
    desk.release("First", Some(1));
    desk.release("Second", Some(2));
    assert_eq!(desk.pass(200), [(0, "013#0000".to_owned())]);
}

#[test]
fn a_message_sent_on_change_carries_the_cars_own_state_beside_what_is_asked() {
    let mut desk = Desk::new();
    let unknown = desk.ask_for("Left", ON, 5000).unwrap_err();
    assert_eq!(unknown.reason(), Some(&Reason::NoAnswer));
    assert!(
        unknown.message().contains("also carries Right"),
        "{unknown}"
    );
    desk.status.insert("Right", ON);
    assert_eq!(desk.ask("Left", ON), "012#06");
    assert_eq!(desk.pass(5000), [], "an event is not repeated");
    desk.release("Left", Some(1));
    desk.status.insert("Left", Value::Flag(false));
    desk.status.insert("Right", Value::Flag(false));
    assert_eq!(
        desk.ask("Right", ON),
        "012#04",
        "the car's state, not the last request"
    );
}

#[test]
fn a_request_that_the_car_has_not_shown_yet_is_not_taken_back_by_the_next_one() {
    let mut desk = Desk::new();
    desk.status.insert("Left", Value::Flag(false));
    desk.status.insert("Right", Value::Flag(false));
    assert_eq!(desk.ask("Left", ON), "012#02");
    assert_eq!(desk.ask("Right", ON), "012#06");
    desk.release("Left", None);
    assert_eq!(desk.ask("Right", ON), "012#04", "given up: as the car says");
}

#[test]
fn a_value_without_idle_is_not_repeated_past_its_time_to_live_by_its_cyclic_message() {
    let mut desk = Desk::new();
    desk.status.insert("Kept", Value::Number(40.0));
    desk.pass(100);
    desk.ask_for("Kept", Value::Number(60.0), 250).unwrap();
    assert_eq!(
        texts(&desk.pass(400)),
        ["010#FF3C", "010#FF3C", "010#FF28", "010#FF28"]
    );
}

#[test]
fn past_its_time_to_live_a_request_is_neither_asked_again_nor_taken_back_by_its_neighbour() {
    let mut desk = Desk::new();
    desk.status.insert("Left", Value::Flag(false));
    desk.status.insert("Right", Value::Flag(false));
    assert_eq!(desk.ask_for("Left", ON, 100).unwrap(), "012#02");
    assert_eq!(desk.pass(200), []);
    let busy = desk.ask_for("Right", ON, 5000).unwrap_err();
    assert_eq!(busy.reason(), Some(&Reason::Busy));
    assert!(busy.message().contains("also carries Left"), "{busy}");
    // Its confirm_within is over, whether or not anybody released it.
    desk.pass(8000);
    assert_eq!(desk.ask("Right", ON), "012#04");
}

#[test]
fn a_momentary_request_goes_back_to_its_start_value_after_its_time() {
    let mut desk = Desk::new();
    desk.status.insert("Left", ON);
    desk.status.insert("Right", Value::Flag(false));
    assert_eq!(desk.ask("Washer", ON), "012#03");
    desk.release("Washer", Some(1));
    assert_eq!(desk.pass(5000), [(300, "012#02".to_owned())]);
}

#[test]
fn a_momentary_request_is_not_shown_past_its_time_to_live() {
    let mut desk = Desk::new();
    desk.status.insert("Left", ON);
    desk.status.insert("Right", Value::Flag(false));
    desk.ask_for("Washer", ON, 100).unwrap();
    assert_eq!(desk.pass(5000), [(100, "012#02".to_owned())]);
}

#[test]
fn what_may_not_be_asked_for_any_more_is_taken_back() {
    let mut desk = Desk::new();
    desk.ask("One", ON);
    assert_eq!(texts(&desk.pass(50)), ["011#0D"]);
    desk.forbidden = true;
    assert_eq!(desk.pass(500), [(50, "011#0F".to_owned())]);
}

#[test]
fn a_bus_that_comes_back_asks_for_nothing() {
    let mut desk = Desk::new();
    desk.ask("One", ON);
    desk.outgoing.begin(desk.now);
    assert_eq!(desk.pass(500), []);
}
