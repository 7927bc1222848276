//! How fast a language model's graph reads a prompt and writes tokens, without a grammar.
//!
//!     cargo bench -p codriver-nlu --bench decode -- PACK <TOKENS
//!
//! Every line of the input is a prompt as a JSON array of token ids; for each,
//! one JSON object comes out: milliseconds for the prompt (`prefill_ms`) and for
//! each of the [`NEW`] likeliest tokens after it (`decode_ms`, the median).
//! One thread. `make bench-peer` runs it beside llama.cpp.

use std::io::{BufRead, Write};
use std::time::Instant;

use codriver_models::{Runtime, Store};
use codriver_nlu::model::{Decoder, InPlaceDecoder, ModelSettings};

type Failure = Box<dyn std::error::Error>;

/// Tokens written after each prompt: an answer of one or two commands.
const NEW: usize = 32;
const LONGEST_PROMPT: usize = 400;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let Some(pack) = arguments.find(|argument| !argument.starts_with("--")) else {
        eprintln!("decode: no model pack is named; `make bench-peer` runs this");
        return Ok(());
    };
    let store = Store::from_environment()?;
    let runtime = Runtime::from_store(&store)?;
    let settings = ModelSettings::default();
    let graph = store.open(&pack)?.language_model()?.graph;
    let loaded = runtime.session(&pack, &graph, &settings.providers, &settings.session)?;
    let sizes = InPlaceDecoder::sizes(&loaded.session)?;
    let mut decoder = InPlaceDecoder::new(loaded.session, sizes, LONGEST_PROMPT + NEW)?;
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let prompt: Vec<u32> = serde_json::from_str(&line?)?;
        decoder.rewind(0);
        let begun = Instant::now();
        let mut token = likeliest(decoder.advance(&prompt)?);
        let prefill_ms = milliseconds(begun);
        let mut steps = Vec::with_capacity(NEW);
        for _ in 0..NEW {
            let begun = Instant::now();
            token = likeliest(decoder.advance(&[token])?);
            steps.push(milliseconds(begun));
        }
        steps.sort_by(f64::total_cmp);
        let answer = serde_json::json!({
            "prompt": prompt.len(),
            "prefill_ms": prefill_ms,
            "decode_ms": steps.get(NEW / 2),
        });
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}

fn likeliest(logits: &[f32]) -> u32 {
    let best = logits.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
    best.and_then(|(token, _)| u32::try_from(token).ok())
        .unwrap_or(0)
}

fn milliseconds(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1000.0
}
