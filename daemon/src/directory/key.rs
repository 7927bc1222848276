//! When two names are the same: as they are written, and as they sound.

use pinyin::ToPinyin;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// A name reduced to what is compared. Case, accents, spaces and punctuation do not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    /// Its letters and digits.
    pub(super) written: String,
    /// The same with pinyin, without tones, in place of Chinese characters: a
    /// recogniser cannot know which characters somebody's name is written with.
    pub(super) sounds: String,
}

impl Key {
    /// The key of a name; `None` when nothing is left of it.
    pub(super) fn of(name: &str) -> Option<Self> {
        let words = name
            .split_whitespace()
            .map(|word| spelled_alike(&folded(word)));
        let written: String = words.collect();
        let mut sounds = String::with_capacity(written.len());
        for character in written.chars() {
            match character.to_pinyin() {
                Some(syllable) => sounds.push_str(&folded(syllable.plain())),
                None => sounds.push(character),
            }
        }
        (!written.is_empty()).then_some(Self { written, sounds })
    }
}

fn folded(text: &str) -> String {
    text.nfkd()
        .filter(|character| character.is_alphanumeric() && !is_combining_mark(*character))
        .flat_map(char::to_lowercase)
        .collect::<String>()
        .replace('ß', "ss")
}

/// Titles are said in full and written short.
fn spelled_alike(word: &str) -> String {
    match word {
        "doctor" => "dr",
        "professor" => "prof",
        "mister" => "mr",
        other => other,
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::Key;

    #[test]
    fn case_accents_spaces_and_titles_do_not_count() {
        let same = [
            ("Anna-Lena", "anna lena"),
            ("Müller", "MULLER"),
            ("Dr. Groß", "doctor gross"),
            ("王 小明", "王小明"),
        ];
        for (one, other) in same {
            assert_eq!(Key::of(one), Key::of(other), "{one}");
        }
        assert_ne!(Key::of("Anna"), Key::of("Anne"));
        assert_eq!(Key::of(" -. "), None);
    }

    #[test]
    fn characters_that_sound_alike_sound_the_same_and_are_written_otherwise() {
        let (one, other) = (Key::of("王小明").unwrap(), Key::of("汪晓铭").unwrap());
        assert_eq!(one.sounds, other.sounds);
        assert_eq!(one.sounds, Key::of("Wang Xiaoming").unwrap().sounds);
        assert_ne!(one.written, other.written);
    }
}
