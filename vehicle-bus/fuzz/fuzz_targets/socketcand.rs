//! Any bytes from a socketcand server: the same messages however they are cut.
#![no_main]

use codriver_vehicle_bus::transport::socketcand::{Message, Parser, frame_text, send_text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let whole = Parser::default().take(bytes);
    let mut parser = Parser::default();
    let cut = 1 + bytes.first().map_or(0, |byte| usize::from(byte % 7));
    let parts: Vec<_> = bytes
        .chunks(cut)
        .flat_map(|part| parser.take(part))
        .collect();
    assert_eq!(whole, parts);
    for message in whole {
        match &message {
            Message::Send(frame) => {
                let again = Parser::default().take(send_text(frame).as_bytes());
                assert_eq!(again, [message]);
            }
            Message::Frame(frame) => {
                let again = Parser::default().take(frame_text(frame, 1.5).as_bytes());
                assert_eq!(again, [message]);
            }
            _ => {}
        }
    }
});
