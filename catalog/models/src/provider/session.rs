//! Builds a session with the first execution provider that takes the whole graph.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Instant;

use ort::ep::{self, ArbitrarilyConfigurableExecutionProvider, ExecutionProvider};
use ort::session::Session;
use ort::session::builder::SessionBuilder;
use serde::Deserialize;

use super::assignment::{self, Assignment};
use super::cache::{self, CachedContext, Found};
use super::candidate::BuiltIn;
use super::{
    CacheUse, Candidate, Entry, ExecutionProviders, LoadedModel, ProviderReport, Rejection,
    RejectionKind, plugin,
};
use crate::{Error, GraphKind, Runtime};

/// The provider that ONNX Runtime falls back to.
const CPU_PROVIDER: &str = "CPUExecutionProvider";

/// How a session uses the processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SessionOptions {
    /// Threads that work on one operator.
    pub threads: NonZeroUsize,
    /// Whether idle threads keep a core busy while they wait for work. Faster
    /// alone on a machine, several times slower where models share cores.
    pub spinning: bool,
}

impl Default for SessionOptions {
    /// One thread that does not spin.
    fn default() -> Self {
        Self {
            threads: NonZeroUsize::MIN,
            spinning: false,
        }
    }
}

/// Why a candidate is not taken, before it is said whose reason it is.
pub(super) struct Refusal {
    kind: RejectionKind,
    reason: String,
}

impl Refusal {
    /// Whose reason it is, which is in the log too.
    pub(super) fn of(self, model: &str, entry: &Entry) -> Rejection {
        let Self { kind, reason } = self;
        let candidate = entry.to_string();
        tracing::warn!(model, candidate, reason, "execution provider rejected");
        Rejection {
            candidate,
            kind,
            reason,
        }
    }

    pub(super) fn new(kind: RejectionKind, reason: impl Into<String>) -> Self {
        Self {
            kind,
            reason: reason.into(),
        }
    }
}

struct Built {
    session: Session,
    assignment: Assignment,
    cache: Option<CacheUse>,
}

impl Runtime {
    /// Loads `graph` with the first of `providers` that runs all of it.
    ///
    /// `model` is the name under which the report speaks of it. Each candidate
    /// is built strictly: a provider that is not in this library, has no
    /// device here, or would leave nodes to the CPU is rejected, and the
    /// report keeps why.
    ///
    /// This call blocks for as long as loading takes, up to seconds.
    ///
    /// # Errors
    /// [`Error::Read`] when `graph` cannot be read; [`Error::NoProvider`] with
    /// all reasons when no candidate takes it, a damaged graph for example.
    pub fn session(
        &self,
        model: &str,
        graph: &Path,
        providers: &ExecutionProviders,
        options: &SessionOptions,
    ) -> Result<LoadedModel, Error> {
        std::fs::File::open(graph).map_err(|source| Error::Read {
            path: graph.into(),
            source,
        })?;
        let mut rejected = Vec::new();
        for entry in providers.entries() {
            match self.load_with(model, graph, GraphKind::CpuDynamic, entry, options) {
                Ok(mut loaded) => {
                    loaded.report.rejected = rejected;
                    return Ok(loaded);
                }
                Err(rejection) => rejected.push(rejection),
            }
        }
        Err(Error::NoProvider {
            model: model.into(),
            graph: graph.into(),
            rejected,
        })
    }

    /// Loads `graph`, which is of `kind`, with this one provider, strictly as
    /// [`Runtime::session`] does.
    ///
    /// # Errors
    /// The [`Rejection`], which is in the log too.
    pub fn load_with(
        &self,
        model: &str,
        graph: &Path,
        kind: GraphKind,
        entry: &Entry,
        options: &SessionOptions,
    ) -> Result<LoadedModel, Rejection> {
        let started = Instant::now();
        let built = if kind == entry.graph {
            self.build(entry, graph, options)
        } else {
            Err(Refusal::new(
                RejectionKind::OtherGraph,
                "its graph setting is for another kind of graph than this model has",
            ))
        };
        match built {
            Ok(Built {
                session,
                assignment,
                cache,
            }) => {
                let report = ProviderReport {
                    model: model.into(),
                    chosen: entry.to_string(),
                    device: entry.candidate.device(),
                    library_version: self.version().into(),
                    operators_by_provider: assignment,
                    cache,
                    trial: None,
                    reserve: None,
                    rejected: Vec::new(),
                    load_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
                };
                tracing::info!(
                    model,
                    provider = report.chosen,
                    load_ms = report.load_ms,
                    cache = ?report.cache,
                    "model loaded"
                );
                Ok(LoadedModel { session, report })
            }
            Err(refusal) => Err(refusal.of(model, entry)),
        }
    }

    /// A session from the cache where there is a good one, else from the graph.
    fn build(
        &self,
        entry: &Entry,
        graph: &Path,
        options: &SessionOptions,
    ) -> Result<Built, Refusal> {
        let Some(folder) = &entry.cache else {
            let (session, assignment) =
                self.try_candidate(&entry.candidate, graph, options, None)?;
            return Ok(Built {
                session,
                assignment,
                cache: None,
            });
        };
        if let Some(reason) = entry.candidate.cannot_cache() {
            let (session, assignment) =
                self.try_candidate(&entry.candidate, graph, options, None)?;
            return Ok(Built {
                session,
                assignment,
                cache: Some(CacheUse::Failed(reason.into())),
            });
        }
        let cached = CachedContext::new(folder, graph, self.version(), &entry.candidate);
        let mut useless = None;
        match cached.find() {
            Found::Whole(compiled) => {
                match self.try_candidate(&entry.candidate, &compiled, options, None) {
                    Ok((session, assignment)) => {
                        return Ok(Built {
                            session,
                            assignment,
                            cache: Some(CacheUse::Hit),
                        });
                    }
                    Err(refusal) => useless = Some(refusal.reason),
                }
            }
            Found::Damaged(reason) => useless = Some(reason),
            Found::Missing => {}
        }
        let written = cached.prepare().and_then(|part| {
            let built = self
                .try_candidate(&entry.candidate, graph, options, Some(&part))
                .map_err(|refusal| {
                    cached.discard(&part);
                    refusal.reason
                })?;
            Ok((built, cached.keep(&part)))
        });
        match written {
            Ok(((session, assignment), kept)) => Ok(Built {
                session,
                assignment,
                cache: Some(match (kept, useless) {
                    (Err(reason), _) => CacheUse::Failed(reason),
                    (Ok(()), Some(reason)) => CacheUse::Rebuilt(reason),
                    (Ok(()), None) => CacheUse::Written,
                }),
            }),
            // Perhaps only the cache failed: a full disk must not cost the accelerator.
            Err(reason) => {
                let (session, assignment) =
                    self.try_candidate(&entry.candidate, graph, options, None)?;
                Ok(Built {
                    session,
                    assignment,
                    cache: Some(CacheUse::Failed(reason)),
                })
            }
        }
    }

    /// A session of which every node is run by `candidate`, or why there is none.
    /// What the provider compiled is left in `compiled`.
    fn try_candidate(
        &self,
        candidate: &Candidate,
        graph: &Path,
        options: &SessionOptions,
        compiled: Option<&Path>,
    ) -> Result<(Session, Assignment), Refusal> {
        let not_whole = |reason: String| Refusal::new(RejectionKind::NotWhole, reason);
        let mut builder = self
            .builder(options)
            .map_err(|error| not_whole(first_line(error)))?;
        if let Some(compiled) = compiled {
            for (key, value) in cache::session_entries(compiled) {
                builder = builder
                    .with_config_entry(key, value)
                    .map_err(|error| not_whole(first_line(error)))?;
            }
        }
        let mut builder = match candidate {
            Candidate::Cpu => self.with_cpu(builder)?,
            Candidate::BuiltIn {
                provider,
                device,
                options,
            } => {
                let dispatch = built_in(*provider, device.as_deref(), options);
                strict(builder)?
                    .with_execution_providers([dispatch.error_on_failure()])
                    .map_err(|error| not_registered(*provider, &first_line(error)))?
            }
            Candidate::Plugin {
                library,
                registered_as,
                device,
                options,
            } => {
                plugin::require_files(options)?;
                self.register_plugin(registered_as, library)?;
                self.with_plugin_device(strict(builder)?, registered_as, *device, options)?
            }
        };
        let session = builder
            .commit_from_file(graph)
            .map_err(|error| not_whole(committing_failed(&first_line(error))))?;
        let assignment = assignment::of(&session).map_err(|error| not_whole(first_line(error)))?;
        // ONNX Runtime promises as much for a strict session; trust is good,
        // but a model that half runs on the CPU unseen is not to be had.
        let left_to_cpu = assignment.get(CPU_PROVIDER);
        match (candidate, left_to_cpu) {
            (Candidate::Cpu, _) | (_, None) => Ok((session, assignment)),
            (_, Some(operators)) => Err(not_whole(format!(
                "it leaves {} nodes to the CPU ({})",
                operators.values().sum::<usize>(),
                operators.keys().cloned().collect::<Vec<_>>().join(", ")
            ))),
        }
    }

    /// Gives the session to the CPU. Without that ONNX Runtime chooses among
    /// all devices, and once a plugin is registered it may choose the plugin's.
    fn with_cpu(&self, builder: SessionBuilder) -> Result<SessionBuilder, Refusal> {
        let mut devices = self.environment.devices();
        let cpu = devices.find(|device| device.ep().is_ok_and(|name| name == CPU_PROVIDER));
        let cpu = cpu.ok_or_else(|| {
            Refusal::new(
                RejectionKind::NoDevice,
                "ONNX Runtime offers no CPU; install the library again",
            )
        })?;
        let no_options: [(String, String); 0] = [];
        builder
            .with_devices([cpu], Some(&no_options))
            .map_err(|error| Refusal::new(RejectionKind::NoDevice, first_line(error)))
    }

    fn builder(&self, options: &SessionOptions) -> ort::Result<SessionBuilder> {
        let (key, value) = assignment::RECORD;
        Ok(Session::builder(&self.environment)?
            .with_intra_threads(options.threads.get())?
            .with_inter_threads(1)?
            .with_intra_op_spinning(options.spinning)?
            .with_inter_op_spinning(options.spinning)?
            .with_config_entry(key, value)?)
    }
}

/// Makes ONNX Runtime refuse a graph of which the provider leaves a node to the CPU.
fn strict(builder: SessionBuilder) -> Result<SessionBuilder, Refusal> {
    builder
        .with_disable_cpu_fallback()
        .map_err(|error| Refusal::new(RejectionKind::NotWhole, first_line(error)))
}

/// Why a provider of the library did not start, or that there is none.
fn not_registered(provider: BuiltIn, message: &str) -> Refusal {
    let compiled_in = match provider {
        BuiltIn::OpenVino => ep::OpenVINO::is_available(),
        BuiltIn::Qnn => ep::QNN::is_available(),
        BuiltIn::Xnnpack => ep::XNNPACK::is_available(),
        BuiltIn::Cann => ep::CANN::is_available(),
        BuiltIn::Acl => ep::ACL::is_available(),
        BuiltIn::VitisAi => ep::Vitis::is_available(),
        BuiltIn::Rknpu => ep::RKNPU::is_available(),
    };
    if compiled_in.unwrap_or(false) {
        return Refusal::new(
            RejectionKind::NoDevice,
            format!(
                "it did not start ({message}); look for its driver, and correct device and options"
            ),
        );
    }
    Refusal::new(RejectionKind::NotInLibrary, message)
}

fn built_in(
    provider: BuiltIn,
    device: Option<&str>,
    options: &BTreeMap<String, String>,
) -> ep::ExecutionProviderDispatch {
    let device = provider.device_option().zip(device);
    let all = options
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .chain(device);
    match provider {
        BuiltIn::OpenVino => configured(ep::OpenVINO::default(), all).build(),
        BuiltIn::Qnn => configured(ep::QNN::default(), all).build(),
        BuiltIn::Xnnpack => configured(ep::XNNPACK::default(), all).build(),
        BuiltIn::Cann => configured(ep::CANN::default(), all).build(),
        BuiltIn::VitisAi => configured(ep::Vitis::default(), all).build(),
        BuiltIn::Rknpu => ep::RKNPU::default().build(),
        BuiltIn::Acl => {
            let fast_math = options
                .get("enable_fast_math")
                .is_some_and(|value| value == "1");
            ep::ACL::default().with_fast_math(fast_math).build()
        }
    }
}

fn configured<'o, P: ArbitrarilyConfigurableExecutionProvider>(
    provider: P,
    options: impl Iterator<Item = (&'o str, &'o str)>,
) -> P {
    options.fold(provider, |provider, (key, value)| {
        provider.with_arbitrary_config(key, value)
    })
}

/// What the strictness of a session makes of a provider whose backend did not start.
fn committing_failed(message: &str) -> String {
    if message.contains("fallback to CPU EP has been explicitly disabled") {
        return "it does not take the whole graph: its backend library or device did not start, or an \
                operator is beyond it; the lines before this one in the log say which"
            .into();
    }
    message.into()
}

/// ONNX Runtime's messages may go on for pages of source locations.
pub(super) fn first_line<R>(error: ort::Error<R>) -> String {
    let message = error.message();
    message.lines().next().unwrap_or(message).trim().to_owned()
}
