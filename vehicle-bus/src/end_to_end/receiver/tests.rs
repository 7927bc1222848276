use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use super::*;
use crate::{
    dbc::Database,
    end_to_end::{DataId, Profile, Sender},
};

const CYCLE: Duration = Duration::from_millis(100);

/// A sender and its receiver, 100 ms a frame.
struct Line {
    sender: Sender,
    receiver: Receiver,
    now: Instant,
}

impl Line {
    fn new(profile: &str) -> Self {
        Self::with_timeout(profile, Some(5 * CYCLE))
    }

    fn with_timeout(profile: &str, timeout: Option<Duration>) -> Self {
        let text = "VERSION \"\"\n\nBU_: A\n\nBO_ 1 M: 8 A\n SG_ Crc : 0|8@1+ (1,0) [0|0] \"\" A\n \
                    SG_ Counter : 8|4@1+ (1,0) [0|0] \"\" A\n";
        let database = Database::parse(Path::new("m.dbc"), text).unwrap();
        let message = Arc::new(database.message("M").unwrap().clone());
        let signal = |name| message.signal(name).unwrap().clone();
        let profile: Profile = profile.parse().unwrap();
        let data_id = match profile {
            Profile::P22 => DataId::Sixteen([7; 16]),
            _ => DataId::One(0x1A),
        };
        let rules = Rules {
            max_delta_counter: 3,
            window: 5,
            max_errors: 2,
            timeout,
        };
        let (counter, crc) = (signal("Counter"), signal("Crc"));
        let protection = Protection::new(
            Arc::clone(&message),
            profile,
            &data_id,
            &counter,
            &crc,
            rules,
        )
        .unwrap();
        Self {
            sender: protection.sender(),
            receiver: protection.receiver(),
            now: Instant::now(),
        }
    }

    fn frame(&mut self) -> Vec<u8> {
        let mut payload = vec![0; 8];
        self.sender.protect(&mut payload);
        payload
    }

    fn hear(&mut self, payload: &[u8]) -> Verdict {
        self.now += CYCLE;
        self.receiver.check(payload, self.now)
    }

    fn next(&mut self) -> Verdict {
        let payload = self.frame();
        self.hear(&payload)
    }

    fn damaged(&mut self) -> Verdict {
        let mut payload = self.frame();
        payload[5] ^= 0x10;
        self.hear(&payload)
    }

    /// Heard twice, so that it is believed.
    fn believed(profile: &str) -> Self {
        let mut line = Self::new(profile);
        line.next();
        assert_eq!(line.next(), Verdict::Accepted);
        line
    }
}

fn rejected(fault: Fault, lost: bool) -> Verdict {
    Verdict::Rejected { fault, lost }
}

#[test]
fn a_message_is_believed_from_its_second_good_frame_whatever_counter_it_begins_with() {
    for profile in ["1A", "1C", "2"] {
        for skipped in 0..16 {
            let mut line = Line::new(profile);
            for _ in 0..skipped {
                line.frame();
            }
            assert_eq!(line.next(), rejected(Fault::NotYet, false));
            for _ in 0..40 {
                assert_eq!(line.next(), Verdict::Accepted, "{profile} {skipped}");
            }
        }
    }
}

#[test]
fn a_damaged_frame_is_not_used_and_the_next_good_one_is() {
    let mut line = Line::believed("1A");
    assert_eq!(line.damaged(), rejected(Fault::Checksum, false));
    assert_eq!(line.next(), Verdict::Accepted);
}

#[test]
fn a_repeated_frame_is_not_used_and_a_sender_that_hangs_is_lost() {
    let mut line = Line::believed("2");
    let payload = line.frame();
    assert_eq!(line.hear(&payload), Verdict::Accepted);
    let verdicts: Vec<_> = (0..6).map(|_| line.hear(&payload)).collect();
    assert!(verdicts.iter().all(|v| *v != Verdict::Accepted));
    let losses = verdicts
        .iter()
        .filter(|v| **v == rejected(Fault::Repeated, true));
    assert_eq!(losses.count(), 1, "{verdicts:?}");
}

#[test]
fn a_frame_that_stands_still_from_the_first_is_never_believed() {
    for profile in ["1A", "1C", "2"] {
        for skipped in 0..16 {
            let mut line = Line::new(profile);
            for _ in 0..skipped {
                line.frame();
            }
            let payload = line.frame();
            for _ in 0..10 {
                assert_ne!(
                    line.hear(&payload),
                    Verdict::Accepted,
                    "{profile} {skipped}"
                );
            }
        }
    }
}

#[test]
fn two_lost_frames_are_borne_and_three_cost_one_more() {
    let mut line = Line::believed("1C");
    line.frame();
    line.frame();
    assert_eq!(line.next(), Verdict::Accepted);
    for _ in 0..3 {
        line.frame();
    }
    assert_eq!(line.next(), rejected(Fault::Sequence, false));
    assert_eq!(line.next(), Verdict::Accepted);
}

#[test]
fn with_too_many_damaged_frames_the_message_is_lost_until_enough_good_ones_came() {
    let mut line = Line::believed("1A");
    line.next();
    assert_eq!(line.damaged(), rejected(Fault::Checksum, false));
    assert_eq!(line.damaged(), rejected(Fault::Checksum, false));
    assert_eq!(line.damaged(), rejected(Fault::Checksum, true));
    // Still three damaged ones among the last five, the first good frame also follows a jump of
    // the counter.
    assert_ne!(line.next(), Verdict::Accepted);
    assert_ne!(line.next(), Verdict::Accepted);
    assert_eq!(line.next(), Verdict::Accepted);
}

#[test]
fn after_a_gap_the_reception_begins_anew() {
    let mut line = Line::believed("1A");
    line.now += 5 * CYCLE;
    assert_eq!(line.next(), rejected(Fault::NotYet, true));
    assert_eq!(line.next(), Verdict::Accepted);
}

#[test]
fn a_counter_the_profile_does_not_have_is_an_error() {
    // Profile 1 counts to 14. Profile 2 frames with counter 15 and a matching checksum do not
    // pass for it either, so the counter is judged alone.
    let line = Line::believed("1A");
    assert_eq!(
        line.receiver.sequence(Some(14), 15),
        (Check::Error, Fault::Sequence)
    );
    assert_eq!(
        line.receiver.sequence(Some(14), 0),
        (Check::Good, Fault::NotYet)
    );
}

#[test]
fn each_frame_of_a_message_without_a_cycle_stands_for_itself() {
    let mut line = Line::with_timeout("1A", None);
    assert_eq!(line.next(), Verdict::Accepted);
    line.now += 1000 * CYCLE;
    let payload = line.frame();
    assert_eq!(line.hear(&payload), Verdict::Accepted);
    assert_eq!(line.hear(&payload), rejected(Fault::Repeated, false));
    assert_eq!(line.damaged(), rejected(Fault::Checksum, false));
    assert_eq!(line.next(), Verdict::Accepted);
}
