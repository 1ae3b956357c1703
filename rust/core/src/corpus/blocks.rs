//! The texts of a plan, in order.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::shelf::{Found, Shelf};
use super::{Plan, Texts};
use crate::parallel::{self, Crew};

/// The texts of a plan in the order of its files, one block at a time.
///
/// With one thread, [`Blocks::next`] reads on the calling thread. With more, as many threads run as long as this
/// lives; dropping it stops them.
pub struct Blocks {
    shelf: Arc<Shelf>,
    crew: Option<Crew>,
    raw: Vec<u8>,
}

/// What [`Blocks::next`] found.
#[derive(Debug)]
pub enum Next {
    /// The next texts.
    Texts(Texts),
    /// Nothing yet; ask again. Time to look for signals.
    Wait,
    /// There is nothing more.
    End,
}

impl Blocks {
    /// Starts reading.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        let workers = parallel::available(plan.threads);
        let shelf = Arc::new(Shelf::new(plan, workers, true));
        let crew = (workers > 1).then(|| {
            let (filled, stopped) = (Arc::clone(&shelf), Arc::clone(&shelf));
            Crew::start(workers, move || filled.fill(), move || stopped.stop())
        });
        Self { shelf, crew: crew.flatten(), raw: Vec::new() }
    }

    /// The next block, waiting for at most `patience`; on one thread, reading it.
    pub fn next(&mut self, patience: Duration) -> Next {
        loop {
            let patience = if self.crew.is_some() { patience } else { Duration::ZERO };
            match self.shelf.take(patience) {
                Found::Yes(texts) => return Next::Texts(texts),
                Found::Never => return Next::End,
                Found::NotYet if self.crew.is_some() => return Next::Wait,
                Found::NotYet => {}
            }
            match self.shelf.job(Duration::ZERO) {
                Found::Yes(job) => {
                    let parsed = self.shelf.work(job, &mut self.raw);
                    self.shelf.put(parsed);
                }
                Found::NotYet | Found::Never => return Next::End,
            }
        }
    }

    /// Gives back texts that are no longer needed; their memory is used again.
    pub fn recycle(&self, texts: Texts) {
        self.shelf.recycle(texts);
    }

    /// Bytes read from the files so far, packed as they are.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.shelf.read.load(Ordering::Relaxed)
    }
}
