//! From the document's vector to its label: hierarchical softmax, softmax, or one logistic each.

use super::bytes::bad;
use super::matrix::Matrix;
use crate::KernelError;

/// Scores are logarithms with this added to the probability, as in fastText.
const LOG_SHIFT: f64 = 1e-5;

/// How the output matrix is read.
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

    /// The best label of a document with vector `hidden`, and its logarithmic score.
    pub fn best(
        &self,
        matrix: &Matrix,
        labels: usize,
        hidden: &[f32],
        scratch: &mut Vec<f32>,
    ) -> Option<(usize, f32)> {
        match self {
            Self::Tree(tree) => tree.best(matrix, hidden),
            Self::Softmax => {
                softmax(matrix, labels, hidden, scratch);
                last_best(scratch)
            }
            Self::Logistic { sigmoid } => {
                scratch.clear();
                scratch
                    .extend((0..labels).map(|label| tabled_sigmoid(sigmoid, dot(matrix.row(label), hidden))));
                last_best(scratch)
            }
        }
    }
}

fn softmax(matrix: &Matrix, labels: usize, hidden: &[f32], out: &mut Vec<f32>) {
    out.clear();
    out.extend((0..labels).map(|label| dot(matrix.row(label), hidden)));
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

fn shifted_log(probability: f64) -> f32 {
    (probability + LOG_SHIFT).ln() as f32
}

#[inline]
fn dot(row: &[f32], hidden: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 4];
    for (a, b) in row.as_chunks::<4>().0.iter().zip(hidden.as_chunks::<4>().0) {
        for lane in 0..4 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    (sums[0] + sums[2]) + (sums[1] + sums[3])
}

/// The Huffman tree over labels. Nodes below `leaves` are labels, the last node is the root.
pub struct Tree {
    children: Vec<(u32, u32)>,
    leaves: usize,
    /// No leaf can score this much above an ancestor (each level adds at most `LOG_SHIFT`).
    slack: f32,
}

impl Tree {
    /// Builds the tree of fastText from the labels' training counts, ties broken as there.
    pub fn new(counts: &[i64]) -> Result<Self, KernelError> {
        const FAR: i64 = 1_000_000_000_000_000;
        let leaves = counts.len();
        let mut total = 0_i64;
        for &count in counts {
            total = total
                .checked_add(count)
                .filter(|&sum| count >= 0 && sum < FAR)
                .ok_or_else(|| bad(format!("a label's count is {count}")))?;
        }
        let mut sums: Vec<i64> = counts.to_vec();
        let mut children = Vec::with_capacity(leaves.saturating_sub(1));
        // Leaves are taken from the rarest up, inner nodes in the order they were made.
        let mut leaf = leaves;
        let mut inner = leaves;
        while children.len() + 1 < leaves {
            let mut pair = [0_usize; 2];
            for node in &mut pair {
                let next_inner = sums.get(inner).copied().unwrap_or(FAR);
                if leaf > 0 && sums[leaf - 1] < next_inner {
                    leaf -= 1;
                    *node = leaf;
                } else {
                    *node = inner;
                    inner += 1;
                }
            }
            sums.push(sums[pair[0]] + sums[pair[1]]);
            children.push((pair[0] as u32, pair[1] as u32));
        }
        let mut depth = vec![0_u32; leaves + children.len()];
        for (index, &(left, right)) in children.iter().enumerate().rev() {
            let below = depth[leaves + index] + 1;
            depth[left as usize] = below;
            depth[right as usize] = below;
        }
        let deepest = depth.iter().copied().max().unwrap_or(0);
        Ok(Self { children, leaves, slack: (deepest + 1) as f32 * 2.5 * LOG_SHIFT as f32 })
    }

    /// The best leaf. fastText walks depth first, left child first, and leaves a branch whose score
    /// is below the best leaf so far. Here one walk along the likelier child comes before, so that
    /// the bound is good from the start; the answer is the same.
    fn best(&self, matrix: &Matrix, hidden: &[f32]) -> Option<(usize, f32)> {
        let root = self.leaves + self.children.len() - 1;
        let mut bound = self.likely(matrix, hidden, root) - self.slack;
        let mut best = None;
        let mut stack = vec![(root, 0.0_f32)];
        while let Some((node, score)) = stack.pop() {
            if score < bound {
                continue;
            }
            if node < self.leaves {
                bound = score;
                best = Some((node, score));
                continue;
            }
            let (left, right) = self.children[node - self.leaves];
            let (left_score, right_score) = self.branch(matrix, hidden, node);
            stack.push((right as usize, score + right_score));
            stack.push((left as usize, score + left_score));
        }
        best
    }

    /// The score of the leaf that is reached by always taking the likelier child.
    fn likely(&self, matrix: &Matrix, hidden: &[f32], root: usize) -> f32 {
        let (mut node, mut score) = (root, 0.0);
        while node >= self.leaves {
            let (left, right) = self.children[node - self.leaves];
            let (left_score, right_score) = self.branch(matrix, hidden, node);
            if left_score > right_score {
                node = left as usize;
                score += left_score;
            } else {
                node = right as usize;
                score += right_score;
            }
        }
        score
    }

    #[inline]
    fn branch(&self, matrix: &Matrix, hidden: &[f32], node: usize) -> (f32, f32) {
        let x = dot(matrix.row(node - self.leaves), hidden);
        let right = (1.0 / f64::from(1.0 + (-x).exp())) as f32;
        (shifted_log(f64::from(1.0 - right)), shifted_log(f64::from(right)))
    }
}
