//! A language model on one execution provider: load, prompt, token, answer, memory.
//!
//!     cargo bench --workspace --bench providers -- PACK [PROVIDERS]
//!
//! PROVIDERS names what runs the model, see `provided`; without it the CPU
//! does, and the time outside its graph (prompt, grammar's mask, choice of
//! tokens) is shown too. `make bench-model` runs this for each.

mod provided;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use codriver_catalog::Catalog;
use codriver_models::{ExecutionProviders, ModelPack, Runtime, SessionOptions, Store};
use codriver_nlu::model::{Answer, Decoder, DecoderShape, InPlaceDecoder, LanguageModel};
use codriver_nlu::{Context, Error};

type Failure = Box<dyn std::error::Error>;

const SENTENCES: [&str; 8] = [
    "open the window on my side",
    "it is like an oven in here",
    "turn the seat heating off and play some jazz",
    "take me to the nearest charging station",
    "打开后排的阅读灯",
    "有点闷，开点窗",
    "把副驾的座椅加热关了",
    "导航去机场",
];
/// Times every sentence is asked; the first round warms up and is not counted.
const ROUNDS: usize = 6;
const BUDGET: Duration = Duration::from_secs(7200);
/// More than any prompt and answer of a pack.
const PLACES: usize = 400;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with("--"));
    let Some(pack) = arguments.next() else {
        eprintln!("providers: no model pack is named; `make bench-model` runs this");
        return Ok(());
    };
    let provider = arguments.next();
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs");
    let catalog = Arc::new(Catalog::load(&configs)?);
    let store = Store::from_environment()?;
    let (runtime, settings) = provided::read(provider.as_deref().map(Path::new), &store)?;
    let pack = store.open(&pack)?;
    let begun = Instant::now();
    let mut model = LanguageModel::load(&pack, runtime, catalog, &settings)?;
    let load_ms = milliseconds(begun);
    provided::require_first(&model)?;
    let answers = answers(&mut model)?;
    let report = model.report();
    println!(
        "{} on {}, ONNX Runtime {}",
        pack.name(),
        report.chosen,
        report.library_version
    );
    println!("  threads          {:8}", settings.session.threads);
    println!(
        "  load, ms         {load_ms:8.0}  (with the trial beside the CPU, where there is one)"
    );
    println!("  of it the graph  {:8}", report.load_ms);
    println!("  resident, MB     {:8}", provided::resident_mb());
    println!(
        "  an answer, ms    {:8.1}  (median of {})",
        median(answers.iter().map(|(ms, _)| *ms)),
        answers.len()
    );
    println!(
        "  graph runs       {:8.1}  (mean an answer)",
        answers
            .iter()
            .map(|(_, answer)| answer.runs as f64)
            .sum::<f64>()
            / answers.len() as f64
    );
    if let Some(trial) = &report.trial {
        println!(
            "  prompt, ms       {:8.1}  (CPU beside it {:.1})",
            trial.provider.prompt_ms, trial.cpu.prompt_ms
        );
        println!(
            "  a token, ms      {:8.1}  (CPU beside it {:.1})",
            trial.provider.token_ms, trial.cpu.token_ms
        );
        println!("  logits apart     {:8.4}", trial.logits_distance);
    }
    if provider.is_none() {
        outside_the_graph(&mut model, &pack, runtime, settings.session)?;
    }
    Ok(())
}

fn answers(model: &mut LanguageModel) -> Result<Vec<(f64, Answer)>, Error> {
    let mut answers = Vec::new();
    for round in 0..ROUNDS {
        for sentence in SENTENCES {
            let begun = Instant::now();
            let answer = model.answer(sentence, &Context::default(), BUDGET)?;
            if round > 0 {
                answers.push((milliseconds(begun), answer));
            }
        }
    }
    Ok(answers)
}

/// The same graph, by a decoder that keeps the time it takes.
struct Timed {
    inner: InPlaceDecoder,
    nanoseconds: Arc<AtomicU64>,
}

impl Decoder for Timed {
    fn shape(&self) -> &DecoderShape {
        self.inner.shape()
    }

    fn position(&self) -> usize {
        self.inner.position()
    }

    fn rewind(&mut self, position: usize) {
        self.inner.rewind(position);
    }

    fn advance(&mut self, tokens: &[u32]) -> Result<&[f32], Error> {
        let begun = Instant::now();
        let logits = self.inner.advance(tokens);
        let took = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(took, Ordering::Relaxed);
        logits
    }
}

fn outside_the_graph(
    model: &mut LanguageModel,
    pack: &ModelPack,
    runtime: &Runtime,
    options: SessionOptions,
) -> Result<(), Failure> {
    let graph = &pack.language_model()?.graph;
    let loaded = runtime.session(pack.name(), graph, &ExecutionProviders::cpu(), &options)?;
    let sizes = InPlaceDecoder::sizes(&loaded.session)?;
    let nanoseconds = Arc::new(AtomicU64::new(0));
    model.use_accelerator(Box::new(Timed {
        inner: InPlaceDecoder::new(loaded.session, sizes, PLACES)?,
        nanoseconds: Arc::clone(&nanoseconds),
    }))?;
    let mut shares = Vec::new();
    for round in 0..ROUNDS {
        for sentence in SENTENCES {
            nanoseconds.store(0, Ordering::Relaxed);
            let begun = Instant::now();
            model.answer(sentence, &Context::default(), BUDGET)?;
            let all = milliseconds(begun);
            let graph = nanoseconds.load(Ordering::Relaxed) as f64 / 1e6;
            if round > 0 {
                shares.push((all - graph, 100.0 * (all - graph) / all));
            }
        }
    }
    println!(
        "  outside graph, ms{:8.1}  ({:.1} % of an answer: prompt, mask, sampling)",
        median(shares.iter().map(|(ms, _)| *ms)),
        median(shares.iter().map(|(_, share)| *share))
    );
    Ok(())
}

fn median(numbers: impl Iterator<Item = f64>) -> f64 {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}

fn milliseconds(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1e3
}
