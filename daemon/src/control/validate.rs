//! `codriverctl validate`: configuration, packs, replies and vehicles, every problem with its place.

use std::path::{Path, PathBuf};

use codriver_catalog::{Catalog, Language, Route};
use codriver_vehicle_bus::description::Description;

use super::{Validate, output};
use crate::Error;
use crate::knowledge::directory;
use crate::replies::Replies;
use crate::settings::{Layers, Settings, load};

/// Prints all problems; succeeds only when there is none.
pub fn run(config: Option<&Path>, options: Validate) -> Result<(), Error> {
    let mut problems = Vec::new();
    // With a broken configuration the rest is still checked, where it usually is.
    let mut settings = load(&Layers::chosen(config)).unwrap_or_else(|error| {
        problems.push(error.to_string());
        Settings::default()
    });
    if let Some(catalog) = options.catalog {
        settings.configs.directory = catalog;
    }
    match directory(&settings) {
        Ok(folder) => check(&folder, options.vehicle, &mut problems)?,
        Err(error) => problems.push(error.to_string()),
    }
    for problem in &problems {
        output::line(problem)?;
    }
    match problems.len() {
        0 => Ok(()),
        1 => Err(Error::Unsuccessful("1 problem".into())),
        count => Err(Error::Unsuccessful(format!("{count} problems"))),
    }
}

fn check(folder: &Path, vehicle: Option<PathBuf>, problems: &mut Vec<String>) -> Result<(), Error> {
    let catalog = match Catalog::load(folder) {
        Ok(catalog) => Some(catalog),
        Err(error) => {
            problems.extend(error.each().iter().map(ToString::to_string));
            None
        }
    };
    if let Some(catalog) = &catalog {
        output::line(&format!(
            "{}: {} commands",
            folder.display(),
            catalog.commands.len()
        ))?;
    }
    if let Err(error) = Replies::load(&folder.join("replies.toml")) {
        problems.push(error.to_string());
    }
    let vehicles = match vehicle {
        Some(vehicle) => vec![vehicle],
        None => folders(&folder.join("vehicles")),
    };
    let mut descriptions = Vec::new();
    for vehicle in vehicles {
        match Description::load(&vehicle) {
            Ok(description) => {
                output::line(&format!(
                    "{}: {} signals",
                    vehicle.display(),
                    description.entries().count()
                ))?;
                descriptions.push(description);
            }
            Err(error) => problems.push(error.to_string()),
        }
    }
    for (catalog, vehicle) in catalog
        .iter()
        .flat_map(|c| descriptions.iter().map(move |v| (c, v)))
    {
        problems.extend(missing_paths(catalog, vehicle, &descriptions));
    }
    Ok(())
}

/// Commands that lead to signals which the vehicle does not have, although it does not say that it
/// lacks them and none of the other vehicles has them: most likely a path is misspelt.
fn missing_paths(catalog: &Catalog, vehicle: &Description, all: &[Description]) -> Vec<String> {
    let mut missing = Vec::new();
    for command in &catalog.commands {
        let Route::Vss(route) = &command.route else {
            continue;
        };
        for path in route.paths.all() {
            let known = all.iter().any(|vehicle| vehicle.entry(path).is_some());
            if !known && vehicle.lacks(path, Language::English).is_none() {
                missing.push(format!(
                    "{}: command \"{}\": path {path} is not in vehicle {}; add it to {}, list it \
                     under [vehicle.lacks], or remove the command",
                    command.at,
                    command.name,
                    vehicle.name(),
                    vehicle.file().display()
                ));
            }
        }
    }
    missing
}

/// The vehicles beside the packs; none is no problem on the voice side.
fn folders(parent: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = std::fs::read_dir(parent)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    folders
}
