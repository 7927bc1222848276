//! What a sentence is made of, as numbers: words and characters, their neighbours, parts of
//! words, and the sound of Chinese characters, each hashed into a fixed number of buckets.

use std::hash::Hasher;

use fnv::FnvHasher;

use crate::sound::mandarin::Sound;

/// Letters of a word that are taken together, its beginning and end counted as letters.
const LETTERS: usize = 4;
/// Stands before the first and behind the last unit.
const EDGE: &str = "\u{2}";

/// A word in lower case, or a Chinese character.
struct Unit {
    text: String,
    /// How the character is read; `None` for words.
    sound: Option<String>,
}

/// The buckets, below `buckets`, of everything in a [sanitised](super::super::sanitise)
/// utterance; one that occurs twice stands twice.
pub fn features(utterance: &str, buckets: u32) -> Vec<u32> {
    let units = units(utterance);
    let mut found = Found {
        buckets: buckets.max(1),
        features: Vec::new(),
    };
    let edge = || Unit {
        text: EDGE.into(),
        sound: Some(EDGE.into()),
    };
    let edged: Vec<Unit> = std::iter::once(edge())
        .chain(units)
        .chain([edge()])
        .collect();
    for (place, unit) in edged.iter().enumerate() {
        let next = edged.get(place + 1);
        let second = edged.get(place + 2);
        if unit.text != EDGE {
            found.add(b'1', &[&unit.text]);
        }
        if let Some(next) = next {
            found.add(b'2', &[&unit.text, &next.text]);
            if let (Some(this), Some(next)) = (&unit.sound, &next.sound) {
                found.add(b's', &[this, next]);
            }
        }
        if let (Some(next), Some(second)) = (next, second) {
            found.add(b'_', &[&unit.text, &second.text]);
            // Three English words are too rare to teach anything.
            if let (Some(this), Some(middle), Some(last)) =
                (&unit.sound, &next.sound, &second.sound)
            {
                found.add(b'3', &[&unit.text, &next.text, &second.text]);
                found.add(b't', &[this, middle, last]);
            }
        }
        if unit.sound.is_none() {
            found.add_parts(&unit.text);
        }
    }
    found.features
}

/// The words and Chinese characters of a sentence.
fn units(utterance: &str) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    let mut in_word = false;
    for character in utterance.chars().flat_map(char::to_lowercase) {
        if let Some(sound) = Sound::of(character) {
            units.push(Unit {
                text: character.into(),
                sound: Some(sound.key()),
            });
            in_word = false;
        } else if character.is_alphanumeric() || character == '\'' {
            match units.last_mut() {
                Some(word) if in_word => word.text.push(character),
                _ => units.push(Unit {
                    text: character.into(),
                    sound: None,
                }),
            }
            in_word = true;
        } else {
            in_word = false;
        }
    }
    units
}

struct Found {
    buckets: u32,
    features: Vec<u32>,
}

impl Found {
    /// A feature of a kind, made of texts in this order.
    fn add(&mut self, kind: u8, texts: &[&str]) {
        let mut hasher = FnvHasher::default();
        hasher.write_u8(kind);
        for text in texts {
            hasher.write(text.as_bytes());
            hasher.write_u8(0);
        }
        let bucket = hasher.finish() % u64::from(self.buckets);
        self.features.extend(u32::try_from(bucket));
    }

    /// The parts of a word, so that its other forms and a slip of the recogniser are near it.
    fn add_parts(&mut self, word: &str) {
        let letters: Vec<char> = std::iter::once('<')
            .chain(word.chars())
            .chain(['>'])
            .collect();
        if letters.len() > LETTERS {
            for part in letters.windows(LETTERS) {
                self.add(b'p', &[&part.iter().collect::<String>()]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUCKETS: u32 = 1 << 20;

    fn in_common(one: &str, other: &str) -> usize {
        let other = features(other, BUCKETS);
        let one = features(one, BUCKETS);
        one.iter().filter(|feature| other.contains(feature)).count()
    }

    #[test]
    fn upper_case_and_punctuation_make_no_difference() {
        assert_eq!(
            features("Open the window, please.", BUCKETS),
            features("open the window please", BUCKETS)
        );
    }

    #[test]
    fn characters_that_sound_alike_are_nearer_than_others() {
        assert!(in_common("打开车窗", "打开车床") > in_common("打开车窗", "打开车灯"));
    }

    #[test]
    fn the_order_of_words_counts() {
        assert_ne!(features("a b", BUCKETS), features("b a", BUCKETS));
    }

    #[test]
    fn forms_of_a_word_have_parts_in_common() {
        assert!(in_common("defrosting", "defrost") >= 4);
    }

    #[test]
    fn every_bucket_is_below_their_number() {
        for text in ["", "，。", "window", "把wifi打开 ½ İ"] {
            assert!(features(text, 7).iter().all(|feature| *feature < 7));
        }
        assert_eq!(features("x", 0), features("y", 1)); // the same number of features in one bucket
    }
}
