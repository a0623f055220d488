//! Which documents of one bucket are compared, and what comes of it.

use std::collections::HashMap;
use std::num::NonZeroUsize;

/// When a pair is joined.
#[derive(Debug, Clone, Copy)]
pub struct Verification {
    /// The least similarity of a joined pair.
    pub threshold: f64,
    /// How many others of a bucket one document is compared with.
    pub max_comparisons: usize,
    /// How many threads compare; the outcome is the same for any number.
    pub threads: NonZeroUsize,
}

/// What came of one bucket.
///
/// It depends on nothing but the rows, on which of them were connected before, and on their
/// similarities; so it may be found out ahead of time, on any thread.
pub struct Outcome {
    pub compared: Vec<Compared>,
    pub rejected_by_length: u64,
    /// Times a document met the limit of comparisons.
    pub limited: u64,
}

/// Two rows whose similarity was computed.
pub struct Compared {
    pub row: u32,
    pub other: u32,
    pub similarity: f64,
    /// Whether they are joined.
    pub alike: bool,
}

/// Walks through a bucket: `rows` in their order, and for each the root of its component.
///
/// Rows are held in groups by component; one that is like a member of a group is not compared
/// with the others.
pub fn walk(
    rows: &[u32],
    roots: &[u32],
    how: Verification,
    similarity: impl Fn(u32, u32) -> Option<f64>,
) -> Outcome {
    let mut walk = Walk {
        how,
        similarity,
        groups: Groups::default(),
        outcome: Outcome { compared: Vec::new(), rejected_by_length: 0, limited: 0 },
    };
    for (&row, &root) in rows.iter().zip(roots) {
        walk.place(row, root);
    }
    walk.outcome
}

/// The documents of one bucket seen so far, grouped by component.
#[derive(Default)]
struct Groups {
    members: Vec<Vec<u32>>,
    /// For each group the one it was merged into, or itself.
    into: Vec<usize>,
    // Groups not merged into another, in the order of their making.
    alive: Vec<usize>,
    by_root: HashMap<u32, usize>,
}

impl Groups {
    /// The group of the component `root`, made if there is none.
    fn of(&mut self, root: u32) -> usize {
        let mut group = *self.by_root.entry(root).or_insert_with(|| {
            self.members.push(Vec::new());
            self.into.push(self.members.len() - 1);
            self.alive.push(self.members.len() - 1);
            self.members.len() - 1
        });
        while self.into[group] != group {
            group = self.into[group];
        }
        group
    }

    /// Puts the smaller group into the larger, which is returned.
    fn merge(&mut self, left: usize, right: usize) -> usize {
        let (large, small) =
            if self.members[left].len() < self.members[right].len() { (right, left) } else { (left, right) };
        let moved = std::mem::take(&mut self.members[small]);
        self.members[large].extend(moved);
        self.into[small] = large;
        self.alive.retain(|&group| group != small);
        large
    }
}

struct Walk<S> {
    how: Verification,
    similarity: S,
    groups: Groups,
    outcome: Outcome,
}

impl<S: Fn(u32, u32) -> Option<f64>> Walk<S> {
    /// Puts `row` into the groups, joining all that it links.
    fn place(&mut self, row: u32, root: u32) {
        let mut left = self.how.max_comparisons;
        let mut own = self.groups.of(root);
        let others = self.groups.alive.iter().copied().filter(|&group| group != own);
        let mut open: Vec<usize> = others.take(left.saturating_add(1)).collect();
        let (mut depth, mut limited) = (0, false);
        // First members of all groups come first, so that the limit cuts no group out.
        while !open.is_empty() && left > 0 {
            open.retain(|&group| {
                let Some(&other) = self.groups.members[group].get(depth) else {
                    return false;
                };
                if left == 0 {
                    limited = true;
                    return true;
                }
                left -= 1;
                if !self.compare(row, other) {
                    return true;
                }
                own = self.groups.merge(own, group);
                false
            });
            depth += 1;
        }
        limited |= open.iter().any(|&group| self.groups.members[group].len() > depth);
        self.outcome.limited += u64::from(limited);
        self.groups.members[own].push(row);
    }

    /// Whether two documents are alike enough.
    fn compare(&mut self, row: u32, other: u32) -> bool {
        let Some(similarity) = (self.similarity)(row, other) else {
            self.outcome.rejected_by_length += 1;
            return false;
        };
        let alike = similarity >= self.how.threshold;
        self.outcome.compared.push(Compared { row, other, similarity, alike });
        alike
    }
}
