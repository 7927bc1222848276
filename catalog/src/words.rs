//! The words of a language that belong to no single command.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::source::Source;
use crate::{Error, Language, Unit, Zone};

/// `configs/languages/<code>.toml`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LanguageWords {
    /// Which language.
    pub language: Language,
    /// How the zones are called: `driver = ["driver", "my"]`.
    pub zones: BTreeMap<Zone, Vec<String>>,
    /// Which of the driver's names mean whoever speaks, in words that do not name the driver as
    /// well: my, mine, 我这边.
    #[serde(default)]
    pub own_seat: Vec<String>,
    /// Free to skip wherever they stand: please, um, 请, 帮我.
    pub fillers: Vec<String>,
    /// Left over by a match, they forbid it: don't, never, 别, 不要.
    pub blockers: Vec<String>,
    /// Openers and particles of questions, which forbid a match likewise
    /// unless the phrase itself contains them: is, how, 吗, 怎么.
    pub questions: Vec<String>,
    /// What a sentence begins with that sets the one before it right: no, i meant, 不是.
    #[serde(default)]
    pub corrections: Vec<String>,
    /// Between two commands in one breath: and, then, 然后.
    pub connectives: Vec<String>,
    /// Said for the largest value of a number: maximum, full, 最大.
    pub maximum: Vec<String>,
    /// Said for the smallest value of a number: minimum, 最小.
    pub minimum: Vec<String>,
    /// Said for fifty per cent: half, halfway, 一半.
    pub half: Vec<String>,
    /// How units are called: `percent = ["percent", "%"]`. Free to follow a
    /// number of that unit.
    pub units: BTreeMap<Unit, Vec<String>>,
    /// Words that make a temperature Fahrenheit: fahrenheit, 华氏.
    #[serde(default)]
    pub fahrenheit: Vec<String>,
}

impl LanguageWords {
    /// Reads one language file.
    ///
    /// # Errors
    /// [`Error::Read`] or [`Error::Syntax`], naming file and line.
    pub fn load(path: &Path) -> Result<Self, Error> {
        Source::read(path)?.parse()
    }
}
