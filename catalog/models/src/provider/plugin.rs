//! Plugin libraries: registered once a process, and only after they were tried out in another.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::PoisonError;

use ort::memory::DeviceType;
use ort::session::builder::SessionBuilder;

use super::candidate::HardwareKind;
use super::session::{Refusal, first_line};
use super::{RejectionKind, plugin_check};
use crate::Runtime;

/// Fails when an option names a file that is not there: a vendor's backend
/// library most often, whose absence ONNX Runtime only tells its log.
pub(super) fn require_files(options: &BTreeMap<String, String>) -> Result<(), Refusal> {
    for (key, value) in options {
        if value.starts_with('/') && !Path::new(value).exists() {
            return Err(Refusal::new(
                RejectionKind::BackendMissing,
                format!(
                    "option {key} names {value}, which does not exist; install the vendor's libraries, or correct the option"
                ),
            ));
        }
    }
    Ok(())
}

impl Runtime {
    /// Registers a plugin library once a process.
    pub(super) fn register_plugin(&self, name: &str, library: &Path) -> Result<(), Refusal> {
        let mut plugins = self.plugins.lock().unwrap_or_else(PoisonError::into_inner);
        match plugins.get(name) {
            Some(registered) if registered == library => return Ok(()),
            Some(registered) => {
                return Err(Refusal::new(
                    RejectionKind::PluginUnusable,
                    format!(
                        "the name is taken by {}; give this one another registered_as",
                        registered.display()
                    ),
                ));
            }
            None => {}
        }
        if !library.is_file() {
            return Err(Refusal::new(
                RejectionKind::PluginMissing,
                format!(
                    "{} does not exist; install the plugin, or correct library",
                    library.display()
                ),
            ));
        }
        if let Some(program) = self.plugin_checker.get() {
            plugin_check::run(program, self.library(), name, library)?;
        }
        self.environment
            .register_ep_library(name, library)
            .map_err(|error| plugin_check::refused(&first_line(error)))?;
        plugins.insert(name.into(), library.into());
        Ok(())
    }

    /// Gives the session to the plugin's first device of the wanted kind.
    pub(super) fn with_plugin_device(
        &self,
        builder: SessionBuilder,
        name: &str,
        wanted: Option<HardwareKind>,
        options: &BTreeMap<String, String>,
    ) -> Result<SessionBuilder, Refusal> {
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
            .ok_or_else(|| {
                Refusal::new(
                    RejectionKind::NoDevice,
                    match count {
                        0 => "the plugin offers no device on this machine; look for its driver and \
                              its permission to use the device's file"
                            .to_owned(),
                        count => format!(
                            "none of the plugin's {count} devices is of the wanted kind; correct device, or remove it to take the first"
                        ),
                    },
                )
            })?;
        let options: Vec<_> = options
            .iter()
            .map(|(key, value)| (format!("{name}.{key}"), value.clone()))
            .collect();
        builder
            .with_devices([device], Some(&options))
            .map_err(|error| Refusal::new(RejectionKind::NoDevice, first_line(error)))
    }
}

fn hardware(kind: HardwareKind) -> DeviceType {
    match kind {
        HardwareKind::Cpu => DeviceType::CPU,
        HardwareKind::Gpu => DeviceType::GPU,
        HardwareKind::Npu => DeviceType::NPU,
    }
}
