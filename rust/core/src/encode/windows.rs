//! The tokens of a text, or of two -> ranges of windows that fit a length, as tokenizers truncates.

use crate::batch::plan::{Overlap, check_overlap};
use crate::{Error, Result};

/// Which of two texts gives way where both are too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// The longer one.
    LongestFirst,
    /// The first one.
    OnlyFirst,
    /// The second one.
    OnlySecond,
}

/// The end that is kept in the first window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The end of the text: windows go backwards from there.
    Left,
    /// The start of the text: windows go on from there.
    Right,
}

/// How texts that are too long are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Truncation {
    /// Tokens of a window, special ones included.
    pub max_length: usize,
    /// Tokens that neighbours share.
    pub stride: usize,
    /// What is cut.
    pub strategy: Strategy,
    /// Where.
    pub side: Side,
}

/// Token ranges, the one of the first window first.
pub(super) type Ranges = Vec<(usize, usize)>;

impl Truncation {
    /// The windows of texts with `counts` tokens each, if special tokens leave room for `room` tokens, at least one.
    ///
    /// # Errors
    /// [`Error::BadOption`] if the strategy can't make text number `text` fit, or `stride` leaves no room to go on;
    /// [`Error::Overlap`] if the windows hold the texts many times over.
    pub fn cut(&self, text: usize, counts: &[usize], room: usize) -> Result<Vec<Ranges>> {
        let total: usize = counts.iter().sum();
        if total <= room {
            return Ok(counts.iter().map(|&count| vec![(0, count)]).collect());
        }
        let excess = total - room;
        let keep: Vec<usize> = match (self.strategy, counts) {
            (Strategy::LongestFirst, &[first, second]) => longest_first(first, second, room).to_vec(),
            (Strategy::LongestFirst, _) | (Strategy::OnlyFirst, &[_]) => vec![room],
            (Strategy::OnlyFirst, &[first, second]) if first > excess => vec![first - excess, second],
            (Strategy::OnlySecond, &[first, second]) if second > excess => vec![first, second - excess],
            (Strategy::OnlySecond, &[_]) => {
                return Err(Error::BadOption {
                    name: "truncation",
                    got: format!("\"only_second\", and text {text} is too long"),
                    cure: "without `pairs` there is no second text to cut; pass truncation=\"only_first\"",
                });
            }
            (strategy, _) => {
                let (name, tokens) = match strategy {
                    Strategy::OnlyFirst => ("only_first", counts[0]),
                    _ => ("only_second", counts[1]),
                };
                return Err(Error::BadOption {
                    name: "truncation",
                    got: format!(
                        "{name:?}, but text {text} is {excess} tokens too long, and the one to cut has {tokens}"
                    ),
                    cure: "pass a larger `max_length`, or truncation=\"longest_first\"",
                });
            }
        };
        let ranges = counts.iter().zip(keep).map(|(&count, most)| self.ranges(text, count, most));
        let ranges: Vec<Ranges> = ranges.collect::<Result<_>>()?;
        self.check(text, total, &ranges)?;
        Ok(ranges)
    }

    /// Refuses windows that hold the texts, of `tokens` tokens, many times over.
    fn check(&self, text: usize, tokens: usize, ranges: &[Ranges]) -> Result<()> {
        let held = |ranges: &Ranges| ranges.iter().map(|(start, end)| end - start).sum::<usize>();
        let (pair, held) = match ranges {
            // Each window of one text comes with each of the other.
            [first, second] => (
                first.len() > 1 && second.len() > 1,
                held(first)
                    .saturating_mul(second.len())
                    .saturating_add(held(second).saturating_mul(first.len())),
            ),
            _ => (false, ranges.iter().map(held).sum()),
        };
        check_overlap(Overlap { name: "stride", text, stride: self.stride, tokens, pair }, held)
    }

    /// Windows of up to `most` tokens over `count`.
    fn ranges(&self, text: usize, count: usize, most: usize) -> Result<Ranges> {
        if most >= count {
            return Ok(vec![(0, count)]);
        }
        if most == 0 {
            // As in tokenizers: nothing is kept, and the part that is cut off is not cut further.
            return Ok(vec![(0, 0), (0, count)]);
        }
        if self.stride >= most {
            return Err(Error::BadOption {
                name: "stride",
                got: format!(
                    "{}, but a window of text {text} holds {most} tokens of the text that is cut",
                    self.stride
                ),
                cure: "neighbouring windows share fewer tokens than they hold; pass a smaller `stride` or a larger `max_length`",
            });
        }
        let step = most - self.stride;
        let mut ranges = Vec::with_capacity((count - most).div_ceil(step) + 1);
        let mut at = 0;
        loop {
            let last = at + most >= count;
            let (near, far) = (at, (at + most).min(count));
            ranges.push(match self.side {
                Side::Right => (near, far),
                Side::Left => (count - far, count - near),
            });
            if last {
                return Ok(ranges);
            }
            at += step;
        }
    }
}

/// Tokens that two texts keep of `room`: the longer one gives way until both have as many.
fn longest_first(first: usize, second: usize, room: usize) -> [usize; 2] {
    let short = first.min(second);
    let (mut less, mut more) = (short, if short > room { short } else { short.max(room - short) });
    if less + more > room {
        less = room / 2;
        more = less + room % 2;
    }
    if first > second { [more, less] } else { [less, more] }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(
        counts: &[usize],
        room: usize,
        stride: usize,
        strategy: Strategy,
        side: Side,
    ) -> Result<Vec<Ranges>> {
        Truncation { max_length: room + 2, stride, strategy, side }.cut(5, counts, room)
    }

    /// Tokens of the texts, room, stride, strategy, side; the windows of each text.
    type Case = (&'static [usize], usize, usize, Strategy, Side, &'static [&'static [(usize, usize)]]);

    #[test]
    fn windows_of_one_text_and_of_two() {
        use Side::{Left, Right};
        use Strategy::{LongestFirst, OnlyFirst, OnlySecond};
        let cases: [Case; 9] = [
            (&[4], 4, 1, LongestFirst, Right, &[&[(0, 4)]]),
            (&[7], 4, 1, OnlyFirst, Right, &[&[(0, 4), (3, 7)]]),
            (&[8], 4, 1, OnlyFirst, Right, &[&[(0, 4), (3, 7), (6, 8)]]),
            (&[8], 4, 1, OnlyFirst, Left, &[&[(4, 8), (1, 5), (0, 2)]]),
            (&[3, 9], 6, 0, OnlySecond, Right, &[&[(0, 3)], &[(0, 3), (3, 6), (6, 9)]]),
            (&[9, 3], 6, 1, OnlyFirst, Left, &[&[(6, 9), (4, 7), (2, 5), (0, 3)], &[(0, 3)]]),
            (&[2, 9], 6, 0, LongestFirst, Right, &[&[(0, 2)], &[(0, 4), (4, 8), (8, 9)]]),
            (
                &[9, 8],
                5,
                0,
                LongestFirst,
                Right,
                &[&[(0, 3), (3, 6), (6, 9)], &[(0, 2), (2, 4), (4, 6), (6, 8)]],
            ),
            (&[1, 2], 1, 0, LongestFirst, Right, &[&[(0, 0), (0, 1)], &[(0, 1), (1, 2)]]),
        ];
        for (counts, room, stride, strategy, side, want) in cases {
            let want = want.iter().map(|one| one.to_vec()).collect();
            assert_eq!(
                cut(counts, room, stride, strategy, side),
                Ok(want),
                "{counts:?} {room} {stride} {strategy:?}"
            );
        }
    }

    #[test]
    fn what_can_not_be_cut_names_the_text() {
        for (counts, stride, strategy, name) in [
            (&[9][..], 0, Strategy::OnlySecond, "truncation"),
            (&[9, 2], 0, Strategy::OnlySecond, "truncation"),
            (&[2, 9], 0, Strategy::OnlyFirst, "truncation"),
            (&[9], 4, Strategy::LongestFirst, "stride"),
        ] {
            let refused = cut(counts, 4, stride, strategy, Side::Right).unwrap_err().to_string();
            assert!(refused.contains("text 5") && refused.starts_with(&format!("`{name}`")), "{refused}");
        }
    }
}
