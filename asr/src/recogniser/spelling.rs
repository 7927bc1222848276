//! The ways in which the model may write a phrase.

use crate::expected::units::{is_han, is_part_of_word, simplified, traditional};

/// A phrase, however it is written: with capitals or without, in simplified or traditional
/// characters, its words and parts of words joined, parted or with a sign between.
///
/// Which of these the model likes best it says itself: "Hey, co-driver" for "hey codriver".
pub(super) struct Spelling {
    /// The letters and characters in order, each in UTF-8 in the forms that it has.
    forms: Vec<Vec<String>>,
    /// It ends in a letter, and letters behind it would make another word of its last.
    ends_in_a_letter: bool,
}

/// How far a phrase has been written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Progress {
    /// Letters and characters that are there.
    written: usize,
    /// The beginning of the next one in UTF-8, where a token has cut it.
    cut: Vec<u8>,
    /// Signs and blanks since.
    signs: usize,
}

/// A comma and a blank, or a hyphen; more of them stand for something that was said.
const MOST_SIGNS: usize = 2;

impl Spelling {
    /// `None` for a phrase without a letter or character.
    pub(super) fn of(phrase: &str) -> Option<Self> {
        let letters = phrase.chars().filter(|letter| letter.is_alphanumeric());
        let forms: Vec<_> = letters.map(forms).collect();
        let last = phrase.chars().rfind(|letter| letter.is_alphanumeric())?;
        Some(Self {
            forms,
            ends_in_a_letter: !is_han(last),
        })
    }

    /// How many letters and characters it has.
    pub(super) fn length(&self) -> usize {
        self.forms.len()
    }

    /// Whether the phrase ends in this text, by more than a letter or two of a word; or in all of
    /// it but an s, which is the next word's, "hello cars, set ...".
    pub(super) fn ends_in(&self, text: &str) -> bool {
        let text = match self.ends_in_a_letter {
            true => text.strip_suffix('s').unwrap_or(text),
            false => text,
        };
        let letters: Vec<char> = text.chars().filter(|c| c.is_alphanumeric()).collect();
        let enough = match self.ends_in_a_letter {
            true => letters.len() > 2,
            false => !letters.is_empty(),
        };
        let is_form = |(letter, forms): (&char, &Vec<String>)| {
            forms.iter().any(|form| form.chars().eq([*letter]))
        };
        let end = self.forms.len().checked_sub(letters.len());
        enough
            && end.is_some_and(|end| letters.iter().zip(self.forms.iter().skip(end)).all(is_form))
    }

    /// How much of it is written, 0 to 1.
    pub(super) fn share(&self, progress: &Progress) -> f32 {
        progress.written as f32 / self.forms.len() as f32
    }

    /// Whether all of it is written.
    pub(super) fn is_whole(&self, progress: &Progress) -> bool {
        progress.written == self.forms.len()
    }

    /// Whether text with these first bytes would make another word of the last.
    pub(super) fn is_joined_by(&self, bytes: &[u8]) -> bool {
        self.ends_in_a_letter
            && bytes
                .first()
                .is_some_and(|byte| byte.is_ascii() && is_part_of_word(char::from(*byte)))
    }

    /// How far it is written when a token with these bytes follows; `None` where the token belongs
    /// to something else, or goes on behind the phrase.
    pub(super) fn follow(&self, progress: &Progress, token: &[u8]) -> Option<Progress> {
        let mut next = progress.clone();
        next.cut.extend_from_slice(token);
        let bytes = std::mem::take(&mut next.cut);
        let whole = match std::str::from_utf8(&bytes) {
            Ok(text) => text.len(),
            Err(error) => error.valid_up_to(),
        };
        let (text, cut) = bytes.split_at_checked(whole)?;
        for character in std::str::from_utf8(text).ok()?.chars() {
            let forms = self.forms.get(next.written)?;
            if character.is_alphanumeric() {
                let is_form = |form: &String| form.chars().eq([character]);
                forms.iter().any(is_form).then_some(())?;
                next.written += 1;
                next.signs = 0;
            } else {
                next.signs += 1;
                let first = next.written == 0;
                let allowed = match first {
                    true => character == ' ',
                    false => next.signs <= MOST_SIGNS,
                };
                allowed.then_some(())?;
            }
        }
        if !cut.is_empty() {
            let forms = self.forms.get(next.written)?;
            let begun = |form: &String| form.as_bytes().starts_with(cut);
            forms.iter().any(begun).then_some(())?;
            next.cut = cut.to_vec();
        }
        (!token.is_empty()).then_some(next)
    }
}

fn forms(letter: char) -> Vec<String> {
    let mut forms: Vec<String> = match is_han(letter) {
        true => [simplified(letter)]
            .iter()
            .chain(traditional(simplified(letter)))
            .map(char::to_string)
            .collect(),
        false => vec![
            letter.to_lowercase().collect(),
            letter.to_uppercase().collect(),
        ],
    };
    forms.dedup();
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is left of the phrase to write behind these tokens.
    fn left(phrase: &str, tokens: &[&[u8]]) -> Option<usize> {
        let spelling = Spelling::of(phrase).unwrap();
        let mut progress = Progress::default();
        for token in tokens {
            progress = spelling.follow(&progress, token)?;
        }
        Some(spelling.forms.len() - progress.written)
    }

    #[test]
    fn letters_are_followed_however_words_are_parted_joined_or_signed() {
        let hey: [&[&[u8]]; 3] = [
            &[b" Hey", b",", b" co", b"-", b"driver"],
            &[b" hey", b" cod", b"river"],
            &[b" HEY", b"-", b"Co", b"Driver"],
        ];
        for tokens in hey {
            assert_eq!(left("hey codriver", tokens), Some(0));
        }
        assert_eq!(left("hey codriver", &[b" hey", b" code", b" river"]), None);
        assert_eq!(left("hello car", &[b" Hello"]), Some(3));
    }

    #[test]
    fn characters_are_followed_in_either_script_and_through_tokens_that_cut_them() {
        let car = "车".as_bytes();
        let traditional = "車".as_bytes();
        assert_eq!(
            left("你好小车", &["你好".as_bytes(), "小".as_bytes(), car]),
            Some(0)
        );
        let cut = ["你好，小".as_bytes(), &traditional[..2], &traditional[2..]];
        assert_eq!(left("你好小车", &cut), Some(0));
        let other = "消".as_bytes();
        assert_eq!(left("你好小车", &["你好".as_bytes(), &other[..2]]), None);
    }

    #[test]
    fn the_end_of_a_phrase_is_known_in_any_spelling() {
        let hey = Spelling::of("hey codriver").unwrap();
        assert!(
            hey.ends_in(" co-driver") && hey.ends_in(" Driver") && hey.ends_in("Hey, codriver")
        );
        assert!(!hey.ends_in(" hey") && !hey.ends_in("er") && !hey.ends_in(" my hey codriver"));
        let car = Spelling::of("你好小车").unwrap();
        assert!(car.ends_in("車") && car.ends_in("小车") && !car.ends_in("小"));
    }

    #[test]
    fn what_goes_on_behind_the_phrase_or_begins_with_a_sign_is_not_followed() {
        for tokens in [
            [b" Hello".as_slice(), b" card"],
            [b" Hello", b" car,"],
            [b",", b" Hello"],
            [b" Hello", b"... car"],
        ] {
            assert_eq!(left("hello car", &tokens), None, "{tokens:?}");
        }
        let spelling = Spelling::of("hello car").unwrap();
        assert!(spelling.is_joined_by(b"d") && spelling.is_joined_by(b"'s"));
        assert!(!spelling.is_joined_by(b",") && !spelling.is_joined_by(b" d"));
        assert!(!Spelling::of("你好小车").unwrap().is_joined_by(b"d"));
        assert!(Spelling::of(" ,").is_none());
    }
}
