//! Duplicates: content hashes, MinHash signatures, buckets, verification, clusters.

pub mod bloom;
mod bucket_walk;
pub mod buckets;
pub mod clusters;
pub mod column;
mod comparisons;
pub mod contamination;
pub mod evaluation;
mod evaluation_items;
pub mod hash;
pub mod minhash;
pub mod minimizers;
pub mod normalized;
pub mod repeats;
pub mod seen;
mod shingle_sets;
pub mod shingles;
pub mod similarities;
pub mod spans;
pub mod union_find;
pub mod units;
pub mod verify;
mod windows;
mod word_hashes;
mod words;
