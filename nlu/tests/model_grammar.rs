//! The grammar and the call syntax hold the same answers, no more and no fewer.

// Helpers of tests are not inside a #[test] function, where these are allowed.
#![allow(clippy::unwrap_used, clippy::panic)]

mod model_support;

use std::sync::LazyLock;

use std::collections::BTreeSet;

use codriver_catalog::{Catalog, Value, Zone};
use codriver_nlu::Proposal;
use codriver_nlu::model::{CallGrammar, Vocabulary, call, sanitise};
use proptest::prelude::*;

use model_support::{catalog, vocabulary};

static VOCABULARY: LazyLock<Vocabulary> = LazyLock::new(vocabulary);

/// Whether the real matcher takes `answer` as a whole, token by token.
fn accepts(catalog: &Catalog, utterance: &str, answer: &str) -> bool {
    accepts_of(catalog, None, utterance, answer)
}

/// The same for a model that was taught only these commands.
fn accepts_of(
    catalog: &Catalog,
    taught: Option<&BTreeSet<String>>,
    utterance: &str,
    answer: &str,
) -> bool {
    let grammar = CallGrammar::new(catalog, taught).for_utterance(utterance);
    let mut matcher = VOCABULARY.matcher(grammar).unwrap();
    let tokens = VOCABULARY.encode_spoken(answer).unwrap();
    let taken = matcher.try_consume_tokens(&tokens).unwrap();
    taken == tokens.len() && matcher.is_accepting().unwrap()
}

fn arrange() -> impl Strategy<Value = Proposal> {
    let zone = proptest::sample::select(vec![Zone::Driver, Zone::All]).prop_map(Value::Zone);
    let warmth = (0..=28).prop_map(|n| Value::Number(16.0 + f64::from(n) * 0.5));
    let tilt = (-5..=5).prop_map(|n| Value::Number(f64::from(n) * 20.0));
    let mode = proptest::sample::select(vec!["calm", "calm_blue"])
        .prop_map(|name| Value::Choice(name.into()));
    let quiet = any::<bool>().prop_map(Value::Flag);
    let option = proptest::option::of::<BoxedStrategy<Value>>;
    (
        option(zone.boxed()),
        option(warmth.boxed()),
        option(tilt.boxed()),
        option(mode.boxed()),
        option(quiet.boxed()),
    )
        .prop_map(|(zone, warmth, tilt, mode, quiet)| {
            let arguments = [
                ("zone", zone),
                ("warmth", warmth),
                ("tilt", tilt),
                ("mode", mode),
                ("quiet", quiet),
            ];
            Proposal {
                name: "cabin.arrange".parse().unwrap(),
                arguments: arguments
                    .into_iter()
                    .filter_map(|(name, value)| Some((name.to_owned(), value?)))
                    .collect(),
            }
        })
}

fn stop() -> impl Strategy<Value = Proposal> {
    Just(Proposal {
        name: "cabin.stop".parse().unwrap(),
        arguments: Default::default(),
    })
}

fn go(place: &str) -> Proposal {
    Proposal {
        name: "cabin.go".parse().unwrap(),
        arguments: [("place".to_owned(), Value::Text(place.into()))].into(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn every_valid_call_is_written_accepted_and_read_back(
        proposals in proptest::collection::vec(prop_oneof![3 => arrange(), 1 => stop()], 0..=4)
    ) {
        let catalog = catalog();
        let text = call::write(&catalog, &proposals).unwrap();
        prop_assert!(accepts(&catalog, "anything", &text), "{text}");
        prop_assert_eq!(call::parse(&catalog, &text).unwrap(), proposals);
    }

    #[test]
    fn any_words_that_were_said_can_be_quoted(said in "\\PC{1,30}") {
        let catalog = catalog();
        let said = sanitise(&said);
        prop_assume!(said.contains(char::is_alphanumeric));
        let text = call::write(&catalog, &[go(&said)]).unwrap();
        prop_assert!(accepts(&catalog, &said, &text), "{text}");
        prop_assert_eq!(call::parse(&catalog, &text).unwrap(), vec![go(&said)]);
    }

    #[test]
    fn what_the_parser_refuses_the_grammar_refuses_too(
        text in " (none|cabin\\.(stop|arrange|go)\\((zone=(driver|rear|all)|warmth=(1[0-9]|20\\.5|3[01])|tilt=-?[0-4]0)?\\))(;cabin\\.stop\\(\\))?"
    ) {
        let catalog = catalog();
        prop_assert_eq!(accepts(&catalog, "x", &text), call::parse(&catalog, &text).is_ok(), "{}", text);
    }

    #[test]
    fn reading_an_answer_never_panics(text in "( cabin\\.|\\(|place=|\"|,|;|\\)|.){0,12}") {
        let _ = call::parse(&catalog(), &text);
    }
}

#[test]
fn out_of_range_off_step_unknown_and_misplaced_arguments_are_refused_by_both() {
    let catalog = catalog();
    for text in [
        " cabin.arrange(warmth=15.5)",
        " cabin.arrange(warmth=30.5)",
        " cabin.arrange(warmth=16.25)",
        " cabin.arrange(warmth=20.0)",
        " cabin.arrange(tilt=10)",
        " cabin.arrange(zone=rear)",
        " cabin.arrange(zone=foam)",
        " cabin.arrange(mode=loud)",
        " cabin.arrange(warmth=20,zone=all)",
        " cabin.arrange(zone=all,zone=all)",
        " cabin.arrange(zone=all,)",
        " cabin.arrange(quiet=yes)",
        " cabin.fly()",
        " cabin.stop();",
        " cabin.stop(); cabin.stop()",
        "cabin.stop()",
        " none;cabin.stop()",
        " cabin.stop();cabin.stop();cabin.stop();cabin.stop();cabin.stop()",
        "",
    ] {
        assert!(call::parse(&catalog, text).is_err(), "{text}");
        assert!(!accepts(&catalog, "go home", text), "{text}");
    }
}

#[test]
fn words_that_were_not_said_cannot_be_quoted() {
    let catalog = catalog();
    let said = "take me to the old mill 去天安门";
    for place in ["the old mill", "mill", "去天安门", "天安门", "mill 去"] {
        let text = call::write(&catalog, &[go(place)]).unwrap();
        assert!(accepts(&catalog, said, &text), "{text}");
    }
    for place in ["the new mill", "old the", "mil", "北京"] {
        let text = call::write(&catalog, &[go(place)]).unwrap();
        assert!(!accepts(&catalog, said, &text), "{text}");
    }
    assert!(!accepts(&catalog, said, " cabin.go(place=\"\")"));
}

#[test]
fn a_model_cannot_name_a_command_that_it_was_not_taught() {
    let catalog = catalog();
    let stop = BTreeSet::from(["cabin.stop".to_owned()]);
    let nothing = BTreeSet::new();
    for (taught, answer, allowed) in [
        (&stop, " cabin.stop()", true),
        (&stop, " none", true),
        (&stop, " cabin.go(place=\"the mill\")", false),
        (&nothing, " cabin.stop()", false),
        (&nothing, " none", true),
    ] {
        assert_eq!(
            accepts_of(&catalog, Some(taught), "go to the mill", answer),
            allowed,
            "{taught:?} {answer}"
        );
    }
}

#[test]
fn a_command_whose_name_begins_like_the_answer_none_can_be_named_first() {
    let configs = tempfile::tempdir().unwrap();
    for folder in ["commands", "languages"] {
        std::fs::create_dir(configs.path().join(folder)).unwrap();
    }
    let english = "tests/model_configs/languages/en.toml";
    let english = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(english);
    std::fs::copy(english, configs.path().join("languages/en.toml")).unwrap();
    let file = configs.path().join("commands/notes.toml");
    let mut pack = "[pack]\nname = \"notes\"\nversion = \"1.0.0\"\n".to_owned();
    for name in ["notes.read", "none_such.stop", "navigation.stop"] {
        pack.push_str(&format!(
            "[[command]]\nname = \"{name}\"\nsummary = \"Does it.\"\nphrases.en = [\"do it\"]\n\
             route.assistant = \"help\"\nreplies.en = {{ done = \"Done.\" }}\n"
        ));
    }
    std::fs::write(&file, pack).unwrap();
    let catalog = Catalog::load(configs.path()).unwrap();
    for name in ["notes.read", "none_such.stop", "navigation.stop"] {
        assert!(accepts(&catalog, "x", &format!(" {name}()")), "{name}");
    }
    assert!(accepts(&catalog, "x", " none"));
    assert!(!accepts(&catalog, "x", " none()"));
}
