//! Commands of the shipped packs, sent through a router.

// Each user needs another part of it.
#![allow(dead_code)]

use std::{
    collections::BTreeMap,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use codriver_catalog::{Catalog, UtteranceId, Value};
use codriver_vehicle_bus::route::{Context, Performed, RequestId, Router};
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
    let begun = Instant::now();
    let performed = perform_in(router, UtteranceId::next(), name, arguments).await;
    (performed, begun.elapsed())
}

/// One of several commands of an utterance.
pub async fn perform_in(
    router: &Router,
    utterance: UtteranceId,
    name: &str,
    arguments: &[(&str, Value)],
) -> Performed {
    static INDEX: AtomicUsize = AtomicUsize::new(0);
    let request = RequestId {
        utterance,
        index: INDEX.fetch_add(1, Ordering::Relaxed),
    };
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs");
    let catalog = Catalog::load(&configs).unwrap();
    let given = arguments
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()));
    let given: BTreeMap<_, _> = given.collect();
    let command = catalog.command(name).unwrap().complete(given).unwrap();
    let deadline = Instant::now() + DEADLINE;
    router
        .perform(&catalog, &command, request, deadline, Context::default())
        .await
}

pub async fn undo(router: &Router) -> Option<Performed> {
    let request = RequestId {
        utterance: UtteranceId::next(),
        index: 0,
    };
    let deadline = Instant::now() + DEADLINE;
    router.undo(request, deadline, Context::default()).await
}

pub fn reason(performed: &Performed) -> &str {
    performed.outcome.reason().unwrap().as_str()
}
