//! Ranges of settings: a number out of range is refused, never bent into range.

use std::fmt::Display;

use codriver_catalog::Zone;
use codriver_nlu::opening::OpeningPhrase;

use super::{Activation, Listening, Settings};
use crate::attention::parse_key;

/// The first key whose value cannot be used, with its range.
pub(super) fn check(settings: &Settings) -> Result<(), String> {
    let Settings {
        audio,
        voice_activity,
        endpoint,
        listening,
        recogniser,
        understanding,
        dialogue,
        models,
        correction_log,
        ..
    } = settings;
    within("audio.buffer_frames", audio.buffer_frames, 64, 8192)?;
    check_zones(&audio.zones)?;
    within(
        "voice_activity.voiced_at",
        voice_activity.voiced_at,
        0.01,
        0.99,
    )?;
    let voiced_at = voice_activity.voiced_at;
    within(
        "voice_activity.voiced_at_over_reply",
        voice_activity.voiced_at_over_reply,
        0.01,
        0.99,
    )?;
    within(
        "voice_activity.unvoiced_below",
        voice_activity.unvoiced_below,
        0.01,
        voiced_at,
    )?;
    filled("voice_activity.pack", &voice_activity.pack)?;
    within("endpoint.pre_roll_ms", endpoint.pre_roll_ms, 0, 2_000)?;
    within("endpoint.onset_ms", endpoint.onset_ms, 32, 500)?;
    within(
        "endpoint.onset_over_reply_ms",
        endpoint.onset_over_reply_ms,
        32,
        1_000,
    )?;
    within("endpoint.hangover_ms", endpoint.hangover_ms, 100, 3_000)?;
    within(
        "endpoint.hangover_complete_ms",
        endpoint.hangover_complete_ms,
        64,
        endpoint.hangover_ms,
    )?;
    within(
        "endpoint.hangover_extensible_ms",
        endpoint.hangover_extensible_ms,
        endpoint.hangover_complete_ms,
        endpoint.hangover_ms,
    )?;
    within(
        "endpoint.hangover_unfinished_ms",
        endpoint.hangover_unfinished_ms,
        endpoint.hangover_ms,
        3_000,
    )?;
    within(
        "endpoint.pause_ms",
        endpoint.pause_ms,
        32,
        endpoint.hangover_complete_ms,
    )?;
    within("endpoint.shortest_ms", endpoint.shortest_ms, 0, 1_000)?;
    within("endpoint.longest_ms", endpoint.longest_ms, 6_000, 29_000)?;
    check_listening(listening)?;
    filled("recogniser.pack", &recogniser.pack)?;
    within("recogniser.threads", recogniser.threads, 1, 64)?;
    if recogniser.languages.is_empty() {
        return Err("recogniser.languages is empty; name at least one of \"en\", \"zh\"".into());
    }
    filled("understanding.pack", &understanding.pack)?;
    within("understanding.threads", understanding.threads, 1, 64)?;
    within(
        "understanding.budget_ms",
        understanding.budget_ms,
        50,
        60_000,
    )?;
    within("models.patience_ms", models.patience_ms, 10, 60_000)?;
    within(
        "dialogue.answer_within_ms",
        dialogue.answer_within_ms,
        1_000,
        60_000,
    )?;
    within(
        "dialogue.driving_above_kmh",
        dialogue.driving_above_kmh,
        0.0,
        50.0,
    )?;
    filled("dialogue.speed_path", &dialogue.speed_path)?;
    within(
        "correction_log.most_bytes",
        correction_log.most_bytes,
        65_536,
        16_777_216,
    )?;
    if !correction_log.directory.is_absolute() {
        return Err(format!(
            "correction_log.directory = \"{}\" must be an absolute path",
            correction_log.directory.display()
        ));
    }
    settings
        .providers()
        .map(|_| ())
        .map_err(|error| error.to_string())
}

/// The same of what one file may say of another's: the first name that stands for nothing.
pub(super) fn check_together(settings: &Settings) -> Result<(), String> {
    let named = settings.voice_activity_placement();
    named
        .and_then(|_| settings.wake_placement())
        .map(|_| ())
        .map_err(|error| error.to_string())
}

/// One seat or row a channel; "all" would tell nothing.
fn check_zones(zones: &[Zone]) -> Result<(), String> {
    within("the number of audio.zones", zones.len(), 0, 16)?;
    match zones.contains(&Zone::All) {
        true => Err("audio.zones: \"all\" is no seat; leave audio.zones empty \
                     for one microphone"
            .into()),
        false => Ok(()),
    }
}

fn check_listening(listening: &Listening) -> Result<(), String> {
    within("listening.window_ms", listening.window_ms, 1_000, 30_000)?;
    within("listening.follow_up_ms", listening.follow_up_ms, 0, 30_000)?;
    for phrase in &listening.wake_phrases {
        OpeningPhrase::new(phrase)
            .map_err(|problem| format!("listening.wake_phrases: {problem}"))?;
    }
    if !listening.wake_pack.is_empty() {
        filled("listening.wake_pack", &listening.wake_pack)?;
    }
    if listening.wake_phrases.is_empty() && listening.activation == Activation::Wake {
        return Err(
            "listening.wake_phrases is empty, so nothing could wake it; \
                    name a phrase, or set listening.activation to \"push_to_talk\""
                .into(),
        );
    }
    if listening.key.is_empty() {
        return Ok(());
    }
    if listening.key_device.is_empty() {
        return Err("listening.key is set, but listening.key_device is not; \
                    write a part of the device's name as evtest lists it"
            .into());
    }
    parse_key(&listening.key).map(|_| ()).ok_or_else(|| {
        format!(
            "listening.key = \"{}\" is no key that Linux knows; \
                 use a name such as \"KEY_VOICECOMMAND\"",
            listening.key
        )
    })
}

fn within<N: PartialOrd + Display>(key: &str, value: N, low: N, high: N) -> Result<(), String> {
    // Not-a-number compares false and is refused with the rest.
    if value >= low && value <= high {
        Ok(())
    } else {
        Err(format!(
            "{key} = {value} is out of range; use {low} to {high}"
        ))
    }
}

/// A pack is a folder name inside the store, nothing that climbs out of it.
fn filled(key: &str, value: &str) -> Result<(), String> {
    match value {
        "" => Err(format!("{key} is empty; remove the key to get its default")),
        name if name.contains('/') || name.starts_with('.') => Err(format!(
            "{key} = \"{name}\" must be a plain name without \"/\""
        )),
        _ => Ok(()),
    }
}
