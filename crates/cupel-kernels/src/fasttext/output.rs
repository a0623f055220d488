//! From the text's vector to its labels: hierarchical softmax, softmax, or one logistic each.

use super::scores::{Scores, shifted_log};
use super::tree::Tree;

/// What is made of the scores.
pub enum Output {
    Tree(Tree),
    Softmax,
    Logistic { sigmoid: Vec<f32> },
}

impl Output {
    pub fn softmax() -> Self {
        Self::Softmax
    }

    pub fn logistic() -> Self {
        let sigmoid = (0..=512).map(|i| {
            let x = (i * 16) as f32 / 512.0 - 8.0;
            (1.0 / (1.0 + f64::from((-x).exp()))) as f32
        });
        Self::Logistic { sigmoid: sigmoid.collect() }
    }

    /// The probability of each label, as fastText's `predict` gives it for all labels, but never above 1.
    ///
    /// fastText adds 1e-5 before it takes the logarithm and does not take it off again. Labels of a
    /// hierarchical softmax that are less probable than that it leaves out.
    pub fn all(&self, scores: &Scores, hidden: &[f32], out: &mut [f32]) {
        match self {
            Self::Tree(tree) => tree.all(scores, hidden, out),
            Self::Softmax => softmax(scores, hidden, out),
            Self::Logistic { sigmoid } => logistic(sigmoid, scores, hidden, out),
        }
        for value in out {
            let score = if matches!(self, Self::Tree(_)) { *value } else { shifted_log(f64::from(*value)) };
            *value = score.exp().min(1.0);
        }
    }

    /// The best label of a text with vector `hidden`, and its logarithmic score.
    pub fn best(
        &self,
        scores: &Scores,
        labels: usize,
        hidden: &[f32],
        scratch: &mut Vec<f32>,
    ) -> Option<(usize, f32)> {
        scratch.clear();
        scratch.resize(labels, 0.0);
        match self {
            Self::Tree(tree) => return tree.best(scores, hidden),
            Self::Softmax => softmax(scores, hidden, scratch),
            Self::Logistic { sigmoid } => logistic(sigmoid, scores, hidden, scratch),
        }
        last_best(scratch)
    }
}

fn softmax(scores: &Scores, hidden: &[f32], out: &mut [f32]) {
    for (label, value) in out.iter_mut().enumerate() {
        *value = scores.of(label, hidden);
    }
    let max = out.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for value in out.iter_mut() {
        *value = (*value - max).exp();
        sum += *value;
    }
    for value in out.iter_mut() {
        *value /= sum;
    }
}

fn logistic(sigmoid: &[f32], scores: &Scores, hidden: &[f32], out: &mut [f32]) {
    for (label, value) in out.iter_mut().enumerate() {
        *value = tabled_sigmoid(sigmoid, scores.of(label, hidden));
    }
}

fn tabled_sigmoid(table: &[f32], x: f32) -> f32 {
    if x < -8.0 {
        0.0
    } else if x > 8.0 {
        1.0
    } else {
        table.get(((x + 8.0) * 512.0 / 8.0 / 2.0) as usize).copied().unwrap_or(0.0)
    }
}

/// The label with the highest probability; of equal ones the last, which is what fastText's heap keeps.
fn last_best(probabilities: &[f32]) -> Option<(usize, f32)> {
    let mut best: Option<(usize, f32)> = None;
    for (label, &probability) in probabilities.iter().enumerate() {
        let score = shifted_log(f64::from(probability));
        if !score.is_nan() && best.is_none_or(|(_, known)| score >= known) {
            best = Some((label, score));
        }
    }
    best
}
