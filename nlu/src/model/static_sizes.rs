//! The fixed sizes of a graph for neural processors.

use ort::session::Session;

use super::properties::{Properties, wrong};
use crate::Error;

/// The sizes and constants that a static graph was made with.
#[derive(Debug, Clone, PartialEq)]
pub struct StaticSizes {
    /// Decoder layers.
    pub layers: usize,
    /// Key-value heads of a layer.
    pub kv_heads: usize,
    /// Query heads that share a key-value head.
    pub queries_a_key: usize,
    /// Numbers of a head.
    pub head_dimension: usize,
    /// Numbers of a token's embedding.
    pub width: usize,
    /// Vocabulary entries, and so logits.
    pub vocabulary: usize,
    /// Tokens of one run.
    pub chunk: usize,
    /// Tokens of the cache.
    pub places: usize,
    /// What the mask says of a token that may not be seen.
    pub masked: f32,
    /// What each embedding is multiplied by.
    pub embedding_factor: f32,
    /// Bases of the rotary tables, by the name they have in inputs.
    pub rope_bases: Vec<(&'static str, f64)>,
}

impl StaticSizes {
    /// What the graph's properties say.
    ///
    /// # Errors
    /// [`Error::Inference`] when it lacks the properties of such a graph.
    pub fn of(session: &Session) -> Result<Self, Error> {
        let properties = Properties::of(session)?;
        // Every one is a factor or divisor of something.
        let size = |name| match properties.size(name)? {
            0 => Err(wrong(name, "0", "not a size")),
            size => Ok(size),
        };
        let number = |name: &str| {
            let found = properties.number::<f32>(name)?;
            found.ok_or_else(|| wrong(name, "", "no number"))
        };
        let mut rope_bases = Vec::new();
        for (name, property) in [("global", "rope.global"), ("local", "rope.local")] {
            if let Some(base) = properties.number::<f64>(property)? {
                rope_bases.push((name, base));
            }
        }
        Ok(Self {
            layers: size("layers")?,
            kv_heads: size("kv_heads")?,
            queries_a_key: size("queries_a_key")?,
            head_dimension: size("head_dimension")?,
            width: size("width")?,
            vocabulary: size("vocabulary")?,
            chunk: size("chunk")?,
            places: size("places")?,
            masked: number("masked")?,
            embedding_factor: number("embedding_factor")?,
            rope_bases,
        })
    }
}
