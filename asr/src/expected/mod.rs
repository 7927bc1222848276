//! What is likely to be said: the phrases of the loaded packs as one graph of words.
//!
//! ```text
//! begin -- filler or wake phrase --> begin -- phrase --> end -- connective --> begin
//!                                    open [the] {zone} window ...
//! ```
//! The graph has the structure of the templates, not the product of all their sentences: what an
//! argument may be called is one sub-graph, entered from wherever a template names the argument.

mod build;
pub(crate) mod units;
mod walk;

use std::collections::HashMap;

use codriver_catalog::{Catalog, Language};

pub(crate) use walk::{Outlook, Walk};

/// Names that may be said beside the words of the packs, in any language.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// What the assistant is called by: the wake phrases.
    pub calls: Vec<String>,
    /// Whom the address book knows.
    pub contacts: Vec<String>,
    /// The places that are known by name.
    pub places: Vec<String>,
}

/// The sentences of one language that are likely to be said.
#[derive(Debug, Clone)]
pub struct Expected {
    language: Language,
    /// Every word or character that occurs, by its number.
    units: Vec<String>,
    numbers: HashMap<String, Unit>,
    nodes: Vec<Node>,
    /// Where each unit leads, wherever it is said.
    places: HashMap<Unit, Vec<NodeId>>,
    /// Units that may be said anywhere and mean nothing.
    fillers: Vec<Unit>,
    begin: NodeId,
}

type Unit = u32;
type NodeId = u32;

/// A place in the graph, and what may follow.
#[derive(Debug, Clone, Default)]
struct Node {
    kind: Kind,
    steps: Vec<Step>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Kind {
    #[default]
    Inside,
    /// A phrase is complete.
    End,
    /// What an argument is called is complete.
    ArgumentEnd,
    /// Anything may be said: dictation, names, places.
    Open,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Saying this unit leads there.
    Say(Unit, NodeId),
    /// Nothing need be said.
    Skip(NodeId),
    /// A name of the argument that begins at the first leads to the second.
    Argument(NodeId, NodeId),
}

impl Expected {
    /// The phrases of all commands in `language`, each perhaps after a call, and with the names
    /// that their free text is looked up in. Anything else may stand there as well.
    pub fn from_catalog(catalog: &Catalog, language: Language, names: &Names) -> Self {
        build::from_catalog(catalog, language, names)
    }

    /// The language it is spoken in.
    pub fn language(&self) -> Language {
        self.language
    }

    /// How many words or characters it knows.
    pub fn vocabulary_size(&self) -> usize {
        self.units.len()
    }

    pub(crate) fn unit(&self, text: &str) -> Option<u32> {
        self.numbers.get(text).copied()
    }

    pub(crate) fn vocabulary(&self) -> &[String] {
        &self.units
    }
}
