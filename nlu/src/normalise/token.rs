//! Cuts a sentence into tokens: English words, single Chinese characters, numerals, unit signs.

use std::ops::Range;

use codriver_catalog::Language;

/// A sentence and its tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentence {
    /// As it came.
    pub text: String,
    /// Its tokens in order.
    pub tokens: Vec<Token>,
}

/// The smallest thing that phrases are made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Lower-case, half-width, simplified.
    pub text: String,
    /// The bytes of the sentence it stands for.
    pub span: Range<usize>,
    /// What it is written in.
    pub script: Script,
    /// Whether punctuation that marks a pause stands between it and the token before.
    pub after_pause: bool,
}

/// What a token is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Script {
    /// A word of letters.
    Letters,
    /// Arabic numerals, possibly with a sign and a decimal point.
    Digits,
    /// One Chinese character.
    Han,
    /// A unit sign: % or °.
    Sign,
}

impl Sentence {
    /// Reads a sentence. Takes time and memory in proportion to its length.
    pub fn read(text: &str) -> Self {
        let mut reader = Reader::new(text);
        while reader.step() {}
        let mut tokens = reader.tokens;
        join_initials(text, &mut tokens);
        Self {
            text: text.to_owned(),
            tokens,
        }
    }

    /// The languages it can be in, by its scripts: both for a mixed sentence,
    /// Mandarin first. Numerals alone are in either.
    pub fn languages(&self) -> Vec<Language> {
        let has = |script| self.tokens.iter().any(|token| token.script == script);
        match (has(Script::Han), has(Script::Letters)) {
            (true, true) => vec![Language::Mandarin, Language::English],
            (true, false) => vec![Language::Mandarin],
            (false, true) => vec![Language::English],
            (false, false) => Language::ALL.to_vec(),
        }
    }

    /// The sentence's own spelling of a run of tokens.
    pub fn original(&self, tokens: Range<usize>) -> &str {
        let run = self.tokens.get(tokens).unwrap_or_default();
        match (run.first(), run.last()) {
            (Some(first), Some(last)) => self
                .text
                .get(first.span.start..last.span.end)
                .unwrap_or_default(),
            _ => "",
        }
    }
}

/// The token texts of a phrase from a pack or language file.
pub fn words_of(phrase: &str) -> Vec<String> {
    let tokens = Sentence::read(phrase).tokens;
    tokens.into_iter().map(|token| token.text).collect()
}

struct Reader {
    /// (byte offset, plain form, byte length) of every character.
    chars: Vec<(usize, char, usize)>,
    at: usize,
    pause: bool,
    tokens: Vec<Token>,
}

impl Reader {
    fn new(text: &str) -> Self {
        let half_width: String = text.chars().map(half_width).collect();
        // One character in, one out: the offsets below rely on it.
        let simplified = fast2s::convert(&half_width);
        let chars = text
            .char_indices()
            .zip(simplified.chars())
            .map(|((offset, raw), plain)| (offset, plain, raw.len_utf8()))
            .collect();
        Self {
            chars,
            at: 0,
            pause: false,
            tokens: Vec::new(),
        }
    }

    /// Reads one token or skips one character; `false` at the end.
    fn step(&mut self) -> bool {
        let Some(c) = self.char(0) else { return false };
        if is_han(c) {
            self.take(1, Script::Han);
        } else if c.is_ascii_digit() || self.starts_negative_number(c) {
            self.take(self.number_length(), Script::Digits);
        } else if c.is_alphabetic() {
            self.take(self.word_length(), Script::Letters);
        } else if "%°℃℉".contains(c) {
            self.take(1, Script::Sign);
        } else {
            self.pause |= ",.;:!?。、…\n".contains(c);
            self.at += 1;
        }
        true
    }

    fn char(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).map(|&(_, c, _)| c)
    }

    fn is_digit(&self, ahead: usize) -> bool {
        self.char(ahead).is_some_and(|c| c.is_ascii_digit())
    }

    fn starts_negative_number(&self, c: char) -> bool {
        let before = self.at.checked_sub(1).and_then(|at| self.chars.get(at));
        let glued = before.is_some_and(|&(_, c, _)| c.is_alphanumeric() && !is_han(c));
        (c == '-' || c == '\u{2212}') && !glued && self.is_digit(1)
    }

    /// Numerals with one decimal point, if a numeral follows it.
    fn number_length(&self) -> usize {
        let mut length = 1;
        let mut whole = true;
        loop {
            if self.is_digit(length) {
                length += 1;
            } else if whole && self.char(length) == Some('.') && self.is_digit(length + 1) {
                whole = false;
                length += 2;
            } else {
                return length;
            }
        }
    }

    /// Letters, with apostrophes between them.
    fn word_length(&self) -> usize {
        let letter = |ahead| {
            self.char(ahead)
                .is_some_and(|c| c.is_alphabetic() && !is_han(c))
        };
        let mut length = 1;
        loop {
            let apostrophe = matches!(self.char(length), Some('\'' | '\u{2019}'));
            if letter(length) {
                length += 1;
            } else if apostrophe && letter(length + 1) {
                length += 2;
            } else {
                return length;
            }
        }
    }

    fn take(&mut self, length: usize, script: Script) {
        let run = self
            .chars
            .get(self.at..self.at + length)
            .unwrap_or_default();
        if let (Some(&(start, ..)), Some(&(last, _, width))) = (run.first(), run.last()) {
            let plain = run.iter().map(|&(_, c, _)| match c {
                '\u{2019}' => '\'',
                '\u{2212}' => '-',
                c => c,
            });
            self.tokens.push(Token {
                text: plain.flat_map(char::to_lowercase).collect(),
                span: start..last + width,
                script,
                after_pause: std::mem::take(&mut self.pause),
            });
        }
        self.at += length;
    }
}

/// "a/c" and "A.C." are one word, spelt with signs between its letters.
fn join_initials(text: &str, tokens: &mut Vec<Token>) {
    let initial = |token: &Token| token.script == Script::Letters && token.span.len() == 1;
    let mut joined: Vec<Token> = Vec::with_capacity(tokens.len());
    let mut previous_is_initial = false;
    for token in tokens.drain(..) {
        let this = initial(&token);
        match joined.last_mut() {
            Some(last)
                if this
                    && previous_is_initial
                    && matches!(text.get(last.span.end..token.span.start), Some("/" | ".")) =>
            {
                last.text.push_str(&token.text);
                last.span.end = token.span.end;
            }
            _ => joined.push(token),
        }
        previous_is_initial = this;
    }
    *tokens = joined;
}

fn half_width(c: char) -> char {
    match c {
        '\u{3000}' => ' ',
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(c as u32 - 0xFEE0).unwrap_or(c),
        _ => c,
    }
}

fn is_han(c: char) -> bool {
    matches!(c, '\u{3007}' | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}'
        | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{323AF}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn english_is_lower_cased_and_contractions_stay_whole() {
        assert_eq!(
            words_of("Don\u{2019}t open the Driver's window!"),
            ["don't", "open", "the", "driver's", "window"]
        );
        assert_eq!(
            words_of("A/C, a.c. twenty-two"),
            ["ac", "ac", "twenty", "two"]
        );
    }

    #[test]
    fn numerals_keep_their_sign_and_decimal_point() {
        assert_eq!(
            words_of("21.5. -5 50% 22°C x-5"),
            ["21.5", "-5", "50", "%", "22", "°", "c", "x", "5"]
        );
    }

    #[test]
    fn traditional_and_full_width_forms_become_plain() {
        assert_eq!(
            words_of("開車窗２２度，ＡＣ"),
            ["开", "车", "窗", "22", "度", "ac"]
        );
    }

    #[test]
    fn spans_point_into_the_sentence_as_it_came() {
        let sentence = Sentence::read("導航到 Café Ｍ");
        assert_eq!(sentence.original(3..5), "Café Ｍ");
        assert_eq!(
            sentence.languages(),
            [Language::Mandarin, Language::English]
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic_and_spans_stay_inside(text in "\\PC{0,80}") {
            let sentence = Sentence::read(&text);
            for token in &sentence.tokens {
                prop_assert!(text.get(token.span.clone()).is_some());
                prop_assert!(!token.text.is_empty());
            }
        }
    }
}
