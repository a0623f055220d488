//! Work for several threads, with an outcome that does not depend on how many there are.

use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

/// `work(0), work(1), ...` up to `count`, in order; threads take `at_once` of them at a time.
pub fn map_range<T: Send>(
    count: usize,
    at_once: usize,
    threads: NonZeroUsize,
    work: impl Fn(usize) -> T + Sync,
) -> Vec<T> {
    let blocks = count.div_ceil(at_once.max(1));
    let threads = threads.get().min(blocks);
    if threads < 2 {
        return (0..count).map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, Vec<T>)>> = Mutex::new(Vec::with_capacity(blocks));
    let take_blocks = || {
        loop {
            let block = next.fetch_add(1, Ordering::Relaxed);
            if block >= blocks {
                return;
            }
            let range = block * at_once..count.min((block + 1) * at_once);
            let results = range.map(&work).collect();
            done.lock().unwrap_or_else(PoisonError::into_inner).push((block, results));
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            // Where no thread can be had, the others do its part.
            let _ = std::thread::Builder::new().spawn_scoped(scope, take_blocks);
        }
        take_blocks();
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_unstable_by_key(|&(block, _)| block);
    done.into_iter().flat_map(|(_, results)| results).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_once_and_in_order() {
        for (count, at_once, threads) in [(0, 1, 4), (1, 8, 4), (1000, 7, 3), (1000, 7, 1), (64, 64, 2)] {
            let squares = map_range(count, at_once, NonZeroUsize::new(threads).unwrap(), |i| i * i);
            assert_eq!(squares, (0..count).map(|i| i * i).collect::<Vec<_>>());
        }
    }
}
