//! Asks both tiers for held-out sentences and writes what each answered.
//!
//!     cargo bench --workspace --bench held_out -- PACK [PROVIDERS [TIER]] <SENTENCES >ANSWERS
//!
//! PROVIDERS names what runs the model, see `provided`; without it the CPU does. With TIER
//! (`patterns`, `model` or `both`) only that one is asked.
//! Sentences and answers are JSON, one object a line: `text`, `language`,
//! `before` (calls done last), `expected` (calls, or `none`) and maybe `accepted` (a list
//! of other calls that would do as well) come in; `patterns`,
//! `model` and `both` with calls, confidence and milliseconds go out beside them, and
//! the `probability` of the model's answer, which the pack's calibration makes its confidence of.
//! `make eval` writes the sentences and makes the tables.

mod provided;

use std::collections::HashMap;
use std::io::{BufRead, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use codriver_catalog::{Catalog, Command, CommandName, Language};
use codriver_models::{Store, Thresholds};
use codriver_nlu::model::{LanguageModel, call};
use codriver_nlu::{
    Context, Error, Interpretation, ModelAnswer, ModelTier, Proposal, Source, Tiers, Understanding,
};
use serde_json::{Value, json};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with("--"));
    let Some(pack) = arguments.next() else {
        eprintln!("held_out: no model pack is named; `make eval` runs this");
        return Ok(());
    };
    let configs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs");
    let catalog = Arc::new(Catalog::load(&configs)?);
    let store = Store::from_environment()?;
    let (runtime, settings) = provided::read(arguments.next().as_deref().map(Path::new), &store)?;
    let only = arguments.next();
    let tiers = [
        ("patterns", Tiers::Patterns),
        ("model", Tiers::Model),
        ("both", Tiers::Both),
    ];
    let asked = |name: &str| only.as_deref().is_none_or(|only| only == name);
    let tiers: Vec<_> = tiers.into_iter().filter(|(name, _)| asked(name)).collect();
    let begun = std::time::Instant::now();
    let model = LanguageModel::load(
        &store.open(&pack)?,
        runtime,
        Arc::clone(&catalog),
        &settings,
    )?;
    provided::require_first(&model)?;
    eprintln!(
        "{pack} on {}: {:?}, loaded in {} ms, resident {} MB",
        model.report().chosen,
        model.thresholds(),
        begun.elapsed().as_millis(),
        provided::resident_mb()
    );
    let probabilities = Arc::new(Mutex::new(HashMap::new()));
    let remembering = Remembering {
        model,
        budget: settings.budget,
        probabilities: Arc::clone(&probabilities),
        answers: HashMap::new(),
    };
    let mut understanding =
        Understanding::new(Arc::clone(&catalog))?.with_model(Box::new(remembering));
    let mut answers = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let mut row: Value = serde_json::from_str(&line?)?;
        let of = |name: &str| {
            row.get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let context = Context {
            moving: Some(false),
            speaker: None,
            // Newest first.
            recent: complete_calls(&catalog, &of("before"))?
                .into_iter()
                .rev()
                .collect(),
        };
        let language: Language = of("language").parse()?;
        let expected = written(&complete_calls(&catalog, &of("expected"))?);
        let accepted: Option<Vec<_>> = row
            .get("accepted")
            .and_then(Value::as_array)
            .map(|others| {
                let calls = others
                    .iter()
                    .map(|other| other.as_str().unwrap_or_default());
                calls
                    .map(|calls| Ok(written(&complete_calls(&catalog, calls)?)))
                    .collect::<Result<Vec<_>, Failure>>()
            })
            .transpose()?;
        let mut ask =
            |tiers| understanding.interpret_with(tiers, &of("text"), Some(language), &context);
        let said: Vec<_> = tiers
            .iter()
            .map(|(name, tiers)| (*name, answer(&catalog, &ask(*tiers))))
            .collect();
        let text = of("text");
        let guarded = understanding.is_guarded(&text);
        row["expected"] = json!(expected);
        if let Some(accepted) = accepted {
            row["accepted"] = json!(accepted);
        }
        row["guarded"] = json!(guarded);
        let probabilities = probabilities.lock().unwrap_or_else(PoisonError::into_inner);
        row["probability"] = json!(probabilities.get(&text));
        for (name, answer) in said {
            row[name] = answer;
        }
        writeln!(answers, "{row}")?;
    }
    Ok(())
}

/// A model that is not asked the same twice: `both` reuses the answers given for `model`.
struct Remembering {
    model: LanguageModel,
    budget: Duration,
    /// Of the last answer to each text.
    probabilities: Arc<Mutex<HashMap<String, f64>>>,
    answers: HashMap<String, ModelAnswer>,
}

impl ModelTier for Remembering {
    fn languages(&self) -> &[Language] {
        self.model.languages()
    }

    fn knows(&self, command: &CommandName) -> bool {
        self.model.knows(command)
    }

    fn thresholds(&self) -> Thresholds {
        self.model.thresholds()
    }

    fn interpret(
        &mut self,
        text: &str,
        _language: Language,
        context: &Context,
    ) -> Result<ModelAnswer, Error> {
        let key = format!("{text} after {:?}", context.recent);
        if let Some(answer) = self.answers.get(&key) {
            return Ok(answer.clone());
        }
        let asked = self.model.answer(text, context, self.budget)?;
        let mut probabilities = self
            .probabilities
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        probabilities.insert(text.to_owned(), asked.probability);
        let answer = self.model.meaning(&asked);
        self.answers.insert(key, answer.clone());
        Ok(answer)
    }
}

/// Complete commands from calls as the model writes them, separated by semicolons or spaces.
fn complete_calls(catalog: &Catalog, calls: &str) -> Result<Vec<Command>, Failure> {
    let answer = match calls {
        "" => call::NONE.to_owned(),
        calls => format!(" {}", calls.replace(") ", ");")),
    };
    Ok(complete(catalog, &call::parse(catalog, &answer)?))
}

fn answer(catalog: &Catalog, interpretation: &Interpretation) -> Value {
    // What would be done, or what a tier alone had in mind and was not sure of.
    let meant = interpretation
        .alternatives
        .first()
        .map(|a| complete(catalog, &a.commands));
    json!({
        "calls": written(&interpretation.commands),
        "meant": meant.map(|commands| written(&commands)),
        "decision": interpretation.decision,
        // Whether it was read clause by clause too.
        "clauses": interpretation.tiers.iter().any(|tier| tier.source == Source::Clauses),
        "source": format!("{:?}", interpretation.source),
        "reason": interpretation.reason.as_ref().map(|reason| reason.code()),
        "confidence": interpretation.confidence,
        "ms": interpretation.elapsed.as_secs_f64() * 1000.0,
    })
}

fn complete(catalog: &Catalog, proposals: &[Proposal]) -> Vec<Command> {
    let definition = |proposal: &Proposal| catalog.command(proposal.name.as_str());
    let commands = proposals.iter().filter_map(|proposal| {
        definition(proposal)?
            .complete(proposal.arguments.clone())
            .ok()
    });
    commands.collect()
}

/// Commands with all their arguments, in the order of their names.
fn written(commands: &[Command]) -> Vec<String> {
    let one = |command: &Command| {
        let arguments: Vec<String> = command
            .arguments
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        format!("{}({})", command.name, arguments.join(","))
    };
    commands.iter().map(one).collect()
}
