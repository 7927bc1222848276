//! From what the slots heard to the arguments of a command, checked and never bent.

use std::collections::BTreeMap;

use codriver_catalog::{Argument, ArgumentKind, CommandDefinition, Value};

use super::align::Filling;
use crate::normalise::Amount;
use crate::{Proposal, Reason};

/// A command as it was heard, and what is wrong with it.
pub(super) struct Fitted {
    pub(super) proposal: Proposal,
    pub(super) problem: Option<Reason>,
    pub(super) has_text: bool,
}

/// Fills the arguments; `None` when the sentence contradicts itself.
pub(super) fn fit(
    definition: &CommandDefinition,
    fixed: &BTreeMap<String, Value>,
    slots: Vec<(usize, Filling)>,
) -> Option<Fitted> {
    let mut arguments = fixed.clone();
    let mut has_text = false;
    for (index, filling) in slots {
        let argument = definition.arguments.get(index)?;
        has_text |= matches!(argument.kind, ArgumentKind::Text { .. });
        let value = match filling {
            Filling::Value(value) => value,
            Filling::Amount(amount) => Value::Number(number(argument, amount)?),
        };
        let before = arguments.insert(argument.name.clone(), value.clone());
        if before.is_some_and(|before| before != value) {
            return None;
        }
    }
    let proposal = Proposal {
        name: definition.name.clone(),
        arguments,
    };
    let checked = definition.complete(proposal.arguments.clone());
    let problem = checked.err().map(|error| Reason::Argument {
        command: definition.name.clone(),
        error,
        proposal: proposal.clone(),
    });
    Some(Fitted {
        proposal,
        problem,
        has_text,
    })
}

fn number(argument: &Argument, amount: Amount) -> Option<f64> {
    let ArgumentKind::Number { min, max, step, .. } = argument.kind else {
        return None;
    };
    Some(match amount {
        Amount::Exactly(value) => value,
        // Nobody who says 72 Fahrenheit means 22.2 recurring Celsius: the
        // nearest step is what was said, as exactly as this argument can say it.
        Amount::About(value) => min + ((value - min) / step).round() * step,
        Amount::Maximum => max,
        Amount::Minimum => min,
    })
}
