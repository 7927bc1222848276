//! One command as its pack defines it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use crate::{
    Argument, ArgumentError, Command, CommandName, Language, Location, Route, Template, Value,
};

/// Everything about one command.
#[derive(Debug, Clone, PartialEq)]
pub struct CommandDefinition {
    /// Its name, unique in the catalogue.
    pub name: CommandName,
    /// One sentence for `help` and documentation.
    pub summary: String,
    /// Its arguments in the order of the pack.
    pub arguments: Vec<Argument>,
    /// How it is said.
    pub phrases: BTreeMap<Language, Vec<Phrase>>,
    /// Where it leaves for.
    pub route: Route,
    /// When it may, on the voice side. The gateway has its own rules.
    pub policy: Policy,
    /// Reply texts by language, then by outcome (`done`, `refused`, ...), with `{argument}` slots.
    pub replies: BTreeMap<Language, BTreeMap<String, String>>,
    /// Sentences that must be understood as this command.
    pub tests: Vec<TestSentence>,
    /// Where it is defined.
    pub at: Location,
}

impl CommandDefinition {
    /// The argument of that name.
    pub fn argument(&self, name: &str) -> Option<&Argument> {
        self.arguments.iter().find(|argument| argument.name == name)
    }

    /// Checks the given arguments, fills in defaults, and makes the command.
    ///
    /// # Errors
    /// The first [`ArgumentError`], arguments in the order of the pack.
    pub fn complete(&self, mut given: BTreeMap<String, Value>) -> Result<Command, ArgumentError> {
        let mut arguments = BTreeMap::new();
        for argument in &self.arguments {
            let value = match given.remove(&argument.name) {
                Some(value) => argument.parse(&value)?,
                None => argument
                    .default
                    .clone()
                    .ok_or_else(|| ArgumentError::Missing {
                        argument: argument.name.clone(),
                    })?,
            };
            arguments.insert(argument.name.clone(), value);
        }
        match given.into_keys().next() {
            Some(argument) => Err(ArgumentError::Unknown { argument }),
            None => Ok(Command {
                name: self.name.clone(),
                arguments,
            }),
        }
    }
}

/// One way to say a command.
#[derive(Debug, Clone, PartialEq)]
pub struct Phrase {
    /// The words.
    pub template: Template,
    /// Arguments that these words imply.
    pub arguments: BTreeMap<String, Value>,
    /// Where it is written.
    pub at: Location,
}

/// When the voice side lets a command go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Whether the speaker is asked first.
    pub confirm: Confirm,
    /// How long after the end of the utterance it may still act.
    pub time_to_live: Duration,
}

/// Whether the speaker is asked before a command acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confirm {
    /// No.
    #[default]
    Never,
    /// Yes.
    Always,
    /// When the car moves, or nobody knows whether it does.
    WhileDriving,
}

/// A sentence of the pack's own tests.
#[derive(Debug, Clone, PartialEq)]
pub struct TestSentence {
    /// In which language.
    pub language: Language,
    /// What is said.
    pub text: String,
    /// The complete arguments expected, defaults included.
    pub arguments: BTreeMap<String, Value>,
    /// Where it is written.
    pub at: Location,
}

/// A sentence that must not be understood as any command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectSentence {
    /// In which language.
    pub language: Language,
    /// What is said.
    pub text: String,
    /// Where it is written.
    pub at: Location,
}
