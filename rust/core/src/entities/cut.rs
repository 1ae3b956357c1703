//! Where a sequence of tokens is a part of a longer one, as a window that is decoded by itself is.

use std::ops::Range;

/// On which sides a sequence of tokens is cut out of a longer one.
///
/// At a cut any label may stand, and none weighs anything: what the tokens on the other side say is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cut {
    /// Tokens before the first one are missing.
    pub before: bool,
    /// Tokens behind the last one are missing.
    pub behind: bool,
}

impl Cut {
    /// The cut of the tokens `run` out of `count`, which have this cut. A token that is outside is no cut.
    pub(crate) fn of_run(self, run: &Range<usize>, count: usize) -> Self {
        Self { before: self.before && run.start == 0, behind: self.behind && run.end == count }
    }
}
