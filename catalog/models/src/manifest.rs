//! The manifest of a model pack: `manifest.toml`, parsed into types that cannot be wrong.

use std::collections::BTreeMap;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::{Error, PromptTemplate};

/// The manifest format that this program reads.
const FORMAT: u32 = 1;

/// What a pack is for, with what its user needs to know.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum PackKind {
    /// An ONNX Runtime library.
    Runtime {
        /// The shared library.
        library: PathBuf,
    },
    /// A model that turns speech into text.
    SpeechRecognition(SpeechRecognition),
    /// A model that hears whether somebody speaks.
    VoiceActivity(VoiceActivity),
    /// A model that turns speech into vectors, for heads that know one phrase each.
    SpeechEmbedding(SpeechEmbedding),
    /// A model that turns text into commands.
    LanguageModel(Box<LanguageModel>),
}

impl PackKind {
    /// The kind's name in a manifest.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Runtime { .. } => "runtime",
            Self::SpeechRecognition(_) => "speech-recognition",
            Self::VoiceActivity(_) => "voice-activity",
            Self::SpeechEmbedding(_) => "speech-embedding",
            Self::LanguageModel(_) => "language-model",
        }
    }
}

/// A Whisper model in the ggml format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpeechRecognition {
    /// The ggml file.
    pub model: PathBuf,
}

/// A Silero voice activity model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoiceActivity {
    /// The ONNX graph.
    pub graph: PathBuf,
    /// Sample rate that it wants.
    pub sample_rate_hz: NonZeroU32,
    /// New samples in one call.
    pub window_samples: NonZeroUsize,
    /// Samples of the call before that go in front of them.
    pub context_samples: usize,
}

/// Google's speech embedding, as openWakeWord cut it into two graphs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpeechEmbedding {
    /// Sound to mel spectrum.
    pub spectrum: PathBuf,
    /// Mel spectrum to vectors.
    pub embedding: PathBuf,
}

/// A decoder language model for ONNX Runtime.
#[derive(Debug, Clone, PartialEq)]
pub struct LanguageModel {
    /// The ONNX graph.
    pub graph: PathBuf,
    /// How the graph is to be driven.
    pub graph_kind: GraphKind,
    /// The same model for neural processors, where the pack has it.
    pub npu: Option<NpuModel>,
    /// The tokenizer, in the `tokenizer.json` format.
    pub tokenizer: PathBuf,
    /// The names of the commands that it was taught, one a line; a model
    /// without such a list may answer with every command.
    pub commands: Option<PathBuf>,
    /// What has a say in which commands are named, where the pack has it.
    pub prior: Option<CommandPrior>,
    /// Sizes of the key-value cache, where the graph's own metadata has none.
    pub cache_shape: Option<CacheShape>,
    /// The text around an utterance.
    pub prompt: PromptTemplate,
    /// The token that ends an answer, as text.
    pub end_of_call: String,
    /// An answer longer than this is broken off.
    pub max_tokens: NonZeroUsize,
    /// How often an answer of a probability is right.
    pub calibration: Calibration,
    /// What confidence is worth what.
    pub thresholds: Thresholds,
}

/// A language model's graph for neural processors, with what the host needs beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NpuModel {
    /// The static ONNX graph.
    pub graph: PathBuf,
    /// The embedding table: 8-bit rows, then their float32 steps.
    pub embedding: PathBuf,
}

/// A linear classifier of sentences by command, beside a language model.
#[derive(Debug, Clone, PartialEq)]
pub struct CommandPrior {
    /// Its weights, in the safetensors format.
    pub file: PathBuf,
    /// How much its word counts, above 0 and at most 10; the language model's counts 1.
    pub weight: f64,
}

/// How a language model's graph takes its inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum GraphKind {
    /// Any number of tokens a call, cache of any length in place: for CPUs.
    CpuDynamic,
    /// Fixed chunk and cache length, mask and rotary tables from the host: for NPUs.
    NpuStatic,
}

/// Sizes of a key-value cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheShape {
    /// Decoder layers.
    pub layers: NonZeroUsize,
    /// Key-value heads of a layer.
    pub kv_heads: NonZeroUsize,
    /// Numbers in a head.
    pub head_dim: NonZeroUsize,
}

/// How often answers are right that a model gave a probability: a logistic curve
/// over the doubt's logarithm, fitted to held-out sentences.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Calibration {
    bias: f64,
    slope: f64,
}

impl Calibration {
    /// A probability is taken at its word.
    pub const NONE: Self = Self {
        bias: 0.0,
        slope: 0.0,
    };
    /// A smaller doubt is not told from this one.
    const LEAST_DOUBT: f64 = 1e-6;

    /// `None` unless a smaller doubt makes surer.
    pub fn new(bias: f64, slope: f64) -> Option<Self> {
        let falls = bias.is_finite() && slope.is_finite() && slope > 0.0;
        falls.then_some(Self { bias, slope })
    }

    /// The share of answers of this probability that are right; NaN of NaN.
    pub fn confidence(&self, probability: f64) -> f64 {
        if *self == Self::NONE {
            return probability;
        }
        let doubt = (1.0 - probability + Self::LEAST_DOUBT).ln();
        1.0 / (1.0 + (self.slope * doubt - self.bias).exp())
    }
}

/// Confidence limits; always `0 <= confirm <= execute <= guarded <= 1`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    confirm: f64,
    execute: f64,
    guarded: f64,
}

impl Thresholds {
    /// `None` unless they are in order.
    pub fn new(confirm: f64, execute: f64, guarded: f64) -> Option<Self> {
        let ordered = 0.0 <= confirm && confirm <= execute && execute <= guarded && guarded <= 1.0;
        ordered.then_some(Self {
            confirm,
            execute,
            guarded,
        })
    }

    /// Confidence from which an interpretation is acted on.
    pub fn execute(&self) -> f64 {
        self.execute
    }

    /// Confidence from which the driver is asked; below it nothing is done.
    pub fn confirm(&self) -> f64 {
        self.confirm
    }

    /// Confidence from which a sentence with a negation or a question word is acted on.
    pub fn guarded(&self) -> f64 {
        self.guarded
    }
}

/// A manifest after parsing. Paths in `kind` include the pack's directory.
#[derive(Debug, Clone)]
pub(crate) struct Manifest {
    pub name: String,
    pub version: String,
    pub licence: String,
    pub languages: Vec<String>,
    pub kind: PackKind,
    pub files: Vec<PackFile>,
}

/// A file of a pack, with what the manifest promises about it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PackFile {
    pub path: String,
    pub size: u64,
    pub sha256: String,
}

impl Manifest {
    /// Parses the text of the manifest at `path`.
    pub(crate) fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        let document: Document = toml::from_str(text).map_err(|error| Error::Manifest {
            path: path.into(),
            line: error.span().map(|span| line_of(text, span.start)),
            problem: error.message().trim().to_owned(),
        })?;
        Reader { text, path }.manifest(document)
    }
}

/// `manifest.toml` as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: u32,
    name: String,
    version: String,
    licence: String,
    languages: Vec<String>,
    kind: String,
    #[serde(default, rename = "recipe")]
    _recipe: Option<String>,
    #[serde(default, rename = "source")]
    _sources: Vec<BTreeMap<String, toml::Value>>,
    #[serde(rename = "file")]
    files: Vec<PackFile>,
    runtime: Option<RuntimeSection>,
    speech_recognition: Option<SpeechRecognitionSection>,
    voice_activity: Option<VoiceActivitySection>,
    speech_embedding: Option<SpeechEmbeddingSection>,
    language_model: Option<LanguageModelSection>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuntimeSection {
    library: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SpeechRecognitionSection {
    model: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VoiceActivitySection {
    graph: String,
    sample_rate_hz: NonZeroU32,
    window_samples: NonZeroUsize,
    context_samples: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SpeechEmbeddingSection {
    spectrum: String,
    embedding: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LanguageModelSection {
    graph: String,
    graph_kind: GraphKind,
    npu_graph: Option<String>,
    npu_embedding: Option<String>,
    tokenizer: String,
    commands: Option<String>,
    prior: Option<PriorSection>,
    layers: Option<NonZeroUsize>,
    kv_heads: Option<NonZeroUsize>,
    head_dim: Option<NonZeroUsize>,
    prompt: String,
    end_of_call: String,
    max_tokens: NonZeroUsize,
    calibration: Option<CalibrationSection>,
    thresholds: ThresholdsSection,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PriorSection {
    file: String,
    weight: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CalibrationSection {
    bias: f64,
    slope: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ThresholdsSection {
    execute: f64,
    confirm: f64,
    /// Without it, a sentence with a negation or question word is never acted on but in certainty.
    #[serde(default = "certainty")]
    guarded: f64,
}

fn certainty() -> f64 {
    1.0
}

/// Checks what serde cannot, and names file, line and field when it complains.
struct Reader<'a> {
    text: &'a str,
    path: &'a Path,
}

impl Reader<'_> {
    fn manifest(&self, document: Document) -> Result<Manifest, Error> {
        if document.format != FORMAT {
            return Err(self.wrong(
                "format",
                format!(
                    "is {}, but this program reads {FORMAT}; install the pack again",
                    document.format
                ),
            ));
        }
        for (field, value) in [
            ("name", &document.name),
            ("version", &document.version),
            ("licence", &document.licence),
        ] {
            if value.trim().is_empty() {
                return Err(self.wrong(field, "is empty; fill it in"));
            }
        }
        for file in &document.files {
            self.check_file(file)?;
        }
        Ok(Manifest {
            kind: self.kind(&document)?,
            name: document.name,
            version: document.version,
            licence: document.licence,
            languages: document.languages,
            files: document.files,
        })
    }

    fn check_file(&self, file: &PackFile) -> Result<(), Error> {
        let inside = Path::new(&file.path)
            .components()
            .all(|part| matches!(part, std::path::Component::Normal(_)));
        if file.path.is_empty() || !inside {
            return Err(self.wrong_value(
                "path",
                &file.path,
                format!(
                    "= \"{}\" leads out of the pack; name a file inside",
                    file.path
                ),
            ));
        }
        let is_hash = file.sha256.len() == 64
            && file
                .sha256
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !is_hash {
            return Err(self.wrong_value(
                "sha256",
                &file.sha256,
                format!(
                    "of {} is not 64 lower-case hexadecimal digits; correct it",
                    file.path
                ),
            ));
        }
        Ok(())
    }

    fn kind(&self, document: &Document) -> Result<PackKind, Error> {
        let file = |field, name: &str| self.listed(document, field, name);
        Ok(match document.kind.as_str() {
            "runtime" => PackKind::Runtime {
                library: file(
                    "library",
                    &self.section("runtime", &document.runtime)?.library,
                )?,
            },
            "speech-recognition" => {
                let section = self.section("speech_recognition", &document.speech_recognition)?;
                PackKind::SpeechRecognition(SpeechRecognition {
                    model: file("model", &section.model)?,
                })
            }
            "voice-activity" => {
                let section = self.section("voice_activity", &document.voice_activity)?;
                PackKind::VoiceActivity(VoiceActivity {
                    graph: file("graph", &section.graph)?,
                    sample_rate_hz: section.sample_rate_hz,
                    window_samples: section.window_samples,
                    context_samples: section.context_samples,
                })
            }
            "speech-embedding" => {
                let section = self.section("speech_embedding", &document.speech_embedding)?;
                PackKind::SpeechEmbedding(SpeechEmbedding {
                    spectrum: file("spectrum", &section.spectrum)?,
                    embedding: file("embedding", &section.embedding)?,
                })
            }
            "language-model" => {
                let section = self.section("language_model", &document.language_model)?;
                PackKind::LanguageModel(Box::new(LanguageModel {
                    graph: file("graph", &section.graph)?,
                    npu: match (&section.npu_graph, &section.npu_embedding) {
                        (Some(graph), Some(embedding)) => Some(NpuModel {
                            graph: file("npu_graph", graph)?,
                            embedding: file("npu_embedding", embedding)?,
                        }),
                        (None, None) => None,
                        _ => {
                            return Err(self.wrong(
                                "npu_",
                                "needs npu_graph and npu_embedding together; add the missing one",
                            ));
                        }
                    },
                    tokenizer: file("tokenizer", &section.tokenizer)?,
                    commands: match &section.commands {
                        Some(name) => Some(file("commands", name)?),
                        None => None,
                    },
                    prior: match &section.prior {
                        Some(prior) => Some(CommandPrior {
                            file: file("prior", &prior.file)?,
                            weight: self.weight(prior)?,
                        }),
                        None => None,
                    },
                    ..self.language_model(section)?
                }))
            }
            other => {
                return Err(self.wrong(
                    "kind",
                    format!(
                        "= \"{other}\" is unknown; use runtime, speech-recognition, voice-activity, speech-embedding or language-model"
                    ),
                ));
            }
        })
    }

    /// All but the paths, which the caller fills in.
    fn language_model(&self, section: &LanguageModelSection) -> Result<LanguageModel, Error> {
        let cache_shape = match (section.layers, section.kv_heads, section.head_dim) {
            (Some(layers), Some(kv_heads), Some(head_dim)) => Some(CacheShape {
                layers,
                kv_heads,
                head_dim,
            }),
            (None, None, None) => None,
            _ => {
                return Err(self.wrong(
                    "language_model",
                    "needs layers, kv_heads and head_dim all together; add the missing ones or remove all three",
                ));
            }
        };
        let calibration = match &section.calibration {
            None => Calibration::NONE,
            Some(CalibrationSection { bias, slope }) => {
                Calibration::new(*bias, *slope).ok_or_else(|| {
                    self.wrong(
                        "calibration",
                        format!("bias = {bias}, slope = {slope}: both must be finite and slope above 0; `trainer confidence` fits them"),
                    )
                })?
            }
        };
        let ThresholdsSection {
            execute,
            confirm,
            guarded,
        } = section.thresholds;
        let Some(thresholds) = Thresholds::new(confirm, execute, guarded) else {
            return Err(self.wrong(
                "thresholds",
                format!("execute = {execute}, confirm = {confirm}, guarded = {guarded} do not satisfy 0 <= confirm <= execute <= guarded <= 1; correct them"),
            ));
        };
        if section.end_of_call.is_empty() {
            return Err(self.wrong(
                "end_of_call",
                "is empty; name the token that ends an answer",
            ));
        }
        Ok(LanguageModel {
            graph: PathBuf::new(),
            graph_kind: section.graph_kind,
            npu: None,
            tokenizer: PathBuf::new(),
            commands: None,
            prior: None,
            cache_shape,
            prompt: PromptTemplate::parse(&section.prompt)
                .map_err(|problem| self.wrong("prompt", problem))?,
            end_of_call: section.end_of_call.clone(),
            max_tokens: section.max_tokens,
            calibration,
            thresholds,
        })
    }

    fn weight(&self, prior: &PriorSection) -> Result<f64, Error> {
        let weight = prior.weight;
        // Written so that NaN is refused.
        if weight > 0.0 && weight <= 10.0 {
            return Ok(weight);
        }
        let problem = format!("weight = {weight} is not above 0 and at most 10; correct it");
        Err(self.wrong("prior", problem))
    }

    fn section<'d, T>(&self, name: &str, section: &'d Option<T>) -> Result<&'d T, Error> {
        section
            .as_ref()
            .ok_or_else(|| self.wrong("kind", format!("needs a section [{name}]; add it")))
    }

    /// The full path of a file that the manifest also lists, and so vouches for.
    fn listed(&self, document: &Document, field: &str, name: &str) -> Result<PathBuf, Error> {
        if !document.files.iter().any(|file| file.path == name) {
            return Err(self.wrong_value(
                field,
                name,
                format!(
                    "= \"{name}\" is not among the [[file]] entries; add one with size and sha256"
                ),
            ));
        }
        Ok(self.path.with_file_name(name))
    }

    /// A complaint about `field`, with the line on which it is written.
    fn wrong(&self, field: &str, problem: impl AsRef<str>) -> Error {
        self.wrong_value(field, "", problem)
    }

    /// As [`Self::wrong`], where several fields of that name differ by their `value`.
    fn wrong_value(&self, field: &str, value: &str, problem: impl AsRef<str>) -> Error {
        let is_it = |line: &str| {
            let key = line.trim_start().trim_start_matches('[');
            let names_it = key.starts_with(field) || line.contains(&format!(".{field}]"));
            names_it && line.contains(value)
        };
        Error::Manifest {
            path: self.path.into(),
            line: self.text.lines().position(is_it).map(|index| index + 1),
            problem: format!("{field} {}", problem.as_ref()),
        }
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().iter().take(offset);
    1 + before.filter(|byte| **byte == b'\n').count()
}
