//! Navigation: navit on a screen that nobody sees, and before it the small interface that the
//! assistant speaks to (`org.codriver.Navigation1`, see configs/commands/navigation.toml).

use std::{
    f64::consts::PI,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use zbus::{Connection, fdo, interface};

use crate::{Child, Error, PrivateBus};

const READY_WITHIN: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_millis(50);
const NAVIT: &str = "org.navit_project.navit";
const OBJECT: &str = "/org/navit_project/navit/default_navit";
const INTERFACE: &str = "org.navit_project.navit.navit";
/// Of the sphere on which navit projects, in metres.
const RADIUS: f64 = 6_371_000.0;
/// An empty map suffices to be told a destination. Its null graphics answer no call, so it draws.
const CONFIGURATION: &str = r#"<?xml version="1.0"?><!DOCTYPE config SYSTEM "navit.dtd">
<config>
<plugins>
<plugin path="/usr/lib/navit/*/lib*.so" ondemand="yes"/>
<plugin path="/usr/lib/navit/binding/libbinding_dbus.so" active="yes"/>
<plugin path="/usr/lib/navit/graphics/libgraphics_gtk_drawing_area.so" active="yes"/>
</plugins>
<navit center="11.5666 48.1333" zoom="256" tracking="1" orientation="0">
<graphics type="gtk_drawing_area"/><gui type="internal" enabled="yes"/>
<vehicle name="demo" profilename="car" enabled="yes" active="1" source="demo://"/>
<vehicleprofile name="car" flags="0x4000000" flags_forward_mask="0x4000002" flags_reverse_mask="0x4000001" maxspeed_handling="0" route_mode="0"/>
<route destination_distance="50"/>
<mapset enabled="yes"><map type="textfile" enabled="yes" data="@MAP@"/></mapset>
<layout name="Car"/>
</navit>
</config>
"#;

/// navit with what stands before it; ends when dropped.
#[derive(Debug)]
pub struct Navigation {
    home: PathBuf,
    _before: Connection,
    _navit: Child,
    _screen: Child,
}

impl Navigation {
    /// Starts navit on `bus` and waits until it takes destinations.
    ///
    /// # Errors
    /// navit or Xvfb is missing or not ready in time: with the end of the log.
    pub async fn start(bus: &PrivateBus, directory: &Path) -> Result<Self, Error> {
        let home = directory.join("navit");
        let (map, configuration) = (home.join("empty.txt"), home.join("navit.xml"));
        let file = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::File { path, source }
        };
        fs::create_dir(&home).map_err(file(&home))?;
        fs::write(&map, "").map_err(file(&map))?;
        let text = CONFIGURATION.replace("@MAP@", &map.to_string_lossy());
        fs::write(&configuration, text).map_err(file(&configuration))?;
        let (screen, display) = screen(&home).await?;
        let mut command = Command::new("navit");
        command
            .arg("-c")
            .arg(&configuration)
            .env("HOME", &home)
            .env("LANG", "C.UTF-8")
            .env("DISPLAY", display)
            .env("DBUS_SESSION_BUS_ADDRESS", bus.address());
        let mut navit = Child::start(command, directory, false)?;
        bus.wait_for_name(NAVIT, &mut navit, READY_WITHIN).await?;
        let before = bus.connect().await?;
        let deadline = Instant::now() + READY_WITHIN;
        while call(&before, "get_attr", &"zoom").await.is_err() {
            look_again(deadline, "navit", &mut navit).await?;
        }
        let served = Before(before.clone());
        before
            .object_server()
            .at("/org/codriver/Navigation", served)
            .await?;
        before.request_name("org.codriver.Navigation").await?;
        Ok(Self {
            home,
            _before: before,
            _navit: navit,
            _screen: screen,
        })
    }

    /// Where navit leads to, as latitude and longitude in degrees; `None` without a destination.
    pub fn destination(&self) -> Option<(f64, f64)> {
        // navit's own record: a line for each destination, and one when it was given up.
        let record = fs::read_to_string(self.home.join(".navit/destination.txt")).ok()?;
        let (x, y) = record
            .lines()
            .last()?
            .strip_prefix("mg:")?
            .split_once(' ')?;
        let metres = |text: &str| {
            let text = text.trim().trim_start_matches("0x");
            i32::from_str_radix(text, 16).ok().map(f64::from)
        };
        let latitude = 2.0 * (metres(y)? / RADIUS).exp().atan() - PI / 2.0;
        Some((latitude.to_degrees(), (metres(x)? / RADIUS).to_degrees()))
    }
}

/// What a carmaker puts before navit. It takes positions: this map knows no addresses.
struct Before(Connection);

#[interface(name = "org.codriver.Navigation1")]
impl Before {
    async fn set_destination(&self, destination: &str) -> fdo::Result<()> {
        let position = destination
            .strip_prefix("geo:")
            .and_then(|position| position.split_once(','));
        let (latitude, longitude) =
            position.ok_or_else(|| fdo::Error::InvalidArgs("no such place on the map".into()))?;
        let navits = format!("geo: {longitude} {latitude}");
        Ok(call(&self.0, "set_destination", &(navits, "spoken")).await?)
    }

    async fn cancel(&self) -> fdo::Result<()> {
        Ok(call(&self.0, "clear_destination", &()).await?)
    }
}

async fn call<B>(bus: &Connection, method: &str, body: &B) -> zbus::Result<()>
where
    B: serde::Serialize + zbus::wire::DynamicType + Sync,
{
    let called = bus.call_method(Some(NAVIT), OBJECT, Some(INTERFACE), method, body);
    called.await.map(drop)
}

/// A screen in memory, and its name.
async fn screen(directory: &Path) -> Result<(Child, String), Error> {
    let number = directory.join("display");
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg("exec Xvfb -displayfd 3 -screen 0 320x240x24 -nolisten tcp 3>\"$0\"")
        .arg(&number);
    let mut screen = Child::start(command, directory, false)?;
    let deadline = Instant::now() + READY_WITHIN;
    loop {
        let text = fs::read_to_string(&number).unwrap_or_default();
        if let Some(number) = text.strip_suffix('\n') {
            return Ok((screen, format!(":{number}")));
        }
        look_again(deadline, "Xvfb", &mut screen).await?;
    }
}

async fn look_again(deadline: Instant, what: &str, program: &mut Child) -> Result<(), Error> {
    program.check()?;
    if Instant::now() >= deadline {
        return Err(Error::Deadline {
            what: what.into(),
            seconds: READY_WITHIN.as_secs_f64(),
            log: program.log_tail(),
        });
    }
    tokio::time::sleep(LOOK_AGAIN).await;
    Ok(())
}
