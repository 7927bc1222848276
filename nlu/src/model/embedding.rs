//! The embedding table that a static graph leaves to the host.

use std::path::Path;

use crate::Error;

/// Weights that share one step.
const BLOCK: usize = 32;
/// The level that stands for zero.
const ZERO: f32 = 128.0;

/// One row a token, in 8-bit levels around 128 with a step for every block of 32.
pub struct Embedding {
    levels: Vec<u8>,
    steps: Vec<f32>,
    width: usize,
    factor: f32,
}

impl Embedding {
    /// Reads the file that `builder/language_pack.py` writes: all levels, then
    /// all steps as little-endian float32. Every row is multiplied by `factor`.
    ///
    /// # Errors
    /// [`Error::Model`] when it cannot be read or is of another size.
    pub fn load(path: &Path, rows: usize, width: usize, factor: f32) -> Result<Self, Error> {
        let wrong = |problem: String| Error::Model {
            path: path.to_owned(),
            problem,
            remedy: "install the model pack again".into(),
        };
        let mut levels =
            std::fs::read(path).map_err(|error| wrong(format!("cannot be read ({error})")))?;
        let weights = rows * width;
        let expected = weights + weights / BLOCK * size_of::<f32>();
        if !width.is_multiple_of(BLOCK) || levels.len() != expected {
            return Err(wrong(format!(
                "has {} bytes instead of the {expected} of {rows} rows of {width}",
                levels.len()
            )));
        }
        let steps = levels.split_off(weights);
        let steps = steps.as_chunks().0.iter().copied();
        Ok(Self {
            steps: steps.map(f32::from_le_bytes).collect(),
            levels,
            width,
            factor,
        })
    }

    /// Writes the row of `token` to `to`, which is as wide as a row; leaves it
    /// as it is for a token outside the vocabulary.
    pub fn row(&self, token: u32, to: &mut [f32]) {
        let start = token as usize * self.width;
        let levels = self.levels.get(start..start + self.width);
        let steps = self.steps.get(start / BLOCK..);
        let (Some(levels), Some(steps)) = (levels, steps) else {
            return;
        };
        let blocks = to.chunks_mut(BLOCK).zip(levels.chunks(BLOCK)).zip(steps);
        for ((to, levels), step) in blocks {
            for (to, level) in to.iter_mut().zip(levels) {
                *to = (f32::from(*level) - ZERO) * step * self.factor;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_levels_around_128_times_the_step_of_their_block() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("table");
        let mut bytes = vec![128_u8; 2 * 64];
        bytes[64] = 130; // second row, first block
        bytes[127] = 127; // second row, second block
        for step in [1.0_f32, 1.0, 0.5, 3.0] {
            bytes.extend(step.to_le_bytes());
        }
        std::fs::write(&path, &bytes).unwrap();
        let table = Embedding::load(&path, 2, 64, 10.0).unwrap();
        let mut row = vec![7.0; 64];
        table.row(1, &mut row);
        assert_eq!((row[0], row[1], row[63]), (10.0, 0.0, -30.0));
        table.row(2, &mut row);
        assert_eq!(row[0], 10.0, "there is no third row");
        assert!(Embedding::load(&path, 3, 64, 1.0).is_err());
    }
}
