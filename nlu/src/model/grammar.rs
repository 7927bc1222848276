//! The grammar of all valid answers to one utterance, compiled from the catalogue.
//!
//! It is the call syntax of [`super::call`] in llguidance's dialect of Lark.
//! A model decoding under it can name only commands, arguments and choices of
//! the catalogue and numbers of their range and step, and can quote only words
//! that were said: it cannot invent a destination.

use std::collections::BTreeSet;

use codriver_catalog::{Argument, ArgumentKind, Catalog, CommandDefinition, Value};

use super::call::{MAX_CALLS, NONE};

/// Beyond this many values a number is held to its digits only, and the
/// parser, which checks range and step anyway, refuses the rest.
const MAX_ENUMERATED: f64 = 5000.0;

/// The grammar of a catalogue, lacking only the words of the utterance.
pub struct CallGrammar {
    /// Without text arguments: for utterances that hold nothing to quote.
    without_text: String,
    with_text: String,
    /// The bounds of the catalogue's text arguments, in characters.
    text_bounds: Vec<usize>,
}

impl CallGrammar {
    /// Compiles the catalogue's half. Where `taught` is given, a model can
    /// name only the commands in it: what a model never saw in training is
    /// left to the phrases, for it would bend such sentences into what it knows.
    pub fn new(catalog: &Catalog, taught: Option<&BTreeSet<String>>) -> Self {
        let commands: Vec<&CommandDefinition> = catalog
            .commands
            .iter()
            .filter(|command| taught.is_none_or(|taught| taught.contains(command.name.as_str())))
            .collect();
        let mut text_bounds: Vec<usize> = commands
            .iter()
            .flat_map(|command| &command.arguments)
            .filter_map(|argument| match argument.kind {
                ArgumentKind::Text { max_characters, .. } => Some(max_characters),
                _ => None,
            })
            .collect();
        text_bounds.sort_unstable();
        text_bounds.dedup();
        Self {
            without_text: rules(&commands, false),
            with_text: rules(&commands, true),
            text_bounds,
        }
    }

    /// The whole grammar for an utterance without quotes and backslashes
    /// (see [`super::prompt::sanitise`]).
    pub fn for_utterance(&self, utterance: &str) -> String {
        let chunks = chunks(utterance);
        let shortest = chunks
            .iter()
            .filter(|chunk| !chunk.trim().is_empty())
            .map(|chunk| chunk.chars().count())
            .min();
        let Some(shortest) = shortest else {
            return self.without_text.clone();
        };
        if self.text_bounds.iter().any(|bound| *bound < shortest) {
            return self.without_text.clone();
        }
        let mut grammar = self.with_text.clone();
        let quoted = serde_json::json!({ "substring_chunks": chunks });
        push(&mut grammar, format!("SAID: %regex {quoted}"));
        for bound in &self.text_bounds {
            let trimmed = r"/\S|\S(?s:.)*\S/";
            push(
                &mut grammar,
                format!("TEXT_{bound}: SAID & /(?s:.){{1,{bound}}}/ & {trimmed}"),
            );
        }
        grammar
    }
}

/// All rules but those of quoted text.
fn rules(commands: &[&CommandDefinition], with_text: bool) -> String {
    let none = literal(NONE.trim_start());
    if commands.is_empty() {
        return format!("start: \" \" {none}\n");
    }
    // One space before both alternatives: the lexer takes the longest terminal
    // it can begin, so beside " none" a call to "n..." could never be begun.
    let more = MAX_CALLS - 1;
    let mut rules = format!("start: \" \" ({none} | call (\";\" call){{0,{more}}})\n");
    let names: Vec<String> = (0..commands.len()).map(|i| format!("c{i}")).collect();
    push(&mut rules, format!("call: {}", names.join(" | ")));
    let mut values = Values::default();
    for (index, command) in commands.iter().enumerate() {
        let arguments: Vec<&Argument> = command
            .arguments
            .iter()
            .filter(|argument| with_text || !matches!(argument.kind, ArgumentKind::Text { .. }))
            .collect();
        let open = literal(&format!("{}(", command.name));
        let list = if arguments.is_empty() {
            String::new()
        } else {
            format!("c{index}l0? ")
        };
        push(&mut rules, format!("c{index}: {open} {list}\")\""));
        for (place, argument) in arguments.iter().enumerate() {
            // c0l1 is a list that begins with argument 1 or a later one.
            let one = format!(
                "{} {}",
                literal(&format!("{}=", argument.name)),
                values.rule(argument)
            );
            let more = match place + 1 < arguments.len() {
                true => format!(" (\",\" c{index}l{0})? | c{index}l{0}", place + 1),
                false => String::new(),
            };
            push(&mut rules, format!("c{index}l{place}: {one}{more}"));
        }
    }
    for (terminal, alternatives) in values.terminals.iter().enumerate() {
        push(&mut rules, format!("V{terminal}: {alternatives}"));
    }
    rules
}

fn push(rules: &mut String, rule: String) {
    rules.push_str(&rule);
    rules.push('\n');
}

/// The terminals of argument values, each set of values once.
#[derive(Default)]
struct Values {
    terminals: Vec<String>,
}

impl Values {
    fn rule(&mut self, argument: &Argument) -> String {
        let alternatives = match &argument.kind {
            ArgumentKind::Text { max_characters, .. } => {
                return format!("\"\\\"\" TEXT_{max_characters} \"\\\"\"");
            }
            ArgumentKind::Zone { allowed } => one_of(allowed.iter().map(|zone| zone.as_str())),
            ArgumentKind::Choice { choices } => one_of(choices.iter().map(|c| c.name.as_str())),
            ArgumentKind::Flag => one_of(["true", "false"]),
            ArgumentKind::Number { min, max, step, .. } => numbers(*min, *max, *step),
        };
        let place = self
            .terminals
            .iter()
            .position(|known| *known == alternatives);
        let place = place.unwrap_or_else(|| {
            self.terminals.push(alternatives);
            self.terminals.len() - 1
        });
        format!("V{place}")
    }
}

fn numbers(min: f64, max: f64, step: f64) -> String {
    let steps = ((max - min) / step + 1e-6).floor();
    if !(0.0..MAX_ENUMERATED).contains(&steps) {
        return r"/-?[0-9]{1,9}(\.[0-9]{1,6})?/".into();
    }
    one_of((0..=steps as u32).map(|count| {
        // Rounded, so that three steps of 0.1 are written 0.3; adding zero
        // turns -0 into 0.
        let value = ((min + f64::from(count) * step) * 1e6).round() / 1e6 + 0.0;
        Value::Number(value).to_string()
    }))
}

fn one_of<T: AsRef<str>>(alternatives: impl IntoIterator<Item = T>) -> String {
    let literals: Vec<String> = alternatives
        .into_iter()
        .map(|a| literal(a.as_ref()))
        .collect();
    literals.join(" | ")
}

/// A Lark string; its escapes are those of JSON.
fn literal(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The units an utterance may be quoted in: runs of letters and digits, and
/// every other character by itself. Scripts without spaces are quoted by
/// character.
fn chunks(utterance: &str) -> Vec<&str> {
    let in_word = |c: char| c.is_alphanumeric() && !is_ideograph(c) || c == '\'';
    let mut chunks = Vec::new();
    let mut start = 0;
    let mut previous_in_word = false;
    for (at, character) in utterance.char_indices() {
        if at > start && !(previous_in_word && in_word(character)) {
            chunks.push(&utterance[start..at]);
            start = at;
        }
        previous_in_word = in_word(character);
    }
    if start < utterance.len() {
        chunks.push(&utterance[start..]);
    }
    chunks
}

fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{2e80}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}
