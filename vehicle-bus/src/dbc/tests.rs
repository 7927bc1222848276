use std::path::Path;

use proptest::prelude::*;

use super::*;

const TEXT: &str = r#"VERSION ""
NS_ :
BS_:
BU_: IVI BCM
BO_ 801 HvacCmd: 8 IVI
 SG_ Crc : 0|8@1+ (1,0) [0|255] "" BCM
 SG_ FanLevel : 16|3@1+ (1,0) [0|7] "" BCM
 SG_ SetTemp : 24|8@1+ (0.5,10) [10|32] "degC" BCM
 SG_ Tilt : 32|8@1- (1,0) [-100|100] "%" BCM
BO_ 802 Supply: 4 BCM
 SG_ Flags : 0|8@1+ (1,0) [0|0] "" IVI
 SG_ Voltage : 9|10@0+ (0.1,-5) [-5|20] "V" IVI
BO_ 2566844672 Muxed: 8 IVI
 SG_ Page M : 0|4@1+ (1,0) [0|15] "" BCM
 SG_ Low m0 : 8|8@1+ (1,0) [0|255] "" BCM
 SG_ High m1 : 8|16@1- (0.01,0) [-300|300] "" BCM
BO_ 803 Floats: 8 BCM
 SG_ Ratio : 0|32@1- (1,0) [0|0] "" IVI
VAL_ 801 FanLevel 0 "Off" 7 "Max" ;
SIG_VALTYPE_ 803 Ratio : 1;
"#;

fn database() -> Database {
    Database::parse(Path::new("t.dbc"), TEXT).unwrap()
}

#[test]
fn a_motorola_signal_lies_where_cantools_puts_it() {
    let database = database();
    let supply = database.message("Supply").unwrap();
    let payload = supply.encode(&[("Voltage", 12.3)]).unwrap();
    assert_eq!(payload, [0x00, 0x00, 0xAD, 0x00]);
    let decoded = supply.decode(&payload).unwrap();
    assert!((decoded[1].physical - 12.3).abs() < 1e-9);
}

#[test]
fn setting_one_signal_leaves_the_others_alone() {
    let database = database();
    let message = database.message("HvacCmd").unwrap();
    let mut payload = vec![0xFF; 8];
    message.set(&mut payload, "FanLevel", 2.0).unwrap();
    assert_eq!(payload, [0xFF, 0xFF, 0xFA, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]);
}

#[test]
fn a_value_outside_the_range_is_refused_and_never_clamped() {
    let database = database();
    let message = database.message("HvacCmd").unwrap();
    for value in [9.9, 32.6, f64::NAN, f64::INFINITY, 1e300] {
        let error = message.encode(&[("SetTemp", value)]).unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("t.dbc: message HvacCmd, signal SetTemp:"),
            "{text}"
        );
    }
    let untouched = [1u8, 2, 3, 4, 5, 6, 7, 8];
    let mut payload = untouched;
    assert!(message.set(&mut payload, "SetTemp", 99.0).is_err());
    assert_eq!(payload, untouched);
}

#[test]
fn a_value_beyond_the_bits_is_refused_where_the_dbc_states_no_range() {
    let database = database();
    let message = database.message("Supply").unwrap();
    assert!(message.encode(&[("Flags", 255.0)]).is_ok());
    assert!(message.encode(&[("Flags", 256.0)]).is_err());
    assert!(message.encode(&[("Flags", -1.0)]).is_err());
}

#[test]
fn a_multiplexed_signal_appears_only_under_its_selector() {
    let database = database();
    let message = database.message("Muxed").unwrap();
    let payload = message.request("High", -12.34).unwrap();
    let names: Vec<_> = message
        .decode(&payload)
        .unwrap()
        .iter()
        .map(|value| value.signal.name().to_owned())
        .collect();
    assert_eq!(names, ["Page", "High"]);
    let mut low = message.request("Low", 3.0).unwrap();
    let error = message.set(&mut low, "High", 1.0).unwrap_err();
    assert!(matches!(error, Error::NotSelected { .. }), "{error}");
}

#[test]
fn a_float_signal_carries_ieee_bits() {
    let database = database();
    let message = database.message("Floats").unwrap();
    let payload = message.encode(&[("Ratio", 1.5)]).unwrap();
    assert_eq!(payload[..4], 1.5f32.to_le_bytes());
    assert!(message.encode(&[("Ratio", 1e60)]).is_err());
}

#[test]
fn an_unknown_signal_is_an_error_that_names_file_message_and_signal() {
    let database = database();
    let error = database
        .message("Supply")
        .unwrap()
        .signal("Amps")
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "t.dbc: message Supply has no signal Amps"
    );
    let error = database.message("Nothing").unwrap_err();
    assert_eq!(error.to_string(), "t.dbc: has no message Nothing");
}

#[test]
fn a_signal_that_leaves_its_message_is_an_error() {
    let text = TEXT.replace("SG_ Flags : 0|8", "SG_ Flags : 30|8");
    let error = Database::parse(Path::new("t.dbc"), &text).unwrap_err();
    assert_eq!(
        error.to_string(),
        "t.dbc: message Supply, signal Flags: 8 bits from bit 30 do not fit its 4 byte message"
    );
}

#[test]
fn a_short_frame_is_an_error() {
    let database = database();
    let error = database
        .message("Supply")
        .unwrap()
        .decode(&[0; 3])
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "t.dbc: message Supply has 4 bytes, the frame 3"
    );
}

proptest! {
    #[test]
    fn decoding_what_was_encoded_is_within_half_a_step(
        temperature in 10.0f64..=32.0,
        tilt in -100.0f64..=100.0,
        voltage in -5.0f64..=20.0,
    ) {
        let database = database();
        for (message, signal, value) in [
            ("HvacCmd", "SetTemp", temperature),
            ("HvacCmd", "Tilt", tilt),
            ("Supply", "Voltage", voltage),
        ] {
            let message = database.message(message).unwrap();
            let payload = message.encode(&[(signal, value)]).unwrap();
            let decoded = message.decode(&payload).unwrap();
            let read = decoded.iter().find(|each| each.signal.name() == signal).unwrap();
            prop_assert!((read.physical - value).abs() <= read.signal.factor() / 2.0 + 1e-9);
        }
    }

    #[test]
    fn any_bytes_decode_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..70)) {
        for message in database().messages() {
            let _ = message.decode(&bytes);
        }
    }

    #[test]
    fn any_text_is_a_database_or_an_error(text in "(BO_ |SG_ |[0-9]{1,20}|[ :|@+()\\[\\],\"\na-zA-Z]){0,40}") {
        let _ = Database::parse(Path::new("t.dbc"), &text);
    }
}
