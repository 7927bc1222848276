//! Who may ask the gateway for what: callers are known by their user, and what a user may is
//! asked of polkit, or stands in a list where there is no polkit.

use std::{
    collections::{BTreeSet, HashMap},
    ffi::{CStr, CString},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, timeout};
use zbus::{Connection, Variant, fdo::DBusProxy, names::UniqueName, proxy};

use crate::{Error, Outcome, Reason, description::Class};

const POLKIT: &str = "org.freedesktop.PolicyKit1";
/// The bus and polkit answer within this, or the caller is refused.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);
/// An answer of polkit is believed this long; a changed rule takes effect after it.
const ANSWER_HOLDS: Duration = Duration::from_secs(10);
/// After silence polkit is left alone this long, so that requests do not queue up behind it.
const SILENCE_HOLDS: Duration = Duration::from_secs(2);
/// Callers and answers remembered; beyond it all are asked anew.
const REMEMBERED: usize = 256;

/// Who decides what a caller may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Authority {
    /// polkit where the bus has it, else the users.
    #[default]
    Auto,
    /// polkit; without it nobody may anything.
    Polkit,
    /// The users.
    Users,
}

/// The permissions of `gateway.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Who decides.
    pub authority: Authority,
    /// Without polkit, these users may everything: names, or numbers. The gateway's own user
    /// always may.
    pub users: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            authority: Authority::Auto,
            users: vec!["root".into(), "codriver".into()],
        }
    }
}

/// polkit's authority, as far as it is needed.
#[proxy(
    interface = "org.freedesktop.PolicyKit1.Authority",
    default_service = "org.freedesktop.PolicyKit1",
    default_path = "/org/freedesktop/PolicyKit1/Authority"
)]
trait Polkit {
    /// Authorised, could be with a password, details.
    fn check_authorization(
        &self,
        subject: &(&str, HashMap<&str, Variant<'_>>),
        action_id: &str,
        details: &HashMap<&str, &str>,
        flags: u32,
        cancellation_id: &str,
    ) -> zbus::Result<(bool, bool, HashMap<String, String>)>;
}

#[derive(Debug)]
enum Judge {
    Polkit(PolkitProxy<'static>),
    Users(BTreeSet<u32>),
    Nobody,
}

/// Answers who may what on one bus.
#[derive(Debug)]
pub(crate) struct Permissions {
    bus: DBusProxy<'static>,
    judge: Judge,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    users: HashMap<String, u32>,
    answers: HashMap<(String, Class), (bool, Instant)>,
    silent_until: Option<Instant>,
}

impl Permissions {
    /// Decides once who judges, and says so in the log.
    ///
    /// # Errors
    /// [`Error::Dbus`] when the bus does not answer.
    pub(crate) async fn new(connection: &Connection, settings: &Settings) -> Result<Self, Error> {
        let bus = DBusProxy::new(connection).await?;
        let judge = match settings.authority {
            Authority::Users => users(&settings.users),
            Authority::Polkit | Authority::Auto if has_polkit(&bus).await? => {
                tracing::info!("polkit decides who may ask for what");
                let proxy = PolkitProxy::builder(connection)
                    .cache_properties(proxy::CacheProperties::No)
                    .build()
                    .await?;
                Judge::Polkit(proxy)
            }
            Authority::Auto => users(&settings.users),
            Authority::Polkit => {
                tracing::error!("polkit shall decide, but the bus has none: nobody may anything");
                Judge::Nobody
            }
        };
        Ok(Self {
            bus,
            judge,
            known: Mutex::default(),
        })
    }

    /// The caller's user, where it may; the refusal where not.
    pub(crate) async fn check(
        &self,
        caller: Option<&UniqueName<'_>>,
        class: Class,
    ) -> Result<u32, Outcome> {
        let refused = |why: String| Outcome::refused(Reason::NotAllowed, why);
        let caller = caller.ok_or_else(|| refused("The caller has no name on the bus.".into()))?;
        let user = self
            .user(caller)
            .await
            .ok_or_else(|| refused("The bus does not say whose call this is.".into()))?;
        match &self.judge {
            Judge::Users(users) if users.contains(&user) => Ok(user),
            Judge::Users(_) => Err(refused(format!("User {user} may not ask the gateway."))),
            Judge::Nobody => Err(refused("There is no polkit to ask.".into())),
            Judge::Polkit(polkit) => match self.authorised(polkit, caller, class).await {
                Some(true) => Ok(user),
                Some(false) => Err(refused(format!(
                    "polkit does not give user {user} {}.",
                    class.action()
                ))),
                None => Err(refused("polkit does not answer.".into())),
            },
        }
    }

    async fn user(&self, caller: &UniqueName<'_>) -> Option<u32> {
        if let Some(user) = self.known().users.get(caller.as_str()) {
            return Some(*user);
        }
        let asked = self.bus.get_connection_credentials(caller.clone().into());
        let answer = timeout(ANSWER_WITHIN, asked).await.ok()?.ok()?;
        let user = answer.unix_user_id()?;
        let mut known = self.known();
        // A unique name is never given twice, so what is remembered stays true.
        if known.users.len() >= REMEMBERED {
            known.users.clear();
        }
        known.users.insert(caller.to_string(), user);
        Some(user)
    }

    /// None: polkit is silent or answers with an error.
    async fn authorised(
        &self,
        polkit: &PolkitProxy<'_>,
        caller: &UniqueName<'_>,
        class: Class,
    ) -> Option<bool> {
        let key = (caller.to_string(), class);
        {
            let known = self.known();
            let now = Instant::now();
            match known.answers.get(&key) {
                Some((answer, until)) if now < *until => return Some(*answer),
                _ if known.silent_until.is_some_and(|until| now < until) => return None,
                _ => {}
            }
        }
        let name = HashMap::from([("name", Variant::from(caller.as_str()))]);
        let subject = ("system-bus-name", name);
        let details = HashMap::new();
        // Flags 0: nobody is asked for a password in the middle of a drive.
        let asked = polkit.check_authorization(&subject, class.action(), &details, 0, "");
        let answer = match timeout(ANSWER_WITHIN, asked).await {
            Ok(Ok((authorised, _, _))) => authorised,
            Ok(Err(error)) => {
                tracing::warn!(%error, action = class.action(), "polkit answers with an error");
                return None;
            }
            Err(_) => {
                tracing::warn!(action = class.action(), "polkit does not answer");
                self.known().silent_until = Some(Instant::now() + SILENCE_HOLDS);
                return None;
            }
        };
        let mut known = self.known();
        if known.answers.len() >= REMEMBERED {
            known.answers.clear();
        }
        known
            .answers
            .insert(key, (answer, Instant::now() + ANSWER_HOLDS));
        Some(answer)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        // Whole between any two statements, so a panic elsewhere does not spoil it.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn has_polkit(bus: &DBusProxy<'_>) -> Result<bool, Error> {
    let failed = |error: zbus::fdo::Error| Error::Dbus(error.into());
    let running = bus.list_names().await.map_err(failed)?;
    let startable = bus.list_activatable_names().await.map_err(failed)?;
    Ok(running
        .iter()
        .chain(&startable)
        .any(|name| name.as_str() == POLKIT))
}

/// The users by number; one that this machine does not have is left out, and said.
fn users(names: &[String]) -> Judge {
    // SAFETY: a plain system call.
    let own = unsafe { libc::geteuid() };
    let mut users = BTreeSet::from([own]);
    for name in names {
        match name.parse().ok().or_else(|| user_of_name(name)) {
            Some(user) => drop(users.insert(user)),
            None => tracing::warn!(name, "permissions: this machine has no such user"),
        }
    }
    tracing::warn!(
        ?users,
        "no polkit on this bus: only these users may ask the gateway, and may everything"
    );
    Judge::Users(users)
}

fn user_of_name(name: &str) -> Option<u32> {
    let name = CString::new(name).ok()?;
    let mut buffer = vec![0; 16 * 1024];
    // SAFETY: passwd is plain data for which zeroes are a value.
    let mut entry: libc::passwd = unsafe { std::mem::zeroed() };
    let mut found = std::ptr::null_mut();
    let name: &CStr = &name;
    // SAFETY: every pointer is to memory of ours that outlives the call, and the length is the
    // buffer's.
    let failed = unsafe {
        libc::getpwnam_r(
            name.as_ptr(),
            &mut entry,
            buffer.as_mut_ptr(),
            buffer.len(),
            &mut found,
        )
    };
    (failed == 0 && !found.is_null()).then_some(entry.pw_uid)
}

#[cfg(test)]
mod tests;
