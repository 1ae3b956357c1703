//! The only file that starts threads. They live as long as the call or the iterator that asked for them.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

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

/// Runs `helper` on `workers - 1` threads and `own` on the calling one; returns what all of them made.
///
/// # Panics
/// If one of them panics.
pub fn team<S: Send>(workers: usize, helper: impl Fn() -> S + Sync, own: impl FnOnce() -> S) -> Vec<S> {
    std::thread::scope(|scope| {
        let helpers: Vec<_> = (1..workers).map(|_| scope.spawn(&helper)).collect();
        let mut made = vec![own()];
        for helper in helpers {
            match helper.join() {
                Ok(state) => made.push(state),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        made
    })
}

/// Threads that live as long as an iterator.
pub struct Crew {
    stop: Box<dyn Fn() + Send + Sync>,
    alive: Arc<(Mutex<usize>, Condvar)>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Crew {
    /// Starts `workers` threads that each run `work` once. `stop` makes `work` return soon.
    ///
    /// If the system gives fewer threads, those do the work; `None` if it gives none.
    pub fn start(
        workers: usize,
        work: impl Fn() + Send + Sync + 'static,
        stop: impl Fn() + Send + Sync + 'static,
    ) -> Option<Self> {
        let alive = Arc::new((Mutex::new(0), Condvar::new()));
        let work = Arc::new(work);
        let start = |_| {
            let (work, on_shift) = (Arc::clone(&work), OnShift::start(&alive));
            let thread = std::thread::Builder::new().name("fastpost".to_owned());
            let run = move || {
                let _on_shift = on_shift;
                work();
            };
            thread.spawn(run).ok()
        };
        let threads: Vec<_> = (0..workers).filter_map(start).collect();
        (!threads.is_empty()).then(|| Self { stop: Box::new(stop), alive, threads })
    }
}

impl Drop for Crew {
    /// Stops the threads and waits until they have ended. One that is held up in a read (a pipe without a
    /// writer, a file server that is gone) is left behind after a second; it ends when the read does.
    fn drop(&mut self) {
        (self.stop)();
        let (alive, changed) = &*self.alive;
        let alive = alive.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = changed.wait_timeout_while(alive, Duration::from_secs(1), |alive| *alive > 0);
        let ended = *waited.unwrap_or_else(PoisonError::into_inner).0 == 0;
        for thread in self.threads.drain(..) {
            if ended || thread.is_finished() {
                drop(thread.join()); // a panic has been told through the shelf
            }
        }
    }
}

/// Counts one thread of a crew while it lives, also if it panics or never starts.
struct OnShift(Arc<(Mutex<usize>, Condvar)>);

impl OnShift {
    fn start(alive: &Arc<(Mutex<usize>, Condvar)>) -> Self {
        *alive.0.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        Self(Arc::clone(alive))
    }
}

impl Drop for OnShift {
    fn drop(&mut self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.1.notify_all();
    }
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
