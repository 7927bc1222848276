//! Layers of settings: defaults, the main file, conf.d in name order, the environment.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use config::{Config, Environment, File, FileFormat};

use super::{Settings, check};
use crate::Error;

/// Where settings come from, weakest first.
#[derive(Debug, Clone)]
pub struct Layers {
    /// The main file and whether it must exist.
    main: PathBuf,
    main_required: bool,
    /// A folder of further files.
    drop_ins: Option<PathBuf>,
    /// Variables named `CODRIVER__SECTION__KEY`.
    environment: HashMap<String, String>,
}

impl Layers {
    /// The installed layers: /etc/codriver/codriver.toml and conf.d where they
    /// exist, and the process's environment.
    pub fn installed() -> Self {
        Self {
            main: "/etc/codriver/codriver.toml".into(),
            main_required: false,
            drop_ins: Some("/etc/codriver/conf.d".into()),
            environment: codriver_variables(),
        }
    }

    /// `--config FILE`: this file, which must exist, in place of the installed
    /// ones; the environment still applies.
    pub fn file(path: &Path) -> Self {
        Self {
            main: path.to_owned(),
            main_required: true,
            drop_ins: None,
            environment: codriver_variables(),
        }
    }

    /// `--config FILE` when given, else the installed layers.
    pub fn chosen(path: Option<&Path>) -> Self {
        path.map_or_else(Self::installed, Self::file)
    }

    /// The files that take part, weakest first.
    ///
    /// # Errors
    /// A required file that does not exist, a folder that cannot be listed.
    pub fn files(&self) -> Result<Vec<PathBuf>, Error> {
        let mut files = Vec::new();
        if self.main_required || self.main.exists() {
            files.push(self.main.clone());
        }
        if let Some(folder) = self.drop_ins.as_ref().filter(|folder| folder.is_dir()) {
            files.extend(toml_files(folder)?);
        }
        Ok(files)
    }
}

/// Reads and checks all layers.
///
/// # Errors
/// Names the file and line (or the environment) and the key.
pub fn load(layers: &Layers) -> Result<Settings, Error> {
    let mut builder = Config::builder();
    for file in layers.files()? {
        let text = read_layer(&file)?;
        builder = builder.add_source(File::from_str(&text, FileFormat::Toml));
    }
    let merged = builder
        .add_source(environment_source(&layers.environment))
        .build()
        .and_then(Config::try_deserialize::<Settings>);
    // Each file was checked alone, so what is still wrong came from the environment.
    let environment = |problem: String| Error::Settings {
        origin: "environment (CODRIVER__SECTION__KEY)".into(),
        problem,
    };
    let settings = merged.map_err(|error| environment(error.to_string()))?;
    check::check(&settings).map_err(environment)?;
    check::check_together(&settings).map_err(|problem| Error::Settings {
        origin: "all files and the environment together".into(),
        problem,
    })?;
    Ok(settings)
}

/// Checks one file by itself, so that an error can name it and its line.
fn read_layer(path: &Path) -> Result<String, Error> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::ReadSettings {
        path: path.to_owned(),
        source,
    })?;
    let settings: Settings = toml::from_str(&text).map_err(|error| Error::Settings {
        origin: located(path, &text, error.span().map(|span| span.start)),
        problem: with_key(&text, &error),
    })?;
    check::check(&settings).map_err(|problem| Error::Settings {
        origin: path.display().to_string(),
        problem,
    })?;
    Ok(text)
}

/// `file:line`, or the file where no place is known.
fn located(path: &Path, text: &str, offset: Option<usize>) -> String {
    match offset.and_then(|offset| text.get(..offset)) {
        Some(before) => format!("{}:{}", path.display(), before.matches('\n').count() + 1),
        None => path.display().to_string(),
    }
}

/// The parser's message in one line, with the source line that holds the key.
fn with_key(text: &str, error: &toml::de::Error) -> String {
    let message = error.message().replace('\n', " ");
    let line = error
        .span()
        .and_then(|span| text.get(..span.start))
        .and_then(|before| text.lines().nth(before.matches('\n').count()));
    match line.map(str::trim).filter(|line| !line.is_empty()) {
        Some(line) => format!("{message}, in `{line}`"),
        None => message,
    }
}

fn environment_source(variables: &HashMap<String, String>) -> Environment {
    Environment::with_prefix("CODRIVER")
        .prefix_separator("__")
        .separator("__")
        .try_parsing(true)
        .list_separator(",")
        .with_list_parse_key("recogniser.languages")
        .with_list_parse_key("listening.wake_phrases")
        .with_list_parse_key("audio.zones")
        .source(Some(variables.clone().into_iter().collect()))
}

fn codriver_variables() -> HashMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| name.starts_with("CODRIVER__"))
        .collect()
}

fn toml_files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let unreadable = |source| Error::ReadSettings {
        path: folder.to_owned(),
        source,
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{BusChoice, Tier};

    fn layers(folder: &Path, environment: &[(&str, &str)]) -> Layers {
        Layers {
            main: folder.join("codriver.toml"),
            main_required: false,
            drop_ins: Some(folder.join("conf.d")),
            environment: environment
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        }
    }

    fn write(folder: &Path, name: &str, text: &str) {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    #[test]
    fn with_no_file_at_all_the_defaults_hold() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(
            load(&layers(folder.path(), &[])).unwrap(),
            Settings::default()
        );
    }

    #[test]
    fn a_later_layer_wins_over_an_earlier_one() {
        let folder = tempfile::tempdir().unwrap();
        write(
            folder.path(),
            "codriver.toml",
            "[audio]\ndevice = \"one\"\nbuffer_frames = 1024\n",
        );
        write(
            folder.path(),
            "conf.d/20-b.toml",
            "[audio]\ndevice = \"three\"\n",
        );
        write(
            folder.path(),
            "conf.d/10-a.toml",
            "[audio]\ndevice = \"two\"\n",
        );
        write(folder.path(), "conf.d/ignored.txt", "not toml");
        let environment = [
            ("CODRIVER__DBUS__BUS", "session"),
            ("CODRIVER__UNDERSTANDING__TIER", "patterns"),
            ("CODRIVER__RECOGNISER__LANGUAGES", "zh"),
            ("CODRIVER__RECOGNISER__THREADS", "4"),
        ];
        let settings = load(&layers(folder.path(), &environment)).unwrap();
        assert_eq!(settings.audio.device, "three");
        assert_eq!(settings.audio.buffer_frames, 1024);
        assert_eq!(settings.dbus.bus, BusChoice::Session);
        assert_eq!(settings.understanding.tier, Tier::Patterns);
        assert_eq!(
            settings.recogniser.languages,
            [codriver_catalog::Language::Mandarin]
        );
        assert_eq!(settings.recogniser.threads, 4);
    }

    #[test]
    fn an_unknown_key_names_its_file_and_line() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "conf.d/bad.toml", "[audio]\n\nvolume = 3\n");
        let message = load(&layers(folder.path(), &[])).unwrap_err().to_string();
        assert!(message.contains("bad.toml:3"), "{message}");
        assert!(message.contains("volume"), "{message}");
    }

    #[test]
    fn a_wrong_type_names_its_file_line_and_key() {
        let folder = tempfile::tempdir().unwrap();
        write(
            folder.path(),
            "codriver.toml",
            "[recogniser]\nthreads = \"many\"\n",
        );
        let message = load(&layers(folder.path(), &[])).unwrap_err().to_string();
        assert!(message.contains("codriver.toml:2"), "{message}");
        assert!(message.contains("threads"), "{message}");
    }

    #[test]
    fn a_number_out_of_range_is_refused_with_its_range() {
        let folder = tempfile::tempdir().unwrap();
        write(
            folder.path(),
            "codriver.toml",
            "[audio]\nbuffer_frames = 3\n",
        );
        let message = load(&layers(folder.path(), &[])).unwrap_err().to_string();
        assert!(
            message.contains("codriver.toml") && message.contains("64 to 8192"),
            "{message}"
        );
    }

    #[test]
    fn a_wrong_variable_names_the_environment_and_the_key() {
        let folder = tempfile::tempdir().unwrap();
        for (name, value, key) in [
            ("CODRIVER__AUDIO__VOLUME", "3", "volume"),
            ("CODRIVER__RECOGNISER__THREADS", "many", "threads"),
            ("CODRIVER__DBUS__BUS", "tcp:host=example.org", "bus"),
            ("CODRIVER__ENDPOINT__ONSET_MS", "9999", "endpoint.onset_ms"),
        ] {
            let message = load(&layers(folder.path(), &[(name, value)]))
                .unwrap_err()
                .to_string();
            assert!(
                message.contains("environment") && message.contains(key),
                "{message}"
            );
        }
    }

    #[test]
    fn a_small_model_may_name_a_provider_of_another_file_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        write(
            folder.path(),
            "conf.d/10-small.toml",
            "[voice_activity]\nprovider = \"openvino:NPU\"\n\
             [listening]\nwake_provider = \"openvino:NPU\"\n",
        );
        let message = load(&layers(folder.path(), &[])).unwrap_err().to_string();
        assert!(message.contains("voice_activity.provider"), "{message}");
        assert!(message.contains("use one of cpu"), "{message}");
        write(
            folder.path(),
            "conf.d/20-npu.toml",
            "[[execution_provider]]\nname = \"openvino\"\ndevice = \"NPU\"\ngraph = \"npu\"\n",
        );
        let settings = load(&layers(folder.path(), &[])).unwrap();
        let wake = settings.wake_placement().unwrap();
        assert_eq!(wake.providers.entries()[0].to_string(), "openvino:NPU");
    }

    #[test]
    fn a_required_file_that_is_missing_is_named() {
        let layers = Layers::file(Path::new("/nonexistent/codriver.toml"));
        let message = load(&layers).unwrap_err().to_string();
        assert!(message.contains("/nonexistent/codriver.toml"), "{message}");
    }

    #[test]
    fn malformed_toml_names_the_line() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "codriver.toml", "[audio]\ndevice = \n");
        let message = load(&layers(folder.path(), &[])).unwrap_err().to_string();
        assert!(message.contains("codriver.toml:2"), "{message}");
    }

    #[test]
    fn the_reference_file_says_exactly_the_defaults_and_every_key() {
        let reference = Path::new(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../configs/codriver.toml"
        ));
        let text = std::fs::read_to_string(reference).unwrap();
        let written: toml::Table = text.parse().unwrap();
        let mut defaults = toml::Table::try_from(Settings::default()).unwrap();
        // A provider without options writes an empty table, which nobody would write by hand.
        for provider in defaults["execution_provider"].as_array_mut().unwrap() {
            provider.as_table_mut().unwrap().remove("options");
        }
        assert_eq!(written, defaults);
    }
}
