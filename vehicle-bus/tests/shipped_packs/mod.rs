//! Commands of the shipped packs, sent through a router.

// Each user needs another part of it.
#![allow(dead_code)]

use std::{collections::BTreeMap, path::Path, time::Duration};

use codriver_catalog::{Catalog, UtteranceId, Value};
use codriver_vehicle_bus::route::{Performed, RequestId, Router};
use tokio::time::Instant;

use crate::private_bus::DEADLINE;

pub async fn perform(router: &Router, name: &str, arguments: &[(&str, Value)]) -> Performed {
    timed(router, name, arguments).await.0
}

/// The same, and how long the router took.
pub async fn timed(
    router: &Router,
    name: &str,
    arguments: &[(&str, Value)],
) -> (Performed, Duration) {
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs");
    let catalog = Catalog::load(&configs).unwrap();
    let given = arguments
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()));
    let given: BTreeMap<_, _> = given.collect();
    let command = catalog.command(name).unwrap().complete(given).unwrap();
    let begun = Instant::now();
    let performed = router
        .perform(&catalog, &command, request(), begun + DEADLINE)
        .await;
    (performed, begun.elapsed())
}

pub async fn undo(router: &Router) -> Option<Performed> {
    router.undo(request(), Instant::now() + DEADLINE).await
}

pub fn reason(performed: &Performed) -> &str {
    performed.outcome.reason().unwrap().as_str()
}

fn request() -> RequestId {
    RequestId {
        utterance: UtteranceId::next(),
        index: 0,
    }
}
