//! Says of which features sentences are made, for whoever trains a command prior.
//!
//!     cargo bench --workspace --bench features -- BUCKETS <SENTENCES >FEATURES
//!
//! A sentence a line comes in, the numbers of its features, in a JSON array a line, go out.

use std::io::{BufRead, BufWriter, Write};

use codriver_nlu::model::{features, sanitise};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with("--"));
    let Some(buckets) = arguments.next() else {
        eprintln!("features: no number of buckets is named; `trainer train-prior` runs this");
        return Ok(());
    };
    let buckets = buckets.parse()?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        let found = features(&sanitise(&line?), buckets);
        writeln!(out, "{}", serde_json::to_string(&found)?)?;
    }
    Ok(out.flush()?)
}
