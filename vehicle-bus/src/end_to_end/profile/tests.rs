//! The examples of AUTOSAR's E2E protocol specification (PRS_E2EProtocol, "Protocol examples" of
//! each profile, R20-11 and later), and what a description can get wrong.

use std::path::Path;

use super::*;
use crate::{dbc::Database, end_to_end::Rules};

/// A message `M` with the signals `Crc` and `Counter`.
fn message(size: usize, crc: &str, counter: &str) -> Arc<Message> {
    let text = format!(
        "VERSION \"\"\n\nBU_: A\n\nBO_ 1 M: {size} A\n SG_ Crc : {crc} (1,0) [0|0] \"\" A\n \
         SG_ Counter : {counter} (1,0) [0|0] \"\" A\n"
    );
    let database = Database::parse(Path::new("m.dbc"), &text).unwrap();
    Arc::new(database.message("M").unwrap().clone())
}

fn rules() -> Rules {
    Rules {
        max_delta_counter: 1,
        window: 5,
        max_errors: 2,
        timeout: Some(std::time::Duration::from_secs(1)),
    }
}

fn protection(
    profile: Profile,
    data_id: DataId,
    size: usize,
    crc: &str,
    counter: &str,
) -> Result<Protection, Misplaced> {
    let message = message(size, crc, counter);
    let (counter, crc) = (
        message.signal("Counter").unwrap().clone(),
        message.signal("Crc").unwrap().clone(),
    );
    Protection::new(message, profile, &data_id, &counter, &crc, rules())
}

/// The first frames of `size` zero bytes, as hex digits, all of which the receiver side reads.
fn frames(protection: &Protection, count: usize) -> Vec<String> {
    let mut sender = protection.sender();
    (0..count)
        .map(|_| {
            let mut payload = vec![0; protection.message().size()];
            sender.protect(&mut payload);
            assert!(protection.counter(&payload).is_ok());
            payload.iter().map(|byte| format!("{byte:02x}")).collect()
        })
        .collect()
}

const LOW_CRC: &str = "0|8@1+";
const LOW_COUNTER: &str = "8|4@1+";

#[test]
fn profiles_1a_and_11a_make_the_published_frames() {
    let wanted = ["cc00000000000000", "9101000000000000"];
    for name in ["1A", "11A"] {
        let profile = name.parse().unwrap();
        let made = protection(profile, DataId::One(0x123), 8, LOW_CRC, LOW_COUNTER).unwrap();
        assert_eq!(frames(&made, 2), wanted);
    }
}

#[test]
fn profiles_1c_and_11c_make_the_published_frames() {
    let made = protection(
        Profile::P11C,
        DataId::One(0x123),
        8,
        LOW_CRC,
        // The same four bits in Motorola order.
        "11|4@0+",
    )
    .unwrap();
    assert_eq!(frames(&made, 2), ["2a10000000000000", "7711000000000000"]);
    // Offset 64: the header in bytes 8 and 9.
    let made = protection(Profile::P11C, DataId::One(0x123), 16, "64|8@1+", "72|4@1+").unwrap();
    assert_eq!(frames(&made, 1), ["00000000000000007d10000000000000"]);
}

#[test]
fn profiles_2_and_22_make_the_published_frames() {
    let ids = std::array::from_fn(|index| index as u8 + 1);
    let made = protection(
        "2".parse().unwrap(),
        DataId::Sixteen(ids),
        8,
        LOW_CRC,
        LOW_COUNTER,
    )
    .unwrap();
    let checksums = [
        0x1b, 0x98, 0x31, 0x0d, 0x18, 0x9b, 0x65, 0x08, 0x1d, 0x9e, 0x37, 0x0b, 0x1e, 0x9d, 0xcd,
        0x0e,
    ];
    let wanted: Vec<String> = checksums
        .iter()
        .enumerate()
        .map(|(index, crc)| format!("{crc:02x}{:02x}000000000000", (index + 1) % 16))
        .collect();
    assert_eq!(frames(&made, 16), wanted);
}

#[test]
fn profile_5_makes_the_published_frames() {
    let made = protection(Profile::P5, DataId::One(0x1234), 8, "0|16@1+", "16|8@1+").unwrap();
    assert_eq!(frames(&made, 1), ["1cca000000000000"]);
    let made = protection(Profile::P5, DataId::One(0x1234), 16, "64|16@1+", "80|8@1+").unwrap();
    assert_eq!(frames(&made, 1), ["00000000000000002891000000000000"]);
}

#[test]
fn the_long_profiles_make_the_published_frames() {
    let made = |profile, size, crc, counter, id| {
        let made = protection(profile, DataId::One(id), size, crc, counter).unwrap();
        frames(&made, 1).remove(0)
    };
    assert_eq!(
        made(Profile::P4, 16, "71|32@0+", "23|16@0+", 0x0a0b_0c0d),
        "001000000a0b0c0d862b055600000000"
    );
    assert_eq!(
        made(Profile::P6, 8, "7|16@0+", "39|8@0+", 0x1234),
        "b155000800000000"
    );
    assert_eq!(
        made(Profile::P7, 24, "7|64@0+", "103|32@0+", 0x0a0b_0c0d),
        "1fb2e737fcedbcd900000018000000000a0b0c0d00000000"
    );
    assert_eq!(
        made(Profile::P8, 20, "7|32@0+", "71|32@0+", 0x0a0b_0c0d),
        "41494e5200000014000000000a0b0c0d00000000"
    );
}

#[test]
fn a_signal_in_another_place_is_an_error_that_says_where_it_should_be() {
    let wrong = |profile, size, crc, counter| {
        protection(profile, DataId::One(0x12), size, crc, counter)
            .unwrap_err()
            .0
    };
    let error = wrong(Profile::P11A, 8, LOW_CRC, "16|4@1+");
    assert!(
        error.starts_with("Counter must be an unsigned signal of 4 bits in byte 1"),
        "{error}"
    );
    assert!(wrong(Profile::P11A, 8, LOW_CRC, "12|4@1+").starts_with("Counter must"));
    assert!(wrong(Profile::P11A, 8, "0|4@1+", LOW_COUNTER).starts_with("Crc must"));
    assert!(wrong(Profile::P5, 8, "7|16@0+", "16|8@1+").starts_with("Crc must"));
    assert!(wrong(Profile::P4, 8, "31|32@0+", "7|16@0+").contains("12 byte header"));
    assert!(wrong(Profile::P11A, 64, "480|8@1+", "488|4@1+").contains("30 bytes"));
}

#[test]
fn a_data_id_of_the_wrong_kind_or_width_is_an_error() {
    let one = protection(Profile::P22, DataId::One(1), 8, LOW_CRC, LOW_COUNTER);
    assert!(one.unwrap_err().0.contains("data_ids"));
    let sixteen = protection(
        Profile::P11A,
        DataId::Sixteen([0; 16]),
        8,
        LOW_CRC,
        LOW_COUNTER,
    );
    assert!(sixteen.unwrap_err().0.contains("one data_id of 16 bits"));
    let wide = protection(Profile::P11C, DataId::One(0x1123), 8, LOW_CRC, LOW_COUNTER);
    assert!(wide.unwrap_err().0.contains("12 bits"));
    assert!("3".parse::<Profile>().is_err());
}

#[test]
fn any_flipped_bit_another_identity_and_a_short_frame_are_noticed() {
    for (profile, crc, counter, size) in [
        (Profile::P11A, LOW_CRC, LOW_COUNTER, 8),
        (Profile::P11C, LOW_CRC, LOW_COUNTER, 8),
        (Profile::P5, "0|16@1+", "16|8@1+", 32),
    ] {
        let made = protection(profile, DataId::One(0x123), size, crc, counter).unwrap();
        let other = protection(profile, DataId::One(0x124), size, crc, counter).unwrap();
        let mut payload = vec![0x5A; size];
        made.sender().protect(&mut payload);
        assert_eq!(other.counter(&payload), Err(Fault::Checksum));
        assert_eq!(made.counter(&payload[1..]), Err(Fault::Length));
        for bit in 0..size * 8 {
            let mut flipped = payload.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(made.counter(&flipped).is_err(), "{profile:?}, bit {bit}");
        }
        // Padding of CAN FD is not covered.
        payload.extend([0xFF; 4]);
        assert_eq!(made.counter(&payload), Ok(0));
    }
}
