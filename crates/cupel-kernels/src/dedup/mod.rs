//! Duplicates: content hashes, MinHash signatures, buckets, verification, clusters.

mod bucket_walk;
pub mod buckets;
pub mod clusters;
pub mod column;
mod comparisons;
pub mod hash;
pub mod minhash;
pub mod normalized;
mod shingle_sets;
pub mod shingles;
pub mod union_find;
pub mod verify;
mod windows;
mod words;
