//! The vehicle gateway, `org.codriver.Vehicle1`, seen from the voice side.

use zbus::proxy;
use zbus::{OwnedVariant, Variant};

/// The gateway's name on the bus.
pub const NAME: &str = "org.codriver.Vehicle";

/// One signal of the vehicle: path, type, writable, minimum, maximum, unit.
pub type SignalRow = (String, String, bool, OwnedVariant, OwnedVariant, String);

/// `org.codriver.Vehicle1`. Values are booleans, doubles or strings.
#[proxy(
    interface = "org.codriver.Vehicle1",
    default_service = "org.codriver.Vehicle",
    default_path = "/org/codriver/Vehicle"
)]
pub trait Vehicle {
    /// Sets an actuator: (outcome, reason, message).
    fn set(
        &self,
        path: &str,
        value: Variant<'_>,
        time_to_live_ms: u32,
        request_id: &str,
    ) -> zbus::Result<(String, String, String)>;

    /// The present value and its age in milliseconds.
    fn get(&self, path: &str) -> zbus::Result<(OwnedVariant, u32)>;

    /// From now on `changed` comes.
    fn subscribe(&self) -> zbus::Result<()>;

    /// Every signal.
    fn list(&self) -> zbus::Result<Vec<SignalRow>>;

    /// "up", or "down: why".
    #[zbus(property)]
    fn bus(&self) -> zbus::Result<String>;

    /// Which vehicle description is loaded.
    #[zbus(property, name = "Vehicle")]
    fn description(&self) -> zbus::Result<String>;

    /// A signal has another value; for those who subscribed.
    #[zbus(signal)]
    fn changed(&self, path: String, value: OwnedVariant) -> zbus::Result<()>;
}

/// A value of the vehicle as the rooms know it; `None` for a type no signal has.
pub fn to_value(variant: &Variant<'_>) -> Option<codriver_catalog::Value> {
    use codriver_catalog::Value;
    if let Ok(flag) = bool::try_from(variant) {
        Some(Value::Flag(flag))
    } else if let Ok(number) = f64::try_from(variant) {
        Some(Value::Number(number))
    } else {
        let text = <&str>::try_from(variant).ok()?;
        Some(Value::Text(text.to_owned()))
    }
}

/// A value as it goes over D-Bus: `b`, `d` or `s`.
pub fn to_variant(value: &codriver_catalog::Value) -> Variant<'static> {
    use codriver_catalog::Value;
    match value {
        Value::Flag(flag) => Variant::from(*flag),
        Value::Number(number) => Variant::from(*number),
        other => Variant::from(other.to_string()),
    }
}
