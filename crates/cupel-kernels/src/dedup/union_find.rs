//! Union-find over 0..n: path halving, the smaller index is the root.

/// Disjoint sets of indices.
pub struct UnionFind {
    parents: Vec<u32>,
}

impl UnionFind {
    /// `size` sets of one index each.
    pub fn new(size: u32) -> Self {
        Self { parents: (0..size).collect() }
    }

    /// The smallest index of the set that holds `index`.
    pub fn find(&mut self, mut index: u32) -> u32 {
        while self.parents[index as usize] != index {
            let above = self.parents[self.parents[index as usize] as usize];
            self.parents[index as usize] = above;
            index = above;
        }
        index
    }

    /// As `find`, but paths stay as long as they are.
    pub fn root(&self, mut index: u32) -> u32 {
        while self.parents[index as usize] != index {
            index = self.parents[index as usize];
        }
        index
    }

    /// Joins the sets of two indices; false where they were one already.
    ///
    /// The smaller root stays root, so the outcome does not depend on the order of joins.
    pub fn union(&mut self, left: u32, right: u32) -> bool {
        let (left, right) = (self.find(left), self.find(right));
        self.parents[left.max(right) as usize] = left.min(right);
        left != right
    }

    /// For each index its root, where the set has two members or more.
    pub fn components(&mut self) -> Vec<(u32, u32)> {
        let size = self.parents.len() as u32;
        let mut counts = vec![0_u32; self.parents.len()];
        for index in 0..size {
            counts[self.find(index) as usize] += 1;
        }
        (0..size)
            .map(|index| (index, self.find(index)))
            .filter(|&(_, root)| counts[root as usize] > 1)
            .collect()
    }
}
