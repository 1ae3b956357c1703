//! The words of the expressions of o200k and Tekken.

use super::cl100k::contraction;
use super::scan::{LETTER, any_at, class, few_of, lines, run_of, run_without};
use crate::tokenizer::classes::{LOWER, MARK, NUMBER, SPACE, UPPER};

/// What distinguishes the o200k-like expressions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct O200k {
    /// Whether `'s` and its like belong to the word before them.
    pub(super) contractions: bool,
    /// Longest run of digits.
    pub(super) digits: usize,
}

/// End of an o200k-like expression at `at`.
pub(super) fn end(text: &[u8], at: usize, options: O200k) -> usize {
    let (found, next) = class(text, at);
    let word = |start: usize, lone_capitals: bool| {
        cased(text, start, lone_capitals)
            .map(|end| if options.contractions { end + contraction(text, end) } else { end })
    };
    // The optional first character: anything but a line end, a letter or a number.
    let lead = found & (LETTER | NUMBER) == 0 && !any_at(text, at, b"\r\n") && next < text.len();
    let with_lead = |capitals: bool| lead.then(|| word(next, capitals)).flatten();
    let plain = |capitals: bool| (found & (LETTER | MARK) != 0).then(|| word(at, capitals)).flatten();
    let end = with_lead(false).or_else(|| plain(false)).or_else(|| with_lead(true)).or_else(|| plain(true));
    if let Some(end) = end {
        return end;
    }
    if found & NUMBER != 0 {
        return few_of(text, next, NUMBER, options.digits - 1);
    }
    let (second, _) = class(text, next);
    if found & SPACE == 0 || (text[at] == b' ' && second & (SPACE | LETTER | NUMBER) == 0) {
        let mut end = run_without(text, next, SPACE | LETTER | NUMBER);
        while any_at(text, end, b"\r\n/") {
            end += 1;
        }
        return end;
    }
    lines(text, at)
}

/// End of capitals and then small letters at `at`: `[U]*[l]+`, or with `lone_capitals` `[U]+[l]*`.
///
/// Letters without case and marks are in both sets, so `[U]*` may have to give some of them back to `[l]+`.
fn cased(text: &[u8], at: usize, lone_capitals: bool) -> Option<usize> {
    let mut capitals = at;
    let mut given_back = None;
    while capitals < text.len() {
        let (found, next) = class(text, capitals);
        if found & (UPPER | MARK) == 0 {
            break;
        }
        capitals = next;
        if found & (LOWER | MARK) != 0 {
            given_back = Some(next);
        }
    }
    let end = run_of(text, capitals, LOWER | MARK);
    if lone_capitals {
        return (capitals > at).then_some(end);
    }
    if end > capitals { Some(end) } else { given_back }
}
