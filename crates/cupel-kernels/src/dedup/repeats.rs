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

/// A window by its hash: where it stood first, and how often it stands, occurrences that overlap not counted.
#[derive(Debug, Clone, Copy)]
struct Known {
    hash: u64,
    first: u64,
    last: u64,
    occurrences: u32,
}

type Firsts = HashTable<Known>;

/// Windows of so many bytes, which begin where a token of so many bytes does and count from so many
/// occurrences on.
#[derive(Debug, Clone, Copy)]
struct Windows {
    length: usize,
    token: usize,
    min_occurrences: u32,
}

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
/// * `min_occurrences` - a window that stands less often is no copy; its first occurrence counts, and
///   occurrences that overlap count once. Windows are counted by their hashes.
///
/// # Errors
/// `BadOption` for a bad length or one that is no whole number of tokens, `BadInput` for a stretch outside
/// of `data`.
pub fn repeats(
    data: &[u8],
    stretches: &[Stretch],
    length: usize,
    token: usize,
    min_occurrences: u32,
) -> Result<Vec<Copy>, KernelError> {
    check_length(length)?;
    if token == 0 || !length.is_multiple_of(token) {
        return Err(KernelError::BadOption {
            option: "token",
            expected: format!("a divisor of the length {length}, got {token}"),
        });
    }
    let windows = Windows { length, token, min_occurrences };
    let mut copies = Vec::new();
    let mut firsts = Firsts::new();
    for group in stretches.chunk_by(|left, right| left.hash == right.hash) {
        if group.len() < 2 {
            // One stretch alone may still repeat itself, but only overlapping its own minimizer.
            continue;
        }
        firsts.clear();
        if min_occurrences > 2 {
            for stretch in group {
                for_each_window(data, *stretch, windows, |window, hash| {
                    see(&mut firsts, window, hash, length);
                })?;
            }
        }
        for stretch in group {
            one_stretch(data, *stretch, windows, &mut firsts, &mut copies)?;
        }
    }
    Ok(copies)
}

/// Takes a window in, and gives where it stood first and how often it has been seen.
fn see(firsts: &mut Firsts, window: usize, hash: u64, length: usize) -> Known {
    let window = window as u64;
    match firsts.entry(hash, |known| known.hash == hash, |known| known.hash) {
        Entry::Vacant(place) => {
            *place.insert(Known { hash, first: window, last: window, occurrences: 1 }).get()
        }
        Entry::Occupied(mut place) => {
            let known = place.get_mut();
            if known.last + length as u64 <= window {
                known.last = window;
                known.occurrences = known.occurrences.saturating_add(1);
            }
            *known
        }
    }
}

/// Gives each window of a stretch that begins with a token: its place and its hash.
fn for_each_window(
    data: &[u8],
    stretch: Stretch,
    Windows { length, token, .. }: Windows,
    mut take: impl FnMut(usize, u64),
) -> Result<(), KernelError> {
    let start = usize::try_from(stretch.start).unwrap_or(usize::MAX);
    let last = start.saturating_add(stretch.windows as usize).saturating_sub(1);
    if last.saturating_add(length) > data.len() {
        return Err(KernelError::BadInput(format!("a stretch at {start} lies outside of the text")));
    }
    let mut rolling = Rolling::new(length);
    data[start..start + length].iter().for_each(|&byte| rolling.push(byte, None));
    for window in start..=last {
        if window > start {
            rolling.push(data[window + length - 1], Some(data[window - 1]));
        }
        if window.is_multiple_of(token) {
            take(window, rolling.mixed());
        }
    }
    Ok(())
}

fn one_stretch(
    data: &[u8],
    stretch: Stretch,
    windows: Windows,
    firsts: &mut Firsts,
    copies: &mut Vec<Copy>,
) -> Result<(), KernelError> {
    let Windows { length, token, min_occurrences } = windows;
    let mut open: Option<Copy> = None;
    for_each_window(data, stretch, windows, |window, hash| {
        let known = see(firsts, window, hash, length);
        let first = known.first as usize;
        let enough = min_occurrences <= 2 || known.occurrences >= min_occurrences;
        // A window whose hash another text took first is left; 2^-64 of pairs.
        let copied = enough
            && first + length <= window
            && match open {
                Some(copy) if copy.first as usize + (window - copy.start as usize) == first => {
                    let end = length - token..length;
                    data[first..][end.clone()] == data[window..][end]
                }
                _ => data[first..first + length] == data[window..window + length],
            };
        if !copied {
            copies.extend(open.take());
            return;
        }
        let (start, stop, first) = (window as u64, (window + length) as u64, first as u64);
        match &mut open {
            Some(copy) if copy.first + (start - copy.start) == first => copy.stop = stop,
            _ => {
                copies.extend(open.take());
                open = Some(Copy { start, stop, first });
            }
        }
    })?;
    copies.extend(open);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::dedup::minimizers::minimizers;

    /// Every byte that belongs to a later copy, the slow way.
    fn brute_force(documents: &[Vec<u8>], length: usize, token: usize, min_occurrences: u32) -> Vec<bool> {
        let data = documents.concat();
        let mut marked = vec![false; data.len()];
        let mut places: BTreeMap<&[u8], Vec<usize>> = BTreeMap::new();
        let mut base = 0;
        for document in documents {
            for at in (base..(base + document.len() + 1).saturating_sub(length).max(base)).step_by(token) {
                places.entry(&data[at..at + length]).or_default().push(at);
            }
            base += document.len();
        }
        for places in places.values() {
            let (mut occurrences, mut free) = (0, 0);
            for &at in places {
                if at >= free {
                    occurrences += 1;
                    free = at + length;
                }
            }
            for &at in places.iter().filter(|&&at| occurrences >= min_occurrences && places[0] + length <= at)
            {
                marked[at..at + length].fill(true);
            }
        }
        marked
    }

    fn fast(documents: &[Vec<u8>], length: usize, token: usize, min_occurrences: u32) -> Vec<bool> {
        let data = documents.concat();
        let mut stretches = Vec::new();
        let mut base = 0;
        for document in documents {
            minimizers(document, length, base, &mut stretches).unwrap();
            base += document.len() as u64;
        }
        stretches.sort_unstable_by_key(|s| (s.hash, s.start));
        let mut marked = vec![false; data.len()];
        for copy in repeats(&data, &stretches, length, token, min_occurrences).unwrap() {
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
            least in 2_u32..5,
        ) {
            let mut documents: Vec<Vec<u8>> =
                seeds.iter().map(|d| d.iter().map(|b| b % alphabet).collect()).collect();
            for (left, right) in pick {
                let (left, right) = (left % documents.len(), right % documents.len());
                let copy = documents[left].clone();
                documents[right].extend(copy.iter().skip(3));
            }
            prop_assert_eq!(fast(&documents, length, 1, least), brute_force(&documents, length, 1, least));
            // The same of tokens: whole ones of two and four bytes, windows of as many bytes.
            for token in [2, 4] {
                let wide: Vec<Vec<u8>> = documents.iter().map(|d| d[..d.len() / token * token].to_vec()).collect();
                let length = length.next_multiple_of(token);
                prop_assert_eq!(fast(&wide, length, token, least), brute_force(&wide, length, token, least));
            }
        }
    }
}
