//! How long the patterns tier takes for a sentence, over the packs' own test sentences.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use codriver_catalog::Catalog;
use codriver_nlu::{Context, Tiers, Understanding};
use criterion::{Criterion, criterion_group, criterion_main};

fn patterns(criterion: &mut Criterion) {
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs");
    let catalog = match Catalog::load(&configs) {
        Ok(catalog) => Arc::new(catalog),
        Err(error) => return eprintln!("{error}"),
    };
    let mut understanding = match Understanding::new(Arc::clone(&catalog)) {
        Ok(understanding) => understanding,
        Err(error) => return eprintln!("{error}"),
    };
    let sentences: Vec<_> = catalog.commands.iter().flat_map(|c| &c.tests).collect();
    let context = Context::default();
    let mut next = sentences.iter().cycle();
    criterion.bench_function("patterns: one sentence of the packs", |bench| {
        bench.iter(|| {
            let text = next.next().map_or("", |sentence| sentence.text.as_str());
            black_box(understanding.interpret_with(Tiers::Patterns, text, None, &context))
        });
    });
}

criterion_group!(benches, patterns);
criterion_main!(benches);
