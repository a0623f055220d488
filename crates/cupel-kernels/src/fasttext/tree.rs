//! fastText's hierarchical softmax: a Huffman tree of logistic decisions with a label at each leaf.

use super::bytes::bad;
use super::scores::{LOG_SHIFT, Scores, shifted_log};
use crate::KernelError;

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

    /// The logarithmic score of each leaf.
    pub fn all(&self, scores: &Scores, hidden: &[f32], out: &mut [f32]) {
        // A node was made after its children, so a walk from the root down is one from the last to the first.
        let mut inner_scores = vec![0.0_f32; self.children.len() + 1];
        let root = self.leaves + self.children.len() - 1;
        if root < self.leaves {
            out[root] = 0.0; // the only label is sure
        }
        for node in (self.leaves..=root).rev() {
            let score = inner_scores[node - self.leaves];
            let (left, right) = self.children[node - self.leaves];
            let (left_score, right_score) = self.branch(scores, hidden, node);
            for (child, own) in [(left as usize, left_score), (right as usize, right_score)] {
                match child.checked_sub(self.leaves) {
                    Some(inner) => inner_scores[inner] = score + own,
                    None => out[child] = score + own,
                }
            }
        }
    }

    /// The best leaf. fastText walks depth first, left child first, and leaves a branch whose score
    /// is below the best leaf so far. Here one walk along the likelier child comes before, so that
    /// the bound is good from the start; the answer is the same.
    pub fn best(&self, scores: &Scores, hidden: &[f32]) -> Option<(usize, f32)> {
        let root = self.leaves + self.children.len() - 1;
        let mut bound = self.likely(scores, hidden, root) - self.slack;
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
            let (left_score, right_score) = self.branch(scores, hidden, node);
            stack.push((right as usize, score + right_score));
            stack.push((left as usize, score + left_score));
        }
        best
    }

    /// The score of the leaf that is reached by always taking the likelier child.
    fn likely(&self, scores: &Scores, hidden: &[f32], root: usize) -> f32 {
        let (mut node, mut score) = (root, 0.0);
        while node >= self.leaves {
            let (left, right) = self.children[node - self.leaves];
            let (left_score, right_score) = self.branch(scores, hidden, node);
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
    fn branch(&self, scores: &Scores, hidden: &[f32], node: usize) -> (f32, f32) {
        let x = scores.of(node - self.leaves, hidden);
        let right = (1.0 / f64::from(1.0 + (-x).exp())) as f32;
        (shifted_log(f64::from(1.0 - right)), shifted_log(f64::from(right)))
    }
}
