//! The acts of the demo, in order.

/// One act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// A recording of `tests/speech` is spoken.
    Say(&'static str),
    /// Something happens to the car.
    Order {
        /// The order to the simulated car.
        order: &'static str,
        /// What the onlooker is told.
        note: &'static str,
    },
}

/// What is shown.
pub fn programme() -> [Act; 9] {
    [
        Act::Say("en-temperature-all-22.wav"),
        Act::Say("en-window-driver-open.wav"),
        Act::Say("zh-windows-close.wav"),
        Act::Say("en-two-commands.wav"),
        Act::Say("zh-air-conditioning-on.wav"),
        Act::Order {
            order: "set Vehicle.Speed 80",
            note: "the car now drives at 80 km/h",
        },
        Act::Say("en-mirrors-fold.wav"),
        Act::Say("en-chatter-cinema.wav"),
        Act::Order {
            order: "set Vehicle.Speed 0",
            note: "the car stands again",
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recordings;

    #[test]
    fn every_act_that_is_spoken_has_its_recording() {
        for act in programme() {
            if let Act::Say(name) = act {
                recordings::named(name).unwrap();
            }
        }
    }
}
