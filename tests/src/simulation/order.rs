//! Orders to the simulated car, one a line.

use std::{str::FromStr, time::Duration};

use codriver_vehicle_bus::Value;

/// One order.
#[derive(Debug, Clone, PartialEq)]
pub enum Order {
    /// `set PATH VALUE`: the car is so, at once (speed, gear, a window opened by hand).
    Set(String, Value),
    /// `refuse PATH|SIGNAL`: requests for it are refused.
    Refuse(String),
    /// `accept PATH|SIGNAL`: no longer.
    Accept(String),
    /// `silent MESSAGE`: this status message is not sent any more.
    Silent(String),
    /// `resume MESSAGE`: it is sent again.
    Resume(String),
    /// `damage MESSAGE`: a bit of this status message flips on the way.
    Damage(String),
    /// `repair MESSAGE`: no longer.
    Repair(String),
    /// `delay MS`: every reaction comes later by this.
    Delay(Duration),
}

impl FromStr for Order {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let words: Vec<_> = line.split_whitespace().collect();
        match words[..] {
            ["set", path, value] => Ok(Self::Set(path.to_owned(), parse_value(value))),
            ["refuse", what] => Ok(Self::Refuse(what.to_owned())),
            ["accept", what] => Ok(Self::Accept(what.to_owned())),
            ["silent", message] => Ok(Self::Silent(message.to_owned())),
            ["resume", message] => Ok(Self::Resume(message.to_owned())),
            ["damage", message] => Ok(Self::Damage(message.to_owned())),
            ["repair", message] => Ok(Self::Repair(message.to_owned())),
            ["delay", ms] => match ms.parse() {
                Ok(ms) => Ok(Self::Delay(Duration::from_millis(ms))),
                Err(_) => Err(format!("{ms:?} is no number of milliseconds")),
            },
            _ => Err(
                "use: set PATH VALUE, refuse PATH|SIGNAL, accept PATH|SIGNAL, \
                      silent MESSAGE, resume MESSAGE, damage MESSAGE, repair MESSAGE, delay MS"
                    .to_owned(),
            ),
        }
    }
}

fn parse_value(word: &str) -> Value {
    if let Ok(flag) = word.parse() {
        return Value::Flag(flag);
    }
    match word.parse() {
        Ok(number) => Value::Number(number),
        Err(_) => Value::Text(word.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_read_with_their_values() {
        assert_eq!(
            "set Vehicle.Speed 80".parse(),
            Ok(Order::Set("Vehicle.Speed".into(), Value::Number(80.0)))
        );
        assert_eq!(
            "delay 250".parse(),
            Ok(Order::Delay(Duration::from_millis(250)))
        );
    }

    #[test]
    fn an_order_that_is_none_says_which_there_are() {
        let error = "open everything".parse::<Order>().unwrap_err();
        assert!(error.contains("refuse PATH|SIGNAL"), "{error}");
        assert!("delay soon".parse::<Order>().unwrap_err().contains("soon"));
    }
}
