//! The packs' own sentences: every test must be understood as it says, every
//! reject must move nothing. All failures are reported, each with its place.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;

use codriver_catalog::{Catalog, Command, Decision};
use codriver_nlu::{Context, Tiers, Understanding};

fn catalog() -> Arc<Catalog> {
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs");
    Arc::new(Catalog::load(&configs).unwrap())
}

const PARKED: Context = Context {
    moving: Some(false),
    speaker: None,
    recent: Vec::new(),
};

#[test]
fn every_test_sentence_of_the_packs_is_understood() {
    let catalog = catalog();
    let mut understanding = Understanding::new(Arc::clone(&catalog)).unwrap();
    let (mut failures, mut total) = (Vec::new(), 0);
    for definition in &catalog.commands {
        for test in &definition.tests {
            total += 1;
            let expected = definition.complete(test.arguments.clone()).unwrap();
            let heard = understanding.interpret_with(
                Tiers::Patterns,
                &test.text,
                Some(test.language),
                &PARKED,
            );
            let acts = matches!(heard.decision, Decision::Execute | Decision::Confirm);
            if !acts || heard.commands != [expected.clone()] {
                let commands: Vec<String> = heard.commands.iter().map(Command::to_string).collect();
                let reason = heard.reason.map_or(String::new(), |r| r.to_string());
                failures.push(format!(
                    "{}: \"{}\": expected {expected}, got {:?} {commands:?} ({:.2}) {reason}",
                    test.at, test.text, heard.decision, heard.confidence
                ));
            }
        }
    }
    assert!(total > 0, "the packs have no test sentences");
    assert!(
        failures.is_empty(),
        "{} of {total} sentences failed:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

#[test]
fn no_reject_sentence_of_the_packs_moves_anything() {
    let catalog = catalog();
    let mut understanding = Understanding::new(Arc::clone(&catalog)).unwrap();
    let mut failures = Vec::new();
    for reject in &catalog.rejects {
        let heard = understanding.interpret_with(
            Tiers::Patterns,
            &reject.text,
            Some(reject.language),
            &PARKED,
        );
        if !heard.commands.is_empty() {
            failures.push(format!(
                "{}: \"{}\" became {}",
                reject.at,
                reject.text,
                heard
                    .commands
                    .iter()
                    .map(Command::to_string)
                    .collect::<Vec<_>>()
                    .join(", ")
            ));
        }
    }
    assert!(!catalog.rejects.is_empty(), "the packs have no rejects");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
