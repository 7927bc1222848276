//! What becomes of a sentence when phrases and model meet: the rules of `understanding.rs`, one by one.

#![allow(clippy::unwrap_used)] // helpers of tests are not inside a #[test] function

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use codriver_catalog::{Catalog, CommandName, Decision, Language};
use codriver_models::Thresholds;
use codriver_nlu::model::call;
use codriver_nlu::{
    Context, Error, Interpretation, ModelAnswer, ModelTier, Rule, Tiers, Understanding,
};

static CATALOG: LazyLock<Arc<Catalog>> = LazyLock::new(|| {
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs");
    Arc::new(Catalog::load(&configs).unwrap())
});

const EXECUTE_FROM: f64 = 0.8;
const ASK_FROM: f64 = 0.5;
const GUARDED_FROM: f64 = 0.95;

/// A model that says one thing, whatever it hears; `None` fails.
struct Says {
    answer: Option<(&'static str, f64)>,
    untaught: &'static str,
    asked: Arc<AtomicUsize>,
}

impl ModelTier for Says {
    fn languages(&self) -> &[Language] {
        &[Language::English, Language::Mandarin]
    }

    fn knows(&self, command: &CommandName) -> bool {
        command.as_str() != self.untaught
    }

    fn thresholds(&self) -> Thresholds {
        Thresholds::new(ASK_FROM, EXECUTE_FROM, GUARDED_FROM).unwrap()
    }

    fn interpret(&mut self, _: &str, _: Language, _: &Context) -> Result<ModelAnswer, Error> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let (calls, confidence) = self.answer.ok_or_else(|| Error::Inference {
            doing: "testing",
            problem: "it fails on purpose".into(),
        })?;
        let proposals = call::parse(&CATALOG, calls).unwrap();
        Ok(ModelAnswer {
            proposals,
            confidence,
        })
    }
}

struct Met {
    interpretation: Interpretation,
    asked: usize,
}

impl Met {
    fn commands(&self) -> Vec<&str> {
        let commands = self.interpretation.commands.iter();
        commands.map(|command| command.name.as_str()).collect()
    }
}

fn meet_in(
    look: fn(&mut Understanding, &str, &Context) -> Interpretation,
    text: &str,
    answer: Option<(&'static str, f64)>,
    untaught: &'static str,
) -> Met {
    let asked = Arc::new(AtomicUsize::new(0));
    let model = Says {
        answer,
        untaught,
        asked: Arc::clone(&asked),
    };
    let understanding = Understanding::new(Arc::clone(&CATALOG)).unwrap();
    let mut understanding = understanding.with_model(Box::new(model));
    let context = Context {
        moving: Some(false),
        speaker: None,
        recent: Vec::new(),
    };
    Met {
        interpretation: look(&mut understanding, text, &context),
        asked: asked.load(Ordering::Relaxed),
    }
}

fn meet(text: &str, calls: &'static str, confidence: f64) -> Met {
    let look =
        |u: &mut Understanding, text: &str, context: &Context| u.interpret(text, None, context);
    meet_in(look, text, Some((calls, confidence)), "")
}

/// Heard for 打开座椅加热: a phrase matches it by sound only.
const BY_SOUND: &str = "打开作以加热";

#[test]
fn an_exact_phrase_stands_and_the_model_is_not_asked() {
    let met = meet("turn on the ac", " climate.air_conditioning_off()", 1.0);
    assert_eq!(met.commands(), ["climate.air_conditioning_on"]);
    assert_eq!((met.asked, met.interpretation.rule), (0, Rule::ExactPhrase));
}

#[test]
fn explaining_asks_the_model_and_changes_nothing() {
    let look = |u: &mut Understanding, text: &str, context: &Context| {
        u.explain(Tiers::Both, text, None, context)
    };
    let wrong = Some((" climate.air_conditioning_off()", 1.0));
    let met = meet_in(look, "turn on the ac", wrong, "");
    assert_eq!(met.commands(), ["climate.air_conditioning_on"]);
    assert_eq!((met.asked, met.interpretation.tiers.len()), (1, 2));
}

#[test]
fn a_phrase_by_sound_stands_when_the_model_agrees_and_is_asked_back_when_it_does_not() {
    let met = meet(BY_SOUND, " seats.heating_on()", 0.9);
    assert_eq!(met.commands(), ["seats.heating_on"]);
    assert_eq!(met.interpretation.rule, Rule::TiersAgree);
    let met = meet(BY_SOUND, " seats.heating_off()", 0.99);
    assert_eq!(met.interpretation.decision, Decision::Clarify);
    assert_eq!(met.interpretation.rule, Rule::TiersDisagree);
}

#[test]
fn words_that_sound_just_like_a_phrase_are_that_phrase_where_the_model_finds_nothing_in_them() {
    let met = meet("关闭所有车床", " none", 0.99); // for 车窗, as the recogniser writes
    assert_eq!(met.commands(), ["windows.close"]);
    assert_eq!(met.interpretation.rule, Rule::SameSound);
}

#[test]
fn words_that_only_resemble_a_phrase_are_asked_about_where_the_model_finds_nothing_in_them() {
    // A sound confused with another; three syllables only.
    for text in ["关闭所有册窗", "关空条"] {
        let met = meet(text, " none", 0.99);
        assert_eq!(met.interpretation.decision, Decision::Clarify, "{text}");
        assert_eq!(met.interpretation.rule, Rule::TiersDisagree, "{text}");
    }
}

#[test]
fn a_phrase_by_sound_stands_alone_when_the_model_fails_or_was_not_taught_the_command() {
    let look =
        |u: &mut Understanding, text: &str, context: &Context| u.interpret(text, None, context);
    let failed = meet_in(look, BY_SOUND, None, "");
    assert_eq!(failed.commands(), ["seats.heating_on"]);
    let untaught = meet_in(look, BY_SOUND, Some((" none", 1.0)), "seats.heating_on");
    assert_eq!(untaught.commands(), ["seats.heating_on"]);
    assert_eq!(untaught.asked, 0);
}

#[test]
fn over_free_text_a_certain_model_counts_and_a_doubtful_one_is_asked_about() {
    let text = "navigate to the mill";
    let other = meet(text, " navigation.cancel()", 0.9);
    assert_eq!(other.commands(), ["navigation.cancel"]);
    assert_eq!(other.interpretation.rule, Rule::ModelOverText);
    let nothing = meet(text, " none", 0.9);
    assert_eq!(nothing.interpretation.decision, Decision::Reject);
    let doubtful = meet(text, " navigation.cancel()", 0.6);
    assert_eq!(doubtful.interpretation.decision, Decision::Clarify);
    let agreed = meet(
        text,
        " navigation.set_destination(destination=\"the mill\")",
        0.6,
    );
    assert_eq!(agreed.commands(), ["navigation.set_destination"]);
}

#[test]
fn without_a_phrase_the_model_acts_asks_or_is_silent_by_its_thresholds() {
    let text = "it feels like a sauna in here";
    for (confidence, decision) in [
        (EXECUTE_FROM, Decision::Execute),
        (0.79, Decision::Clarify),
        (ASK_FROM, Decision::Clarify),
        (0.49, Decision::Reject),
        (f64::NAN, Decision::Reject),
    ] {
        let met = meet(text, " climate.cooler()", confidence);
        assert_eq!(met.interpretation.decision, decision, "{confidence}");
    }
}

#[test]
fn in_a_sentence_with_a_negation_the_model_must_be_surer_to_act_than_to_answer_a_question() {
    let text = "i do not think the back window needs to be all the way down there";
    let close = " windows.close(zone=rear)";
    let doubtful = meet(text, close, 0.94).interpretation;
    assert_eq!(doubtful.decision, Decision::Clarify);
    assert_eq!(
        meet(text, close, GUARDED_FROM).commands(),
        ["windows.close"]
    );
    let asks = meet(text, " windows.position(zone=rear)", EXECUTE_FROM);
    assert_eq!(asks.commands(), ["windows.position"]);
}

#[test]
fn a_negation_beside_a_phrase_forbids_acting_whatever_the_model_says_but_not_telling() {
    let acts = meet("空调别打开", " climate.air_conditioning_on()", 1.0);
    assert_eq!(acts.interpretation.decision, Decision::Reject);
    assert_eq!(acts.interpretation.rule, Rule::Blocked);
    let reason = acts.interpretation.reason.unwrap();
    assert_eq!(reason.code(), "blocked", "{reason}");
    let tells = meet("后备箱没关吧", " doors.is_trunk_open()", EXECUTE_FROM);
    assert_eq!(tells.commands(), ["doors.is_trunk_open"]);
}

#[test]
fn a_question_around_a_phrase_is_for_the_model_to_read_which_must_be_surer() {
    let (text, on) = ("可以打开空调吗", " climate.air_conditioning_on()");
    assert_eq!(
        meet(text, on, GUARDED_FROM).commands(),
        ["climate.air_conditioning_on"]
    );
    let doubtful = meet(text, on, 0.94).interpretation;
    assert_eq!(doubtful.decision, Decision::Clarify);
    let nothing = meet(text, " none", 1.0).interpretation;
    assert_eq!(nothing.decision, Decision::Reject);
    assert_eq!(nothing.rule, Rule::Blocked);
    let reason = nothing.reason.unwrap();
    assert_eq!(reason.code(), "question", "{reason}");
    let look =
        |u: &mut Understanding, text: &str, context: &Context| u.interpret(text, None, context);
    assert!(meet_in(look, text, None, "").commands().is_empty());
}

#[test]
fn what_is_said_to_the_assistant_itself_acts_only_alone() {
    let text = "well that was not quite right my dear";
    let both = meet(text, " assistant.undo();media.next()", 1.0);
    assert!(both.commands().is_empty(), "{:?}", both.interpretation);
}
