//! Values of the catalogue as D-Bus values of a stated type, and back.

use codriver_catalog::Value;
use zbus::wire::{ObjectPath, Variant};

use crate::service::from_variant;

/// `value` as the basic D-Bus type `signature`, or in a variant as what it is (`v`). A number is
/// never rounded or wrapped to fit.
pub(super) fn typed(signature: char, value: &Value) -> Result<Variant<'static>, String> {
    let wrong = || format!("{value} is no D-Bus value of type \"{signature}\"");
    match (signature, value) {
        ('b', Value::Flag(flag)) => Ok(Variant::Bool(*flag)),
        ('d', Value::Number(number)) => Ok(Variant::F64(*number)),
        ('s', value) => Ok(Variant::Str(value.to_string().into())),
        ('o', value) => ObjectPath::try_from(value.to_string())
            .map(|path| Variant::ObjectPath(path.into_owned()))
            .map_err(|_| wrong()),
        ('v', Value::Flag(_)) => inside('b', value),
        ('v', Value::Number(_)) => inside('d', value),
        ('v', value) => inside('s', value),
        (_, Value::Number(number)) => integer(signature, *number).ok_or_else(wrong),
        _ => Err(wrong()),
    }
}

fn inside(signature: char, value: &Value) -> Result<Variant<'static>, String> {
    typed(signature, value).map(|inner| Variant::Variant(inner.into()))
}

/// A D-Bus value in words of the catalogue; `None` for containers.
pub(super) fn read(value: &Variant<'_>) -> Option<Value> {
    match value {
        Variant::ObjectPath(path) => Some(Value::Text(path.to_string())),
        Variant::Variant(inner) => read(inner),
        plain => from_variant(plain).map(Value::from),
    }
}

fn integer(signature: char, number: f64) -> Option<Variant<'static>> {
    // Beyond 2^53 a double no longer counts by ones.
    if number.fract() != 0.0 || number.abs() > 2f64.powi(53) {
        return None;
    }
    let whole = number as i64;
    Some(match signature {
        'y' => Variant::U8(whole.try_into().ok()?),
        'n' => Variant::I16(whole.try_into().ok()?),
        'q' => Variant::U16(whole.try_into().ok()?),
        'i' => Variant::I32(whole.try_into().ok()?),
        'u' => Variant::U32(whole.try_into().ok()?),
        'x' => Variant::I64(whole),
        't' => Variant::U64(whole.try_into().ok()?),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_does_not_fit_its_type_is_refused() {
        assert!(typed('y', &Value::Number(256.0)).is_err());
        assert!(typed('u', &Value::Number(-1.0)).is_err());
        assert!(typed('i', &Value::Number(1.5)).is_err());
        assert!(typed('b', &Value::Number(1.0)).is_err());
        assert!(typed('o', &Value::Text("no path".into())).is_err());
    }

    #[test]
    fn a_value_takes_the_type_that_the_route_states() {
        assert_eq!(typed('i', &Value::Number(-3.0)), Ok(Variant::I32(-3)));
        assert_eq!(typed('d', &Value::Number(0.3)), Ok(Variant::F64(0.3)));
        assert_eq!(
            typed('s', &Value::Number(0.3)),
            Ok(Variant::Str("0.3".into()))
        );
        assert_eq!(
            typed('v', &Value::Flag(true)),
            Ok(Variant::Variant(Variant::Bool(true).into()))
        );
    }
}
