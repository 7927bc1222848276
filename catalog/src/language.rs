//! The languages spoken in the cabin.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A language that packs carry phrases for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Language {
    /// English, code `en`.
    #[serde(rename = "en")]
    English,
    /// Mandarin Chinese in simplified characters, code `zh`.
    #[serde(rename = "zh")]
    Mandarin,
}

impl Language {
    /// Every language, in the order reports use.
    pub const ALL: [Self; 2] = [Self::English, Self::Mandarin];

    /// The ISO 639-1 code: `en` or `zh`.
    pub fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Mandarin => "zh",
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl FromStr for Language {
    type Err = String;

    fn from_str(code: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|language| language.code() == code)
            .ok_or_else(|| format!("unknown language \"{code}\"; use \"en\" or \"zh\""))
    }
}
