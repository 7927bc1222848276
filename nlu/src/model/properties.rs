//! The properties that the model pack builder writes into a graph.

use std::str::FromStr;

use ort::session::Session;

use crate::Error;

const READING: &str = "reading the graph's properties";

/// The values of a session's properties, by name.
pub struct Properties<'s> {
    values: ort::session::ModelMetadata<'s>,
}

impl<'s> Properties<'s> {
    /// Of a session's graph.
    ///
    /// # Errors
    /// [`Error::Inference`] when ONNX Runtime does not give them.
    pub fn of(session: &'s Session) -> Result<Self, Error> {
        let values = session.metadata().map_err(|error| Error::Inference {
            doing: READING,
            problem: error.to_string(),
        })?;
        Ok(Self { values })
    }

    /// A size below 2^24.
    ///
    /// # Errors
    /// [`Error::Inference`] when it is missing or no such number.
    pub fn size(&self, name: &str) -> Result<usize, Error> {
        let text = self.values.custom(name).unwrap_or_default();
        match text.parse::<u32>() {
            Ok(number) if number < 1 << 24 => Ok(number as usize),
            _ => Err(wrong(name, &text, "not a size")),
        }
    }

    /// A finite number; `None` when there is no such property.
    ///
    /// # Errors
    /// [`Error::Inference`] when it is no number.
    pub fn number<N: FromStr + Into<f64> + Copy>(&self, name: &str) -> Result<Option<N>, Error> {
        let Some(text) = self.values.custom(name) else {
            return Ok(None);
        };
        match text.parse::<N>() {
            Ok(number) if number.into().is_finite() => Ok(Some(number)),
            _ => Err(wrong(name, &text, "no number")),
        }
    }
}

/// The complaint about a property that cannot be used.
pub fn wrong(name: &str, text: &str, problem: &str) -> Error {
    Error::Inference {
        doing: READING,
        problem: format!("\"{name}\" is \"{text}\", {problem}; convert the model again"),
    }
}
