//! `codriverctl models install|list|verify`.
//!
//! Fetching and converting is done by a Python program once, on a machine with
//! a network; listing and verifying need nothing but the packs.

use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::Command;

use codriver_models::{ModelPack, Store};
use serde_json::json;

use super::{Models, output};
use crate::Error;
use crate::knowledge::source_tree;
use crate::minds::store;
use crate::settings::Settings;

/// Runs one of the three.
pub fn run(settings: &Settings, command: Models) -> Result<(), Error> {
    let store = store(settings)?;
    match command {
        Models::Install { packs } => install(&store, &packs),
        Models::List(options) => list(&store, options.json),
        Models::Verify { packs } => verify(&store, &packs),
    }
}

fn install(store: &Store, packs: &[String]) -> Result<(), Error> {
    let builder = builder()?;
    let (Some(parent), Some(module)) = (builder.parent(), builder.file_name()) else {
        return Err(Error::Unsuccessful(format!(
            "{} is no folder of a Python program; set CODRIVER_MODEL_BUILDER",
            builder.display()
        )));
    };
    let python = python();
    let status = Command::new(&python)
        .arg("-m")
        .arg(module)
        .arg("install")
        .arg("--store")
        .arg(store.directory())
        .args(packs)
        .env("PYTHONPATH", parent)
        .status()
        .map_err(|source| {
            Error::system(
                format!("starting {} (set CODRIVER_PYTHON)", python.display()),
                source,
            )
        })?;
    match (status.success(), status.signal()) {
        (true, _) => Ok(()),
        (false, Some(signal)) => Err(Error::Unsuccessful(format!(
            "the model builder was ended by signal {signal}; run the same command again to go on"
        ))),
        // It has said why itself.
        (false, None) => Err(Error::Unsuccessful(
            "no model pack is half installed".into(),
        )),
    }
}

/// `$CODRIVER_MODEL_BUILDER`, else the source tree's.
fn builder() -> Result<PathBuf, Error> {
    std::env::var_os("CODRIVER_MODEL_BUILDER")
        .map(PathBuf::from)
        .or_else(|| source_tree().map(|root| root.join("catalog/models/builder")))
        .filter(|folder| folder.is_dir())
        .ok_or_else(|| {
            Error::Unsuccessful(
                "the model builder was not found; set CODRIVER_MODEL_BUILDER to catalog/models/builder of the source tree"
                    .into(),
            )
        })
}

/// `$CODRIVER_PYTHON`, else the cached environment's, else the system's.
fn python() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")));
    std::env::var_os("CODRIVER_PYTHON")
        .map(PathBuf::from)
        .or_else(|| cache.map(|cache| cache.join("codriver/venv/bin/python")))
        .unwrap_or_else(|| "python3".into())
}

fn list(store: &Store, json: bool) -> Result<(), Error> {
    let mut damaged = 0;
    for pack in store.list()? {
        match pack {
            Ok(pack) if json => output::json(&json!({
                "name": pack.name(),
                "version": pack.version(),
                "kind": pack.kind().name(),
                "languages": pack.languages(),
                "licence": pack.licence(),
                "directory": pack.directory(),
            }))?,
            Ok(pack) => output::line(&line(&pack))?,
            Err(error) => {
                damaged += 1;
                eprintln!("codriverctl: {error}");
            }
        }
    }
    match damaged {
        0 => Ok(()),
        damaged => Err(Error::Unsuccessful(format!(
            "{damaged} packs cannot be used"
        ))),
    }
}

fn line(pack: &ModelPack) -> String {
    format!(
        "{:28} {:10} {:19} {:10} {}",
        pack.name(),
        pack.version(),
        pack.kind().name(),
        pack.languages().join(","),
        pack.licence()
    )
}

fn verify(store: &Store, packs: &[String]) -> Result<(), Error> {
    let opened: Vec<Result<ModelPack, codriver_models::Error>> = if packs.is_empty() {
        store.list()?
    } else {
        packs.iter().map(|name| store.open(name)).collect()
    };
    let total = opened.len();
    let mut damaged = 0;
    for pack in opened {
        let checked = pack.and_then(|pack| pack.verify().map(|()| pack));
        match checked {
            Ok(pack) => output::line(&format!("{:28} whole", pack.name()))?,
            Err(error) => {
                damaged += 1;
                eprintln!("codriverctl: {error}");
            }
        }
    }
    match (damaged, total) {
        (0, 0) => Err(Error::Unsuccessful(format!(
            "{} holds no model pack; run `codriverctl models install`",
            store.directory().display()
        ))),
        (0, _) => Ok(()),
        (damaged, total) => Err(Error::Unsuccessful(format!(
            "{damaged} of {total} packs are damaged; remove them and run `codriverctl models install`"
        ))),
    }
}
