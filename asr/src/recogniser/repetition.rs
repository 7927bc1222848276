//! Finds a model that has begun to repeat itself.

/// Whether `text` says the same thing over and over: a run of one to eight units repeated back
/// to back more often than people do. Units are words, or characters in scripts without spaces.
pub(super) fn is_looping(text: &str) -> bool {
    let units = units(text);
    (1..=8).any(|period| {
        // "no, no, no" and "six six six" are speech; the longer the phrase, the less so.
        let repeats_allowed = match period {
            1 => 4,
            2..=3 => 3,
            _ => 2,
        };
        longest_repeat(&units, period) > repeats_allowed
    })
}

/// How often the most repeated run of `period` units follows itself, counting itself.
fn longest_repeat(units: &[String], period: usize) -> usize {
    let mut longest = 1;
    let mut matched = 0;
    for (earlier, later) in units.iter().zip(units.iter().skip(period)) {
        matched = if earlier == later { matched + 1 } else { 0 };
        longest = longest.max(1 + matched / period);
    }
    longest
}

fn units(text: &str) -> Vec<String> {
    let mut units = Vec::new();
    let mut word = String::new();
    for character in text.chars() {
        let spaceless = is_written_without_spaces(character);
        if character.is_alphanumeric() && !spaceless {
            word.extend(character.to_lowercase());
            continue;
        }
        if !word.is_empty() {
            units.push(std::mem::take(&mut word));
        }
        if spaceless {
            units.push(character.to_string());
        }
    }
    if !word.is_empty() {
        units.push(word);
    }
    units
}

/// Han characters and kana.
pub(super) fn is_written_without_spaces(character: char) -> bool {
    matches!(character, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}')
}

#[cfg(test)]
mod tests {
    use super::is_looping;

    #[test]
    fn a_phrase_said_over_and_over_is_a_loop_in_both_languages() {
        assert!(is_looping(
            "Turn on the light. Turn on the light. Turn on the light."
        ));
        assert!(is_looping("la la la la la la"));
        assert!(is_looping("打开车窗打开车窗打开车窗"));
        assert!(is_looping("set it to 20 set it to 20 set it to 20 set it"));
    }

    #[test]
    fn what_people_say_is_not_a_loop() {
        for text in [
            "no, no, no, turn it off",
            "打开打开车窗",
            "call five five five one two one two",
            "turn on the seat heating and turn on the wheel heating",
            "",
        ] {
            assert!(!is_looping(text), "{text}");
        }
    }
}
