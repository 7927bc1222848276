//! The words all rooms share: commands, values, units, zones, and the loader of intent packs.
//!
//! A carmaker changes what the assistant can do by editing `configs/`; this
//! crate turns those files into checked types, so that no later stage meets a
//! command without a route, an argument without a range, or a phrase that
//! names a slot nobody declared.
//!
//! ```
//! use codriver_catalog::{Catalog, Language};
//! let configs = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/configs");
//! let catalog = Catalog::load(configs.as_ref())?;
//! let command = catalog.command("lamp.set_brightness").ok_or("missing")?;
//! assert!(!command.phrases[&Language::English].is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod argument;
mod catalog;
mod command;
mod decision;
mod definition;
mod error;
mod language;
mod name;
mod pack;
mod route;
mod source;
mod telephone;
mod template;
mod unit;
mod utterance;
mod value;
mod words;
mod zone;

pub use argument::{Argument, ArgumentError, ArgumentKind, Choice, Lookup, TextForm};
pub use catalog::Catalog;
pub use command::{Command, CommandName};
pub use decision::Decision;
pub use definition::{CommandDefinition, Confirm, Phrase, Policy, RejectSentence, TestSentence};
pub use error::{Error, Location};
pub use language::Language;
pub use route::{
    AssistantAction, Bus, DbusArgument, DbusCall, DbusRoute, ObjectFilter, Operation, Paths, Route,
    ValueSource, VssRoute,
};
pub use template::{Node, Template};
pub use unit::Unit;
pub use utterance::UtteranceId;
pub use value::Value;
pub use words::LanguageWords;
pub use zone::Zone;
