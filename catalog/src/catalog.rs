//! All packs and languages of one configuration folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::pack::Pack;
use crate::{
    CommandDefinition, CommandName, Error, Language, LanguageWords, Location, RejectSentence,
};

/// Everything that can be said, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Catalog {
    /// The commands, by file name and then in the order of the file; names are unique.
    pub commands: Vec<CommandDefinition>,
    /// Words shared by all commands, by language.
    pub languages: BTreeMap<Language, LanguageWords>,
    /// Sentences that must not be understood as any command.
    pub rejects: Vec<RejectSentence>,
}

impl Catalog {
    /// Reads `directory/commands/*.toml` and `directory/languages/*.toml`.
    /// Given a folder of packs itself, the languages beside it are read.
    ///
    /// # Errors
    /// Every problem of every file, as [`Error::Several`] when there are more than one.
    pub fn load(directory: &Path) -> Result<Self, Error> {
        let (packs, languages) = folders(directory);
        let mut errors = Vec::new();
        let mut catalog = Self {
            commands: Vec::new(),
            languages: BTreeMap::new(),
            rejects: Vec::new(),
        };
        for file in toml_files(&languages)? {
            match LanguageWords::load(&file) {
                Ok(words) => {
                    catalog.languages.insert(words.language, words);
                }
                Err(error) => errors.push(error),
            }
        }
        for file in toml_files(&packs)? {
            match Pack::load(&file) {
                Ok(pack) => {
                    catalog.rejects.extend(pack.rejects);
                    for command in pack.commands {
                        match catalog.add(command) {
                            Ok(()) => {}
                            Err(error) => errors.push(error),
                        }
                    }
                }
                Err(error) => errors.push(error),
            }
        }
        if catalog.commands.is_empty() && errors.is_empty() {
            errors.push(Error::Invalid {
                at: Location::whole(&packs),
                subject: "folder".into(),
                problem: "it holds no command".into(),
                remedy: "put at least one intent pack (*.toml) there".into(),
            });
        }
        Error::collect(catalog, errors)
    }

    /// The definition of a command.
    pub fn command(&self, name: &str) -> Option<&CommandDefinition> {
        self.commands
            .iter()
            .find(|command| command.name.as_str() == name)
    }

    fn add(&mut self, command: CommandDefinition) -> Result<(), Error> {
        let taken = |name: &CommandName| self.commands.iter().find(|other| other.name == *name);
        if let Some(other) = taken(&command.name) {
            return Err(Error::Invalid {
                subject: format!("command \"{}\"", command.name),
                problem: format!("it is already defined at {}", other.at),
                remedy: "rename or remove one of the two".into(),
                at: command.at,
            });
        }
        for language in command.phrases.keys() {
            if !self.languages.contains_key(language) {
                return Err(Error::Invalid {
                    subject: format!("command \"{}\"", command.name),
                    problem: format!("it has phrases in \"{language}\", a language without words"),
                    remedy: format!("add languages/{language}.toml beside the packs"),
                    at: command.at,
                });
            }
        }
        self.commands.push(command);
        Ok(())
    }
}

/// The folders of packs and of languages.
fn folders(directory: &Path) -> (PathBuf, PathBuf) {
    let packs = directory.join("commands");
    if packs.is_dir() {
        return (packs, directory.join("languages"));
    }
    let inside = directory.join("languages");
    if inside.is_dir() {
        return (directory.to_owned(), inside);
    }
    let beside = directory.parent().unwrap_or(directory).join("languages");
    (directory.to_owned(), beside)
}

/// The `*.toml` files of a folder in the order of their names, so that two
/// machines read the same.
fn toml_files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |source| Error::Read {
        path: folder.to_owned(),
        source,
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
