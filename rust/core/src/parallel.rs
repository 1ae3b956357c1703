//! The only file that starts threads. They live as long as the call that asked for them.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many threads a call may use: `None` is all cores, 1 is the calling thread.
pub type Threads = Option<NonZeroUsize>;

/// Cores to use for `threads`.
#[must_use]
pub fn available(threads: Threads) -> usize {
    threads.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get)
}

/// Applies `work` to `0..items` and returns the results in order, whatever the number of threads.
///
/// `cost` is the whole work in roughly nanoseconds: starting a thread takes some 20 microseconds, so a call
/// gets one thread per 100 microseconds of work at most. The calling thread works too. The first error by
/// index is returned, so errors do not depend on the number of threads either.
///
/// # Errors
/// Whatever `work` returned for the smallest index that failed.
///
/// # Panics
/// If `work` panics.
pub fn map<T: Send, E: Send>(
    items: usize,
    threads: Threads,
    cost: usize,
    work: impl Fn(usize) -> Result<T, E> + Sync,
) -> Result<Vec<T>, E> {
    let worth = items.min(cost / 100_000 + 1);
    // Counting the cores reads files of the kernel, some 25 microseconds: only where there is work for two.
    let workers = if worth <= 1 { 1 } else { available(threads).min(worth) };
    if workers == 1 {
        return (0..items).map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let run = || {
        let mut done = Vec::with_capacity(items / workers + 1);
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= items {
                return done;
            }
            done.push((index, work(index)));
        }
    };
    let mut parts = std::thread::scope(|scope| {
        let helpers: Vec<_> = (1..workers).map(|_| scope.spawn(run)).collect();
        let mut parts = run();
        for helper in helpers {
            match helper.join() {
                Ok(part) => parts.extend(part),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        parts
    });
    parts.sort_unstable_by_key(|(index, _)| *index);
    parts.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_their_order_for_any_number_of_threads() {
        for threads in [1, 2, 3, 8] {
            let got = map(100, NonZeroUsize::new(threads), usize::MAX, |i| Ok::<_, ()>(i * i));
            assert_eq!(got, Ok((0..100).map(|i| i * i).collect::<Vec<_>>()));
        }
    }

    #[test]
    fn the_error_of_the_smallest_index_wins() {
        for threads in [1, 4] {
            let got =
                map(50, NonZeroUsize::new(threads), usize::MAX, |i| if i % 20 == 7 { Err(i) } else { Ok(i) });
            assert_eq!(got, Err(7));
        }
    }
}
