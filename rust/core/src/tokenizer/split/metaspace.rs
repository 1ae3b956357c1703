//! The words of `Metaspace`.

use std::ops::Range;

/// Blanks become `blank`; with `prepend` the text starts with one; with `split` each starts a word.
pub(super) fn words(
    text: &[u8],
    blank: char,
    prepend: bool,
    split: bool,
    emit: &mut impl FnMut(&[u8], Range<usize>),
) {
    let mut buffer = [0; 4];
    let blank = blank.encode_utf8(&mut buffer).as_bytes();
    let mut out = Vec::with_capacity(text.len() + text.len() / 2);
    if prepend && text[0] != b' ' && !text.starts_with(blank) {
        out.extend_from_slice(blank);
    }
    for &byte in text {
        if byte == b' ' {
            out.extend_from_slice(blank);
        } else {
            out.push(byte);
        }
    }
    if !split {
        return emit(&out, 0..out.len());
    }
    let mut start = 0;
    for at in memchr::memmem::find_iter(&out, blank) {
        if at > start {
            emit(&out, start..at);
        }
        start = at;
    }
    emit(&out, start..out.len());
}
