//! From packs to the graph.

use std::collections::HashMap;

use codriver_catalog::{
    Argument, ArgumentKind, Catalog, Language, LanguageWords, Lookup, Node as Part, Unit as Measure,
};

use super::units::{is_han, units};
use super::{Expected, Kind, Names, Node, NodeId, Step, Unit};

/// Numbers with more values than this are not written out.
const MOST_VALUES: usize = 200;
/// More names of a kind than this are left out: every one is looked at before each token.
const MOST_NAMES: usize = 2_000;

pub(super) fn from_catalog(catalog: &Catalog, language: Language, names: &Names) -> Expected {
    let mut builder = Builder::new(language, names);
    let begin = builder.node(Kind::Inside);
    let end = builder.node(Kind::End);
    for call in &names.calls {
        builder.words(call, begin, begin);
    }
    if let Some(words) = catalog.languages.get(&language) {
        for filler in &words.fillers {
            builder.words(filler, begin, begin);
            builder.words(filler, end, end);
        }
        for connective in &words.connectives {
            builder.words(connective, end, begin);
        }
        builder.fillers = words.fillers.clone();
    }
    for command in &catalog.commands {
        for phrase in command.phrases.get(&language).into_iter().flatten() {
            let arguments = &command.arguments;
            let words = catalog.languages.get(&language);
            builder.part(&phrase.template.root, begin, end, arguments, words);
        }
    }
    builder.finish(begin)
}

struct Builder<'a> {
    names: &'a Names,
    language: Language,
    numbers: HashMap<String, Unit>,
    units: Vec<String>,
    nodes: Vec<Node>,
    /// Sub-graphs that are there already, by what they hold.
    arguments: HashMap<String, NodeId>,
    fillers: Vec<String>,
}

impl<'a> Builder<'a> {
    fn new(language: Language, names: &'a Names) -> Self {
        Self {
            names,
            language,
            numbers: HashMap::new(),
            units: Vec::new(),
            nodes: Vec::new(),
            arguments: HashMap::new(),
            fillers: Vec::new(),
        }
    }

    fn node(&mut self, kind: Kind) -> NodeId {
        let steps = Vec::new();
        self.nodes.push(Node { kind, steps });
        NodeId::try_from(self.nodes.len() - 1).unwrap_or(NodeId::MAX)
    }

    fn step(&mut self, from: NodeId, step: Step) {
        if let Some(node) = self.nodes.get_mut(from as usize)
            && !node.steps.contains(&step)
        {
            node.steps.push(step);
        }
    }

    fn unit(&mut self, unit: &str) -> Unit {
        if let Some(number) = self.numbers.get(unit) {
            return *number;
        }
        let number = Unit::try_from(self.units.len()).unwrap_or(Unit::MAX);
        self.units.push(unit.to_owned());
        self.numbers.insert(unit.to_owned(), number);
        number
    }

    /// A way of these words between two nodes.
    fn words(&mut self, text: &str, from: NodeId, to: NodeId) {
        let units = units(text);
        let mut at = from;
        for (place, unit) in units.iter().enumerate() {
            let next = match place + 1 == units.len() {
                true => to,
                false => self.node(Kind::Inside),
            };
            let unit = self.unit(unit);
            self.step(at, Step::Say(unit, next));
            at = next;
        }
    }

    fn part(
        &mut self,
        part: &Part,
        from: NodeId,
        to: NodeId,
        arguments: &[Argument],
        words: Option<&LanguageWords>,
    ) {
        match part {
            Part::Words(text) => self.words(text, from, to),
            Part::Sequence(parts) => {
                let mut at = from;
                for (place, part) in parts.iter().enumerate() {
                    let next = match place + 1 == parts.len() {
                        true => to,
                        false => self.node(Kind::Inside),
                    };
                    self.part(part, at, next, arguments, words);
                    at = next;
                }
            }
            Part::Alternatives(parts) => {
                for part in parts {
                    self.part(part, from, to, arguments, words);
                }
            }
            Part::Optional(part) => {
                self.step(from, Step::Skip(to));
                self.part(part, from, to, arguments, words);
            }
            Part::Slot(name) => {
                let argument = arguments.iter().find(|argument| argument.name == *name);
                if let Some(argument) = argument {
                    let begin = self.argument(&argument.kind, words);
                    self.step(from, Step::Argument(begin, to));
                }
            }
        }
    }

    /// Where the names of an argument begin.
    fn argument(&mut self, kind: &ArgumentKind, words: Option<&LanguageWords>) -> NodeId {
        let key = format!("{kind:?}");
        if let Some(begin) = self.arguments.get(&key) {
            return *begin;
        }
        let begin = self.node(Kind::Inside);
        self.arguments.insert(key, begin);
        let end = self.node(Kind::ArgumentEnd);
        match kind {
            ArgumentKind::Zone { allowed } => {
                let names = words.map(|words| &words.zones);
                for zone in allowed {
                    for name in names
                        .and_then(|names| names.get(zone))
                        .into_iter()
                        .flatten()
                    {
                        self.words(name, begin, end);
                    }
                }
            }
            ArgumentKind::Choice { choices } => {
                for choice in choices {
                    for name in choice.words.get(&self.language).into_iter().flatten() {
                        self.words(name, begin, end);
                    }
                }
            }
            ArgumentKind::Number {
                unit,
                min,
                max,
                step,
            } => self.number(begin, end, (*min, *max, *step), *unit, words),
            ArgumentKind::Text { lookup, .. } => {
                let open = self.node(Kind::Open);
                self.step(begin, Step::Skip(open));
                if let Some(lookup) = lookup {
                    let names = self.names_of(*lookup);
                    self.step(begin, Step::Skip(names));
                }
            }
            ArgumentKind::Flag => self.step(begin, Step::Skip(end)),
        }
        begin
    }

    /// Where the names begin that a text is looked up in, once for all arguments. Each language
    /// has those in its own script.
    fn names_of(&mut self, lookup: Lookup) -> NodeId {
        let key = format!("{lookup:?}");
        if let Some(begin) = self.arguments.get(&key) {
            return *begin;
        }
        let begin = self.node(Kind::Inside);
        self.arguments.insert(key, begin);
        let end = self.node(Kind::ArgumentEnd);
        let names = match lookup {
            Lookup::Contacts => &self.names.contacts,
            Lookup::Places => &self.names.places,
        };
        let han = self.language == Language::Mandarin;
        let spoken = names.iter().filter(|name| name.contains(is_han) == han);
        for name in spoken.take(MOST_NAMES) {
            self.words(name, begin, end);
        }
        begin
    }

    /// Whole numbers in figures and, below a hundred, in words; the words for the most, the least
    /// and the half.
    fn number(
        &mut self,
        begin: NodeId,
        end: NodeId,
        (min, max, step): (f64, f64, f64),
        measure: Measure,
        words: Option<&LanguageWords>,
    ) {
        let said = self.node(Kind::Inside);
        self.step(said, Step::Skip(end));
        if (max - min) / step > MOST_VALUES as f64 {
            let open = self.node(Kind::Open);
            self.step(begin, Step::Skip(open));
            return;
        }
        for value in (min.ceil().max(0.0) as u32)..=(max.floor().max(0.0) as u32) {
            self.words(&value.to_string(), begin, said);
            if let Some(name) = in_words(value, self.language) {
                self.words(&name, begin, said);
            }
        }
        let Some(words) = words else { return };
        for name in [&words.maximum, &words.minimum, &words.half]
            .into_iter()
            .flatten()
        {
            self.words(name, begin, end);
        }
        for name in words.units.get(&measure).into_iter().flatten() {
            self.words(name, said, end);
            // Mandarin says "per cent" before the number.
            if self.language == Language::Mandarin && measure == Measure::Percent {
                self.words(name, begin, begin);
            }
        }
    }

    fn finish(mut self, begin: NodeId) -> Expected {
        let mut places: HashMap<Unit, Vec<NodeId>> = HashMap::new();
        for node in &self.nodes {
            for step in &node.steps {
                if let Step::Say(unit, to) = step {
                    places.entry(*unit).or_default().push(*to);
                }
            }
        }
        for targets in places.values_mut() {
            targets.sort_unstable();
            targets.dedup();
        }
        let fillers = std::mem::take(&mut self.fillers);
        let fillers = fillers
            .iter()
            .filter_map(|filler| match &units(filler)[..] {
                [only] => self.numbers.get(only).copied(),
                _ => None,
            })
            .collect();
        Expected {
            language: self.language,
            units: self.units,
            numbers: self.numbers,
            nodes: self.nodes,
            places,
            fillers,
            begin,
        }
    }
}

/// A number from 0 to 99 as it is said.
fn in_words(value: u32, language: Language) -> Option<String> {
    let (tens, ones) = (value / 10, value % 10);
    match language {
        Language::English => {
            const SMALL: [&str; 20] = [
                "zero",
                "one",
                "two",
                "three",
                "four",
                "five",
                "six",
                "seven",
                "eight",
                "nine",
                "ten",
                "eleven",
                "twelve",
                "thirteen",
                "fourteen",
                "fifteen",
                "sixteen",
                "seventeen",
                "eighteen",
                "nineteen",
            ];
            const TENS: [&str; 10] = [
                "", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty",
                "ninety",
            ];
            if let Some(name) = SMALL.get(value as usize) {
                return Some((*name).to_owned());
            }
            let tens = TENS.get(tens as usize)?;
            Some(match ones {
                0 => (*tens).to_owned(),
                _ => format!("{tens} {}", SMALL.get(ones as usize)?),
            })
        }
        Language::Mandarin => {
            const DIGITS: [&str; 10] = ["零", "一", "二", "三", "四", "五", "六", "七", "八", "九"];
            let digit = |at: u32| DIGITS.get(at as usize).copied();
            let ten = match tens {
                0 => return digit(ones).map(str::to_owned),
                1 => "十".to_owned(),
                _ => format!("{}十", digit(tens)?),
            };
            Some(match ones {
                0 => ten,
                _ => format!("{ten}{}", digit(ones)?),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_said_as_people_say_them() {
        for (value, english, mandarin) in [
            (0, "zero", "零"),
            (10, "ten", "十"),
            (16, "sixteen", "十六"),
            (30, "thirty", "三十"),
            (22, "twenty two", "二十二"),
        ] {
            assert_eq!(in_words(value, Language::English).as_deref(), Some(english));
            assert_eq!(
                in_words(value, Language::Mandarin).as_deref(),
                Some(mandarin)
            );
        }
        assert_eq!(in_words(100, Language::English), None);
        assert_eq!(in_words(100, Language::Mandarin), None);
    }
}
