//! The little language in which packs write their phrases.
//!
//! `(a | b)` is a choice, `[x]` may be left out, `{slot}` is an argument, the
//! rest are words. `set [the] {zone} (temperature | temp) to {temperature}`.

use std::str::Chars;

/// A parsed phrase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// As the pack wrote it.
    pub source: String,
    /// What it means.
    pub root: Node,
}

/// One part of a phrase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// Words as written, at least one, without surrounding blanks.
    Words(String),
    /// An argument by name.
    Slot(String),
    /// Parts one after the other.
    Sequence(Vec<Node>),
    /// Exactly one of these.
    Alternatives(Vec<Node>),
    /// This or nothing.
    Optional(Box<Node>),
}

/// Brackets deeper than this are a mistake, not a phrase.
const MAXIMUM_DEPTH: usize = 16;

impl Template {
    /// Reads one phrase.
    ///
    /// # Errors
    /// What is wrong and at which character, as one sentence.
    pub fn parse(source: &str) -> Result<Self, String> {
        let mut parser = Parser {
            rest: source.chars(),
            length: source.chars().count(),
        };
        let root = parser.alternatives(0)?;
        if let Some(stray) = parser.peek() {
            return Err(format!(
                "\"{source}\": \"{stray}\" at character {} closes nothing",
                parser.position() + 1
            ));
        }
        if can_be_empty(&root) {
            return Err(format!(
                "\"{source}\" matches silence; make at least one word obligatory"
            ));
        }
        Ok(Self {
            source: source.to_owned(),
            root,
        })
    }

    /// The arguments it mentions, each once, in order.
    pub fn slots(&self) -> Vec<&str> {
        let mut slots = Vec::new();
        visit(&self.root, &mut |node| {
            if let Node::Slot(name) = node
                && !slots.contains(&name.as_str())
            {
                slots.push(name.as_str());
            }
        });
        slots
    }

    /// Calls `each` with every run of literal words.
    pub fn words<'a>(&'a self, mut each: impl FnMut(&'a str)) {
        visit(&self.root, &mut |node| {
            if let Node::Words(words) = node {
                each(words);
            }
        });
    }
}

fn visit<'a>(node: &'a Node, each: &mut impl FnMut(&'a Node)) {
    each(node);
    match node {
        Node::Words(_) | Node::Slot(_) => {}
        Node::Sequence(parts) | Node::Alternatives(parts) => {
            for part in parts {
                visit(part, each);
            }
        }
        Node::Optional(part) => visit(part, each),
    }
}

fn can_be_empty(node: &Node) -> bool {
    match node {
        Node::Words(_) | Node::Slot(_) => false,
        Node::Sequence(parts) => parts.iter().all(can_be_empty),
        Node::Alternatives(parts) => parts.iter().any(can_be_empty),
        Node::Optional(_) => true,
    }
}

struct Parser<'a> {
    rest: Chars<'a>,
    length: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<char> {
        self.rest.clone().next()
    }

    fn position(&self) -> usize {
        self.length - self.rest.clone().count()
    }

    fn alternatives(&mut self, depth: usize) -> Result<Node, String> {
        if depth > MAXIMUM_DEPTH {
            return Err(format!("brackets nest deeper than {MAXIMUM_DEPTH}"));
        }
        let mut ways = vec![self.sequence(depth)?];
        while self.peek() == Some('|') {
            self.rest.next();
            ways.push(self.sequence(depth)?);
        }
        Ok(single_or(ways, Node::Alternatives))
    }

    fn sequence(&mut self, depth: usize) -> Result<Node, String> {
        let mut parts = Vec::new();
        loop {
            match self.peek() {
                None | Some('|' | ')' | ']') => break,
                Some('(') => parts.push(self.bracketed(')', depth)?),
                Some('[') => parts.push(Node::Optional(Box::new(self.bracketed(']', depth)?))),
                Some('{') => parts.push(self.slot()?),
                Some('}') => {
                    return Err(format!(
                        "\"}}\" at character {} closes nothing",
                        self.position() + 1
                    ));
                }
                Some(_) => {
                    if let Some(words) = self.words() {
                        parts.push(words);
                    }
                }
            }
        }
        if parts.is_empty() {
            return Err(format!(
                "an alternative before character {} is empty; use [ ] for what may be left out",
                self.position() + 1
            ));
        }
        Ok(single_or(parts, Node::Sequence))
    }

    fn bracketed(&mut self, close: char, depth: usize) -> Result<Node, String> {
        let opened = self.position() + 1;
        self.rest.next();
        let inside = self.alternatives(depth + 1)?;
        match self.rest.next() {
            Some(c) if c == close => Ok(inside),
            _ => Err(format!(
                "the bracket opened at character {opened} is not closed by \"{close}\""
            )),
        }
    }

    fn slot(&mut self) -> Result<Node, String> {
        let opened = self.position() + 1;
        self.rest.next();
        let name: String = self.rest.clone().take_while(|c| *c != '}').collect();
        let closed = self.rest.clone().any(|c| c == '}');
        let valid = closed
            && !name.is_empty()
            && name
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if !valid {
            return Err(format!(
                "the slot opened at character {opened} needs an argument's name and a closing \"}}\""
            ));
        }
        for _ in 0..name.chars().count() + 1 {
            self.rest.next();
        }
        Ok(Node::Slot(name))
    }

    fn words(&mut self) -> Option<Node> {
        let mut words = String::new();
        while let Some(c) = self.peek().filter(|c| !"()[]{}|".contains(*c)) {
            words.push(c);
            self.rest.next();
        }
        let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
        (!words.is_empty()).then_some(Node::Words(words))
    }
}

fn single_or(mut nodes: Vec<Node>, many: impl Fn(Vec<Node>) -> Node) -> Node {
    if nodes.len() == 1 {
        nodes.remove(0)
    } else {
        many(nodes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_phrase_becomes_words_slots_choices_and_options() {
        let template = Template::parse("set [the] (temp | warmth) to {temperature}").unwrap();
        let words = |w: &str| Node::Words(w.into());
        assert_eq!(
            template.root,
            Node::Sequence(vec![
                words("set"),
                Node::Optional(Box::new(words("the"))),
                Node::Alternatives(vec![words("temp"), words("warmth")]),
                words("to"),
                Node::Slot("temperature".into()),
            ])
        );
        assert_eq!(template.slots(), ["temperature"]);
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        for (source, part) in [
            ("open [the window", "character 6"),
            ("open the) window", "closes nothing"),
            ("open {Window}", "character 6"),
            ("open {window", "character 6"),
            ("(open | ) it", "empty"),
            ("[open]", "silence"),
            ("", "empty"),
        ] {
            let problem = Template::parse(source).unwrap_err();
            assert!(problem.contains(part), "{source}: {problem}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(source in "[a-z打(\\[{|}\\]) ]{0,60}") {
            let _ = Template::parse(&source);
        }
    }
}
