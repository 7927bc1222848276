//! A decoder graph for CPUs whose attention writes its key-value cache in place.
//!
//! One tensor of the greatest length a request can have is bound to both
//! `past` and `present` of each layer, so nothing is copied from step to step,
//! and going back to the shared prefix is setting one number.

use ort::memory::Allocator;
use ort::session::{IoBinding, Session};
use ort::value::Tensor;

use super::decoder::{Decoder, DecoderShape};
use super::properties::Properties;
use crate::Error;

/// A session on the graph that `builder/gguf_onnx.py` writes.
pub struct InPlaceDecoder {
    session: Session,
    binding: IoBinding,
    logits: Tensor<f32>,
    shape: DecoderShape,
    position: usize,
}

impl InPlaceDecoder {
    /// What the graph's properties say about it.
    ///
    /// # Errors
    /// [`Error::Inference`] when it lacks the properties of such a decoder.
    pub fn sizes(session: &Session) -> Result<GraphSizes, Error> {
        GraphSizes::read(session)
    }

    /// Takes a session over and allocates a cache for `places` tokens.
    ///
    /// # Errors
    /// [`Error::Inference`] when the graph lacks the inputs of such a decoder,
    /// or when `places` is more than it was made for.
    pub fn new(session: Session, sizes: GraphSizes, places: usize) -> Result<Self, Error> {
        if places > sizes.max_positions {
            return Err(Error::Inference {
                doing: "allocating the cache",
                problem: format!(
                    "prompt and answer may take {places} tokens, more than the {} of the graph; shorten the pack's prompt or limits",
                    sizes.max_positions
                ),
            });
        }
        let (binding, logits) = sizes
            .bind(&session, places)
            .map_err(|error| Error::Inference {
                doing: "binding its cache",
                problem: error.to_string(),
            })?;
        Ok(Self {
            session,
            binding,
            logits,
            shape: DecoderShape {
                vocabulary: sizes.vocabulary,
                places,
            },
            position: 0,
        })
    }

    fn run(&mut self, tokens: &[u32]) -> ort::Result<()> {
        let total = (self.position + tokens.len()) as i32; // bounded by `places`
        let ids: Vec<i64> = tokens.iter().map(|token| i64::from(*token)).collect();
        let bind = &mut self.binding;
        bind.bind_input("input_ids", &Tensor::from_array(([1, ids.len()], ids))?)?;
        bind.bind_input("seqlens_k", &Tensor::from_array(([1], vec![total - 1]))?)?;
        let scalar: [usize; 0] = [];
        bind.bind_input(
            "total_sequence_length",
            &Tensor::from_array((scalar, vec![total]))?,
        )?;
        self.session.run_binding(&self.binding)?;
        Ok(())
    }
}

impl Decoder for InPlaceDecoder {
    fn shape(&self) -> &DecoderShape {
        &self.shape
    }

    fn position(&self) -> usize {
        self.position
    }

    fn rewind(&mut self, position: usize) {
        self.position = self.position.min(position);
    }

    fn advance(&mut self, tokens: &[u32]) -> Result<&[f32], Error> {
        self.shape.check(self.position, tokens)?;
        self.run(tokens).map_err(|error| Error::Inference {
            doing: "computing the next token",
            problem: error.to_string(),
        })?;
        self.position += tokens.len();
        Ok(self.logits.extract_tensor().1)
    }
}

/// The sizes that a graph was made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphSizes {
    /// Decoder layers.
    pub layers: usize,
    /// Key-value heads of a layer.
    pub kv_heads: usize,
    /// Numbers of a head.
    pub head_dimension: usize,
    /// Vocabulary entries, and so logits.
    pub vocabulary: usize,
    /// Tokens that its rotary tables reach to.
    pub max_positions: usize,
}

impl GraphSizes {
    fn read(session: &Session) -> Result<Self, Error> {
        let properties = Properties::of(session)?;
        Ok(Self {
            layers: properties.size("layers")?,
            kv_heads: properties.size("kv_heads")?,
            head_dimension: properties.size("head_dimension")?,
            vocabulary: properties.size("vocabulary")?,
            max_positions: properties.size("max_positions")?,
        })
    }

    /// Binds one cache tensor a layer and part, and the logits.
    fn bind(&self, session: &Session, places: usize) -> ort::Result<(IoBinding, Tensor<f32>)> {
        let allocator = Allocator::default();
        let mut binding = session.create_binding()?;
        let shape = [1, self.kv_heads, places, self.head_dimension];
        for layer in 0..self.layers {
            for part in ["key", "value"] {
                let mut cache = Tensor::<f32>::new(&allocator, shape)?;
                // Fresh memory may hold NaN, and masked attention still multiplies it.
                cache.extract_tensor_mut().1.fill(0.0);
                binding.bind_input(format!("past.{layer}.{part}"), &cache)?;
                // The binding keeps the tensor alive for both names.
                binding.bind_output(format!("present.{layer}.{part}"), &mut cache)?;
            }
        }
        let mut logits = Tensor::<f32>::new(&allocator, [1, 1, self.vocabulary])?;
        binding.bind_output("logits", &mut logits)?;
        Ok((binding, logits))
    }
}
