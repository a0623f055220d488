//! Passages of at least so many bytes that stand more than once, found from their minimizers.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::minimizers::{Rolling, Stretch, check_length};
use crate::KernelError;

/// A passage that stood earlier: `start..stop`, first seen at `first`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Copy {
    pub start: u64,
    pub stop: u64,
    pub first: u64,
}

/// Hash of a window, and where it stood first.
type Firsts = HashTable<(u64, u64)>;

/// All later copies among the windows of these stretches.
///
/// A window of `length` bytes is a later copy when the first window equal to it, in the order of
/// places, ends at or before it starts. Overlapping windows with one origin are one copy. Hashes
/// only propose: every window is compared byte by byte.
///
/// # Arguments
/// * `data` - all documents, one after the other.
/// * `stretches` - of any number of hashes, each with all its stretches; sorted by hash, then start.
/// * `token` - bytes of a token: windows begin where one does, every so many bytes.
///
/// # Errors
/// `BadOption` for a bad length or one that is no whole number of tokens, `BadInput` for a stretch outside
/// of `data`.
pub fn repeats(
    data: &[u8],
    stretches: &[Stretch],
    length: usize,
    token: usize,
) -> Result<Vec<Copy>, KernelError> {
    check_length(length)?;
    if token == 0 || !length.is_multiple_of(token) {
        return Err(KernelError::BadOption {
            option: "token",
            expected: format!("a divisor of the length {length}, got {token}"),
        });
    }
    let mut found = Vec::new();
    let mut firsts = Firsts::new();
    for group in stretches.chunk_by(|left, right| left.hash == right.hash) {
        if group.len() < 2 {
            // One stretch alone may still repeat itself, but only overlapping its own minimizer.
            continue;
        }
        firsts.clear();
        for stretch in group {
            one_stretch(data, *stretch, (length, token), &mut firsts, &mut found)?;
        }
    }
    Ok(found)
}

fn one_stretch(
    data: &[u8],
    stretch: Stretch,
    (length, token): (usize, usize),
    firsts: &mut Firsts,
    found: &mut Vec<Copy>,
) -> Result<(), KernelError> {
    let start = usize::try_from(stretch.start).unwrap_or(usize::MAX);
    let last = start.saturating_add(stretch.windows as usize).saturating_sub(1);
    if last.saturating_add(length) > data.len() {
        return Err(KernelError::BadInput(format!("a stretch at {start} lies outside of the text")));
    }
    let mut rolling = Rolling::new(length);
    data[start..start + length].iter().for_each(|&byte| rolling.push(byte, None));
    let mut open: Option<Copy> = None;
    for window in start..=last {
        if window > start {
            rolling.push(data[window + length - 1], Some(data[window - 1]));
        }
        if !window.is_multiple_of(token) {
            continue;
        }
        let hash = rolling.mixed();
        let first = match firsts.entry(hash, |&(other, _)| other == hash, |&(other, _)| other) {
            Entry::Vacant(place) => {
                place.insert((hash, window as u64));
                None
            }
            Entry::Occupied(place) => Some(place.get().1),
        };
        // A window whose hash another text took first is left; 2^-64 of pairs.
        let copied = first.filter(|&first| first as usize + length <= window).filter(|&first| {
            let first = first as usize;
            match open {
                Some(copy) if copy.first as usize + (window - copy.start as usize) == first => {
                    let end = length - token..length;
                    data[first..][end.clone()] == data[window..][end]
                }
                _ => data[first..first + length] == data[window..window + length],
            }
        });
        let Some(first) = copied else {
            found.extend(open.take());
            continue;
        };
        match &mut open {
            Some(copy) if copy.first + (window as u64 - copy.start) == first => {
                copy.stop = (window + length) as u64;
            }
            _ => {
                found.extend(open.take());
                open = Some(Copy { start: window as u64, stop: (window + length) as u64, first });
            }
        }
    }
    found.extend(open);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::dedup::minimizers::minimizers;

    /// Every byte that belongs to a later copy, the slow way.
    fn brute_force(documents: &[Vec<u8>], length: usize, token: usize) -> Vec<bool> {
        let data = documents.concat();
        let mut marked = vec![false; data.len()];
        let mut firsts: BTreeMap<&[u8], usize> = BTreeMap::new();
        let mut base = 0;
        for document in documents {
            for at in (base..(base + document.len() + 1).saturating_sub(length).max(base)).step_by(token) {
                let first = *firsts.entry(&data[at..at + length]).or_insert(at);
                if first + length <= at {
                    marked[at..at + length].fill(true);
                }
            }
            base += document.len();
        }
        marked
    }

    fn fast(documents: &[Vec<u8>], length: usize, token: usize) -> Vec<bool> {
        let data = documents.concat();
        let mut stretches = Vec::new();
        let mut base = 0;
        for document in documents {
            minimizers(document, length, base, &mut stretches).unwrap();
            base += document.len() as u64;
        }
        stretches.sort_unstable_by_key(|s| (s.hash, s.start));
        let mut marked = vec![false; data.len()];
        for copy in repeats(&data, &stretches, length, token).unwrap() {
            assert_eq!(
                data[copy.start as usize..copy.stop as usize],
                data[copy.first as usize..(copy.first + copy.stop - copy.start) as usize]
            );
            marked[copy.start as usize..copy.stop as usize].fill(true);
        }
        marked
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn equals_brute_force(
            alphabet in 1_u8..5,
            seeds in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..120), 1..8),
            pick in prop::collection::vec((0_usize..8, 0_usize..8), 0..8),
            length in 16_usize..32,
        ) {
            let mut documents: Vec<Vec<u8>> =
                seeds.iter().map(|d| d.iter().map(|b| b % alphabet).collect()).collect();
            for (left, right) in pick {
                let (left, right) = (left % documents.len(), right % documents.len());
                let copy = documents[left].clone();
                documents[right].extend(copy.iter().skip(3));
            }
            prop_assert_eq!(fast(&documents, length, 1), brute_force(&documents, length, 1));
            // The same of tokens: whole ones of two and four bytes, windows of as many bytes.
            for token in [2, 4] {
                let wide: Vec<Vec<u8>> = documents.iter().map(|d| d[..d.len() / token * token].to_vec()).collect();
                let length = length.next_multiple_of(token);
                prop_assert_eq!(fast(&wide, length, token), brute_force(&wide, length, token));
            }
        }
    }
}
