//! What the recogniser is told to expect: the packs' phrases, the wake phrases, and the names that
//! are known on board. All of it may change while it listens.

use std::sync::{Arc, Mutex, PoisonError};

use codriver_asr::{Expected, Names};
use codriver_catalog::{Catalog, Language};

use crate::directory::{Known, LocalDirectory};
use crate::settings::Settings;

/// Shared with whoever reloads the packs.
#[derive(Debug)]
pub struct Expectations {
    languages: Vec<Language>,
    calls: Vec<String>,
    directory: Arc<LocalDirectory>,
    catalog: Mutex<Arc<Catalog>>,
}

/// What a recogniser was told last.
#[derive(Debug, Default)]
pub struct Told(Option<(Arc<Catalog>, Known)>);

impl Expectations {
    /// For the configured languages and wake phrases.
    pub fn new(
        settings: &Settings,
        catalog: &Arc<Catalog>,
        directory: &Arc<LocalDirectory>,
    ) -> Self {
        Self {
            languages: settings.recogniser.languages.clone(),
            calls: settings.listening.wake_phrases.clone(),
            directory: Arc::clone(directory),
            catalog: Mutex::new(Arc::clone(catalog)),
        }
    }

    /// Where the names come from.
    pub fn directory(&self) -> &Arc<LocalDirectory> {
        &self.directory
    }

    /// Other packs are in force.
    pub fn replace(&self, catalog: &Arc<Catalog>) {
        *self.catalog.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(catalog);
    }

    /// Tells `expect` what has changed since `told`; nothing where nothing has. Reads the files of
    /// names where they are new, so it may block.
    pub fn tell(&self, told: &mut Told, mut expect: impl FnMut(Expected)) {
        let catalog = self.catalog.lock().unwrap_or_else(PoisonError::into_inner);
        let catalog = Arc::clone(&catalog);
        let known = self.directory.known();
        if let Told(Some((of, names))) = told
            && Arc::ptr_eq(of, &catalog)
            && names.is_same(&known)
        {
            return;
        }
        let names = Names {
            calls: self.calls.clone(),
            contacts: known.contacts(),
            places: known.places(),
        };
        for language in &self.languages {
            expect(Expected::from_catalog(&catalog, *language, &names));
        }
        *told = Told(Some((catalog, known)));
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn card(name: &str) -> String {
        format!("BEGIN:VCARD\r\nVERSION:3.0\r\nFN:{name}\r\nTEL:+49 30 1\r\nEND:VCARD\r\n")
    }

    #[test]
    fn a_recogniser_is_told_again_when_the_address_book_or_the_packs_change_and_only_then() {
        let folder = tempfile::tempdir().unwrap();
        let book = folder.path().join("people.vcf");
        fs::write(&book, card("Anna Schmidt")).unwrap();
        let places = folder.path().join("places.sqlite");
        let directory = Arc::new(LocalDirectory::new(folder.path().to_owned(), places));
        let configs = concat!(env!("CARGO_MANIFEST_DIR"), "/../configs");
        let catalog = || Arc::new(Catalog::load(configs.as_ref()).unwrap());
        let expectations = Expectations::new(&Settings::default(), &catalog(), &directory);
        let languages = Settings::default().recogniser.languages.len();
        let (mut told, mut graphs) = (Told::default(), Vec::new());

        expectations.tell(&mut told, |expected| {
            graphs.push(expected.vocabulary_size())
        });
        assert_eq!(graphs.len(), languages);
        expectations.tell(&mut told, |_| panic!("nothing has changed"));

        fs::write(&book, card("Anna Schmidt") + &card("Bartholomew Quimby")).unwrap();
        let mut grown = Vec::new();
        expectations.tell(&mut told, |expected| grown.push(expected.vocabulary_size()));
        assert_eq!(
            grown.iter().max(),
            graphs.iter().max().map(|most| most + 2).as_ref()
        );

        expectations.replace(&catalog());
        let mut again = 0;
        expectations.tell(&mut told, |_| again += 1);
        assert_eq!(again, languages);
    }
}
