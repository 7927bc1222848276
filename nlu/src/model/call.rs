//! The compact call syntax a model answers in:
//! ` climate.set_temperature(zone=driver,temperature=22);window.close()` or ` none`.
//!
//! Arguments stand in the order of their definition; any may be left out.
//! Free text stands in quotes and holds neither quotes, backslashes nor
//! control characters. There is exactly one way to write a list of calls.

use codriver_catalog::{Argument, ArgumentKind, Catalog, CommandDefinition, Value};

use crate::Proposal;

/// Most calls in one answer.
pub const MAX_CALLS: usize = 4;
/// The answer that asks for nothing. Every answer begins with a space, as
/// words do in the texts that models are trained on.
pub const NONE: &str = " none";

/// Why something is not in the call syntax, or cannot be written in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{near}\": {problem}")]
pub struct CallError {
    /// The call, argument or value.
    pub near: String,
    /// What is wrong with it.
    pub problem: String,
}

/// Writes proposals as a model should answer them.
///
/// # Errors
/// [`CallError`] when one of them cannot be written: an unknown command or
/// argument, a value its definition refuses, too many calls.
pub fn write(catalog: &Catalog, proposals: &[Proposal]) -> Result<String, CallError> {
    if proposals.is_empty() {
        return Ok(NONE.into());
    }
    if proposals.len() > MAX_CALLS {
        return wrong("", format!("there are more than {MAX_CALLS} calls"));
    }
    let calls: Result<Vec<_>, _> = proposals
        .iter()
        .map(|proposal| write_call(catalog, proposal))
        .collect();
    Ok(format!(" {}", calls?.join(";")))
}

fn write_call(catalog: &Catalog, proposal: &Proposal) -> Result<String, CallError> {
    let definition = defined(catalog, proposal.name.as_str())?;
    if let Some(name) = proposal
        .arguments
        .keys()
        .find(|name| definition.argument(name).is_none())
    {
        return wrong(name, format!("{} has no such argument", proposal.name));
    }
    let mut arguments = Vec::new();
    for argument in &definition.arguments {
        if let Some(value) = proposal.arguments.get(&argument.name) {
            arguments.push(format!(
                "{}={}",
                argument.name,
                write_value(argument, value)?
            ));
        }
    }
    Ok(format!("{}({})", proposal.name, arguments.join(",")))
}

fn write_value(argument: &Argument, value: &Value) -> Result<String, CallError> {
    check(argument, value)?;
    match value {
        Value::Text(text) if !is_plain(text) => wrong(
            text,
            "it begins or ends with a space, or holds a quote, backslash or control character",
        ),
        Value::Text(text) => Ok(format!("\"{text}\"")),
        other => Ok(other.to_string()),
    }
}

/// Reads what a model answered. Nothing but the syntax above is accepted.
///
/// # Errors
/// [`CallError`] with the part that is wrong.
pub fn parse(catalog: &Catalog, answer: &str) -> Result<Vec<Proposal>, CallError> {
    if answer == NONE {
        return Ok(Vec::new());
    }
    let Some(mut rest) = answer.strip_prefix(' ') else {
        return wrong(answer, "an answer begins with a space");
    };
    let mut proposals = Vec::new();
    loop {
        let (proposal, after) = parse_call(catalog, rest)?;
        proposals.push(proposal);
        if after.is_empty() {
            return Ok(proposals);
        }
        match after.strip_prefix(';') {
            Some(next) if proposals.len() < MAX_CALLS => rest = next,
            Some(_) => return wrong(after, format!("there are more than {MAX_CALLS} calls")),
            None => return wrong(after, "a call is followed by nothing or by \";\""),
        }
    }
}

/// One call from the start of `text`, and what follows it.
fn parse_call<'a>(catalog: &Catalog, text: &'a str) -> Result<(Proposal, &'a str), CallError> {
    let Some((name, mut rest)) = text.split_once('(') else {
        return wrong(text, "a call has a name and parentheses");
    };
    let definition = defined(catalog, name)?;
    let mut proposal = Proposal {
        name: definition.name.clone(),
        arguments: Default::default(),
    };
    if let Some(after) = rest.strip_prefix(')') {
        return Ok((proposal, after));
    }
    let mut remaining = definition.arguments.iter();
    loop {
        let Some((name, value)) = rest.split_once('=') else {
            return wrong(rest, "an argument is written name=value");
        };
        // Searching only onwards from the last argument enforces the order.
        let Some(argument) = remaining.find(|argument| argument.name == name) else {
            return wrong(
                name,
                "no such argument, or not in the order of its definition",
            );
        };
        let (value, after) = parse_value(argument, value)?;
        proposal.arguments.insert(argument.name.clone(), value);
        match (after.strip_prefix(')'), after.strip_prefix(',')) {
            (Some(after), _) => return Ok((proposal, after)),
            (None, Some(next)) => rest = next,
            (None, None) => return wrong(after, "an argument is followed by \",\" or \")\""),
        }
    }
}

fn parse_value<'a>(argument: &Argument, text: &'a str) -> Result<(Value, &'a str), CallError> {
    if let ArgumentKind::Text { .. } = argument.kind {
        let quoted = text.strip_prefix('"').and_then(|text| text.split_once('"'));
        let Some((content, after)) = quoted else {
            return wrong(text, "text stands in quotes");
        };
        if !is_plain(content) {
            return wrong(content, "it cannot be text of a call");
        }
        let value = Value::Text(content.into());
        check(argument, &value)?;
        return Ok((value, after));
    }
    let end = text.find([',', ')']).unwrap_or(text.len());
    let (word, after) = text.split_at(end);
    let value = match &argument.kind {
        ArgumentKind::Number { .. } => word.parse().ok().map(Value::Number),
        ArgumentKind::Flag => word.parse().ok().map(Value::Flag),
        ArgumentKind::Zone { .. } => word.parse().ok().map(Value::Zone),
        ArgumentKind::Choice { .. } | ArgumentKind::Text { .. } => Some(Value::Choice(word.into())),
    };
    let Some(value) = value else {
        return wrong(word, format!("it is no {}", argument.kind.name()));
    };
    check(argument, &value)?;
    if value.to_string() != word {
        return wrong(word, format!("it is written {value}"));
    }
    Ok((value, after))
}

/// Whether text can stand between quotes.
fn is_plain(text: &str) -> bool {
    text.trim() == text && !text.contains(|c: char| c == '"' || c == '\\' || c.is_control())
}

fn defined<'a>(catalog: &'a Catalog, name: &str) -> Result<&'a CommandDefinition, CallError> {
    catalog.command(name).ok_or_else(|| CallError {
        near: name.into(),
        problem: "there is no such command".into(),
    })
}

fn check(argument: &Argument, value: &Value) -> Result<(), CallError> {
    argument.check(value).map_err(|error| CallError {
        near: argument.name.clone(),
        problem: error.to_string(),
    })
}

fn wrong<T>(near: &str, problem: impl Into<String>) -> Result<T, CallError> {
    Err(CallError {
        near: near.into(),
        problem: problem.into(),
    })
}
