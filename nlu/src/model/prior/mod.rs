//! Which commands the words of a sentence speak for, before any language model has read it.
//!
//! A language model reads sentences in order and in context; a linear classifier over words
//! and their neighbours (Joulin et al., Bag of Tricks for Efficient Text Classification, 2016)
//! sees neither, learns from the same corpus in minutes, answers in microseconds, and errs
//! elsewhere. The names that the language model writes are chosen by both: the product of
//! their probabilities.

mod features;
mod steering;

use std::ops::Range;

use safetensors::{Dtype, SafeTensors};

pub use features::features;
pub use steering::Steering;

use crate::Error;

/// A linear classifier of sentences, from its file.
pub struct CommandPrior {
    /// A command each, or [`NOTHING`].
    labels: Vec<String>,
    /// How much its word counts beside the language model's, whose counts one.
    weight: f64,
    width: usize,
    /// The whole file, which is nearly all rows: they are read where they lie.
    file: Vec<u8>,
    /// Where in it the 8-bit rows of `width` are, one a bucket of features.
    rows: Range<usize>,
    /// What one step of a row is worth.
    steps: Vec<f32>,
    /// Rows of `width`, one a label.
    output: Vec<f32>,
    bias: Vec<f32>,
}

/// Bytes in which the format says how long its header is.
const HEADER_SIZE: usize = 8;
/// The label of sentences that ask for nothing, as [`super::call::NONE`] without its space.
pub const NOTHING: &str = "none";

impl CommandPrior {
    /// Reads its file, in the safetensors format: `rows` I8 \[buckets, width\], `steps` F32
    /// \[buckets\], `output` F32 \[labels, width\], `bias` F32 \[labels\], and in its metadata
    /// `labels`, one a line.
    ///
    /// # Errors
    /// [`Error::Model`] when it is not such a file.
    pub fn load(pack: &codriver_models::CommandPrior) -> Result<Self, Error> {
        let bytes = std::fs::read(&pack.file).map_err(|error| error.to_string());
        let prior = bytes.and_then(|bytes| Self::read(bytes, pack.weight));
        prior.map_err(|problem| Error::Model {
            path: pack.file.clone(),
            problem: format!("it is no command prior ({problem})"),
            remedy: "install the model pack again, or correct its manifest".into(),
        })
    }

    fn read(file: Vec<u8>, weight: f64) -> Result<Self, String> {
        let wrong = |error: safetensors::SafeTensorError| error.to_string();
        let (header, metadata) = SafeTensors::read_metadata(&file).map_err(wrong)?;
        let fields = metadata.metadata().as_ref();
        let labels = fields.and_then(|fields| fields.get("labels"));
        let labels: Vec<String> = labels
            .ok_or("its metadata has no labels")?
            .lines()
            .map(str::to_owned)
            .collect();

        let tensors = SafeTensors::deserialize(&file).map_err(wrong)?;
        let tensor = |name: &str, kind: Dtype| match tensors.tensor(name) {
            Ok(found) if found.dtype() == kind => Ok(found),
            Ok(found) => Err(format!("{name} is of {} instead of {kind}", found.dtype())),
            Err(error) => Err(error.to_string()),
        };
        let rows = tensor("rows", Dtype::I8)?;
        let steps = tensor("steps", Dtype::F32)?;
        let output = tensor("output", Dtype::F32)?;
        let bias = tensor("bias", Dtype::F32)?;
        let &[buckets, width] = rows.shape() else {
            return Err("rows is no table".into());
        };
        let fits = buckets > 0
            && width > 0
            && u32::try_from(buckets).is_ok()
            && steps.shape() == [buckets]
            && output.shape() == [labels.len(), width]
            && bias.shape() == [labels.len()];
        if !fits {
            return Err("the sizes of its tensors do not fit each other and its labels".into());
        }
        let info = metadata.info("rows").ok_or("it has no rows")?;
        let (begin, (start, end)) = (HEADER_SIZE + header, info.data_offsets);
        Ok(Self {
            labels,
            weight,
            width,
            rows: begin + start..begin + end,
            steps: floats(steps.data()),
            output: floats(output.data()),
            bias: floats(bias.data()),
            file,
        })
    }

    /// The probability of every label, for a [sanitised](super::sanitise) utterance.
    pub fn probabilities(&self, utterance: &str) -> impl Iterator<Item = (&str, f64)> {
        let mut hidden = vec![0.0; self.width];
        let found = u32::try_from(self.steps.len()).map(|buckets| features(utterance, buckets));
        let found = found.unwrap_or_default();
        let rows = self.file.get(self.rows.clone()).unwrap_or_default();
        for feature in &found {
            let place = *feature as usize;
            let row = rows.get(place * self.width..(place + 1) * self.width);
            if let (Some(row), Some(step)) = (row, self.steps.get(place)) {
                for (sum, value) in hidden.iter_mut().zip(row) {
                    *sum += f32::from(value.cast_signed()) * step;
                }
            }
        }
        let share = 1.0 / found.len().max(1) as f32;
        let logits: Vec<f64> = self
            .output
            .chunks_exact(self.width)
            .zip(&self.bias)
            .map(|(row, bias)| {
                let sum: f32 = row.iter().zip(&hidden).map(|(a, b)| a * b).sum();
                f64::from(sum * share + bias)
            })
            .collect();
        let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = logits.iter().map(|logit| (logit - largest).exp()).sum();
        let labels = self.labels.iter().map(String::as_str);
        labels.zip(
            logits
                .into_iter()
                .map(move |logit| (logit - largest).exp() / sum),
        )
    }
}

/// Little-endian numbers.
fn floats(bytes: &[u8]) -> Vec<f32> {
    let numbers = bytes.as_chunks::<4>().0;
    numbers
        .iter()
        .map(|number| f32::from_le_bytes(*number))
        .collect()
}
