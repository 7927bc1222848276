//! A small model on the provider that the configuration names for it, with the CPU behind it.

use std::borrow::Borrow;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ort::session::Session;

use super::session::Refusal;
use super::{
    Candidate, Entry, ExecutionProviders, Health, LoadedModel, ProviderReport, Rejection,
    RejectionKind, Watched,
};
use crate::{Error, GraphKind, Runtime, SessionOptions};

/// Numbers further apart than this part of the largest come from another computation.
const FARTHEST: f32 = 0.05;
/// What a run may take while a provider is tried and nobody is speaking: many compile at the first.
const TRIAL_PATIENCE: Duration = Duration::from_secs(20);

/// How often one that is too slow is tried again.
const TRIALS: usize = 3;

/// Where a small model is to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// The providers, best first.
    pub providers: ExecutionProviders,
    /// How long one of them may take for a run before the CPU does it.
    pub patience: Duration,
}

impl Placement {
    /// On the CPU alone.
    pub fn cpu() -> Self {
        Self {
            providers: ExecutionProviders::cpu(),
            patience: TRIAL_PATIENCE,
        }
    }
}

/// A model of one or several small graphs, which are put aside together when one of them fails.
#[derive(Debug)]
pub struct SmallModel<'a> {
    runtime: &'a Runtime,
    placement: &'a Placement,
    /// How much time there is for a run: sound comes at this pace.
    pace: Duration,
    health: Arc<Health>,
}

/// Runs a graph once: what is asked, as tensors, and the answer out of them. It must fail when
/// the answer holds what is no number.
pub type Compute<Q, A> = fn(&mut Session, &Q) -> Result<A, String>;

/// One graph, on an accelerator as long as that works, and on the CPU otherwise.
pub struct PlacedSession<Q: ToOwned + ?Sized, A> {
    cpu: Session,
    compute: Compute<Q, A>,
    accelerator: Option<Accelerator<Q, A>>,
    report: ProviderReport,
}

/// A session on a thread of its own, by its input and its output.
type Running<Q, A> = Watched<<Q as ToOwned>::Owned, Result<A, String>>;

struct Accelerator<Q: ToOwned + ?Sized, A> {
    watched: Running<Q, A>,
    patience: Duration,
    health: Arc<Health>,
}

impl<'a> SmallModel<'a> {
    /// The model `name`, of which each graph is run once in every `pace`.
    pub fn new(runtime: &'a Runtime, name: &str, placement: &'a Placement, pace: Duration) -> Self {
        Self {
            runtime,
            placement,
            pace,
            health: Arc::new(Health::of(name)),
        }
    }

    /// Loads `graph`, of which the report speaks as `name`, with the first provider that runs all
    /// of it, strictly as [`Runtime::session`] does, keeps pace, and computes what the CPU does:
    /// `try_out` asks a session something and returns its numbers, always the same from the same
    /// session.
    ///
    /// # Errors
    /// As [`Runtime::session`].
    pub fn load<Q, A>(
        &self,
        name: &str,
        graph: &Path,
        compute: Compute<Q, A>,
        try_out: impl Fn(&mut dyn FnMut(&Q) -> Result<A, String>) -> Result<Vec<f32>, String>,
    ) -> Result<PlacedSession<Q, A>, Error>
    where
        Q: ToOwned<Owned: Send> + ?Sized + 'static,
        A: Send + 'static,
    {
        let options = SessionOptions::default();
        let cpu = ExecutionProviders::cpu();
        let cpu = self.runtime.session(name, graph, &cpu, &options)?;
        let mut placed = PlacedSession {
            cpu: cpu.session,
            compute,
            accelerator: None,
            report: cpu.report,
        };
        let mut rejected = Vec::new();
        let entries = self.placement.providers.entries().iter();
        for entry in entries.take_while(|entry| entry.candidate != Candidate::Cpu) {
            let loaded = self.load_on(entry, name, graph, compute);
            let tried = loaded.and_then(|(mut watched, report)| {
                self.compare(&mut watched, &mut placed, &try_out)
                    .map_err(|refusal| refusal.of(name, entry))?;
                Ok((watched, report))
            });
            match tried {
                Ok((watched, report)) => {
                    placed.accelerator = Some(Accelerator {
                        watched,
                        patience: self.placement.patience,
                        health: Arc::clone(&self.health),
                    });
                    let reserve = std::mem::replace(&mut placed.report, report);
                    placed.report.reserve = Some(Box::new(reserve));
                    break;
                }
                Err(rejection) => rejected.push(rejection),
            }
        }
        placed.report.rejected = rejected;
        Ok(placed)
    }

    /// A session on this provider, on a thread of its own.
    fn load_on<Q, A>(
        &self,
        entry: &Entry,
        name: &str,
        graph: &Path,
        compute: Compute<Q, A>,
    ) -> Result<(Running<Q, A>, ProviderReport), Rejection>
    where
        Q: ToOwned<Owned: Send> + ?Sized + 'static,
        A: Send + 'static,
    {
        let options = SessionOptions::default();
        let kind = GraphKind::CpuDynamic;
        let loaded = self.runtime.load_with(name, graph, kind, entry, &options)?;
        let LoadedModel {
            mut session,
            report,
        } = loaded;
        let watched =
            Watched::start(move |question: Q::Owned| compute(&mut session, question.borrow()));
        let watched = watched.map_err(|error| {
            let reason = format!("no thread for it: {error}");
            Refusal::new(RejectionKind::Failed, reason).of(name, entry)
        })?;
        Ok((watched, report))
    }

    /// Asks both the same; refuses one that hangs, fails, is too slow or computes something else.
    fn compare<Q, A>(
        &self,
        watched: &mut Running<Q, A>,
        cpu: &mut PlacedSession<Q, A>,
        try_out: impl Fn(&mut dyn FnMut(&Q) -> Result<A, String>) -> Result<Vec<f32>, String>,
    ) -> Result<(), Refusal>
    where
        Q: ToOwned<Owned: Send> + ?Sized + 'static,
        A: Send + 'static,
    {
        let failed = |reason| Refusal::new(RejectionKind::Failed, reason);
        let patience = TRIAL_PATIENCE.max(self.placement.patience);
        let mut ask = |question: &Q| {
            let reply = watched.run(question.to_owned(), patience);
            reply.unwrap_or_else(|given_up| Err(given_up.to_string()))
        };
        let theirs = try_out(&mut ask).map_err(failed)?;
        let ours = try_out(&mut |question| (cpu.compute)(&mut cpu.cpu, question));
        let distance = distance(&theirs, &ours.map_err(failed)?);
        if distance > FARTHEST {
            return Err(Refusal::new(
                RejectionKind::WrongAnswers,
                format!(
                    "its numbers are not those of the CPU ({:.1} % apart); look for the vendor's precision options",
                    distance * 100.0
                ),
            ));
        }
        self.keeps_pace(ask, try_out)
    }

    /// Refuses one that cannot follow. The shortest run counts, and not the first, at which many
    /// compile: what else the processor does makes them only longer.
    fn keeps_pace<Q: ?Sized, A>(
        &self,
        mut ask: impl FnMut(&Q) -> Result<A, String>,
        try_out: impl Fn(&mut dyn FnMut(&Q) -> Result<A, String>) -> Result<Vec<f32>, String>,
    ) -> Result<(), Refusal> {
        let mut shortest = Duration::MAX;
        for _ in 0..TRIALS {
            try_out(&mut |question| {
                let begun = Instant::now();
                let answer = ask(question);
                shortest = shortest.min(begun.elapsed());
                answer
            })
            .map_err(|reason| Refusal::new(RejectionKind::Failed, reason))?;
            if shortest <= self.pace {
                return Ok(());
            }
        }
        Err(Refusal::new(
            RejectionKind::NotBetter,
            format!(
                "a run takes {} ms, but sound for one comes every {} ms; leave it to the CPU",
                shortest.as_millis(),
                self.pace.as_millis()
            ),
        ))
    }
}

impl<Q, A> PlacedSession<Q, A>
where
    Q: ToOwned<Owned: Send> + ?Sized + 'static,
    A: Send + 'static,
{
    /// Which execution provider was chosen, and why no earlier one.
    pub fn report(&self) -> &ProviderReport {
        &self.report
    }

    /// How the accelerator fares, where one was chosen.
    pub fn health(&self) -> Option<&Arc<Health>> {
        let accelerator = self.accelerator.as_ref();
        accelerator.map(|accelerator| &accelerator.health)
    }

    /// The graph's session on the CPU, whoever runs it.
    pub fn on_cpu(&self) -> &Session {
        &self.cpu
    }

    /// Runs the graph. An accelerator that fails or takes longer than it may leaves this run and,
    /// while it rests, those after it to the CPU.
    ///
    /// # Errors
    /// What the CPU says.
    pub fn run(&mut self, question: &Q) -> Result<A, String> {
        let accelerator = self.accelerator.as_mut();
        let answer = accelerator.and_then(|accelerator| accelerator.ask(question));
        match answer {
            Some(answer) => Ok(answer),
            None => (self.compute)(&mut self.cpu, question),
        }
    }
}

impl<Q, A> Accelerator<Q, A>
where
    Q: ToOwned<Owned: Send> + ?Sized + 'static,
    A: Send + 'static,
{
    fn ask(&mut self, question: &Q) -> Option<A> {
        if !self.health.may_be_asked(Instant::now()) {
            return None;
        }
        let reply = self.watched.run(question.to_owned(), self.patience);
        match reply.unwrap_or_else(|given_up| Err(given_up.to_string())) {
            Ok(answer) => {
                self.health.answered(Instant::now());
                Some(answer)
            }
            Err(reason) => {
                self.health.failed(Instant::now(), reason);
                None
            }
        }
    }
}

/// The largest difference, as a part of the largest number of `ours`.
fn distance(theirs: &[f32], ours: &[f32]) -> f32 {
    if theirs.len() != ours.len() || !theirs.iter().all(|number| number.is_finite()) {
        return f32::INFINITY;
    }
    let differences = theirs.iter().zip(ours).map(|(a, b)| (a - b).abs());
    let apart = differences.fold(0.0, f32::max);
    let most = ours.iter().map(|number| number.abs()).fold(0.0, f32::max);
    if most > 0.0 { apart / most } else { apart }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_with_the_largest_of_them() {
        assert_eq!(distance(&[1.0, -8.0], &[1.0, -8.0]), 0.0);
        assert_eq!(distance(&[1.0, -8.0], &[2.0, -8.0]), 0.125);
        assert_eq!(distance(&[0.0], &[0.0]), 0.0);
    }

    #[test]
    fn what_is_no_number_or_missing_is_far_away() {
        for theirs in [&[f32::NAN, 1.0][..], &[1.0, f32::INFINITY], &[1.0]] {
            assert!(distance(theirs, &[1.0, 1.0]) > FARTHEST);
        }
    }
}
