//! The words that the recogniser is told to expect: what the packs speak of.

use std::collections::BTreeMap;

use codriver_catalog::{ArgumentKind, Catalog, Language};

/// Words for the recogniser, the most telling first. It reads as many as its
/// prompt holds, so words that several packs share come before rare ones.
pub fn expected_words(catalog: &Catalog, language: Language) -> Vec<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for command in &catalog.commands {
        let mut words = Vec::new();
        for phrase in command.phrases.get(&language).into_iter().flatten() {
            phrase
                .template
                .words(|run| words.extend(split(run, language)));
        }
        for argument in &command.arguments {
            if let ArgumentKind::Choice { choices } = &argument.kind {
                let said = choices
                    .iter()
                    .filter_map(|choice| choice.words.get(&language));
                words.extend(said.flatten().flat_map(|word| split(word, language)));
            }
        }
        words.sort();
        words.dedup();
        for word in words {
            *counts.entry(word).or_default() += 1;
        }
    }
    let mut words: Vec<(String, usize)> = counts.into_iter().collect();
    words.sort_by(|(one, often), (other, seldom)| seldom.cmp(often).then(one.cmp(other)));
    words.into_iter().map(|(word, _)| word).collect()
}

/// English words one by one; Chinese runs as they are, since they have no blanks.
/// Short English words are common ones that the recogniser knows without being told.
fn split(run: &str, language: Language) -> Vec<String> {
    let least = match language {
        Language::English => 4,
        Language::Mandarin => 2,
    };
    run.split_whitespace()
        .filter(|word| word.chars().count() >= least)
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_packs_give_words_in_every_language() {
        let configs = concat!(env!("CARGO_MANIFEST_DIR"), "/../configs");
        let catalog = Catalog::load(configs.as_ref()).unwrap();
        for (language, word) in [
            (Language::English, "temperature"),
            (Language::Mandarin, "温度"),
        ] {
            let words = expected_words(&catalog, language);
            assert!(words.iter().any(|known| known == word), "{words:?}");
        }
    }
}
