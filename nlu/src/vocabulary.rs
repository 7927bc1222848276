//! The words of the packs, for the recogniser's prompt.

use std::collections::HashMap;

use codriver_catalog::{Catalog, Language};

use crate::normalise::words_of;

/// The words worth telling the recogniser, those of most phrases first.
/// Bounded by `most_characters`, so that the prompt stays short.
pub fn vocabulary(catalog: &Catalog, language: Language, most_characters: usize) -> Vec<String> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    for definition in &catalog.commands {
        let mut once = std::collections::BTreeSet::new();
        for phrase in definition.phrases.get(&language).into_iter().flatten() {
            phrase.template.words(|run| match language {
                // Characters alone say little: keep the runs as the pack has them.
                Language::Mandarin => {
                    once.insert(run.to_owned());
                }
                Language::English => once.extend(words_of(run)),
            });
        }
        for word in once.into_iter().filter(|w| w.chars().count() > 1) {
            *counts.entry(word).or_default() += 1;
        }
    }
    let mut words: Vec<_> = counts.into_iter().collect();
    words.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let mut left = most_characters;
    let mut kept = Vec::new();
    for (word, _) in words {
        // One more for the sign between two words.
        let Some(rest) = left.checked_sub(word.chars().count() + 1) else {
            break;
        };
        left = rest;
        kept.push(word);
    }
    kept
}
