//! One model pack: opened only when its manifest is right and no file is cut short.

use std::path::{Path, PathBuf};

use crate::manifest::{Manifest, PackFile};
use crate::{
    Error, LanguageModel, PackKind, SpeechEmbedding, SpeechRecognition, Store, VoiceActivity,
    sha256,
};

/// The manifest's file name.
const MANIFEST: &str = "manifest.toml";

/// A model pack whose manifest is valid and whose files have the right sizes.
#[derive(Debug, Clone)]
pub struct ModelPack {
    directory: PathBuf,
    manifest: Manifest,
}

impl ModelPack {
    /// Opens the pack `name` of `store`: parses its manifest and compares the
    /// size of every file with it.
    ///
    /// # Errors
    /// [`Error::PackMissing`], [`Error::Manifest`] with file and field,
    /// [`Error::FileSize`] for a file cut short, [`Error::Read`].
    pub fn open(store: &Store, name: &str) -> Result<Self, Error> {
        let directory = store.directory().join(name);
        if !is_plain_name(name) || !directory.is_dir() {
            return Err(Error::PackMissing {
                name: name.into(),
                store: store.directory().into(),
            });
        }
        let path = directory.join(MANIFEST);
        let text = std::fs::read_to_string(&path).map_err(|source| Error::Read {
            path: path.clone(),
            source,
        })?;
        let manifest = Manifest::parse(&text, &path)?;
        if manifest.name != name {
            return Err(Error::Manifest {
                path,
                line: None,
                problem: format!(
                    "name = \"{}\" differs from the directory's name; rename one of them",
                    manifest.name
                ),
            });
        }
        let pack = Self {
            directory,
            manifest,
        };
        pack.manifest
            .files
            .iter()
            .try_for_each(|file| pack.check_size(file))?;
        Ok(pack)
    }

    /// Reads every file and compares its sha256 with the manifest.
    ///
    /// # Errors
    /// [`Error::FileHash`] for the first file that differs, [`Error::Read`].
    pub fn verify(&self) -> Result<(), Error> {
        for file in &self.manifest.files {
            self.check_size(file)?;
            let path = self.directory.join(&file.path);
            let found = sha256::of_file(&path).map_err(|source| Error::Read {
                path: path.clone(),
                source,
            })?;
            if found != file.sha256 {
                return Err(Error::FileHash {
                    path,
                    expected: file.sha256.clone(),
                    found,
                });
            }
        }
        Ok(())
    }

    /// The pack's name, which is its directory's name.
    pub fn name(&self) -> &str {
        &self.manifest.name
    }

    /// The pack's own version.
    pub fn version(&self) -> &str {
        &self.manifest.version
    }

    /// The licence of its contents, as an SPDX expression where there is one.
    pub fn licence(&self) -> &str {
        &self.manifest.licence
    }

    /// Language codes (`en`, `zh`) that the model understands; empty when
    /// language does not matter.
    pub fn languages(&self) -> &[String] {
        &self.manifest.languages
    }

    /// What the pack is for. All paths inside are absolute or relative to the
    /// working directory, ready to be opened.
    pub fn kind(&self) -> &PackKind {
        &self.manifest.kind
    }

    /// The directory of the pack.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The pack as a language model.
    ///
    /// # Errors
    /// [`Error::WrongKind`] when it is something else.
    pub fn language_model(&self) -> Result<&LanguageModel, Error> {
        match self.kind() {
            PackKind::LanguageModel(model) => Ok(model),
            _ => Err(self.wrong_kind("language-model")),
        }
    }

    /// The pack as a speech recognition model.
    ///
    /// # Errors
    /// [`Error::WrongKind`] when it is something else.
    pub fn speech_recognition(&self) -> Result<&SpeechRecognition, Error> {
        match self.kind() {
            PackKind::SpeechRecognition(model) => Ok(model),
            _ => Err(self.wrong_kind("speech-recognition")),
        }
    }

    /// The pack as a voice activity model.
    ///
    /// # Errors
    /// [`Error::WrongKind`] when it is something else.
    pub fn voice_activity(&self) -> Result<&VoiceActivity, Error> {
        match self.kind() {
            PackKind::VoiceActivity(model) => Ok(model),
            _ => Err(self.wrong_kind("voice-activity")),
        }
    }

    /// The pack as a speech embedding.
    ///
    /// # Errors
    /// [`Error::WrongKind`] when it is something else.
    pub fn speech_embedding(&self) -> Result<&SpeechEmbedding, Error> {
        match self.kind() {
            PackKind::SpeechEmbedding(model) => Ok(model),
            _ => Err(self.wrong_kind("speech-embedding")),
        }
    }

    /// The ONNX Runtime library of a runtime pack.
    ///
    /// # Errors
    /// [`Error::WrongKind`] when it is something else.
    pub fn runtime_library(&self) -> Result<&Path, Error> {
        match self.kind() {
            PackKind::Runtime { library } => Ok(library),
            _ => Err(self.wrong_kind("runtime")),
        }
    }

    fn wrong_kind(&self, needed: &'static str) -> Error {
        Error::WrongKind {
            manifest: self.directory.join(MANIFEST),
            found: self.kind().name(),
            needed,
        }
    }

    fn check_size(&self, file: &PackFile) -> Result<(), Error> {
        let path = self.directory.join(&file.path);
        let found = std::fs::metadata(&path)
            .map_err(|source| Error::Read {
                path: path.clone(),
                source,
            })?
            .len();
        if found == file.size {
            return Ok(());
        }
        Err(Error::FileSize {
            path,
            expected: file.size,
            found,
        })
    }
}

/// A pack's name comes from a configuration file: it must not lead out of the store.
fn is_plain_name(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains('/')
}
