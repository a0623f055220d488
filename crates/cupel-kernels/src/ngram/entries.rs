//! What a model's tables hold.

use hashbrown::HashTable;

/// An n-gram as `N` bytes: its hash and its counts, little-endian.
pub trait Stored<const N: usize>: Copy {
    fn to_bytes(self) -> [u8; N];
    fn from_bytes(bytes: &[u8; N]) -> Self;
    fn whole_hash(&self) -> u64;
    /// Whether texts can have such counts.
    fn is_possible(&self) -> bool;
}

/// An n-gram below the highest order: how often it counts, and what follows it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lower {
    /// In halves, so that an entry takes 20 bytes and not 24.
    pub hash: [u32; 2],
    /// 0 for the beginning of a text, which nothing stands before.
    pub count: u32,
    /// The counts of all n-grams that begin with this one and are a word longer, and how many.
    pub total: u32,
    pub followers: u32,
}

/// An n-gram of the highest order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Highest {
    pub hash: [u32; 2],
    pub count: u32,
}

impl Stored<20> for Lower {
    #[inline]
    fn to_bytes(self) -> [u8; 20] {
        packed([self.hash[1], self.hash[0], self.count, self.total, self.followers])
    }

    #[inline]
    fn from_bytes(bytes: &[u8; 20]) -> Self {
        let [low, high, count, total, followers] = unpacked(bytes);
        Self { hash: [high, low], count, total, followers }
    }

    #[inline]
    fn whole_hash(&self) -> u64 {
        whole(self.hash)
    }

    #[inline]
    fn is_possible(&self) -> bool {
        self.followers <= self.total && (self.followers == 0) == (self.total == 0)
    }
}

impl Stored<12> for Highest {
    #[inline]
    fn to_bytes(self) -> [u8; 12] {
        packed([self.hash[1], self.hash[0], self.count])
    }

    #[inline]
    fn from_bytes(bytes: &[u8; 12]) -> Self {
        let [low, high, count] = unpacked(bytes);
        Self { hash: [high, low], count }
    }

    #[inline]
    fn whole_hash(&self) -> u64 {
        whole(self.hash)
    }

    #[inline]
    fn is_possible(&self) -> bool {
        self.count > 0
    }
}

/// The n-gram of this hash, put there with counts of zero if it is new.
#[inline]
pub fn entry(table: &mut HashTable<Lower>, hash: u64) -> &mut Lower {
    let key = halves(hash);
    table
        .entry(hash, |held| held.hash == key, Lower::whole_hash)
        .or_insert(Lower { hash: key, ..Lower::default() })
        .into_mut()
}

#[inline]
pub fn find(table: &HashTable<Lower>, hash: u64) -> Option<&Lower> {
    let key = halves(hash);
    table.find(hash, |held| held.hash == key)
}

#[inline]
pub fn halves(hash: u64) -> [u32; 2] {
    [(hash >> 32) as u32, hash as u32]
}

#[inline]
fn whole(halves: [u32; 2]) -> u64 {
    u64::from(halves[0]) << 32 | u64::from(halves[1])
}

#[inline]
fn packed<const NUMBERS: usize, const N: usize>(numbers: [u32; NUMBERS]) -> [u8; N] {
    let mut bytes = [0; N];
    for (place, number) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(numbers) {
        *place = number.to_le_bytes();
    }
    bytes
}

#[inline]
fn unpacked<const NUMBERS: usize, const N: usize>(bytes: &[u8; N]) -> [u32; NUMBERS] {
    let mut numbers = [0; NUMBERS];
    for (number, chunk) in numbers.iter_mut().zip(bytes.as_chunks::<4>().0) {
        *number = u32::from_le_bytes(*chunk);
    }
    numbers
}
