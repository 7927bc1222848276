//! A decoder graph for neural processors: a fixed number of tokens a run.
//!
//! The host does what such hardware cannot: it looks embeddings up, keeps
//! rotary tables, draws the mask and keeps the key-value cache, into which it
//! copies what each run adds. A run with fewer tokens than a chunk is padded,
//! and nothing of the padding is kept.

use ort::memory::Allocator;
use ort::session::{IoBinding, Session};
use ort::value::Tensor;

use super::decoder::{Decoder, DecoderShape};
use super::embedding::Embedding;
use super::static_sizes::StaticSizes;
use crate::Error;

/// A session on the graph that `builder/npu_graph.py` writes.
pub struct ChunkedDecoder {
    session: Session,
    binding: IoBinding,
    sizes: StaticSizes,
    embedding: Embedding,
    rotary: Vec<RotaryTable>,
    hidden: Tensor<f32>,
    select: Tensor<f32>,
    mask: Tensor<f32>,
    layers: Vec<LayerCache>,
    logits: Tensor<f32>,
    shape: DecoderShape,
    position: usize,
}

/// What one layer's attention remembers, and what a run adds to it.
struct LayerCache {
    past: [Tensor<f32>; 2],
    new: [Tensor<f32>; 2],
}

/// Cosines and sines of one base for every position there can be.
struct RotaryTable {
    /// `cos` or `sin` table and the input that takes a chunk of it.
    parts: [(String, Vec<f32>, Tensor<f32>); 2],
}

const KEY: usize = 0;
const VALUE: usize = 1;
const PARTS: [&str; 2] = ["key", "value"];

impl ChunkedDecoder {
    /// Takes a session over, with room for `places` tokens.
    ///
    /// # Errors
    /// [`Error::Inference`] when the graph lacks the inputs of such a decoder,
    /// or when `places` is more than it was made for.
    pub fn new(
        session: Session,
        sizes: StaticSizes,
        embedding: Embedding,
        places: usize,
    ) -> Result<Self, Error> {
        if places > sizes.places {
            return Err(Error::Inference {
                doing: "allocating the cache",
                problem: format!(
                    "prompt and answer may take {places} tokens, more than the {} of the graph for NPUs; make the pack with more places",
                    sizes.places
                ),
            });
        }
        let built = Self::bound(session, sizes, embedding, places);
        built.map_err(|error| Error::Inference {
            doing: "binding its inputs",
            problem: error.to_string(),
        })
    }

    fn bound(
        session: Session,
        sizes: StaticSizes,
        embedding: Embedding,
        places: usize,
    ) -> ort::Result<Self> {
        let (chunk, heads, head) = (sizes.chunk, sizes.kv_heads, sizes.head_dimension);
        let mut layers = Vec::with_capacity(sizes.layers);
        for _ in 0..sizes.layers {
            layers.push(LayerCache {
                past: [
                    zeros([1, heads, head, sizes.places])?,
                    zeros([1, heads, sizes.places, head])?,
                ],
                new: [
                    output([1, heads, head, chunk])?,
                    output([1, heads, chunk, head])?,
                ],
            });
        }
        let rotary = sizes.rope_bases.iter();
        let rotary = rotary.map(|(name, base)| RotaryTable::new(name, *base, &sizes));
        Ok(Self {
            binding: session.create_binding()?,
            rotary: rotary.collect::<ort::Result<_>>()?,
            hidden: zeros([1, chunk, sizes.width])?,
            select: zeros([1, 1, chunk])?,
            mask: zeros([1, 1, sizes.queries_a_key * chunk, sizes.places + chunk])?,
            logits: output([1, 1, sizes.vocabulary])?,
            shape: DecoderShape {
                vocabulary: sizes.vocabulary,
                places,
            },
            position: 0,
            layers,
            session,
            sizes,
            embedding,
        })
    }

    /// Runs one chunk and keeps what it adds to the cache.
    fn run(&mut self, tokens: &[u32]) -> Result<(), String> {
        self.write_inputs(tokens);
        self.bind_and_run().map_err(|error| error.to_string())?;
        // Numbers that are none would stay in the cache and spoil every answer after this one.
        let mut outputs = self.layers.iter().flat_map(|layer| &layer.new);
        let finite = |tensor: &Tensor<f32>| tensor.extract_tensor().1.iter().all(|x| x.is_finite());
        if !finite(&self.logits) || !outputs.all(finite) {
            return Err("the execution provider computed values that are not numbers".into());
        }
        self.keep(tokens.len());
        self.position += tokens.len();
        Ok(())
    }

    fn write_inputs(&mut self, tokens: &[u32]) {
        let StaticSizes {
            chunk,
            places,
            width,
            masked,
            ..
        } = self.sizes;
        let last = tokens.len() - 1;
        // Padding repeats the last token: zeros have no direction to be normed to.
        let padded = (0..chunk).map(|index| tokens[index.min(last)]);
        let rows = self.hidden.extract_tensor_mut().1.chunks_mut(width);
        for (token, row) in padded.zip(rows) {
            self.embedding.row(token, row);
        }
        let select = self.select.extract_tensor_mut().1;
        select.fill(0.0);
        select[last] = 1.0;
        let rows = self.mask.extract_tensor_mut().1.chunks_mut(places + chunk);
        for (row, columns) in rows.enumerate() {
            let (past, new) = columns.split_at_mut(places);
            let (seen, unused) = past.split_at_mut(self.position);
            let (before, after) = new.split_at_mut(row % chunk + 1);
            seen.fill(0.0);
            unused.fill(masked);
            before.fill(0.0);
            after.fill(masked);
        }
        let half = self.sizes.head_dimension / 2;
        let now = self.position * half..(self.position + chunk) * half;
        for (_, table, input) in self.rotary.iter_mut().flat_map(|table| &mut table.parts) {
            input
                .extract_tensor_mut()
                .1
                .copy_from_slice(&table[now.clone()]);
        }
    }

    fn bind_and_run(&mut self) -> ort::Result<()> {
        // Bound anew each time: a device with memory of its own copies while it binds.
        let binding = &mut self.binding;
        binding.bind_input("hidden", &self.hidden)?;
        binding.bind_input("select", &self.select)?;
        binding.bind_input("mask", &self.mask)?;
        for (name, _, input) in self.rotary.iter().flat_map(|table| &table.parts) {
            binding.bind_input(name, input)?;
        }
        binding.bind_output("logits", &mut self.logits)?;
        for (index, layer) in self.layers.iter_mut().enumerate() {
            for (part, name) in PARTS.iter().enumerate() {
                binding.bind_input(format!("past.{index}.{name}"), &layer.past[part])?;
                binding.bind_output(format!("new.{index}.{name}"), &mut layer.new[part])?;
            }
        }
        self.session.run_binding(&self.binding)?;
        Ok(())
    }

    /// Copies the first `count` of the new keys and values behind the past ones.
    fn keep(&mut self, count: usize) {
        let (chunk, places, head) = (
            self.sizes.chunk,
            self.sizes.places,
            self.sizes.head_dimension,
        );
        let here = self.position..self.position + count;
        for layer in &mut self.layers {
            // A key is a column, a value is a row.
            let new = layer.new[KEY].extract_tensor().1.chunks(chunk);
            let past = layer.past[KEY].extract_tensor_mut().1.chunks_mut(places);
            for (past, new) in past.zip(new) {
                past[here.clone()].copy_from_slice(&new[..count]);
            }
            let new = layer.new[VALUE].extract_tensor().1.chunks(chunk * head);
            let past = layer.past[VALUE].extract_tensor_mut().1;
            for (past, new) in past.chunks_mut(places * head).zip(new) {
                past[here.start * head..here.end * head].copy_from_slice(&new[..count * head]);
            }
        }
    }
}

impl Decoder for ChunkedDecoder {
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
        let before = self.position;
        for chunk in tokens.chunks(self.sizes.chunk) {
            if let Err(problem) = self.run(chunk) {
                self.position = before;
                return Err(Error::Inference {
                    doing: "computing the next token",
                    problem,
                });
            }
        }
        Ok(self.logits.extract_tensor().1)
    }
}

impl RotaryTable {
    fn new(name: &str, base: f64, sizes: &StaticSizes) -> ort::Result<Self> {
        let half = sizes.head_dimension / 2;
        let table = |function: fn(f64) -> f64| -> Vec<f32> {
            let positions = 0..sizes.places + sizes.chunk;
            positions
                .flat_map(|position| (0..half).map(move |pair| (position, pair)))
                .map(|(position, pair)| {
                    let frequency = base.powf(-(pair as f64) / half as f64);
                    function(position as f64 * frequency) as f32
                })
                .collect()
        };
        let shape = [1, 1, sizes.chunk, half];
        Ok(Self {
            parts: [
                (format!("cos.{name}"), table(f64::cos), zeros(shape)?),
                (format!("sin.{name}"), table(f64::sin), zeros(shape)?),
            ],
        })
    }
}

/// Tensors that a run writes to are ONNX Runtime's own.
fn output<const N: usize>(shape: [usize; N]) -> ort::Result<Tensor<f32>> {
    Tensor::new(&Allocator::default(), shape)
}

fn zeros<const N: usize>(shape: [usize; N]) -> ort::Result<Tensor<f32>> {
    Tensor::from_array((shape, vec![0.0_f32; shape.iter().product()]))
}
