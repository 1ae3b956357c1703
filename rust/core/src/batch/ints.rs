//! Whole numbers of one window in any of the widths they come in: never copied just to change their type.

use crate::math::wide::wide;
use pulp::Arch;
use std::ops::Range;

/// Integers of one window in any of the widths they come in.
#[derive(Debug, Clone, Copy)]
pub enum Ints<'a> {
    /// 8 bits.
    I8(&'a [i8]),
    /// 32 bits.
    I32(&'a [i32]),
    /// 64 bits.
    I64(&'a [i64]),
}

impl Ints<'_> {
    #[inline(always)]
    pub(crate) fn get(self, index: usize) -> i64 {
        match self {
            Self::I8(v) => v[index].into(),
            Self::I32(v) => v[index].into(),
            Self::I64(v) => v[index],
        }
    }

    /// Whether all values are from 0 to below `limit`.
    pub(crate) fn all_below(self, limit: usize) -> bool {
        #[inline(always)]
        fn each<T: Copy + Into<i64>>(values: &[T], last: i64) -> bool {
            // For a value outside, either the value or its distance to the limit is negative: one pass without a
            // branch.
            values.iter().fold(0, |signs, &value| signs | value.into() | last.wrapping_sub(value.into())) >= 0
        }
        let last = limit as i64 - 1;
        wide(
            Arch::new(),
            #[inline(always)]
            || match self {
                Self::I8(v) => each(v, last),
                Self::I32(v) => each(v, last),
                Self::I64(v) => each(v, last),
            },
        )
    }

    /// Whether the values in `range` are all 0.
    pub(crate) fn are_zero(self, range: Range<usize>) -> bool {
        #[inline(always)]
        fn each<T: Copy + Into<i64>>(values: &[T]) -> bool {
            values.iter().fold(0, |bits, &value| bits | value.into()) == 0
        }
        wide(
            Arch::new(),
            #[inline(always)]
            || match self {
                Self::I8(v) => each(&v[range.clone()]),
                Self::I32(v) => each(&v[range.clone()]),
                Self::I64(v) => each(&v[range.clone()]),
            },
        )
    }

    /// Whether all pairs are spans of something `limit` long: `0 <= start <= end <= limit`.
    pub(crate) fn all_spans(self, limit: i64) -> bool {
        #[inline(always)]
        fn each<T: Copy + Into<i64>>(values: &[T], limit: i64) -> bool {
            let signs = values.as_chunks::<2>().0.iter().fold(0, |signs, &[start, end]| {
                let (start, end) = (start.into(), end.into());
                signs | start | end | end.wrapping_sub(start) | limit.wrapping_sub(end)
            });
            signs >= 0
        }
        wide(
            Arch::new(),
            #[inline(always)]
            || match self {
                Self::I8(v) => each(v, limit),
                Self::I32(v) => each(v, limit),
                Self::I64(v) => each(v, limit),
            },
        )
    }

    /// Whether the pairs of tokens `range` each cover something of a text of `limit` characters, none of them begins before
    /// the one before it begins, and none ends before that one ends.
    pub(crate) fn are_in_row(self, range: Range<usize>, limit: i64) -> bool {
        #[inline(always)]
        fn each<T: Copy + Into<i64>>(values: &[T], limit: i64) -> bool {
            let signs = values.as_chunks::<2>().0.iter().fold(0, |signs, &[start, end]| {
                let (start, end) = (start.into(), end.into());
                signs
                    | start
                    | end.wrapping_sub(1)
                    | end.wrapping_sub(1).wrapping_sub(start)
                    | limit.wrapping_sub(end)
            });
            let behind = values.get(2..).unwrap_or_default();
            let order = values
                .iter()
                .zip(behind)
                .fold(0, |signs, (&last, &next)| signs | next.into().wrapping_sub(last.into()));
            signs >= 0 && order >= 0
        }
        let flat = 2 * range.start..2 * range.end;
        wide(
            Arch::new(),
            #[inline(always)]
            || match self {
                Self::I8(v) => each(&v[flat.clone()], limit),
                Self::I32(v) => each(&v[flat.clone()], limit),
                Self::I64(v) => each(&v[flat.clone()], limit),
            },
        )
    }

    /// Whether two neighbours among tokens `range` share a number in `words` but leave a gap between their pairs,
    /// which these are.
    pub(crate) fn have_gaps_in_words(self, words: Self, range: Range<usize>) -> bool {
        (range.start + 1..range.end).any(|at| {
            let word = words.get(at);
            word >= 0 && word == words.get(at - 1) && self.get(2 * at - 1) < self.get(2 * at)
        })
    }

    pub(crate) fn len(self) -> usize {
        match self {
            Self::I8(v) => v.len(),
            Self::I32(v) => v.len(),
            Self::I64(v) => v.len(),
        }
    }

    pub(crate) fn position(self, value: i64) -> Option<usize> {
        match self {
            Self::I8(v) => v.iter().position(|&v| i64::from(v) == value),
            Self::I32(v) => v.iter().position(|&v| i64::from(v) == value),
            Self::I64(v) => v.iter().position(|&v| v == value),
        }
    }

    /// Sets `allowed` to false where `good` does not hold.
    pub(crate) fn keep(self, allowed: &mut [bool], good: impl Fn(i64) -> bool) {
        fn each<T: Copy + Into<i64>>(values: &[T], allowed: &mut [bool], good: impl Fn(i64) -> bool) {
            for (allowed, &value) in allowed.iter_mut().zip(values) {
                *allowed &= good(value.into());
            }
        }
        match self {
            Self::I8(v) => each(v, allowed, good),
            Self::I32(v) => each(v, allowed, good),
            Self::I64(v) => each(v, allowed, good),
        }
    }
}

impl<'a> From<&'a [i64]> for Ints<'a> {
    fn from(values: &'a [i64]) -> Self {
        Self::I64(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_is_off_is_seen_wherever_it_stands() {
        const MOST: i64 = i64::MAX;
        let spans = [(0, 0), (0, 9), (9, 9), (3, 4)];
        let off = [
            (-1, 3),
            (4, 3),
            (8, 10),
            (-2, -1),
            (MOST, MOST),
            (0, -MOST - 1),
            (1 << 62, 5 - MOST),
            (3, MOST),
        ];
        for at in 0..=spans.len() {
            let flat =
                |pairs: &[(i64, i64)]| pairs.iter().flat_map(|pair| [pair.0, pair.1]).collect::<Vec<_>>();
            let good = flat(&spans);
            assert!(Ints::I64(&good).all_spans(9) && Ints::I64(&good).all_below(10));
            assert!(!Ints::I64(&good).all_spans(8) && !Ints::I64(&good).all_below(9));
            for pair in off {
                let mut pairs = spans.to_vec();
                pairs.insert(at, pair);
                let bad = flat(&pairs);
                assert!(!Ints::I64(&bad).all_spans(9), "{pair:?} at {at}");
                let inside = |value: &i64| (0..10).contains(value);
                assert_eq!(Ints::I64(&bad).all_below(10), bad.iter().all(inside), "{pair:?} at {at}");
            }
        }
        let row = [0, 2, 2, 5, 2, 5, 7, 9];
        assert!(Ints::I64(&row).are_in_row(0..4, 9) && !Ints::I64(&row).are_in_row(0..4, 8));
        assert!(Ints::I64(&row).are_in_row(0..3, 8) && Ints::I64(&row).are_in_row(2..2, 0));
        for (place, value) in
            [(0, -1), (1, 0), (2, 5), (3, 1), (4, 1), (5, 4), (6, 9), (7, MOST), (0, MOST), (1, -MOST - 1)]
        {
            let mut off = row;
            off[place] = value;
            assert!(!Ints::I64(&off).are_in_row(0..4, 9), "{value} at {place}");
        }
        let words = |ids: [i64; 4]| Ints::I64(&row).have_gaps_in_words(Ints::I64(&ids), 0..4);
        assert!(words([0, 1, 2, 2]) && !words([0, 0, 0, 1]) && !words([0, 0, -1, -1]));
        assert!(Ints::I32(&[0, 3, 3, 5]).all_spans(MOST) && !Ints::I8(&[0, -3]).all_spans(MOST));
        assert!(!Ints::I32(&[0]).all_below(0) && Ints::I8(&[]).all_below(0));
        assert!(Ints::I8(&[7, 0, 0, -1]).are_zero(1..3) && Ints::I32(&[7]).are_zero(0..0));
        for (at, other) in [(0, 1 << 32), (3, -1), (4, 256)] {
            let mut mask = [0; 5];
            mask[at] = other;
            assert!(!Ints::I64(&mask).are_zero(0..5), "{other} at {at}");
        }
    }
}
