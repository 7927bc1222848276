//! The configured list of execution providers, parsed so that every entry can be tried.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::GraphKind;

/// Longest name under which ONNX Runtime's binding can register a plugin.
const LONGEST_PLUGIN_NAME: usize = 64;

/// One `[[execution_provider]]` entry of codriver.toml, as it is written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CandidateSettings {
    /// `cpu`, `openvino`, `qnn`, `xnnpack`, `acl`, `cann`, `vitisai`, `rknpu` or `plugin`.
    pub name: String,
    /// Device of the provider (`NPU`, `GPU.0`); for a plugin the kind of
    /// hardware: `CPU`, `GPU` or `NPU`.
    pub device: Option<String>,
    /// A plugin's shared library.
    pub library: Option<PathBuf>,
    /// The name under which a plugin is registered.
    pub registered_as: Option<String>,
    /// The provider's own options, passed on as they are.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
    /// Which graph of a language model it gets: `cpu` (the default) or `npu`.
    pub graph: Option<String>,
    /// Folder for what the provider compiles from graphs; without it every start compiles anew.
    pub cache: Option<PathBuf>,
}

/// An execution provider that may be asked to run a model.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Candidate {
    /// ONNX Runtime's own kernels. They run every graph.
    Cpu,
    /// A provider that is compiled into the ONNX Runtime library.
    BuiltIn {
        /// Which one.
        provider: BuiltIn,
        /// Device, where the provider has several.
        device: Option<String>,
        /// The provider's options.
        options: BTreeMap<String, String>,
    },
    /// A provider in a shared library of its own.
    Plugin {
        /// The library.
        library: PathBuf,
        /// The name it is registered under, which is also its provider's name.
        registered_as: String,
        /// Kind of hardware; `None` takes the first device that the plugin offers.
        device: Option<HardwareKind>,
        /// The provider's options, without its name in front.
        options: BTreeMap<String, String>,
    },
}

impl fmt::Display for Candidate {
    /// `cpu`, `openvino:NPU`, `plugin:QNN`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::BuiltIn {
                provider, device, ..
            } => match device {
                Some(device) => write!(f, "{}:{device}", provider.name()),
                None => f.write_str(provider.name()),
            },
            Self::Plugin { registered_as, .. } => write!(f, "plugin:{registered_as}"),
        }
    }
}

impl Candidate {
    /// Why nothing that it compiled can be read again, where that is known.
    pub(crate) fn cannot_cache(&self) -> Option<&'static str> {
        match self {
            Self::BuiltIn {
                provider: BuiltIn::OpenVino,
                device,
                ..
            } if device.as_deref().is_none_or(|device| device == "CPU") => {
                Some("OpenVINO's CPU device cannot load what it compiled itself; remove cache")
            }
            _ => None,
        }
    }

    /// The device that the configuration names.
    pub(crate) fn device(&self) -> Option<String> {
        match self {
            Self::Cpu => None,
            Self::BuiltIn { device, .. } => device.clone(),
            Self::Plugin { device, .. } => device.map(|kind| kind.name().to_owned()),
        }
    }
}

/// The providers that may be compiled into an ONNX Runtime library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuiltIn {
    /// Intel CPUs, GPUs and NPUs.
    OpenVino,
    /// Qualcomm Hexagon.
    Qnn,
    /// Fast CPU kernels for Arm.
    Xnnpack,
    /// Arm Compute Library.
    Acl,
    /// Huawei Ascend.
    Cann,
    /// AMD Ryzen AI and adaptive chips.
    VitisAi,
    /// Rockchip; it has no options.
    Rknpu,
}

impl BuiltIn {
    const ALL: [Self; 7] = [
        Self::OpenVino,
        Self::Qnn,
        Self::Xnnpack,
        Self::Acl,
        Self::Cann,
        Self::VitisAi,
        Self::Rknpu,
    ];

    /// Its name in the configuration.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::OpenVino => "openvino",
            Self::Qnn => "qnn",
            Self::Xnnpack => "xnnpack",
            Self::Acl => "acl",
            Self::Cann => "cann",
            Self::VitisAi => "vitisai",
            Self::Rknpu => "rknpu",
        }
    }

    /// The option that names the device, where the provider has one.
    pub(crate) fn device_option(self) -> Option<&'static str> {
        match self {
            Self::OpenVino => Some("device_type"),
            Self::Cann => Some("device_id"),
            Self::Qnn | Self::Xnnpack | Self::Acl | Self::VitisAi | Self::Rknpu => None,
        }
    }
}

/// Kinds of hardware that a plugin may offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HardwareKind {
    /// A processor; emulators of accelerators report this kind too.
    Cpu,
    /// A graphics processor.
    Gpu,
    /// A neural processor.
    Npu,
}

impl HardwareKind {
    const ALL: [Self; 3] = [Self::Cpu, Self::Gpu, Self::Npu];

    fn name(self) -> &'static str {
        match self {
            Self::Cpu => "CPU",
            Self::Gpu => "GPU",
            Self::Npu => "NPU",
        }
    }
}

impl CandidateSettings {
    /// The candidate, or what is wrong with which key.
    pub(super) fn candidate(&self) -> Result<Candidate, String> {
        self.refuse_zero_bytes()?;
        match self.name.as_str() {
            "cpu" => self.only("cpu", &[]).map(|()| Candidate::Cpu),
            "plugin" => self.parse_plugin(),
            name => {
                let provider = BuiltIn::ALL.into_iter().find(|known| known.name() == name);
                self.parse_built_in(provider.ok_or_else(unknown_name)?)
            }
        }
    }

    /// The kind of graph it is given.
    pub(super) fn graph_kind(&self) -> Result<GraphKind, String> {
        match self.graph.as_deref() {
            None | Some("cpu") => Ok(GraphKind::CpuDynamic),
            Some("npu") if self.name == "cpu" => {
                Err("graph = \"npu\" means nothing for cpu; remove it".into())
            }
            Some("npu") => Ok(GraphKind::NpuStatic),
            Some(other) => Err(format!("graph = \"{other}\" is unknown; use cpu or npu")),
        }
    }

    fn parse_built_in(&self, provider: BuiltIn) -> Result<Candidate, String> {
        let mut allowed = vec!["cache"];
        if provider != BuiltIn::Rknpu {
            allowed.push("options");
        }
        if provider.device_option().is_some() {
            allowed.push("device");
        }
        self.only(provider.name(), &allowed)?;
        if provider == BuiltIn::Acl
            && let Some(key) = self.options.keys().find(|key| *key != "enable_fast_math")
        {
            return Err(format!(
                "option {key} is unknown; acl has only enable_fast_math"
            ));
        }
        Ok(Candidate::BuiltIn {
            provider,
            device: self.device.clone(),
            options: self.options.clone(),
        })
    }

    fn parse_plugin(&self) -> Result<Candidate, String> {
        let library = self.library.clone();
        let registered_as = self.registered_as.clone();
        let registered_as =
            registered_as.ok_or("needs registered_as, the provider's name; add it")?;
        if registered_as.is_empty() || registered_as.len() > LONGEST_PLUGIN_NAME {
            return Err(format!(
                "registered_as must have 1 to {LONGEST_PLUGIN_NAME} bytes; choose another"
            ));
        }
        Ok(Candidate::Plugin {
            library: library.ok_or("needs library, the plugin's file; add it")?,
            registered_as,
            device: self.device.as_deref().map(hardware_kind).transpose()?,
            options: self.options.clone(),
        })
    }

    /// Fails when a key is set that this provider does not have.
    fn only(&self, provider: &str, allowed: &[&str]) -> Result<(), String> {
        let set = [
            ("device", self.device.is_some()),
            ("library", self.library.is_some()),
            ("registered_as", self.registered_as.is_some()),
            ("options", !self.options.is_empty()),
            ("cache", self.cache.is_some()),
        ];
        match set
            .iter()
            .find(|(key, is_set)| *is_set && !allowed.contains(key))
        {
            Some((key, _)) => Err(format!("{key} means nothing for {provider}; remove it")),
            None => Ok(()),
        }
    }

    /// The strings end up in C, where a zero byte would cut them short.
    fn refuse_zero_bytes(&self) -> Result<(), String> {
        let options = self.options.iter().flat_map(|(key, value)| [key, value]);
        let mut all = options.chain(&self.device).chain(&self.registered_as);
        let library = self
            .library
            .iter()
            .map(|path| path.as_os_str().as_encoded_bytes());
        if all.any(|text| text.contains('\0')) || library.into_iter().any(|path| path.contains(&0))
        {
            return Err("has a zero byte in a value; remove it".into());
        }
        Ok(())
    }
}

fn hardware_kind(name: &str) -> Result<HardwareKind, String> {
    HardwareKind::ALL
        .into_iter()
        .find(|kind| kind.name() == name)
        .ok_or_else(|| format!("device = \"{name}\" is unknown for a plugin; use CPU, GPU or NPU"))
}

fn unknown_name() -> String {
    let known: Vec<_> = BuiltIn::ALL
        .iter()
        .map(|provider| provider.name())
        .collect();
    format!("is unknown; use cpu, {} or plugin", known.join(", "))
}
