//! `gateway.toml`: which D-Bus, which CAN, which vehicle, which limits. Everything has a default.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Deserialize;

use crate::{
    Error,
    error::line_of,
    gateway::Limits,
    permission::{Authority, Settings},
    transport::Address,
};

/// The gateway's configuration, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// "system", "session", or a D-Bus address.
    pub bus: String,
    /// The CAN bus.
    pub can: Address,
    /// Directory of the vehicle description.
    pub vehicle: PathBuf,
    /// What a caller may ask.
    pub limits: Limits,
    /// Which users may ask for what.
    pub permissions: Settings,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ConfigFile {
    dbus: DbusSection,
    can: CanSection,
    vehicle: VehicleSection,
    limits: LimitsSection,
    permissions: PermissionsSection,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct DbusSection {
    bus: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct CanSection {
    transport: toml::Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct VehicleSection {
    directory: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LimitsSection {
    requests_per_second: toml::Spanned<f64>,
    burst: toml::Spanned<u32>,
    max_time_to_live_ms: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct PermissionsSection {
    authority: AuthorityWord,
    users: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum AuthorityWord {
    Auto,
    Polkit,
    Users,
}

impl Default for PermissionsSection {
    fn default() -> Self {
        Self {
            authority: AuthorityWord::Auto,
            users: Settings::default().users,
        }
    }
}

impl Default for DbusSection {
    fn default() -> Self {
        Self {
            bus: "system".into(),
        }
    }
}

impl Default for CanSection {
    fn default() -> Self {
        Self {
            transport: toml::Spanned::new(0..0, "socketcan:can0".into()),
        }
    }
}

impl Default for VehicleSection {
    fn default() -> Self {
        Self {
            directory: "/etc/codriver/vehicles/demo".into(),
        }
    }
}

impl Default for LimitsSection {
    fn default() -> Self {
        let limits = Limits::default();
        Self {
            requests_per_second: toml::Spanned::new(0..0, limits.requests_per_second),
            burst: toml::Spanned::new(0..0, limits.burst),
            max_time_to_live_ms: limits.max_time_to_live.as_millis() as u64,
        }
    }
}

impl Config {
    /// Reads a configuration file; `None`, or a file that does not exist, gives the defaults.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Description`] with file and line, [`Error::Address`].
    pub fn load(file: Option<&Path>) -> Result<Self, Error> {
        match file {
            Some(file) => {
                let text = fs::read_to_string(file).map_err(|source| Error::Read {
                    file: file.to_owned(),
                    source,
                })?;
                Self::parse(file, &text)
            }
            None => Self::parse(Path::new("defaults"), ""),
        }
    }

    fn parse(file: &Path, text: &str) -> Result<Self, Error> {
        let wrong = |offset: usize, problem: String| Error::Description {
            file: file.to_owned(),
            line: line_of(text, offset),
            problem,
        };
        let parsed: ConfigFile = toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            wrong(start, error.message().to_owned())
        })?;
        let transport = parsed.can.transport;
        let can = transport
            .get_ref()
            .parse()
            .map_err(|error: Error| wrong(transport.span().start, error.to_string()))?;
        let rate = parsed.limits.requests_per_second;
        if !(*rate.get_ref() > 0.0 && rate.get_ref().is_finite()) {
            let problem = "requests_per_second must be above 0";
            return Err(wrong(rate.span().start, problem.into()));
        }
        let burst = parsed.limits.burst;
        if *burst.get_ref() == 0 {
            return Err(wrong(burst.span().start, "burst must be above 0".into()));
        }
        Ok(Self {
            bus: parsed.dbus.bus,
            can,
            vehicle: parsed.vehicle.directory,
            limits: Limits {
                requests_per_second: rate.into_inner(),
                burst: burst.into_inner(),
                max_time_to_live: Duration::from_millis(parsed.limits.max_time_to_live_ms),
            },
            permissions: Settings {
                authority: match parsed.permissions.authority {
                    AuthorityWord::Auto => Authority::Auto,
                    AuthorityWord::Polkit => Authority::Polkit,
                    AuthorityWord::Users => Authority::Users,
                },
                users: parsed.permissions.users,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Config::parse(Path::new("gateway.toml"), text)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn an_empty_file_gives_the_defaults() {
        let config = Config::parse(Path::new("gateway.toml"), "").unwrap();
        assert_eq!(config.can.to_string(), "socketcan:can0");
        assert_eq!(config.limits, Limits::default());
    }

    #[test]
    fn the_shipped_file_states_the_defaults() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/gateway.toml");
        assert_eq!(
            Config::load(Some(&file)).unwrap(),
            Config::load(None).unwrap()
        );
    }

    #[test]
    fn mistakes_name_file_and_line() {
        for (text, begin) in [
            ("[dbus", "gateway.toml:1: "),
            ("[can]\ntransport = \"can0\"", "gateway.toml:2: CAN address"),
            ("[limits]\n\nburst = 0", "gateway.toml:3: burst"),
            ("[limits]\nrequests_per_second = nan", "gateway.toml:2: "),
            (
                "\n[dbus]\nbuss = \"x\"",
                "gateway.toml:3: unknown field `buss`",
            ),
        ] {
            let error = error(text);
            assert!(error.starts_with(begin), "{error}");
        }
    }
}
