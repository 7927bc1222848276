//! Builds a session with the first execution provider that takes the whole graph.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::PoisonError;
use std::time::Instant;

use ort::ep::{self, ArbitrarilyConfigurableExecutionProvider};
use ort::memory::DeviceType;
use ort::session::Session;
use ort::session::builder::SessionBuilder;
use serde::Deserialize;

use super::assignment::{self, Assignment};
use super::candidate::{BuiltIn, HardwareKind};
use super::{Candidate, ExecutionProviders, LoadedModel, ProviderReport, Rejection};
use crate::{Error, Runtime};

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
        for candidate in providers.candidates() {
            let started = Instant::now();
            match self.try_candidate(candidate, graph, options) {
                Ok((session, operators_by_provider)) => {
                    let report = ProviderReport {
                        model: model.into(),
                        chosen: candidate.to_string(),
                        device: candidate.device(),
                        library_version: self.version().into(),
                        operators_by_provider,
                        rejected,
                        load_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
                    };
                    tracing::info!(
                        model,
                        provider = report.chosen,
                        load_ms = report.load_ms,
                        "model loaded"
                    );
                    return Ok(LoadedModel { session, report });
                }
                Err(reason) => {
                    let rejection = Rejection {
                        candidate: candidate.to_string(),
                        reason,
                    };
                    tracing::warn!(
                        model,
                        candidate = rejection.candidate,
                        reason = rejection.reason,
                        "execution provider rejected"
                    );
                    rejected.push(rejection);
                }
            }
        }
        Err(Error::NoProvider {
            model: model.into(),
            graph: graph.into(),
            rejected,
        })
    }

    /// A session of which every node is run by `candidate`, or why there is none.
    fn try_candidate(
        &self,
        candidate: &Candidate,
        graph: &Path,
        options: &SessionOptions,
    ) -> Result<(Session, Assignment), String> {
        let builder = self.builder(options).map_err(first_line)?;
        let mut builder = match candidate {
            Candidate::Cpu => builder,
            Candidate::BuiltIn {
                provider,
                device,
                options,
            } => {
                let dispatch = built_in(*provider, device.as_deref(), options);
                strict(builder)?
                    .with_execution_providers([dispatch.error_on_failure()])
                    .map_err(first_line)?
            }
            Candidate::Plugin {
                library,
                registered_as,
                device,
                options,
            } => {
                self.register_plugin(registered_as, library)?;
                self.with_plugin_device(strict(builder)?, registered_as, *device, options)?
            }
        };
        let session = builder.commit_from_file(graph).map_err(first_line)?;
        let assignment = assignment::of(&session).map_err(first_line)?;
        // ONNX Runtime promises as much for a strict session; trust is good,
        // but a model that half runs on the CPU unseen is not to be had.
        let left_to_cpu = assignment.get(CPU_PROVIDER);
        match (candidate, left_to_cpu) {
            (Candidate::Cpu, _) | (_, None) => Ok((session, assignment)),
            (_, Some(operators)) => Err(format!(
                "it leaves {} nodes to the CPU ({})",
                operators.values().sum::<usize>(),
                operators.keys().cloned().collect::<Vec<_>>().join(", ")
            )),
        }
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

    /// Registers a plugin library once a process.
    fn register_plugin(&self, name: &str, library: &Path) -> Result<(), String> {
        let mut plugins = self.plugins.lock().unwrap_or_else(PoisonError::into_inner);
        match plugins.get(name) {
            Some(registered) if registered == library => return Ok(()),
            Some(registered) => {
                return Err(format!("the name is taken by {}", registered.display()));
            }
            None => {}
        }
        if !library.is_file() {
            return Err(format!("{} does not exist", library.display()));
        }
        self.environment
            .register_ep_library(name, library)
            .map_err(first_line)?;
        plugins.insert(name.into(), library.into());
        Ok(())
    }

    fn with_plugin_device(
        &self,
        builder: SessionBuilder,
        name: &str,
        wanted: Option<HardwareKind>,
        options: &BTreeMap<String, String>,
    ) -> Result<SessionBuilder, String> {
        let offered: Vec<_> = self
            .environment
            .devices()
            .filter(|device| device.ep().is_ok_and(|provider| provider == name))
            .collect();
        let fits = |kind: DeviceType| wanted.is_none_or(|wanted| hardware(wanted) == kind);
        let count = offered.len();
        let device = offered
            .into_iter()
            .find(|device| fits(device.hardware_device().ty()))
            .ok_or_else(|| match count {
                0 => "the plugin offers no device on this machine".to_owned(),
                count => format!("none of the plugin's {count} devices is of the wanted kind"),
            })?;
        let options: Vec<_> = options
            .iter()
            .map(|(key, value)| (format!("{name}.{key}"), value.clone()))
            .collect();
        builder
            .with_devices([device], Some(&options))
            .map_err(first_line)
    }
}

/// Makes ONNX Runtime refuse a graph of which the provider leaves a node to the CPU.
fn strict(builder: SessionBuilder) -> Result<SessionBuilder, String> {
    builder.with_disable_cpu_fallback().map_err(first_line)
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

fn hardware(kind: HardwareKind) -> DeviceType {
    match kind {
        HardwareKind::Cpu => DeviceType::CPU,
        HardwareKind::Gpu => DeviceType::GPU,
        HardwareKind::Npu => DeviceType::NPU,
    }
}

/// ONNX Runtime's messages may go on for pages of source locations.
fn first_line<R>(error: ort::Error<R>) -> String {
    let message = error.message();
    message.lines().next().unwrap_or(message).trim().to_owned()
}
