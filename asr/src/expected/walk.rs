//! A way through the graph: where the words so far may stand, and what may come next.

use std::collections::HashSet;
use std::rc::Rc;

use super::{Expected, Kind, NodeId, Step, Unit};

/// How much is known of what comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outlook {
    /// Nothing has been said yet.
    Beginning,
    /// The words so far are the beginning of a phrase.
    Following,
    /// They are none, but the last of them stands somewhere in a phrase.
    Recovered,
    /// Nothing is known.
    Lost,
}

/// Where the words so far may stand.
#[derive(Debug, Clone)]
pub(crate) struct Walk<'a> {
    expected: &'a Expected,
    /// Shared, for many walks begin alike.
    positions: Rc<[Position]>,
    outlook: Outlook,
}

/// A node, and within the name of an argument the node that follows the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Position {
    node: NodeId,
    after: Option<NodeId>,
}

/// A recovered walk stands at no more places than this: after "the" it could stand anywhere.
const MOST_RECOVERED: usize = 400;

impl<'a> Walk<'a> {
    /// Before the first word.
    pub(crate) fn new(expected: &'a Expected) -> Self {
        let mut walk = Self {
            expected,
            positions: Rc::default(),
            outlook: Outlook::Beginning,
        };
        walk.positions = walk.beginning();
        walk
    }

    /// How much is known of what comes next.
    pub(crate) fn outlook(&self) -> Outlook {
        self.outlook
    }

    /// Whether a phrase may be complete here.
    pub(crate) fn may_end(&self) -> bool {
        self.stands_at(Kind::End)
    }

    /// Whether what is said may be dictation: no phrase, but anything.
    pub(crate) fn may_be_dictation(&self) -> bool {
        self.stands_at(Kind::Open)
    }

    fn stands_at(&self, kind: Kind) -> bool {
        self.positions
            .iter()
            .any(|position| self.node(position.node).kind == kind)
    }

    /// The units that a phrase may go on with, each once, in no order.
    pub(crate) fn next(&self) -> Vec<Unit> {
        let mut next: Vec<Unit> = self
            .positions
            .iter()
            .flat_map(|position| &self.node(position.node).steps)
            .filter_map(|step| match step {
                Step::Say(unit, _) => Some(*unit),
                _ => None,
            })
            .collect();
        next.sort_unstable();
        next.dedup();
        next
    }

    /// Goes on with what was said.
    pub(crate) fn say(&mut self, unit: &str) {
        let Some(unit) = self.expected.numbers.get(unit).copied() else {
            let dictation = |position: &Position| self.node(position.node).kind == Kind::Open;
            let dictation = self.positions.iter().copied().filter(|p| dictation(p));
            self.positions = dictation.collect();
            self.outlook = self.outlook_of(self.outlook);
            return;
        };
        let mut reached = Vec::new();
        for position in self.with_another_phrase() {
            let node = self.node(position.node);
            if node.kind == Kind::Open {
                reached.push(position);
            }
            for step in &node.steps {
                if let Step::Say(said, to) = step
                    && *said == unit
                {
                    reached.push(Position {
                        node: *to,
                        after: position.after,
                    });
                }
            }
        }
        if self.outlook != Outlook::Lost && self.expected.fillers.contains(&unit) {
            reached.extend(self.positions.iter());
        }
        if reached.is_empty() {
            let places = self.expected.places.get(&unit).into_iter().flatten();
            let node = |node: &NodeId| Position {
                node: *node,
                after: None,
            };
            reached.extend(places.take(MOST_RECOVERED).map(node));
            self.outlook = Outlook::Recovered;
        } else if self.outlook == Outlook::Beginning {
            self.outlook = Outlook::Following;
        }
        self.positions = self.closed(reached);
        self.outlook = self.outlook_of(self.outlook);
    }

    /// Punctuation: another sentence may begin.
    pub(crate) fn pause(&mut self) {
        if self.outlook != Outlook::Beginning && !self.may_be_dictation() {
            let begin = self.beginning();
            let positions = self.positions.iter().chain(begin.iter()).copied();
            self.positions = positions.collect();
            if self.outlook == Outlook::Lost {
                self.outlook = Outlook::Recovered;
            }
        }
    }

    fn outlook_of(&self, outlook: Outlook) -> Outlook {
        match self.positions.is_empty() {
            true => Outlook::Lost,
            false => outlook,
        }
    }

    /// Where sentences begin. Those that begin with a free text begin with anything, so nothing
    /// can be expected of them.
    fn beginning(&self) -> Rc<[Position]> {
        let first = Position {
            node: self.expected.begin,
            after: None,
        };
        let all = self.closed(vec![first]);
        let phrases = all.iter().copied();
        phrases
            .filter(|position| self.node(position.node).kind != Kind::Open)
            .collect()
    }

    fn node(&self, node: NodeId) -> &'a super::Node {
        self.expected.node(node)
    }

    /// The positions, and where a phrase is complete the beginnings of another.
    fn with_another_phrase(&self) -> Vec<Position> {
        let mut positions = self.positions.to_vec();
        if self.may_end() {
            positions.extend(self.beginning().iter());
        }
        positions
    }

    /// Everything that is reached from these without a word.
    fn closed(&self, from: Vec<Position>) -> Rc<[Position]> {
        let mut seen: HashSet<Position> = HashSet::with_capacity(from.len() * 2);
        let mut open = from;
        while let Some(position) = open.pop() {
            if !seen.insert(position) {
                continue;
            }
            let node = self.node(position.node);
            if node.kind == Kind::ArgumentEnd
                && let Some(after) = position.after
            {
                open.push(Position {
                    node: after,
                    after: None,
                });
            }
            for step in &node.steps {
                match step {
                    Step::Skip(to) => open.push(Position {
                        node: *to,
                        after: position.after,
                    }),
                    Step::Argument(begin, after) => open.push(Position {
                        node: *begin,
                        after: Some(*after),
                    }),
                    Step::Say(..) => {}
                }
            }
        }
        seen.into_iter().collect()
    }
}

impl Expected {
    fn node(&self, node: NodeId) -> &super::Node {
        // Every number of a node was given out by the builder.
        &self.nodes[node as usize]
    }
}

#[cfg(test)]
mod tests {
    use codriver_catalog::{Catalog, Language};

    use super::*;
    use crate::Names;
    use crate::expected::units::units;

    fn shipped(language: Language) -> Expected {
        let configs = concat!(env!("CARGO_MANIFEST_DIR"), "/../configs");
        let catalog = Catalog::load(configs.as_ref()).unwrap();
        let names = Names {
            calls: vec!["hello car".into(), "你好小车".into()],
            contacts: vec!["Anna Schmidt".into(), "王小明".into()],
            places: vec!["Old Harbour".into()],
        };
        Expected::from_catalog(&catalog, language, &names)
    }

    fn walk<'a>(expected: &'a Expected, text: &str) -> Walk<'a> {
        let mut walk = Walk::new(expected);
        for unit in units(text) {
            walk.say(&unit);
        }
        walk
    }

    fn goes_on_with(walk: &Walk<'_>, unit: &str) -> bool {
        walk.expected
            .unit(unit)
            .is_some_and(|unit| walk.next().contains(&unit))
    }

    #[test]
    fn a_request_may_end_where_it_is_whole_and_goes_on_where_it_is_not() {
        let expected = shipped(Language::English);
        for whole in [
            "open the driver's window",
            "could you please open the passenger window halfway",
            "set the temperature to 22 degrees",
            "hello car open the sunroof",
            "turn on the ac and open the window",
        ] {
            let walk = walk(&expected, whole);
            assert_eq!(walk.outlook(), Outlook::Following, "{whole}");
            assert!(walk.may_end(), "{whole}");
        }
        let begun = walk(&expected, "set the temperature");
        assert!(!begun.may_end() && goes_on_with(&begun, "to"));
        assert!(!goes_on_with(&begun, "navigate"));
    }

    #[test]
    fn mandarin_requests_are_walked_character_by_character() {
        let expected = shipped(Language::Mandarin);
        let walk = walk(&expected, "關閉所有車");
        assert_eq!(walk.outlook(), Outlook::Following);
        assert!(goes_on_with(&walk, "窗") && !goes_on_with(&walk, "床"));
    }

    #[test]
    fn nothing_is_expected_within_dictation() {
        let expected = shipped(Language::English);
        let walk = walk(&expected, "navigate to the corner of");
        assert!(walk.may_be_dictation() && walk.next().is_empty());
    }

    #[test]
    fn names_known_on_board_are_expected_where_one_is_said_and_any_other_may_be() {
        let expected = shipped(Language::English);
        let begun = walk(&expected, "call anna");
        assert!(goes_on_with(&begun, "schmidt") && begun.may_be_dictation());
        let named = walk(&expected, "call anna schmidt");
        assert!(named.may_end(), "the name is complete");
        assert!(!walk(&expected, "call annabel").may_end());
        assert!(!goes_on_with(&walk(&expected, "navigate to"), "anna"));
        assert!(walk(&expected, "navigate to old harbour").may_end());

        let mandarin = shipped(Language::Mandarin);
        assert!(goes_on_with(&walk(&mandarin, "打电话给王小"), "明"));
        assert!(!goes_on_with(&walk(&mandarin, "打电话给"), "anna"));
    }

    #[test]
    fn after_words_that_are_no_request_little_is_expected_and_after_unknown_ones_nothing() {
        let expected = shipped(Language::English);
        assert_eq!(walk(&expected, "xylophone").outlook(), Outlook::Lost);
        let recovered = walk(&expected, "xylophone window");
        assert_eq!(recovered.outlook(), Outlook::Recovered);
    }

    #[test]
    fn the_graph_grows_with_the_packs_and_not_with_their_sentences() {
        for language in Language::ALL {
            let expected = shipped(language);
            assert!(expected.nodes.len() < 100_000, "{}", expected.nodes.len());
        }
    }
}
