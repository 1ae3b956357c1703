//! path -> reader of its unpacked bytes: plain, gzip, zstd.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::GzDecoder;

use super::fault::Reason;

/// Unpacked bytes of one file.
pub(crate) struct Opened {
    bytes: Box<dyn Read + Send>,
    /// `gzip` or `zstd`; `None` for a plain file.
    packing: Option<&'static str>,
    /// Bytes a plain regular file had when it was opened.
    size: Option<u64>,
    read: u64,
    /// Bytes that have been looked at and not yet given, and why no more of them could be read.
    head: Vec<u8>,
    failed: Option<Reason>,
    /// Nothing is left to be read.
    ended: bool,
}

/// How many of its first bytes tell what a file is.
const HEAD: usize = 1 << 16;
const GZIP: &[u8] = &[0x1f, 0x8b];
/// The largest window of zstd, 2^27 bytes as for `zstd -d`: a few bytes of a file could ask for 2 GiB.
const ZSTD_WINDOW: u32 = 27;
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

impl Opened {
    /// Opens `path`; bytes read from disk are added to `counter`.
    ///
    /// The first bytes decide how the file is packed. A name that ends in `.gz` or `.zst` must keep its word,
    /// unless the file is empty: zeros after a crash are not text.
    pub(crate) fn path(path: &Path, counter: &Arc<AtomicU64>) -> Result<Self, Reason> {
        let file = File::open(path).map_err(|e| Reason::of(&e, None))?;
        let meta = file.metadata().map_err(|e| Reason::of(&e, None))?;
        // Files of /proc and other virtual ones report a size of zero, too.
        let size = (meta.is_file() && meta.len() > 0).then_some(meta.len());
        let promised = match path.extension().and_then(|e| e.to_str()) {
            Some("gz") => Some("gzip"),
            Some("zst") => Some("zstd"),
            _ => None,
        };
        Self::reader(file, size, promised, counter)
    }

    /// Reads `source`, which may be packed.
    pub(crate) fn reader(
        source: impl Read + Send + 'static,
        size: Option<u64>,
        promised: Option<&'static str>,
        counter: &Arc<AtomicU64>,
    ) -> Result<Self, Reason> {
        let mut source = BufReader::with_capacity(1 << 16, Counted { source, counter: Arc::clone(counter) });
        let head = loop {
            match source.fill_buf() {
                Ok(head) => break head,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(Reason::of(&e, None)),
            }
        };
        // pzstd and others start with a skippable frame, 0x184d2a50 to 0x184d2a5f.
        let skippable = head.len() >= 4 && head[0] & 0xf0 == 0x50 && head[1..4] == [0x2a, 0x4d, 0x18];
        let packing = if head.starts_with(GZIP) {
            Some("gzip")
        } else if head.starts_with(ZSTD) || skippable {
            Some("zstd")
        } else {
            None
        };
        if let (Some(promised), None, false) = (promised, packing, head.is_empty()) {
            let message = format!("it does not start with the {promised} mark");
            return Err(Reason::Damaged { packing: promised, message });
        }
        let bytes: Box<dyn Read + Send> = match packing {
            None => Box::new(source),
            Some("gzip") => Box::new(Members::Member(Box::new(GzDecoder::new(source)))),
            Some(_) => {
                let mut frames =
                    zstd::stream::read::Decoder::with_buffer(source).map_err(|e| Reason::of(&e, packing))?;
                frames.window_log_max(ZSTD_WINDOW).map_err(|e| Reason::of(&e, packing))?;
                Box::new(frames)
            }
        };
        let size = size.filter(|_| packing.is_none());
        let mut opened = Self { bytes, packing, size, read: 0, head: Vec::new(), failed: None, ended: false };
        let mut head = Vec::new();
        opened.failed = opened.fill(&mut head, HEAD).err();
        opened.head = head;
        Ok(opened)
    }

    /// Takes the first bytes of the file, to be looked at; [`Self::put_head`] puts them back.
    pub(crate) fn take_head(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.head)
    }

    pub(crate) fn put_head(&mut self, head: Vec<u8>) {
        self.head = head;
    }

    /// Whether reading fails right behind the first bytes.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed.is_some()
    }

    /// Appends up to `count` bytes to `buffer`; fewer only at the end of the file.
    pub(crate) fn append(&mut self, buffer: &mut Vec<u8>, count: usize) -> Result<usize, Reason> {
        let ahead = count.min(self.head.len());
        buffer.extend(self.head.drain(..ahead));
        if self.head.is_empty() {
            self.head = Vec::new();
            if let Some(reason) = self.failed.take() {
                return Err(reason);
            }
        }
        if ahead == count || self.ended {
            return Ok(ahead);
        }
        Ok(ahead + self.fill(buffer, count - ahead)?)
    }

    fn fill(&mut self, buffer: &mut Vec<u8>, count: usize) -> Result<usize, Reason> {
        let start = buffer.len();
        let mut at = start;
        buffer.resize(start + count, 0);
        while at < buffer.len() {
            match self.bytes.read(&mut buffer[at..]) {
                Ok(0) => break,
                Ok(n) => at += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => {
                    buffer.truncate(at);
                    return Err(if is_wide(&e) { Reason::Window } else { Reason::of(&e, self.packing) });
                }
            }
        }
        let ended = at < buffer.len();
        self.ended = ended;
        buffer.truncate(at);
        self.read += (at - start) as u64;
        match self.size {
            Some(was) if ended && self.read < was => Err(Reason::Shrank { was, now: self.read }),
            _ => Ok(at - start),
        }
    }
}

/// Whether zstd refuses the window that a file asks for.
fn is_wide(error: &io::Error) -> bool {
    /// `ZSTD_error_frameParameter_windowTooLarge`; zstd returns it negated, as a size.
    const TOO_LARGE: usize = 0_usize.wrapping_sub(16);
    error.kind() == io::ErrorKind::Other && error.to_string() == zstd::zstd_safe::get_error_name(TOO_LARGE)
}

/// The members of a gzip file one after the other, with zeros after each: what tapes and archives are padded with.
enum Members<R> {
    Member(Box<GzDecoder<R>>),
    /// Behind a member.
    Between(R),
    End,
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self {
                Self::Member(member) => {
                    let count = member.read(buffer)?;
                    if count > 0 || buffer.is_empty() {
                        return Ok(count);
                    }
                    let Self::Member(member) = std::mem::replace(self, Self::End) else { return Ok(0) };
                    *self = Self::Between((*member).into_inner());
                }
                Self::Between(source) => {
                    let head = source.fill_buf()?;
                    let (length, zeros) = (head.len(), head.iter().take_while(|&&byte| byte == 0).count());
                    source.consume(zeros);
                    if length > 0 && zeros == length {
                        continue;
                    }
                    let Self::Between(source) = std::mem::replace(self, Self::End) else { return Ok(0) };
                    if length > 0 {
                        *self = Self::Member(Box::new(GzDecoder::new(source)));
                    }
                }
                Self::End => return Ok(0),
            }
        }
    }
}

/// Counts what passes, for progress in bytes of the file.
struct Counted<R> {
    source: R,
    counter: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.source.read(buffer)?;
        self.counter.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}
