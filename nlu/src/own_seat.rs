//! "My window": whose seat a request means, once it is known where the speaker sits.
//!
//! The phrases and the model know one speaker, the driver: "my window", and a window that is not
//! named at all, come out of them as the driver's. With a microphone at each seat that speaker may
//! be somebody else, and then:
//! - a seat that the words call the driver's ("the driver's window") is the driver's;
//! - one they call the speaker's own is the speaker's, and where the command does not have it,
//!   nothing is done;
//! - one that they do not name is the speaker's where the command has it;
//! - otherwise it is open which is meant, and the speaker is asked: where words name both ("my
//!   window and the driver's"), where two seats share the microphone, and where an unnamed seat
//!   is one that the speaker does not sit on. Only who may be the driver need not say so.

use std::collections::BTreeMap;

use codriver_catalog::{ArgumentError, ArgumentKind, Catalog, Language, Value, Zone};

use crate::normalise::{Sentence, words_of};
use crate::{Proposal, Reason};

/// How people call a seat, in every language.
pub(crate) struct SeatNames(BTreeMap<Language, Names>);

struct Names {
    own: Vec<Vec<String>>,
    drivers: Vec<Vec<String>>,
}

/// What the words say of a seat that came out as the driver's.
#[derive(Clone, Copy, PartialEq)]
enum Named {
    Own,
    Drivers,
    Both,
    Not,
}

impl SeatNames {
    pub(crate) fn new(catalog: &Catalog) -> Self {
        let names = catalog.languages.iter().map(|(language, words)| {
            let own = &words.own_seat;
            let drivers = words.zones.get(&Zone::Driver).into_iter().flatten();
            let names = Names {
                own: own.iter().map(|name| words_of(name)).collect(),
                drivers: drivers
                    .filter(|name| !own.contains(name))
                    .map(|name| words_of(name))
                    .collect(),
            };
            (*language, names)
        });
        Self(names.collect())
    }

    /// Makes the speaker's seat of the driver's where that is meant.
    ///
    /// # Errors
    /// Why the speaker must be asked.
    pub(crate) fn settle(
        &self,
        proposals: &mut [Proposal],
        catalog: &Catalog,
        sentence: &Sentence,
        language: Language,
        speaker: Zone,
    ) -> Result<(), Box<Reason>> {
        let named = match self.0.get(&language) {
            Some(names) => names.named(sentence),
            None => Named::Not,
        };
        if speaker == Zone::Driver || named == Named::Drivers {
            return Ok(());
        }
        for proposal in proposals {
            let Some(definition) = catalog.command(proposal.name.as_str()) else {
                continue;
            };
            for argument in &definition.arguments {
                let ArgumentKind::Zone { allowed } = &argument.kind else {
                    continue;
                };
                let given = proposal.arguments.get(&argument.name);
                if !given.or(argument.default.as_ref()).is_some_and(is_drivers) {
                    continue;
                }
                let sits_alone = !is_group(speaker);
                let is_speakers = sits_alone
                    && (named == Named::Own || (named == Named::Not && allowed.contains(&speaker)));
                if is_speakers {
                    let zone = Value::Zone(speaker);
                    proposal.arguments.insert(argument.name.clone(), zone);
                } else if named != Named::Not || speaker != Zone::Front {
                    proposal.arguments.remove(&argument.name);
                    return Err(Box::new(Reason::Argument {
                        command: proposal.name.clone(),
                        error: ArgumentError::Missing {
                            argument: argument.name.clone(),
                        },
                        proposal: proposal.clone(),
                    }));
                }
            }
        }
        Ok(())
    }
}

impl Names {
    fn named(&self, sentence: &Sentence) -> Named {
        match (says(sentence, &self.own), says(sentence, &self.drivers)) {
            (true, true) => Named::Both,
            (true, false) => Named::Own,
            (false, true) => Named::Drivers,
            (false, false) => Named::Not,
        }
    }
}

fn says(sentence: &Sentence, names: &[Vec<String>]) -> bool {
    let mut names = names.iter().filter(|name| !name.is_empty());
    names.any(|name| {
        let runs = sentence.tokens.windows(name.len());
        let mut runs = runs.map(|run| run.iter().map(|token| &token.text));
        runs.any(|run| run.eq(name))
    })
}

fn is_drivers(value: &Value) -> bool {
    match value {
        Value::Zone(zone) => *zone == Zone::Driver,
        Value::Text(text) => text == Zone::Driver.as_str(),
        _ => false,
    }
}

fn is_group(zone: Zone) -> bool {
    matches!(zone, Zone::Front | Zone::Rear | Zone::All)
}
