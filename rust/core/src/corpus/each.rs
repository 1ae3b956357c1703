//! The texts of a plan on the threads that parsed them, in no order: what counting wants.

use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::fault::Fault;
use super::shelf::{BrokenIfPanicking, Found, Shelf};
use super::{Plan, Texts};
use crate::parallel;

/// What [`each`] went through.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Texts.
    pub texts: u64,
    /// Bytes of the texts, in UTF-8.
    pub bytes: u64,
    /// Bytes read from the files, packed as they are.
    pub bytes_read: u64,
    /// Records or files that could not be read.
    pub skipped: u64,
    /// The first ten of them, in the order of the files.
    pub faults: Vec<Fault>,
    /// Files without any bytes.
    pub empty_files: u64,
}

/// Why [`each`] stopped.
#[derive(Debug)]
pub enum Stopped<E> {
    /// Something could not be read.
    Fault(Fault),
    /// The work failed.
    Work(E),
}

/// How often the calling thread looks up.
const TICK: Duration = Duration::from_millis(50);

/// Gives each block of texts to `work` on the thread that parsed it and returns the state of every thread.
///
/// `make` makes the state of one thread. Which thread gets which block, and in what order, is left open, so
/// `work` must not depend on it; the blocks themselves depend on nothing but the files. The calling thread works
/// too, and about every 50 ms calls `tick` with what has been done: the place for progress and signals. An error
/// from `tick` or `work` stops all threads after the block in hand. With `skip`, what can't be read is counted.
///
/// # Errors
/// [`Stopped::Fault`] without `skip`: the first fault in the order of the files, for any number of threads.
/// [`Stopped::Work`] with the error of `work` or `tick`.
pub fn each<S: Send, E: Send>(
    plan: Plan,
    skip: bool,
    make: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, &Texts) -> Result<(), E> + Sync,
    mut tick: impl FnMut(&Tally) -> Result<(), E>,
) -> Result<(Vec<S>, Tally), Stopped<E>> {
    let workers = parallel::available(plan.threads);
    let shelf = Shelf::new(plan, workers, false);
    let ledger = Ledger { skip, shelf: &shelf, entries: Mutex::default() };
    let helper = || ledger.run(&make, &work, None);
    let own = || ledger.run(&make, &work, Some(&mut tick));
    let states = parallel::team(workers, helper, own);
    let entries = ledger.entries.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(error) = entries.error {
        return Err(Stopped::Work(error));
    }
    let mut tally = entries.tally;
    tally.bytes_read = shelf.read.load(Ordering::Relaxed);
    tally.faults = entries.faults.into_iter().map(|(_, fault)| fault).collect();
    match tally.faults.first() {
        Some(fault) if !skip => Err(Stopped::Fault(fault.clone())),
        _ => Ok((states, tally)),
    }
}

/// What all threads write down together.
struct Ledger<'a, E> {
    skip: bool,
    shelf: &'a Shelf,
    entries: Mutex<Entries<E>>,
}

struct Entries<E> {
    tally: Tally,
    /// Faults with their file, the earliest first.
    faults: Vec<(usize, Fault)>,
    error: Option<E>,
}

impl<E> Default for Entries<E> {
    fn default() -> Self {
        Self { tally: Tally::default(), faults: Vec::new(), error: None }
    }
}

type Tick<'a, E> = &'a mut dyn FnMut(&Tally) -> Result<(), E>;

impl<E: Send> Ledger<'_, E> {
    fn run<S>(
        &self,
        make: &impl Fn() -> S,
        work: &impl Fn(&mut S, &Texts) -> Result<(), E>,
        mut tick: Option<Tick<'_, E>>,
    ) -> S {
        let _guard = BrokenIfPanicking(self.shelf);
        let mut state = make();
        let mut raw = Vec::new();
        let mut told = Instant::now();
        loop {
            match self.shelf.job(TICK) {
                Found::Never => return state,
                Found::NotYet => {}
                Found::Yes(job) => {
                    let parsed = self.shelf.work(job, &mut raw);
                    let done = work(&mut state, &parsed.texts);
                    self.enter(parsed.file, &parsed.texts, done);
                    self.shelf.recycle(parsed.texts);
                }
            }
            if let Some(tick) = tick.as_mut().filter(|_| told.elapsed() > TICK) {
                told = Instant::now();
                let mut seen = self.lock().tally.clone();
                seen.bytes_read = self.shelf.read.load(Ordering::Relaxed);
                if let Err(error) = tick(&seen) {
                    self.fail(error);
                }
            }
        }
    }

    fn enter(&self, file: usize, texts: &Texts, done: Result<(), E>) {
        const KEPT: usize = 10;
        if let Err(error) = done {
            return self.fail(error);
        }
        let mut entries = self.lock();
        let tally = &mut entries.tally;
        tally.texts += texts.len() as u64;
        tally.bytes += texts.bytes().len() as u64;
        tally.skipped += texts.faults().len() as u64;
        tally.empty_files += texts.empty_files;
        if !texts.faults().is_empty() {
            entries.faults.extend(texts.faults().iter().map(|(_, fault)| (file, fault.clone())));
            entries.faults.sort_by_key(|(file, fault)| (*file, fault.line));
            entries.faults.truncate(KEPT);
            if !self.skip {
                // Blocks of a file are handed out in order, so earlier ones are in hands already and will be
                // entered; files before this one are read to their end. The earliest fault is always found.
                self.shelf.end_at(file);
            }
        }
    }

    fn fail(&self, error: E) {
        self.lock().error.get_or_insert(error);
        self.shelf.stop();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Entries<E>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
