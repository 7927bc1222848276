//! A small model on the provider that the configuration names for it, with the CPU behind it.

use std::path::Path;

use ort::session::Session;

use super::session::Refusal;
use super::{Candidate, ExecutionProviders, LoadedModel, ProviderReport, RejectionKind};
use crate::{Error, GraphKind, Runtime, SessionOptions};

/// Numbers further apart than this part of the largest come from another computation.
const FARTHEST: f32 = 0.05;

/// A session that the CPU takes over for good when another provider fails.
#[derive(Debug)]
pub struct PlacedSession {
    session: Session,
    /// The same graph on the CPU, as long as another provider runs it.
    reserve: Option<Session>,
    report: ProviderReport,
}

impl Runtime {
    /// Loads `graph` with the first of `providers` that runs all of it, strictly as
    /// [`Runtime::session`] does, and computes what the CPU does: `try_out` asks a session
    /// something and returns its numbers, always the same from the same session.
    ///
    /// # Errors
    /// As [`Runtime::session`].
    pub fn placed_session(
        &self,
        model: &str,
        graph: &Path,
        providers: &ExecutionProviders,
        options: &SessionOptions,
        try_out: impl Fn(&mut Session) -> Result<Vec<f32>, String>,
    ) -> Result<PlacedSession, Error> {
        let mut rejected = Vec::new();
        for entry in providers.entries() {
            if entry.candidate == Candidate::Cpu {
                break;
            }
            let loaded = self.load_with(model, graph, GraphKind::CpuDynamic, entry, options);
            let LoadedModel {
                mut session,
                mut report,
            } = match loaded {
                Ok(loaded) => loaded,
                Err(rejection) => {
                    rejected.push(rejection);
                    continue;
                }
            };
            let mut cpu = self.session(model, graph, &ExecutionProviders::cpu(), options)?;
            match compare(&mut session, &mut cpu.session, &try_out) {
                Ok(()) => {
                    report.rejected = rejected;
                    report.reserve = Some(Box::new(cpu.report));
                    return Ok(PlacedSession {
                        session,
                        reserve: Some(cpu.session),
                        report,
                    });
                }
                Err(refusal) => rejected.push(refusal.of(model, entry)),
            }
        }
        let cpu = self.session(model, graph, &ExecutionProviders::cpu(), options)?;
        let mut report = cpu.report;
        report.rejected = rejected;
        Ok(PlacedSession {
            session: cpu.session,
            reserve: None,
            report,
        })
    }
}

impl PlacedSession {
    /// Which execution provider was chosen, and why no earlier one.
    pub fn report(&self) -> &ProviderReport {
        &self.report
    }

    /// The session that is in use.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Runs the session. When that fails and the CPU does not run it yet, the CPU does so now and
    /// from now on, and `run` is called once more.
    ///
    /// # Errors
    /// What `run` says of the CPU.
    pub fn run<T>(
        &mut self,
        mut run: impl FnMut(&mut Session) -> Result<T, String>,
    ) -> Result<T, String> {
        let ran = run(&mut self.session);
        let Err(reason) = &ran else {
            return ran;
        };
        let Some(cpu) = self.reserve.take() else {
            return ran;
        };
        tracing::warn!(
            model = self.report.model,
            provider = self.report.chosen,
            reason,
            "the execution provider failed; the CPU runs the model from now on"
        );
        self.session = cpu;
        run(&mut self.session)
    }
}

fn compare(
    session: &mut Session,
    cpu: &mut Session,
    try_out: impl Fn(&mut Session) -> Result<Vec<f32>, String>,
) -> Result<(), Refusal> {
    let failed = |reason| Refusal::new(RejectionKind::Failed, reason);
    let theirs = try_out(session).map_err(failed)?;
    let ours = try_out(cpu).map_err(failed)?;
    let distance = distance(&theirs, &ours);
    if distance <= FARTHEST {
        return Ok(());
    }
    Err(Refusal::new(
        RejectionKind::WrongAnswers,
        format!(
            "its numbers are not those of the CPU ({:.1} % apart); look for the vendor's precision options",
            distance * 100.0
        ),
    ))
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
