//! Sentences of several clauses are read whole and clause by clause: rule 5 of `understanding.rs`.

#![allow(clippy::unwrap_used)] // helpers of tests are not inside a #[test] function

use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};

use codriver_catalog::{Catalog, CommandName, Decision, Language};
use codriver_models::Thresholds;
use codriver_nlu::model::call;
use codriver_nlu::{
    Context, Error, Interpretation, ModelAnswer, ModelTier, Rule, Source, Understanding,
};

static CATALOG: LazyLock<Arc<Catalog>> = LazyLock::new(|| {
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs");
    Arc::new(Catalog::load(&configs).unwrap())
});

/// A text, the calls a model answers it with, and how sure; to any other text it surely says nothing.
type Answer = (&'static str, &'static str, f64);

struct Says {
    answers: Vec<Answer>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl ModelTier for Says {
    fn languages(&self) -> &[Language] {
        &[Language::English, Language::Mandarin]
    }

    fn knows(&self, _: &CommandName) -> bool {
        true
    }

    fn thresholds(&self) -> Thresholds {
        Thresholds::new(0.5, 0.8, 0.95).unwrap()
    }

    fn interpret(
        &mut self,
        text: &str,
        _: Language,
        context: &Context,
    ) -> Result<ModelAnswer, Error> {
        let done = context.recent.iter().map(|command| command.name.as_str());
        let after: Vec<_> = std::iter::once(text).chain(done).collect();
        self.asked.lock().unwrap().push(after.join(" <- "));
        let known = self.answers.iter().find(|(asked, ..)| *asked == text);
        let (_, calls, confidence) = known.unwrap_or(&("", " none", 0.99));
        Ok(ModelAnswer {
            proposals: call::parse(&CATALOG, calls).unwrap(),
            confidence: *confidence,
        })
    }
}

fn read(text: &str, answers: &[Answer]) -> (Interpretation, Vec<String>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let model = Says {
        answers: answers.to_vec(),
        asked: Arc::clone(&asked),
    };
    let understanding = Understanding::new(Arc::clone(&CATALOG)).unwrap();
    let mut understanding = understanding.with_model(Box::new(model));
    let context = Context {
        moving: Some(false),
        recent: Vec::new(),
        speaker: None,
    };
    let interpretation = understanding.interpret(text, None, &context);
    let asked = asked.lock().unwrap().clone();
    (interpretation, asked)
}

fn names(interpretation: &Interpretation) -> Vec<&str> {
    let commands = interpretation.commands.iter();
    commands.map(|command| command.name.as_str()).collect()
}

const BOTH: &str = "it feels like a sauna in here and these wipers drive me mad";
const FIRST: &str = "it feels like a sauna in here";
const SECOND: &str = "these wipers drive me mad";

#[test]
fn two_readings_that_agree_make_surer_than_either() {
    let (read, _) = read(
        BOTH,
        &[
            (BOTH, " climate.cooler();wipers.off()", 0.7),
            (FIRST, " climate.cooler()", 0.9),
            (SECOND, " wipers.off()", 0.9),
        ],
    );
    assert_eq!(names(&read), ["climate.cooler", "wipers.off"]);
    assert_eq!(read.rule, Rule::ClauseByClause);
    // Of the doubts, 0.3 and 0.19, two fifths are shared: 1 - (0.4 * 0.19 + 0.6 * 0.3 * 0.19)
    assert!(
        (read.confidence - 0.8898).abs() < 1e-9,
        "{}",
        read.confidence
    );
}

#[test]
fn a_clause_is_read_as_said_after_the_one_before() {
    let (_, asked) = read(
        BOTH,
        &[
            (BOTH, " climate.cooler();wipers.off()", 0.7),
            (FIRST, " climate.cooler()", 0.9),
            (SECOND, " wipers.off()", 0.9),
        ],
    );
    let second = format!("{SECOND} <- climate.cooler");
    assert_eq!(asked, [BOTH, FIRST, &second]);
}

#[test]
fn two_readings_that_disagree_take_from_each_others_confidence() {
    let (read, _) = read(
        BOTH,
        &[
            (BOTH, " climate.cooler()", 0.85),
            (FIRST, " climate.cooler()", 0.8),
            (SECOND, " wipers.off()", 0.8),
        ],
    );
    // Alone the whole reading would have acted: 0.85 (1 - 0.64) / (1 - 0.85 * 0.64)
    assert_eq!(read.decision, Decision::Clarify);
    assert!(
        (read.confidence - 0.671).abs() < 1e-3,
        "{}",
        read.confidence
    );
    let sources: Vec<_> = read.tiers.iter().map(|tier| tier.source).collect();
    assert_eq!(sources, [Source::Pattern, Source::Model, Source::Clauses]);
}

#[test]
fn the_surer_reading_of_two_acts_where_the_other_is_weak() {
    let (read, _) = read(
        BOTH,
        &[
            (BOTH, " climate.cooler();wipers.on()", 0.3),
            (FIRST, " climate.cooler()", 0.95),
            (SECOND, " wipers.off()", 0.95),
        ],
    );
    assert_eq!(names(&read), ["climate.cooler", "wipers.off"]);
}

#[test]
fn a_clause_that_asks_for_nothing_leaves_the_whole_reading_alone() {
    let text = "my mother in law called and it feels like a sauna in here";
    let (read, _) = read(
        text,
        &[(text, " none", 0.9), (FIRST, " climate.cooler()", 0.99)],
    );
    assert_eq!(read.decision, Decision::Reject);
    assert_eq!(read.rule, Rule::Model);
}

#[test]
fn a_clause_that_is_an_exact_phrase_is_not_asked_of_the_model() {
    let text = "turn on the ac and these wipers drive me mad";
    let (read, asked) = read(
        text,
        &[
            (text, " climate.air_conditioning_on();wipers.off()", 0.6),
            (SECOND, " wipers.off()", 0.8),
        ],
    );
    assert_eq!(names(&read), ["climate.air_conditioning_on", "wipers.off"]);
    let second = format!("{SECOND} <- climate.air_conditioning_on");
    assert_eq!(asked, [text, &second]);
}

#[test]
fn a_forbidden_clause_is_never_acted_on_because_the_other_is_certain() {
    let text = "do not turn on the ac and these wipers drive me mad";
    let (read, _) = read(
        text,
        &[
            (text, " climate.air_conditioning_on();wipers.off()", 0.9),
            (
                "do not turn on the ac",
                " climate.air_conditioning_on()",
                0.99,
            ),
            (SECOND, " wipers.off()", 0.99),
        ],
    );
    assert!(read.commands.is_empty(), "{read:?}");
}

#[test]
fn neither_a_number_nor_a_courtesy_is_a_clause() {
    for text in [
        "the cabin feels like one hundred and ten",
        "it feels like a sauna in here, please",
        "再凉快那么一丁点儿",
    ] {
        let (_, asked) = read(text, &[]);
        assert_eq!(asked, [text]);
    }
}

#[test]
fn mandarin_clauses_need_no_connective_where_there_is_a_pause() {
    let text = "里面跟蒸笼似的，雨刮吵死了";
    let (read, asked) = read(
        text,
        &[
            (text, " climate.cooler();wipers.off()", 0.7),
            ("里面跟蒸笼似的", " climate.cooler()", 0.9),
            ("雨刮吵死了", " wipers.off()", 0.9),
        ],
    );
    assert_eq!(names(&read), ["climate.cooler", "wipers.off"]);
    assert_eq!(asked.len(), 3);
}
