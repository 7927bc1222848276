//! What the README says one can say, one can say.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use codriver_catalog::{Catalog, Decision};
use codriver_nlu::{Context, Understanding};

#[test]
fn every_sentence_of_the_readme_is_understood() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let catalog = Catalog::load(&root.join("configs")).unwrap();
    let mut understanding = Understanding::new(Arc::new(catalog)).unwrap();
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let (_, table) = readme.split_once("<!-- sentences").unwrap();
    let (table, _) = table.split_once("<!-- end of sentences").unwrap();
    let rows = table.lines().filter(|line| line.starts_with('|')).skip(2);
    let sentences: Vec<&str> = rows
        .flat_map(|row| row.split('|').skip(2))
        .flat_map(|cell| cell.split(';'))
        .map(str::trim)
        .filter(|sentence| !sentence.is_empty())
        .collect();
    assert!(sentences.len() > 30, "{sentences:?}");
    for sentence in sentences {
        let interpretation = understanding.interpret(sentence, None, &Context::default());
        assert!(
            matches!(
                interpretation.decision,
                Decision::Execute | Decision::Confirm
            ),
            "{sentence}: {:?} {:?}",
            interpretation.decision,
            interpretation.reason
        );
    }
}
