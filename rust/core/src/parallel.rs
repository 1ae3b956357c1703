//! The only file that starts threads. They live as long as the call or the iterator that asked for them.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::TrySendError;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{Builder, Scope, ScopedJoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How many threads a call may use: `None` is all cores, 1 is the calling thread.
pub type Threads = Option<NonZeroUsize>;

/// More threads than this, or than there are cores, only cost memory: two megabytes of stack each, and up to 64 of
/// what the allocator reserves. No result depends on their number, so a larger one means this many.
const MOST: usize = 64;

/// How many threads `threads` stands for: the one place that all entrances go through.
#[must_use]
pub fn available(threads: Threads) -> usize {
    match threads.map(NonZeroUsize::get) {
        None => cores(),
        Some(threads) if threads <= MOST => threads,
        Some(threads) => threads.min(cores().max(MOST)),
    }
}

/// How many cores there are, counted once a second.
///
/// Counting them reads files of the kernel. That takes 25 microseconds, ten times as much on a busy machine, while a
/// whole call takes some hundreds. How many a process may use can change while it runs.
fn cores() -> usize {
    const BITS: u32 = 16;
    /// The second in which they were counted, and their number in the last bits.
    static COUNTED: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let counted = COUNTED.load(Ordering::Relaxed);
    let cores = counted % (1 << BITS);
    if cores > 0 && counted >> BITS == now {
        return cores as usize;
    }
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get).min((1 << BITS) - 1);
    COUNTED.store(now << BITS | cores as u64, Ordering::Relaxed);
    cores
}

/// A thread of `scope` that runs `work`; `None` if the system gives no more; the others then do its share.
fn spawned<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: impl FnOnce() -> T + Send + 'scope,
) -> Option<ScopedJoinHandle<'scope, T>> {
    Builder::new().name("fastpost".to_owned()).spawn_scoped(scope, work).ok()
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
    let workers = if worth <= 1 { 1 } else { available(threads).min(worth) };
    if workers == 1 {
        return (0..items).map(work).collect();
    }
    let next = AtomicUsize::new(0);
    // Several at a time: a counter that two cores write passes from one to the other, which 64 short items feel.
    let chunk = (items / (workers * 8)).max(1);
    let run = || {
        let mut done = Vec::with_capacity(items / workers + 1);
        loop {
            let first = next.fetch_add(chunk, Ordering::Relaxed);
            if first >= items {
                return done;
            }
            done.extend((first..items.min(first + chunk)).map(|index| (index, work(index))));
        }
    };
    let mut parts = std::thread::scope(|scope| {
        let helpers: Vec<_> = (1..workers).map_while(|_| spawned(scope, run)).collect();
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

/// Hands every item of `next` to one of `threads` workers, each with a state of its own; returns the states.
///
/// `next` is called on this thread only, and at most two items a worker wait at any time, so memory stays bounded.
/// This thread works too, whenever the queue is full and after `next` has ended. Which worker gets which item is
/// chance: a result that must not depend on it has to be a sum over the states.
///
/// # Errors
/// The first error of `next`, else of `work`; nothing more is started after one.
///
/// # Panics
/// If `next` or `work` panics.
pub fn fold<T: Send, S: Send, E: Send>(
    threads: Threads,
    mut next: impl FnMut() -> Result<Option<T>, E>,
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, T) -> Result<(), E> + Sync,
) -> Result<Vec<S>, E> {
    let workers = available(threads);
    let mut own = state();
    if workers <= 1 {
        while let Some(item) = next()? {
            work(&mut own, item)?;
        }
        return Ok(vec![own]);
    }
    let (sender, receiver) = std::sync::mpsc::sync_channel::<T>(2 * workers);
    let receiver = Mutex::new(receiver);
    let stop = AtomicBool::new(false);
    // Waits for items until there are no more or somebody failed.
    let drain = |state: &mut S| {
        while !stop.load(Ordering::Relaxed) {
            let item = receiver.lock().ok().and_then(|queue| queue.recv().ok());
            let Some(item) = item else { break };
            work(state, item).inspect_err(|_| stop.store(true, Ordering::Relaxed))?;
        }
        Ok(())
    };
    let helper = || {
        // Dropped on a panic, too, so that this thread does not wait for a helper that is gone.
        let guard = StopOnPanic(&stop);
        let mut state = state();
        let done = drain(&mut state).map(|()| state);
        std::mem::forget(guard);
        done
    };
    std::thread::scope(|scope| {
        let helpers: Vec<_> = (1..workers).map_while(|_| spawned(scope, helper)).collect();
        let mut produce = || {
            let guard = StopOnPanic(&stop);
            while !stop.load(Ordering::Relaxed) {
                let Some(item) = next()? else { break };
                if let Err(TrySendError::Full(item)) = sender.try_send(item) {
                    work(&mut own, item)?;
                }
            }
            std::mem::forget(guard);
            Ok(())
        };
        let fed = produce().inspect_err(|_| stop.store(true, Ordering::Relaxed));
        drop(sender);
        let drained = fed.and_then(|()| drain(&mut own));
        let mut states = Ok(vec![own]);
        for helper in helpers {
            match helper.join() {
                Ok(Ok(state)) => {
                    if let Ok(states) = &mut states {
                        states.push(state);
                    }
                }
                Ok(Err(error)) => states = states.and(Err(error)),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        drained.and(states)
    })
}

/// Tells the other threads to stop if this one unwinds.
struct StopOnPanic<'a>(&'a AtomicBool);

impl Drop for StopOnPanic<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs `helper` on `workers - 1` threads and `own` on the calling one; returns what all of them made.
///
/// # Panics
/// If one of them panics.
pub fn team<S: Send>(workers: usize, helper: impl Fn() -> S + Sync, own: impl FnOnce() -> S) -> Vec<S> {
    std::thread::scope(|scope| {
        let helpers: Vec<_> = (1..workers).map_while(|_| spawned(scope, &helper)).collect();
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
            let thread = Builder::new().name("fastpost".to_owned());
            let run = move || {
                let _on_shift = on_shift;
                work();
            };
            thread.spawn(run).ok()
        };
        // Where the system refuses one, it refuses the next.
        let threads: Vec<_> = (0..workers).map_while(start).collect();
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
    fn cores_are_counted_anew_or_remembered_alike() {
        let counted = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        for _ in 0..3 {
            assert_eq!(cores(), counted);
        }
    }

    #[test]
    fn no_number_of_threads_is_taken_at_its_word() {
        let cores = available(None);
        for threads in [1, 2, MOST] {
            assert_eq!(available(NonZeroUsize::new(threads)), threads);
        }
        for threads in [MOST + 1, 1 << 40, usize::MAX] {
            let got = available(NonZeroUsize::new(threads));
            assert!(got <= MOST.max(cores), "{threads} became {got}");
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

    #[test]
    fn a_fold_sees_each_item_once_for_any_number_of_threads() {
        for threads in [1, 2, 5] {
            let mut items = 0..1000_u64;
            let parts = fold(
                NonZeroUsize::new(threads),
                || Ok::<_, ()>(items.next()),
                || 0,
                |sum, item| {
                    *sum += item;
                    Ok(())
                },
            );
            assert_eq!(parts.map(|parts| parts.iter().sum::<u64>()), Ok(499_500));
        }
    }

    #[test]
    fn a_fold_ends_with_the_first_error_of_either_side() {
        for threads in [1, 3] {
            let threads = NonZeroUsize::new(threads);
            let mut items = 0..;
            let work = fold(
                threads,
                || Ok(items.next()),
                || (),
                |(), item| if item == 50 { Err(item) } else { Ok(()) },
            );
            assert_eq!(work, Err(50));
            let mut items = 0..;
            let next = || match items.next() {
                Some(70) => Err(70),
                item => Ok(item),
            };
            assert_eq!(fold(threads, next, || (), |(), _| Ok(())), Err(70));
        }
    }
}
