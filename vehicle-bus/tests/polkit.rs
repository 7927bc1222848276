//! The shipped actions and rules in the real polkit, on a bus of its own: what each user may ask of
//! the gateway. polkit reads fixed folders, so it sees others in their place (a mount namespace),
//! which takes root; elsewhere this is skipped, and says so.

// Helpers of tests may panic like the tests themselves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod ecu;
mod private_bus;

use std::{
    fs,
    io::{self, BufRead, BufReader, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use codriver_vehicle_bus::{
    description::Description,
    gateway::{Gateway, Limits},
    permission::{Authority, Settings},
    service,
};
use ecu::{Ecu, Manner, demo};
use private_bus::{DEADLINE, wait_for_name};
use tempfile::TempDir;
use tokio::time::timeout;

const POLKIT: &str = "org.freedesktop.PolicyKit1";
const POLKITD: &str = "/usr/lib/polkit-1/polkitd";
const TEMPERATURE: &str = "Vehicle.Cabin.HVAC.Station.Row1.Driver.Temperature";
const LOCK: &str = "Vehicle.Cabin.Door.Row1.DriverSide.IsLocked";
/// Mounts what the test made, in the folder $0, over the folders of polkit and the list of users,
/// and becomes another program.
const CONFINE: &str = "set -e
    mount --bind $0/passwd /etc/passwd
    mount --bind $0/actions /usr/share/polkit-1/actions
    mount --bind $0/rules /usr/share/polkit-1/rules.d
    mount -t tmpfs none /etc/polkit-1/rules.d
    exec \"$@\"";

/// Users that only polkit knows.
#[derive(Clone, Copy)]
enum User {
    Gateway = 61001,
    Voice = 61002,
    /// A cockpit application whose rule gives it comfort.
    Panel = 61003,
    Stranger = 61004,
}

const USERS: &str = "codriver-gateway:x:61001:61001::/:/bin/false
codriver:x:61002:61002::/:/bin/false
panel:x:61003:61003::/:/bin/false
stranger:x:61004:61004::/:/bin/false
";

/// A program that ends with its owner.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct RealPolkit {
    address: String,
    _polkit: Running,
    _bus: Running,
    _folder: TempDir,
}

fn unavailable() -> Option<&'static str> {
    // SAFETY: a plain system call.
    if unsafe { libc::geteuid() } != 0 {
        return Some("it needs root");
    }
    if !Path::new(POLKITD).exists() {
        return Some("there is no polkitd; make test installs it where it exists");
    }
    let mut unshare = Command::new("unshare");
    let namespace = unshare.args(["--mount", "true"]).output();
    let may = namespace.is_ok_and(|ended| ended.status.success());
    (!may).then_some("mount namespaces are not permitted here")
}

/// Copies the files of a folder that end so.
fn copy(from: &Path, ending: &str, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == ending)
        {
            fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
        }
    }
}

/// A program that sees what the test made.
fn confined(folder: &Path, program: &str) -> Command {
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "--propagation", "private", "sh", "-c", CONFINE])
        .arg(folder)
        .arg(program);
    command
}

impl RealPolkit {
    async fn start() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let folder = TempDir::new().unwrap();
        let (actions, rules) = (folder.path().join("actions"), folder.path().join("rules"));
        fs::create_dir(&actions).unwrap();
        fs::create_dir(&rules).unwrap();
        copy(&root.join("systemd/polkit"), "policy", &actions);
        copy(&root.join("systemd/polkit"), "rules", &rules);
        let guest = root.join("tests/head-unit/guest/etc/polkit-1/rules.d");
        copy(&guest, "rules", &rules);
        let users = fs::read_to_string("/etc/passwd").unwrap() + USERS;
        fs::write(folder.path().join("passwd"), users).unwrap();
        // polkit gives up its privileges before it reads them.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();

        let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/polkit/system-bus.conf");
        let mut bus = confined(folder.path(), "dbus-daemon")
            .args(["--nofork", "--print-address=1"])
            .arg(format!("--config-file={}", config.display()))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut address = String::new();
        let mut lines = BufReader::new(bus.stdout.take().unwrap());
        lines.read_line(&mut address).unwrap();
        let address = address.trim().to_owned();
        let polkit = confined(folder.path(), POLKITD)
            .env("DBUS_SYSTEM_BUS_ADDRESS", &address)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let real = Self {
            _polkit: Running(polkit),
            _bus: Running(bus),
            _folder: folder,
            address,
        };
        let watch = zbus::conn::Builder::address(real.address.as_str());
        wait_for_name(&watch.build().await.unwrap(), POLKIT).await;
        real
    }

    fn program(&self, user: User, program: &str) -> Command {
        let id = user as u32;
        let mut command = Command::new("setpriv");
        command
            .args([format!("--reuid={id}"), format!("--regid={id}")])
            .args(["--clear-groups", program])
            .env("DBUS_SYSTEM_BUS_ADDRESS", &self.address);
        command
    }

    /// What a user hears who calls the gateway.
    async fn call(&self, user: User, call: &[&str]) -> String {
        let mut busctl = self.program(user, "busctl");
        busctl
            .arg(format!("--address={}", self.address))
            .args(["call", service::NAME, service::PATH, service::INTERFACE])
            .args(call);
        text(ended(busctl).await)
    }
}

async fn ended(mut command: Command) -> Output {
    let ended = tokio::task::spawn_blocking(move || command.output().unwrap());
    timeout(DEADLINE, ended).await.unwrap().unwrap()
}

fn text(output: Output) -> String {
    let bytes = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn skipped() -> bool {
    if let Some(why) = unavailable() {
        // Past the test harness, which shows nothing of a test that passes.
        let _ = writeln!(io::stderr(), "SKIPPED: the real polkit: {why}");
        return true;
    }
    false
}

#[tokio::test]
async fn the_real_polkit_gives_each_user_what_the_rules_give_and_nothing_else() {
    if skipped() {
        return;
    }
    let polkit = RealPolkit::start().await;
    let ecu = Ecu::start(Manner::Obey).await;
    let description = Description::load(&demo()).unwrap();
    let gateway = Gateway::start(description, ecu.address(), Limits::default());
    let known = async {
        while gateway.get(LOCK).flatten().is_none() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    timeout(DEADLINE, known).await.expect("the car reports");
    let settings = Settings {
        authority: Authority::Polkit,
        ..Settings::default()
    };
    let service = service::serve_with(gateway, &polkit.address, &settings).await;
    let _service = service.unwrap();
    let warm = ["Set", "svus", TEMPERATURE, "d", "22", "5000", "a"];
    let lock = ["Set", "svus", LOCK, "b", "true", "5000", "b"];
    let get = ["Get", "s", TEMPERATURE];
    for (user, call, heard) in [
        (User::Voice, &warm[..], "\"done\""),
        (User::Voice, &lock, "\"done\""),
        (User::Voice, &get, "d 22"),
        (User::Voice, &["Subscribe"], ""),
        (User::Panel, &warm, "\"done\""),
        (User::Panel, &lock, "org.codriver.vehicle.access"),
        (User::Panel, &get, "Access denied"),
        (User::Panel, &["Subscribe"], "Access denied"),
        (User::Stranger, &warm, "org.codriver.vehicle.comfort"),
        (User::Stranger, &lock, "org.codriver.vehicle.access"),
        (User::Stranger, &get, "Access denied"),
    ] {
        let answer = polkit.call(user, call).await;
        let right = match heard {
            "" => answer.is_empty(),
            heard => answer.contains(heard),
        };
        assert!(right, "{} {call:?}: {answer}", user as u32);
    }
}

#[tokio::test]
async fn the_gateways_own_user_may_ask_the_real_polkit_about_others_and_a_stranger_may_not() {
    if skipped() {
        return;
    }
    let polkit = RealPolkit::start().await;
    let mut sleep = polkit.program(User::Voice, "sleep");
    let voice = Running(sleep.arg("30").spawn().unwrap());
    let ask = async |user| {
        let mut pkcheck = polkit.program(user, "pkcheck");
        let id = voice.0.id().to_string();
        pkcheck.args([
            "--action-id",
            "org.codriver.vehicle.driving",
            "--process",
            &id,
        ]);
        text(ended(pkcheck).await)
    };
    // Until it has changed its user the process is root's, who may everything.
    assert_eq!(ask(User::Gateway).await, "");
    let refused = ask(User::Stranger).await;
    assert!(refused.contains("Only trusted callers"), "{refused}");
}
