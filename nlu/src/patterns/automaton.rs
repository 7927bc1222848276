//! One phrase as a small automaton without empty moves: its places, which may
//! come first, which may follow which, and which may come last.

use codriver_catalog::{ArgumentKind, CommandDefinition, Node, Phrase, Unit};

use super::lexicon::{Lexicon, WordId};

/// What stands at one place of a phrase.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Place {
    /// A word or character.
    Word(WordId),
    /// An argument, by its index in the definition.
    Slot { argument: usize, takes: Takes },
}

/// What a slot takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Takes {
    Zone,
    Number {
        unit: Unit,
        /// Only amounts whose unit was said beside the number.
        with_unit: bool,
    },
    Choice,
    Text,
}

/// A compiled phrase.
#[derive(Debug)]
pub(super) struct Automaton {
    pub(super) places: Vec<Place>,
    pub(super) first: Vec<usize>,
    pub(super) follow: Vec<Vec<usize>>,
    pub(super) last: Vec<bool>,
    /// Every sentence it matches has a word of each of these groups.
    pub(super) groups: Vec<Vec<WordId>>,
}

struct Fragment {
    first: Vec<usize>,
    last: Vec<usize>,
    empty: bool,
    groups: Vec<Vec<WordId>>,
}

struct Compiler<'a> {
    lexicon: &'a Lexicon,
    definition: &'a CommandDefinition,
    places: Vec<Place>,
    follow: Vec<Vec<usize>>,
    /// Whether words that are fillers may be left out.
    lenient: bool,
}

impl Automaton {
    /// Whether it holds free text.
    pub(super) fn has_text(&self) -> bool {
        let takes_text = |place: &Place| {
            matches!(
                place,
                Place::Slot {
                    takes: Takes::Text,
                    ..
                }
            )
        };
        self.places.iter().any(takes_text)
    }

    /// Whether an argument may be said behind `place` that was not `said` yet.
    pub(super) fn leads_to_slot(&self, place: usize, said: impl Fn(usize) -> bool) -> bool {
        let behind = |place: usize| self.follow.get(place).into_iter().flatten().copied();
        let mut open: Vec<usize> = behind(place).collect();
        let mut seen = vec![false; self.places.len()];
        while let Some(place) = open.pop() {
            match self.places.get(place) {
                Some(Place::Slot { argument, .. }) if !said(*argument) => return true,
                _ => {}
            }
            if let Some(seen) = seen.get_mut(place)
                && !std::mem::replace(seen, true)
            {
                open.extend(behind(place));
            }
        }
        false
    }

    /// Compiles a phrase; `None` when it says nothing (a slot without words of its own).
    pub(super) fn compile(
        phrase: &Phrase,
        definition: &CommandDefinition,
        lexicon: &Lexicon,
    ) -> Option<Self> {
        [true, false].into_iter().find_map(|lenient| {
            let mut compiler = Compiler {
                lexicon,
                definition,
                places: Vec::new(),
                follow: Vec::new(),
                lenient,
            };
            let whole = compiler.node(&phrase.template.root);
            let mut last = vec![false; compiler.places.len()];
            for place in whole.last {
                if let Some(flag) = last.get_mut(place) {
                    *flag = true;
                }
            }
            // A phrase of fillers alone must be said as it stands.
            (!whole.empty).then_some(Self {
                places: compiler.places,
                first: whole.first,
                follow: compiler.follow,
                last,
                groups: whole.groups,
            })
        })
    }
}

impl Compiler<'_> {
    fn node(&mut self, node: &Node) -> Fragment {
        match node {
            Node::Words(words) => self.words(words),
            Node::Slot(name) => self.slot(name),
            Node::Sequence(parts) => self.nodes(parts),
            Node::Alternatives(parts) => self.alternatives(parts),
            Node::Optional(part) => {
                let mut inside = self.node(part);
                inside.empty = true;
                inside.groups.clear();
                inside
            }
        }
    }

    /// A sequence. "{position} percent" also takes an amount that was said
    /// with its unit in another place or word: 百分之五十, "half".
    fn nodes(&mut self, parts: &[Node]) -> Fragment {
        let mut fragments = Vec::new();
        let mut parts = parts.iter().peekable();
        while let Some(part) = parts.next() {
            let unit_follows = match (part, parts.peek()) {
                (Node::Slot(name), Some(Node::Words(words))) => self.unit_words(name, words),
                _ => None,
            };
            let Some((unit, rest)) = unit_follows else {
                fragments.push(self.node(part));
                continue;
            };
            let bare = self.node(part);
            let bare = match parts.next() {
                Some(words) => {
                    let words = self.node(words);
                    self.sequence(vec![bare, words])
                }
                None => bare,
            };
            let mut with_unit = self.node(part);
            for &place in &with_unit.first {
                if let Some(Place::Slot { takes, .. }) = self.places.get_mut(place) {
                    *takes = Takes::Number {
                        unit,
                        with_unit: true,
                    };
                }
            }
            if !rest.is_empty() {
                let rest = self.run(&rest);
                with_unit = self.sequence(vec![with_unit, rest]);
            }
            fragments.push(either(vec![bare, with_unit]));
        }
        self.sequence(fragments)
    }

    /// The unit of a number argument and the words after its own, if the
    /// words begin with that unit.
    fn unit_words(&self, argument: &str, words: &str) -> Option<(Unit, Vec<WordId>)> {
        let ArgumentKind::Number { unit, .. } = self.definition.argument(argument)?.kind else {
            return None;
        };
        let ids = self.lexicon.ids_of(words);
        let said = self.lexicon.unit_phrases(unit);
        let longest = said
            .filter(|phrase| ids.starts_with(phrase))
            .map(<[_]>::len)
            .max()?;
        Some((unit, ids.get(longest..)?.to_vec()))
    }

    fn words(&mut self, words: &str) -> Fragment {
        // Spaces part English words; a run of characters is one unit.
        let ids = self.lexicon.ids_of(words);
        if self.lenient && self.lexicon.is_filler(&ids) {
            let mut run = self.run(&ids);
            run.empty = true;
            run.groups.clear();
            return run;
        }
        let parts = words.split_whitespace().map(|word| {
            let ids = self.lexicon.ids_of(word);
            let mut run = self.run(&ids);
            if self.lenient && self.lexicon.is_filler(&ids) {
                run.empty = true;
                run.groups.clear();
            }
            run
        });
        let parts = parts.collect();
        self.sequence(parts)
    }

    fn run(&mut self, ids: &[WordId]) -> Fragment {
        let parts = ids
            .iter()
            .map(|&id| {
                let mut one = self.place(Place::Word(id));
                one.groups.push(vec![id]);
                one
            })
            .collect();
        self.sequence(parts)
    }

    fn slot(&mut self, name: &str) -> Fragment {
        let arguments = self.definition.arguments.iter().enumerate();
        let found = arguments.into_iter().find(|(_, a)| a.name == name);
        let Some((argument, declared)) = found else {
            return Fragment::nothing();
        };
        let takes = match &declared.kind {
            ArgumentKind::Zone { .. } => Takes::Zone,
            ArgumentKind::Number { unit, .. } => Takes::Number {
                unit: *unit,
                with_unit: false,
            },
            ArgumentKind::Choice { .. } => Takes::Choice,
            ArgumentKind::Text { .. } => Takes::Text,
            // Flags have no words; the catalogue lets no phrase name one.
            ArgumentKind::Flag => return Fragment::nothing(),
        };
        self.place(Place::Slot { argument, takes })
    }

    fn place(&mut self, place: Place) -> Fragment {
        let index = self.places.len();
        self.places.push(place);
        self.follow.push(Vec::new());
        Fragment {
            first: vec![index],
            last: vec![index],
            empty: false,
            groups: Vec::new(),
        }
    }

    fn sequence(&mut self, parts: Vec<Fragment>) -> Fragment {
        let mut whole = Fragment::nothing();
        for part in parts {
            for &place in &whole.last {
                if let Some(follow) = self.follow.get_mut(place) {
                    follow.extend(&part.first);
                }
            }
            if whole.empty {
                whole.first.extend(&part.first);
            }
            if !part.empty {
                whole.last.clear();
            }
            whole.last.extend(part.last);
            whole.empty &= part.empty;
            whole.groups.extend(part.groups);
        }
        whole
    }

    /// Fillers may be left out between words, but a choice is made: were one of
    /// its ways a filler that may be left out, the choice would ask for nothing,
    /// and "(look for | show me) {place}" would match a bare place.
    fn alternatives(&mut self, parts: &[Node]) -> Fragment {
        let parts = parts
            .iter()
            .map(|part| match part {
                Node::Words(words) if self.is_filler(words) => {
                    let ids = self.lexicon.ids_of(words);
                    self.run(&ids)
                }
                part => self.node(part),
            })
            .collect();
        either(parts)
    }

    /// Whether nothing but fillers is written here: "现在", "the car".
    fn is_filler(&self, words: &str) -> bool {
        let filler = |words: &str| self.lexicon.is_filler(&self.lexicon.ids_of(words));
        filler(words) || words.split_whitespace().all(filler)
    }
}

fn either(parts: Vec<Fragment>) -> Fragment {
    // One group: whichever way is taken, one of its words is there.
    let each: Option<Vec<_>> = parts.iter().map(|part| part.groups.first()).collect();
    let group: Vec<WordId> = each.into_iter().flatten().flatten().copied().collect();
    Fragment {
        first: parts.iter().flat_map(|p| p.first.clone()).collect(),
        last: parts.iter().flat_map(|p| p.last.clone()).collect(),
        empty: parts.iter().any(|part| part.empty),
        groups: if group.is_empty() {
            Vec::new()
        } else {
            vec![group]
        },
    }
}

impl Fragment {
    fn nothing() -> Self {
        Self {
            first: Vec::new(),
            last: Vec::new(),
            empty: true,
            groups: Vec::new(),
        }
    }
}
