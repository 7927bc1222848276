//! An accelerator that fails when it is told to, in the way it is told to.

use std::{
    fs,
    mem::{offset_of, size_of},
    path::{Path, PathBuf},
};

use ort::sys::OrtApi;

use super::shared_library;
use crate::Error;

/// The real ONNX Runtime behind a library of the same interface, which spoils single runs.
#[derive(Debug)]
pub struct FaultyRuntime {
    library: PathBuf,
    order: PathBuf,
}

/// In which way a run fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// With an error: "the device was lost".
    Error,
    /// It takes three seconds.
    Hang,
    /// The first of its numbers is none.
    NotANumber,
}

impl FaultyRuntime {
    /// Builds the library in `folder`, in front of the ONNX Runtime at `real`.
    ///
    /// # Errors
    /// There is no C compiler.
    pub fn build(folder: &Path, real: &Path) -> Result<Self, Error> {
        let order = folder.join("order");
        let numbers = [
            ("API_SIZE", size_of::<OrtApi>()),
            ("RUN_BOUND", offset_of!(OrtApi, RunWithBinding)),
            ("RUN", offset_of!(OrtApi, Run)),
            ("CREATE_STATUS", offset_of!(OrtApi, CreateStatus)),
            (
                "GET_ALLOCATOR",
                offset_of!(OrtApi, GetAllocatorWithDefaultOptions),
            ),
            ("GET_OUTPUTS", offset_of!(OrtApi, GetBoundOutputValues)),
            ("GET_DATA", offset_of!(OrtApi, GetTensorMutableData)),
        ];
        let mut definitions: Vec<String> = numbers
            .iter()
            .map(|(name, number)| format!("-D{name}={number}"))
            .collect();
        definitions.push(format!("-DREAL={real:?}"));
        definitions.push(format!("-DFAULT={order:?}"));
        let source = include_str!("faulty_runtime.c");
        let library = shared_library(folder, "onnxruntime", source, &definitions)?;
        Ok(Self { library, order })
    }

    /// What `models.library` is to name.
    pub fn library(&self) -> &Path {
        &self.library
    }

    /// Lets the accelerator's `run`-th run from now on fail, 1 being the next. Of a language model
    /// it is one chunk of tokens.
    ///
    /// # Errors
    /// The order cannot be written.
    pub fn fail_at(&self, run: usize, fault: Fault) -> Result<(), Error> {
        let kind = match fault {
            Fault::Error => "error",
            Fault::Hang => "hang",
            Fault::NotANumber => "nan",
        };
        let file = |source| Error::File {
            path: self.order.clone(),
            source,
        };
        // Whole or not at all: the other side may look at any time.
        let part = self.order.with_extension("part");
        fs::write(&part, format!("{kind} {run}")).map_err(file)?;
        fs::rename(&part, &self.order).map_err(file)
    }
}
