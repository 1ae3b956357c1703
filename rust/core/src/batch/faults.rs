//! What is wrong with the offsets of a tokenizer.

/// One way in which an offset is wrong, or of no use for cutting a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It starts before the text or ends behind it.
    OutOfRange,
    /// It ends before it starts.
    Reversed,
    /// It covers no character.
    ZeroWidth,
    /// It starts before the token before it.
    Backwards,
    /// It starts before the end of a token before it: both cover some characters.
    Overlap,
}

impl Kind {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OutOfRange => "out-of-range",
            Self::Reversed => "reversed",
            Self::ZeroWidth => "zero-width",
            Self::Backwards => "backwards",
            Self::Overlap => "overlap",
        }
    }
}

/// One fault: a token, what is wrong with it, and the token it disagrees with, if it is about two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// The token.
    pub token: usize,
    /// What is wrong.
    pub kind: Kind,
    /// The token before it that it disagrees with.
    pub other: Option<usize>,
}

/// Looks at the offsets of the tokens that `skip` leaves in; at most one fault a token, the gravest.
///
/// `offsets` holds starts and ends in turn, `chars` is the length of the text. A token is compared with the last one
/// that was in order, so that one wrong token makes one fault.
#[must_use]
pub fn faults(offsets: &[i64], chars: usize, skip: impl Fn(usize) -> bool) -> Vec<Fault> {
    let mut out = Vec::new();
    // The token before, and the one that reaches furthest.
    let mut last: Option<(usize, i64)> = None;
    let mut furthest: Option<(usize, i64)> = None;
    for (token, pair) in offsets.chunks_exact(2).enumerate().filter(|(token, _)| !skip(*token)) {
        let (start, end) = (pair[0], pair[1]);
        let alone = if start < 0 || end < 0 || start.max(end) > chars as i64 {
            Some(Kind::OutOfRange)
        } else if end < start {
            Some(Kind::Reversed)
        } else if start == end {
            Some(Kind::ZeroWidth)
        } else {
            None
        };
        let (kind, other) = match (alone, last, furthest) {
            (Some(kind), ..) => (kind, None),
            (None, Some((before, at)), _) if start < at => (Kind::Backwards, Some(before)),
            (None, _, Some((before, at))) if start < at => (Kind::Overlap, Some(before)),
            _ => {
                last = Some((token, start));
                furthest = furthest.filter(|&(_, reach)| reach >= end).or(Some((token, end)));
                continue;
            }
        };
        if kind == Kind::Overlap {
            last = Some((token, start));
            furthest = furthest.filter(|&(_, reach)| reach >= end).or(Some((token, end)));
        }
        out.push(Fault { token, kind, other });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_is_named() {
        for (offsets, want) in [
            (vec![], vec![]),
            (vec![0, 2, 2, 4, 5, 6], vec![]),
            (vec![0, 2, 1, 4], vec![(1, Kind::Overlap, Some(0))]),
            (vec![0, 2, 0, 2, 0, 2], vec![(1, Kind::Overlap, Some(0)), (2, Kind::Overlap, Some(0))]),
            (vec![3, 5, 0, 2, 5, 6], vec![(1, Kind::Backwards, Some(0))]),
            (vec![0, 2, 2, 2, 2, 3], vec![(1, Kind::ZeroWidth, None)]),
            (
                vec![2, 0, -1, 1, 0, 7],
                vec![(0, Kind::Reversed, None), (1, Kind::OutOfRange, None), (2, Kind::OutOfRange, None)],
            ),
        ] {
            let found: Vec<_> = faults(&offsets, 6, |_| false)
                .iter()
                .map(|fault| (fault.token, fault.kind, fault.other))
                .collect();
            assert_eq!(found, want, "{offsets:?}");
        }
        assert_eq!(faults(&[0, 0, 0, 2, 0, 0], 6, |token| token != 1), []);
    }
}
