//! The shelf between the threads that read and whoever takes the texts.

use std::collections::VecDeque;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::cutter::{Cut, Cutter};
use super::fault::Fault;
use super::open::Opened;
use super::{Plan, Texts};

/// Files being read, in order, each with its blocks that wait to be taken.
///
/// A file's [`Cutter`] is on the shelf or in the hands of one thread. Whoever takes it reads one block, puts it
/// back with an empty place kept for the block, and fills the place when the block is parsed.
pub(crate) struct Shelf {
    pub(crate) plan: Plan,
    readers: usize,
    /// Blocks stay until they are taken; otherwise the thread that parses a block keeps it.
    ordered: bool,
    state: Mutex<State>,
    job_wanted: Condvar,
    text_wanted: Condvar,
    pub(crate) read: Arc<AtomicU64>,
}

#[derive(Default)]
struct State {
    lanes: VecDeque<Lane>,
    next_file: usize,
    /// Files from here on are not read.
    end: usize,
    /// Bytes of the blocks that wait, all files together.
    waiting: usize,
    stopped: bool,
    broken: bool,
    spare: Vec<Texts>,
}

struct Lane {
    file: usize,
    cutter: Seat,
    blocks: VecDeque<Place>,
    /// Blocks taken so far: the number of the first that waits.
    taken: usize,
    waiting: usize,
}

enum Seat {
    Free(Cutter),
    InHands,
    Ended,
}

#[derive(Default)]
struct Place {
    texts: Option<Texts>,
    size: usize,
}

/// One block to read: the file, and its cutter unless it has to be opened.
pub(crate) struct Job {
    file: usize,
    cutter: Option<Cutter>,
}

pub(crate) enum Found<T> {
    Yes(T),
    NotYet,
    Never,
}

/// Texts of one block and where they belong.
pub(crate) struct Parsed {
    pub(crate) file: usize,
    number: usize,
    pub(crate) texts: Texts,
}

impl Shelf {
    pub(crate) fn new(plan: Plan, readers: usize, ordered: bool) -> Self {
        let state = State { end: plan.sources.len(), ..State::default() };
        Self {
            plan,
            readers,
            ordered,
            state: Mutex::new(state),
            job_wanted: Condvar::new(),
            text_wanted: Condvar::new(),
            read: Arc::default(),
        }
    }

    /// Reads and parses until there is nothing left: the work of one thread of a crew.
    pub(crate) fn fill(&self) {
        let _guard = BrokenIfPanicking(self);
        let mut raw = Vec::new();
        loop {
            match self.job(Duration::from_secs(1)) {
                Found::Yes(job) => {
                    let parsed = self.work(job, &mut raw);
                    self.put(parsed);
                }
                Found::NotYet => {}
                Found::Never => return,
            }
        }
    }

    /// The next block to read, waiting for room or for a file's cutter for at most `patience`.
    pub(crate) fn job(&self, patience: Duration) -> Found<Job> {
        let mut state = self.lock();
        for last in [false, true] {
            if state.stopped || state.broken {
                return Found::Never;
            }
            if let Some(job) = self.find_job(&mut state) {
                return Found::Yes(job);
            }
            if state.next_file >= state.end
                && state.lanes.iter().all(|lane| matches!(lane.cutter, Seat::Ended))
            {
                return Found::Never;
            }
            if last || patience.is_zero() {
                break;
            }
            state = self.job_wanted.wait_timeout(state, patience).unwrap_or_else(PoisonError::into_inner).0;
        }
        Found::NotYet
    }

    fn find_job(&self, state: &mut State) -> Option<Job> {
        let full = state.waiting >= self.plan.ahead;
        let mut open = 0;
        for (index, lane) in state.lanes.iter_mut().enumerate() {
            open += usize::from(!matches!(lane.cutter, Seat::Ended));
            // The first file may always go on, or files behind it that fill the shelf would stop everything.
            let room = if index == 0 { lane.waiting < self.plan.ahead } else { !full };
            if room && matches!(lane.cutter, Seat::Free(_)) {
                let cutter = std::mem::replace(&mut lane.cutter, Seat::InHands);
                let Seat::Free(cutter) = cutter else { continue };
                return Some(Job { file: lane.file, cutter: Some(cutter) });
            }
        }
        // Many small files may wait on the shelf, but only one per thread is open.
        let more = open < self.readers && state.lanes.len() < 1024 && (!full || state.lanes.is_empty());
        if !more || state.next_file >= state.end {
            return None;
        }
        let file = state.next_file;
        state.next_file += 1;
        let blocks = VecDeque::new();
        state.lanes.push_back(Lane { file, cutter: Seat::InHands, blocks, taken: 0, waiting: 0 });
        Some(Job { file, cutter: None })
    }

    /// Reads one block into `raw`, lets others go on with the file, and parses it.
    pub(crate) fn work(&self, job: Job, raw: &mut Vec<u8>) -> Parsed {
        let source = &self.plan.sources[job.file];
        let opened = job.cutter.map_or_else(|| self.open(job.file), |cutter| Ok(Some(cutter)));
        raw.clear();
        let (cutter, cut) = match opened {
            Ok(Some(mut cutter)) => {
                let cut = cutter.next(raw, self.plan.block, &self.plan.wanted);
                (Some(cutter).filter(|_| !cut.last), cut)
            }
            Ok(None) => (None, Cut::nothing(None)),
            Err(fault) => (None, Cut::nothing(Some(fault))),
        };
        let (number, mut texts) = self.hand_back(job.file, cutter, raw.len());
        texts.empty_files = u64::from(cut.empty);
        let mut block = texts.for_file(&source.path);
        cut.split.read(raw, cut.line, cut.header.as_deref(), &self.plan.wanted, &mut block);
        if let Some(fault) = cut.fault {
            texts.push_fault(fault);
        }
        if raw.capacity() > 4 * self.plan.block {
            *raw = Vec::new(); // one long record does not make every later block big
        }
        Parsed { file: job.file, number, texts }
    }

    fn open(&self, file: usize) -> Result<Option<Cutter>, Fault> {
        let source = &self.plan.sources[file];
        let opened = match &source.reader {
            None => Opened::path(&source.path, &self.read),
            Some(reader) => match reader.lock().unwrap_or_else(PoisonError::into_inner).take() {
                Some(reader) => Opened::reader(reader, None, None, &self.read),
                None => return Ok(None),
            },
        };
        match opened {
            Ok(opened) => Ok(Some(Cutter::new(source, opened, self.plan.longest))),
            Err(reason) => Err(Fault { path: Arc::clone(&source.path), line: None, reason }),
        }
    }

    /// Puts the cutter back and keeps a place for the block of `size` bytes that was read with it.
    fn hand_back(&self, file: usize, cutter: Option<Cutter>, size: usize) -> (usize, Texts) {
        let mut state = self.lock();
        let Some(at) = state.lanes.iter().position(|lane| lane.file == file) else {
            return (0, Texts::default());
        };
        let cutter = cutter.filter(|_| file < state.end);
        let ended = cutter.is_none();
        let lane = &mut state.lanes[at];
        lane.cutter = cutter.map_or(Seat::Ended, Seat::Free);
        let number = lane.taken + lane.blocks.len();
        if self.ordered {
            lane.blocks.push_back(Place { texts: None, size });
            lane.waiting += size;
            state.waiting += size;
        } else if ended {
            state.lanes.remove(at);
        }
        let texts = state.spare.pop().unwrap_or_default();
        drop(state);
        if ended {
            self.job_wanted.notify_all();
        } else {
            self.job_wanted.notify_one();
        }
        (number, texts)
    }

    /// Puts the texts of a block in its place.
    pub(crate) fn put(&self, parsed: Parsed) {
        let mut state = self.lock();
        let Some(lane) = state.lanes.iter_mut().find(|lane| lane.file == parsed.file) else {
            return;
        };
        let taken = lane.taken;
        if let Some(place) = lane.blocks.get_mut(parsed.number - taken) {
            place.texts = Some(parsed.texts);
        }
        drop(state);
        self.text_wanted.notify_all();
    }

    /// Takes the next texts in order, waiting for at most `patience`.
    pub(crate) fn take(&self, patience: Duration) -> Found<Texts> {
        let mut state = self.lock();
        for last in [false, true] {
            assert!(!state.broken, "a reading thread of the corpus panicked");
            while let Some(lane) = state.lanes.front_mut() {
                if let Some(texts) = lane.blocks.front_mut().and_then(|place| place.texts.take()) {
                    let size = lane.blocks.pop_front().unwrap_or_default().size;
                    lane.taken += 1;
                    lane.waiting -= size;
                    state.waiting -= size;
                    drop(state);
                    self.job_wanted.notify_all();
                    return Found::Yes(texts);
                }
                if !(lane.blocks.is_empty() && matches!(lane.cutter, Seat::Ended)) {
                    break;
                }
                state.lanes.pop_front();
                self.job_wanted.notify_all();
            }
            if state.lanes.is_empty() && state.next_file >= state.end {
                return Found::Never;
            }
            if last || patience.is_zero() {
                break;
            }
            state = self.text_wanted.wait_timeout(state, patience).unwrap_or_else(PoisonError::into_inner).0;
        }
        Found::NotYet
    }

    /// Keeps the memory of `texts` for a later block.
    pub(crate) fn recycle(&self, mut texts: Texts) {
        if texts.held() <= 4 * self.plan.block {
            texts.clear();
            let mut state = self.lock();
            if state.spare.len() < 2 * self.readers {
                state.spare.push(texts);
            }
        }
    }

    /// Reads no more of `file` and of the files after it; files before it are read to their end.
    pub(crate) fn end_at(&self, file: usize) {
        let mut state = self.lock();
        state.end = state.end.min(file);
        state.lanes.retain(|lane| lane.file < file || matches!(lane.cutter, Seat::InHands));
        drop(state);
        self.job_wanted.notify_all();
    }

    /// Lets every thread finish the block in its hands and end.
    pub(crate) fn stop(&self) {
        self.lock().stopped = true;
        self.job_wanted.notify_all();
        self.text_wanted.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thread that dies must not leave others waiting for its block.
pub(crate) struct BrokenIfPanicking<'a>(pub(crate) &'a Shelf);

impl Drop for BrokenIfPanicking<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.lock().broken = true;
            self.0.job_wanted.notify_all();
            self.0.text_wanted.notify_all();
        }
    }
}
