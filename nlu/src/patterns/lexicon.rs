//! The words of one language that the packs and the language file know, with
//! their sounds, and the phrases made of them.

use std::collections::{HashMap, HashSet};

use codriver_catalog::{ArgumentKind, Catalog, Language, LanguageWords, Unit, Zone};

use crate::normalise::{QuantityWords, Script, Sentence, numbers, words_of};
use crate::sound::{english, mandarin};

/// A word (English) or character (Mandarin) of the lexicon.
pub(super) type WordId = u32;

/// What a phrase of several words stands for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Meaning {
    /// Free to skip.
    Filler,
    /// Forbids a match when it is left over.
    Blocker,
    /// Forbids it likewise, and is no more than a question.
    Question,
    /// Stands between two commands.
    Connective,
    /// A zone.
    Zone(Zone),
    /// A value of a choice argument: index of the command, argument, choice.
    Choice {
        command: usize,
        argument: usize,
        name: String,
    },
    /// Known, and nothing more: it is never taken for another word.
    Known,
}

/// A run of words with a meaning.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) words: Vec<WordId>,
    pub(super) meaning: Meaning,
}

/// Everything known about the words of one language.
#[derive(Debug)]
pub(super) struct Lexicon {
    pub(super) language: Language,
    pub(super) quantities: QuantityWords,
    ids: HashMap<String, WordId>,
    words: Vec<Word>,
    entries: Vec<Entry>,
    by_first: HashMap<WordId, Vec<usize>>,
    by_sound: HashMap<String, Vec<WordId>>,
    single_fillers: HashSet<Vec<WordId>>,
    units: Vec<(Unit, Vec<WordId>)>,
}

#[derive(Debug)]
struct Word {
    /// The number this word says, if it says one.
    number: Option<f64>,
    english: Option<english::Sound>,
    mandarin: Option<mandarin::Sound>,
}

impl Lexicon {
    /// Collects the words of a language.
    pub(super) fn new(catalog: &Catalog, words: &LanguageWords) -> Self {
        let mut lexicon = Self {
            language: words.language,
            quantities: QuantityWords::new(words),
            ids: HashMap::new(),
            words: Vec::new(),
            entries: Vec::new(),
            by_first: HashMap::new(),
            by_sound: HashMap::new(),
            single_fillers: HashSet::new(),
            units: Vec::new(),
        };
        lexicon.add_language(words);
        lexicon.add_units(words);
        lexicon.add_commands(catalog);
        lexicon
    }

    fn add_language(&mut self, words: &LanguageWords) {
        self.add_all(&words.fillers, &Meaning::Filler);
        self.add_all(&words.blockers, &Meaning::Blocker);
        self.add_all(&words.questions, &Meaning::Question);
        self.add_all(&words.connectives, &Meaning::Connective);
        for (zone, list) in &words.zones {
            self.add_all(list, &Meaning::Zone(*zone));
        }
        let lists = [
            &words.maximum,
            &words.minimum,
            &words.half,
            &words.fahrenheit,
        ];
        for list in lists.into_iter().chain(words.units.values()) {
            self.add_all(list, &Meaning::Known);
        }
    }

    fn add_units(&mut self, words: &LanguageWords) {
        for (unit, list) in &words.units {
            for said in list {
                let ids = self.intern(said);
                self.units.push((*unit, ids));
            }
        }
    }

    fn add_commands(&mut self, catalog: &Catalog) {
        for (command, definition) in catalog.commands.iter().enumerate() {
            for phrase in definition.phrases.get(&self.language).into_iter().flatten() {
                phrase
                    .template
                    .words(|words| self.add(words, Meaning::Known));
            }
            for (argument, declared) in definition.arguments.iter().enumerate() {
                let ArgumentKind::Choice { choices } = &declared.kind else {
                    continue;
                };
                for choice in choices {
                    let said = choice.words.get(&self.language).into_iter().flatten();
                    for word in said {
                        self.add(
                            word,
                            Meaning::Choice {
                                command,
                                argument,
                                name: choice.name.clone(),
                            },
                        );
                    }
                }
            }
        }
    }

    fn add_all(&mut self, phrases: &[String], meaning: &Meaning) {
        for phrase in phrases {
            self.add(phrase, meaning.clone());
        }
    }

    fn add(&mut self, phrase: &str, meaning: Meaning) {
        let words = self.intern(phrase);
        let Some(&first) = words.first() else { return };
        if meaning == Meaning::Filler {
            self.single_fillers.insert(words.clone());
        }
        self.by_first
            .entry(first)
            .or_default()
            .push(self.entries.len());
        self.entries.push(Entry { words, meaning });
    }

    /// The ids of a phrase's words, new ones added.
    fn intern(&mut self, phrase: &str) -> Vec<WordId> {
        words_of(phrase)
            .into_iter()
            .map(|word| self.intern_word(&word))
            .collect()
    }

    fn intern_word(&mut self, text: &str) -> WordId {
        let key = spelling(text);
        if let Some(&id) = self.ids.get(&key) {
            return id;
        }
        let id = self.words.len() as WordId;
        let tokens = Sentence::read(text).tokens;
        let number = match numbers(&tokens).as_slice() {
            [only] if only.tokens.len() == tokens.len() => Some(only.value),
            _ => None,
        };
        let mut characters = text.chars();
        let mandarin = match (characters.next(), characters.next()) {
            (Some(only), None) => mandarin::Sound::of(only),
            _ => None,
        };
        // Numbers are never taken for another word, nor another word for them.
        if let (Some(sound), None) = (&mandarin, number) {
            for key in sound.keys() {
                self.by_sound.entry(key).or_default().push(id);
            }
        }
        let letters = tokens.first().is_some_and(|t| t.script == Script::Letters);
        self.words.push(Word {
            number,
            english: (letters && number.is_none()).then(|| english::Sound::of(&key)),
            mandarin,
        });
        self.ids.insert(key, id);
        id
    }

    /// The ids of a phrase whose words are all in the lexicon.
    pub(super) fn ids_of(&self, phrase: &str) -> Vec<WordId> {
        words_of(phrase).iter().filter_map(|w| self.id(w)).collect()
    }

    /// The id of a word exactly as it is written (apostrophes aside).
    pub(super) fn id(&self, word: &str) -> Option<WordId> {
        self.ids.get(&spelling(word)).copied()
    }

    /// How a unit is called.
    pub(super) fn unit_phrases(&self, unit: Unit) -> impl Iterator<Item = &[WordId]> {
        let of_unit = self.units.iter().filter(move |(of, _)| *of == unit);
        of_unit.map(|(_, words)| words.as_slice())
    }

    /// Whether this run of words is a filler, so that a phrase that has it
    /// matches without it too.
    pub(super) fn is_filler(&self, words: &[WordId]) -> bool {
        self.single_fillers.contains(words)
    }

    /// The words that say this number by themselves.
    pub(super) fn words_for_number(&self, value: f64) -> impl Iterator<Item = WordId> + '_ {
        let same =
            move |(id, word): (usize, &Word)| (word.number == Some(value)).then_some(id as WordId);
        self.words.iter().enumerate().filter_map(same)
    }

    /// The phrases that begin with a word.
    pub(super) fn beginning_with(&self, word: WordId) -> impl Iterator<Item = &Entry> {
        let indices = self.by_first.get(&word).into_iter().flatten();
        indices.filter_map(|&index| self.entries.get(index))
    }

    /// The words that an unknown word may stand for, with their costs.
    pub(super) fn alike(&self, heard: &str, script: Script) -> Vec<(WordId, f32)> {
        match script {
            Script::Letters => self.alike_english(heard),
            Script::Han => self.alike_mandarin(heard),
            Script::Digits | Script::Sign => Vec::new(),
        }
    }

    fn alike_english(&self, heard: &str) -> Vec<(WordId, f32)> {
        let heard = english::Sound::of(&spelling(heard));
        let words = self.words.iter().enumerate();
        words
            .filter_map(|(id, word)| {
                let cost = word.english.as_ref()?.cost(&heard)?;
                Some((id as WordId, cost))
            })
            .collect()
    }

    fn alike_mandarin(&self, heard: &str) -> Vec<(WordId, f32)> {
        let Some(sound) = heard.chars().next().and_then(mandarin::Sound::of) else {
            return Vec::new();
        };
        let near = self.by_sound.get(&sound.key()).into_iter().flatten();
        near.filter_map(|&id| {
            let word = self.words.get(id as usize)?.mandarin.as_ref()?;
            Some((id, word.cost(&sound)?))
        })
        .collect()
    }
}

/// Recognisers drop apostrophes: "dont" is "don't".
fn spelling(word: &str) -> String {
    word.replace('\'', "")
}
