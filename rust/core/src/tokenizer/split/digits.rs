//! The words of `Digits`: digits, and what lies between them.

use super::scan::decode;

/// End of a run of digits or of other characters at `at`. Digits are `char::is_numeric`, as in tokenizers.
pub(super) fn end(text: &[u8], at: usize, single: bool) -> usize {
    let numeric = |at: usize| {
        let (code, length) = decode(text, at);
        (char::from_u32(code).is_some_and(char::is_numeric), (at + length).min(text.len()))
    };
    let (kind, mut end) = numeric(at);
    if kind && single {
        return end;
    }
    while end < text.len() {
        let (other, next) = numeric(end);
        if other != kind {
            break;
        }
        end = next;
    }
    end
}
