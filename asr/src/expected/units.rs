//! Text cut into the units that phrases are made of.

use std::collections::HashMap;
use std::sync::LazyLock;

/// English words with their apostrophes, single Han characters, and the signs that are spoken
/// (`%`, `°`); lower case, everything else left out.
pub(crate) fn units(text: &str) -> Vec<String> {
    let mut units = Vec::new();
    let mut word = String::new();
    for character in text.chars() {
        if is_part_of_word(character) {
            word.extend(plain(character).to_lowercase());
            continue;
        }
        if !word.is_empty() {
            units.push(std::mem::take(&mut word));
        }
        if is_unit(character) {
            units.push(simplified(character).to_string());
        }
    }
    if !word.is_empty() {
        units.push(word);
    }
    units
}

/// Whether words go on with it.
pub(crate) fn is_part_of_word(character: char) -> bool {
    !is_unit(character) && (character.is_alphanumeric() || plain(character) == '\'')
}

/// Whether it is a unit of its own.
pub(crate) fn is_unit(character: char) -> bool {
    matches!(character, '%' | '°') || is_han(character)
}

pub(crate) fn is_han(character: char) -> bool {
    matches!(character, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}')
}

/// The simplified form of a traditional character, any other as it is.
pub(crate) fn simplified(character: char) -> char {
    let text = character.encode_utf8(&mut [0; 4]).to_owned();
    fast2s::convert(&text).chars().next().unwrap_or(character)
}

/// The traditional forms of a simplified character, where it has others than itself.
pub(crate) fn traditional(character: char) -> &'static [char] {
    /// The characters of which most texts are made.
    const HAN: std::ops::RangeInclusive<char> = '\u{4e00}'..='\u{9fff}';
    static FORMS: LazyLock<HashMap<char, Vec<char>>> = LazyLock::new(|| {
        let mut forms: HashMap<char, Vec<char>> = HashMap::new();
        for form in HAN {
            let simplified = simplified(form);
            if simplified != form {
                forms.entry(simplified).or_default().push(form);
            }
        }
        forms
    });
    FORMS.get(&character).map_or(&[], Vec::as_slice)
}

fn plain(character: char) -> char {
    match character {
        '’' => '\'',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::units;

    #[test]
    fn words_characters_and_spoken_signs_are_units() {
        assert_eq!(
            units("Open the driver’s window to 50%, please."),
            [
                "open", "the", "driver's", "window", "to", "50", "%", "please"
            ]
        );
        assert_eq!(units("打开AC，22度"), ["打", "开", "ac", "22", "度"]);
        assert_eq!(units("關閉車窗"), units("关闭车窗"));
        assert!(units(" ...").is_empty());
    }
}
