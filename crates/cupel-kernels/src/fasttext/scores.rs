//! The scores of the outputs of a model.

use super::matrix::{Matrix, dot};

/// Scores are logarithms with this added to the probability, as in fastText.
pub const LOG_SHIFT: f64 = 1e-5;

/// The scores of outputs: labels, or inner nodes of a tree of labels.
pub enum Scores {
    /// Of a text's vector, by the output matrix.
    Matrix(Matrix),
    /// The text's vector itself. The mean of rows times a matrix is the mean of the rows times that matrix, so
    /// where there are few outputs each input row is multiplied once, when the model is loaded: a model of two
    /// labels then adds two floats per word, not a hundred.
    Projected,
}

impl Scores {
    #[inline]
    pub fn of(&self, output: usize, hidden: &[f32]) -> f32 {
        match self {
            Self::Matrix(matrix) => dot(matrix.row(output), hidden),
            Self::Projected => hidden[output],
        }
    }
}

pub fn shifted_log(probability: f64) -> f32 {
    (probability + LOG_SHIFT).ln() as f32
}
