//! What keeping a compiled graph saves the next start, and that it is soon enough.
//!
//!     cargo bench --workspace --bench compiled -- PACK PROVIDERS
//!
//! Loads the pack's graph for NPUs in two processes one after the other, on the first provider of
//! PROVIDERS (see `provided`) and with a cache that is empty at first. Fails unless the second
//! reads it from there within a second. `make test-npu` runs this.

mod provided;

use std::path::Path;
use std::process::Command;

use codriver_models::{CacheUse, Entry, GraphKind, Runtime, SessionOptions, Store};

type Failure = Box<dyn std::error::Error>;

/// From reading the compiled graph to a session that is ready, in milliseconds.
const SOON_ENOUGH_MS: u64 = 1_000;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    match &arguments[..] {
        [pack, providers] => twice(pack, providers),
        [pack, providers, cache] => once(pack, providers, cache.as_ref()),
        _ => {
            eprintln!("compiled: no pack and providers are named; `make test-npu` runs this");
            Ok(())
        }
    }
}

/// Starts this program twice with the same cache.
fn twice(pack: &str, providers: &str) -> Result<(), Failure> {
    let cache = tempfile::tempdir()?;
    let mut milliseconds = Vec::new();
    for expected in ["Written", "Hit"] {
        let output = Command::new(std::env::current_exe()?)
            .args([pack, providers])
            .arg(cache.path())
            .output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        // A vendor's library may print there too.
        let mut found = said
            .lines()
            .filter_map(|line| line.strip_prefix("compiled ")?.split_once(' '));
        match found.next() {
            Some((ms, state)) if state == expected => milliseconds.push(ms.parse::<u64>()?),
            _ => {
                let errors = String::from_utf8_lossy(&output.stderr);
                return Err(format!("{expected} was expected: {said}{errors}").into());
            }
        }
    }
    let [first, second] = milliseconds[..] else {
        return Err("it did not load twice".into());
    };
    println!("{pack}: compiled and loaded in {first} ms, read again in {second} ms");
    if second > SOON_ENOUGH_MS {
        return Err(format!("{second} ms are more than {SOON_ENOUGH_MS} ms").into());
    }
    Ok(())
}

fn once(pack: &str, providers: &str, cache: &Path) -> Result<(), Failure> {
    let store = Store::from_environment()?;
    let pack = store.open(pack)?;
    let model = pack.language_model()?;
    let npu = model.npu.as_ref().ok_or("the pack has no graph for NPUs")?;
    let (runtime, settings) = provided::read(Some(providers.as_ref()), &store)?;
    let first = settings.providers.entries().first();
    let entry = Entry {
        cache: Some(cache.to_owned()),
        ..first.ok_or("no provider is named")?.clone()
    };
    println!(
        "compiled {}",
        load(runtime, pack.name(), &npu.graph, &entry)?
    );
    Ok(())
}

/// Milliseconds, and what became of the cache.
fn load(runtime: &Runtime, model: &str, graph: &Path, entry: &Entry) -> Result<String, Failure> {
    let options = SessionOptions::default();
    let loaded = runtime
        .load_with(model, graph, GraphKind::NpuStatic, entry, &options)
        .map_err(|rejection| rejection.to_string())?;
    let cache = loaded.report.cache.ok_or("no cache was used")?;
    let state = match cache {
        CacheUse::Hit => "Hit".to_owned(),
        CacheUse::Written => "Written".to_owned(),
        other => format!("{other:?}"),
    };
    Ok(format!("{} {state}", loaded.report.load_ms))
}
