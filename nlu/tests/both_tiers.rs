//! What the phrases and the trained model make of a sentence together.

#![allow(clippy::unwrap_used)] // helpers of tests are not inside a #[test] function

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use codriver_catalog::{Catalog, Decision};
use codriver_models::{Runtime, Store};
use codriver_nlu::model::{LanguageModel, ModelSettings};
use codriver_nlu::{Context, Interpretation, Understanding};

const PACK: &str = "codriver-intent-gemma3-270m-q8";

/// The car's packs, and with them one that the model never saw.
fn catalog() -> Arc<Catalog> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR"));
    let configs = tempfile::tempdir().unwrap();
    for (folder, from) in [
        ("commands", "../configs/commands"),
        ("commands", "tests/unseen_packs"),
        ("languages", "../configs/languages"),
    ] {
        let to = configs.path().join(folder);
        fs::create_dir_all(&to).unwrap();
        for file in fs::read_dir(source.join(from)).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    }
    Arc::new(Catalog::load(configs.path()).unwrap())
}

fn understanding() -> MutexGuard<'static, Understanding> {
    static LOADED: OnceLock<Mutex<Understanding>> = OnceLock::new();
    let load = || {
        let store = Store::from_environment().unwrap();
        let runtime = Runtime::from_store(&store).unwrap();
        let catalog = catalog();
        let settings = ModelSettings::default();
        let pack = store.open(PACK).unwrap();
        let model = LanguageModel::load(&pack, runtime, Arc::clone(&catalog), &settings).unwrap();
        let understanding = Understanding::new(catalog).unwrap();
        Mutex::new(understanding.with_model(Box::new(model)))
    };
    let loaded = LOADED.get_or_init(load);
    loaded.lock().unwrap_or_else(PoisonError::into_inner)
}

fn heard(text: &str, recent: &[&str]) -> Interpretation {
    let mut understanding = understanding();
    let mut context = Context {
        moving: Some(false),
        speaker: None,
        recent: Vec::new(),
    };
    for said in recent {
        let before = understanding.interpret(said, None, &context);
        context.recent.splice(0..0, before.commands);
    }
    understanding.interpret(text, None, &context)
}

fn calls(interpretation: &Interpretation) -> Vec<String> {
    let commands = interpretation.commands.iter();
    commands
        .map(|command| {
            let arguments: Vec<String> = command
                .arguments
                .iter()
                .map(|(n, v)| format!("{n}={v}"))
                .collect();
            format!("{}({})", command.name, arguments.join(","))
        })
        .collect()
}

#[test]
fn several_commands_in_one_breath_are_all_understood() {
    let interpretation = heard("把副驾的座椅加热关了再开一点窗", &[]);
    let wanted = [
        "seats.heating_off(zone=passenger)",
        "windows.open_more(amount=20,zone=driver)",
    ];
    assert_eq!(calls(&interpretation), wanted, "{interpretation:?}");
}

#[test]
fn what_was_done_last_gives_short_sentences_their_meaning() {
    for (before, text) in [
        ("turn on the ac", "turn it off again"),
        ("打开空调", "把它关掉"),
    ] {
        let interpretation = heard(text, &[before]);
        let meant: Vec<_> = interpretation
            .tiers
            .iter()
            .flat_map(|tier| &tier.commands)
            .map(|proposal| proposal.name.to_string())
            .collect();
        assert_eq!(
            meant,
            ["climate.air_conditioning_off"],
            "{before}, {text}: {interpretation:?}"
        );
    }
}

#[test]
fn talk_that_is_not_for_the_car_does_nothing() {
    for text in [
        "my neighbour's window has been broken for months",
        "what is the capital of france",
        "she said the seats in her car are really comfortable",
        "order me a pizza",
        "家里的窗户关了没有",
        "座椅加热费电吗",
        "帮我点一份外卖",
    ] {
        let interpretation = heard(text, &[]);
        assert!(
            interpretation.commands.is_empty(),
            "{text}: {interpretation:?}"
        );
    }
}

#[test]
fn a_pack_the_model_never_saw_works_by_its_phrases_even_misheard() {
    for (text, wanted) in [
        ("drop the anchor please", "boat.drop_anchor()"),
        ("weigh anchor", "boat.raise_anchor()"),
        (
            "trim the mainsail to 45 degrees",
            "boat.trim_sail(degrees=45,sail=main)",
        ),
        ("起锚", "boat.raise_anchor()"),
        ("把主反调到三十度", "boat.trim_sail(degrees=30,sail=main)"), // heard for 主帆
    ] {
        let interpretation = heard(text, &[]);
        assert_eq!(
            calls(&interpretation),
            [wanted],
            "{text}: {interpretation:?}"
        );
        assert_eq!(interpretation.decision, Decision::Execute, "{text}");
    }
}

#[test]
fn what_is_said_of_an_unseen_pack_without_a_phrase_is_not_bent_into_a_car_command() {
    for text in [
        "let the anchor slip a little",
        "reef the mainsail",
        "the jib could come in a touch",
        "hoist the flag",
        "把前帆收紧一点",
        "锚链太短了",
    ] {
        let interpretation = heard(text, &[]);
        assert!(
            interpretation.commands.is_empty(),
            "{text}: {interpretation:?}"
        );
    }
}
