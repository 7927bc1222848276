//! English words that sound alike, by double metaphone and spelling.

use rphonetic::DoubleMetaphone;

/// How a word sounds, computed once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sound {
    spelling: String,
    codes: [String; 2],
}

/// Words shorter than this are told apart by a single letter too often: on, off, an.
const SHORTEST: usize = 4;
/// Longest code that is computed, in sounds.
const CODE_LENGTH: usize = 12;

impl Sound {
    /// The sound of a lower-case word.
    pub fn of(word: &str) -> Self {
        // The crate cuts words inside letters of other alphabets and panics.
        let codes = if word.is_ascii() {
            let result = DoubleMetaphone::new(Some(CODE_LENGTH)).double_metaphone(word);
            [result.primary(), result.alternate()]
        } else {
            [String::new(), String::new()]
        };
        Self {
            spelling: word.to_owned(),
            codes,
        }
    }

    /// What it costs to take `heard` for this word, 0 to 1; `None` when they
    /// are too different. Two words must begin with the same sound: prefixes
    /// turn meanings around (lock and unlock, activate and deactivate).
    pub fn cost(&self, heard: &Self) -> Option<f32> {
        let longest = self.spelling.len().max(heard.spelling.len());
        let shortest = self.spelling.len().min(heard.spelling.len());
        if shortest < SHORTEST || longest - shortest > 3 {
            return None;
        }
        let code_distance = self.code_distance(heard)?;
        let letters = strsim::osa_distance(&self.spelling, &heard.spelling);
        let unlike = letters as f32 / longest as f32;
        match code_distance {
            0 if unlike <= 0.5 => Some(0.1 + 0.8 * unlike),
            1 if unlike <= 0.34 => Some(0.25 + 0.8 * unlike),
            _ => None,
        }
    }

    /// The distance of the nearest codes with the same first sound, 0 or 1.
    fn code_distance(&self, heard: &Self) -> Option<usize> {
        let pairs = self
            .codes
            .iter()
            .flat_map(|a| heard.codes.iter().map(move |b| (a, b)));
        pairs
            .filter(|(a, b)| {
                !a.is_empty()
                    && a.as_bytes().first() == b.as_bytes().first()
                    && a.len().abs_diff(b.len()) <= 1
            })
            .filter_map(|(a, b)| match strsim::levenshtein(a, b) {
                0 => Some(0),
                1 if a.len().max(b.len()) >= 3 => Some(1),
                _ => None,
            })
            .min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(word: &str, heard: &str) -> Option<f32> {
        Sound::of(word).cost(&Sound::of(heard))
    }

    #[test]
    fn near_misses_of_recognisers_are_recovered() {
        for (word, heard) in [
            ("window", "windo"),
            ("temperature", "temprature"),
            ("medium", "media"),
            ("windows", "window"),
            ("defrost", "defroster"),
        ] {
            assert!(cost(word, heard).is_some(), "{heard} for {word}");
        }
    }

    #[test]
    fn opposites_and_short_words_never_pass_for_each_other() {
        for (a, b) in [
            ("open", "close"),
            ("lock", "unlock"),
            ("activate", "deactivate"),
            ("enable", "disable"),
            ("recline", "decline"),
            ("increase", "decrease"),
            ("raise", "lower"),
            ("left", "right"),
            ("on", "off"),
            ("up", "app"),
            ("two", "to"),
        ] {
            assert_eq!(cost(a, b), None, "{a} and {b}");
            assert_eq!(cost(b, a), None, "{b} and {a}");
        }
    }
}
