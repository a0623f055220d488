//! Duplicates: content hashes, MinHash signatures, buckets, verification, clusters.

pub mod buckets;
pub mod clusters;
pub mod column;
pub mod hash;
pub mod minhash;
pub mod normalized;
pub mod shingles;
pub mod union_find;
pub mod verify;
mod windows;
mod words;
