//! What the README says one can say, one can say.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use codriver_catalog::{Catalog, Decision};
use codriver_nlu::{Context, Understanding};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn the_command_that_the_readme_adds_without_code_works() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let (_, example) = readme.split_once("```toml\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let pack = format!("[pack]\nname = \"example\"\nversion = \"1.0.0\"\n{example}");
    fs::write(folder.path().join("example.toml"), pack).unwrap();
    let languages = folder.path().join("languages");
    fs::create_dir(&languages).unwrap();
    for name in ["en.toml", "zh.toml"] {
        fs::copy(
            root().join("configs/languages").join(name),
            languages.join(name),
        )
        .unwrap();
    }
    let catalog = Arc::new(Catalog::load(folder.path()).unwrap());
    let mut understanding = Understanding::new(catalog.clone()).unwrap();
    let test = &catalog.commands[0].tests[0];
    let interpretation = understanding.interpret(&test.text, None, &Context::default());
    assert_eq!(interpretation.commands[0].arguments, test.arguments);
}

#[test]
fn every_sentence_of_the_readme_is_understood() {
    let catalog = Catalog::load(&root().join("configs")).unwrap();
    let mut understanding = Understanding::new(Arc::new(catalog)).unwrap();
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
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

#[test]
fn the_readme_counts_the_commands_rightly() {
    let catalog = Catalog::load(&root().join("configs")).unwrap();
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let count = format!("\n{} commands, in", catalog.commands.len());
    assert!(readme.contains(&count), "README.md should say:{count}");
}
