//! One command with its arguments, as it travels from understanding to the car.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Value;

/// `domain.verb`, lower-case words joined by underscores: `climate.set_temperature`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CommandName(String);

impl CommandName {
    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the dot.
    pub fn domain(&self) -> &str {
        self.0.split('.').next().unwrap_or_default()
    }
}

impl FromStr for CommandName {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let word = |part: &str| {
            part.starts_with(|c: char| c.is_ascii_lowercase())
                && part
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        };
        match name.split_once('.') {
            Some((domain, verb)) if word(domain) && word(verb) => Ok(Self(name.to_owned())),
            _ => Err(format!(
                "\"{name}\" is not a command name; write it as domain.verb, as in \"climate.set_temperature\""
            )),
        }
    }
}

impl TryFrom<String> for CommandName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        name.parse()
    }
}

impl From<CommandName> for String {
    fn from(name: CommandName) -> Self {
        name.0
    }
}

impl fmt::Display for CommandName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A command and its arguments. Whether they are right for the command is
/// checked by [`crate::CommandDefinition::complete`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Command {
    /// Which command.
    pub name: CommandName,
    /// Its arguments by name.
    #[serde(rename = "args")]
    pub arguments: BTreeMap<String, Value>,
}

/// `climate.set_temperature(temperature=22, zone=driver)`.
impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.name)?;
        for (index, (name, value)) in self.arguments.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{name}={value}")?;
        }
        f.write_str(")")
    }
}
