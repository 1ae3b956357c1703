//! ASCII -> where the words of GPT-2's expression start, 64 bytes at a time.
//!
//! The plain way is [`gpt2`](super::gpt2), character by character: a table look-up and a branch for each, and
//! a wrong guess of the processor at nearly every word's end. Here the class of 64 bytes is five masks of 64 bits,
//! eight bytes a turn, and a word starts where the masks change. A word of Python code, without the counting, took 17
//! ns and takes 4 to 6 ns.

/// Bytes that are looked at together.
pub(super) const WINDOW: usize = 64;

/// Where words start in `bytes`, which starts with a word: a bit for each but the first one.
///
/// A start that depends on what follows the window is left out, and so are all after it. `None` if a byte is not
/// ASCII. Equals, with `S` for white space, `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`.
#[inline]
pub(super) fn starts(bytes: &[u8; WINDOW]) -> Option<u64> {
    let (mut letter, mut number, mut space, mut blank, mut quote) = (0, 0, 0, 0, 0);
    let mut high = 0;
    for (index, eight) in bytes.as_chunks::<8>().0.iter().enumerate() {
        let eight = u64::from_le_bytes(*eight);
        let shift = 8 * index;
        high |= eight & EACH << 7;
        letter |= bits(between(eight | EACH << 5, b'a', b'z')) << shift;
        number |= bits(between(eight, b'0', b'9')) << shift;
        let gap = between(eight, b' ', b' ');
        blank |= bits(gap) << shift;
        space |= bits(gap | between(eight, b'\t', b'\r')) << shift;
        quote |= bits(between(eight, b'\'', b'\'')) << shift;
    }
    if high != 0 {
        return None;
    }
    let (letter, number, space, blank, quote): (u64, u64, u64, u64, u64) =
        (letter, number, space, blank, quote);
    let edges = |class: u64| class ^ (class << 1);
    let changes = edges(letter) | edges(number) | edges(space);
    // A run of white space leaves its last character to the word after it, where a blank joins that word.
    let last = space & !(space >> 1) & !(1 << 63);
    let mut starts = (changes & !((last & blank) << 1)) | last;
    // What bit 63 says depends on the next byte.
    let mut known = u64::MAX >> 1;
    // `'s` and its like at the start of a word are words.
    let mut quotes = (starts | 1) & quote & (letter >> 1);
    while quotes != 0 {
        let at = quotes.trailing_zeros() as usize;
        quotes &= quotes - 1;
        let Some(&[second, third]) = bytes.get(at + 1..).and_then(<[u8]>::first_chunk::<2>) else {
            known = known.min((2 << at) - 1);
            break;
        };
        let length = contraction(second, third);
        if length > 0 {
            starts &= !(2 << at);
            if at + length < WINDOW {
                starts |= 1 << (at + length);
            }
        }
    }
    Some(starts & known & !1)
}

/// Length of `'s|'t|'re|'ve|'m|'ll|'d` by the two bytes after the quote, 0 if it is none of these.
#[inline]
pub(super) fn contraction(second: u8, third: u8) -> usize {
    match (second, third) {
        (b's' | b't' | b'm' | b'd', _) => 2,
        (b'r' | b'v', b'e') | (b'l', b'l') => 3,
        _ => 0,
    }
}

/// A one in each byte.
const EACH: u64 = u64::MAX / 255;

/// The high bit of each byte of `eight`, all ASCII, that lies in `first..=last`.
#[inline]
fn between(eight: u64, first: u8, last: u8) -> u64 {
    let from = |least: u8| eight.wrapping_add(EACH * u64::from(128 - least));
    from(first) & !from(last + 1) & (EACH << 7)
}

/// The eight high bits, side by side.
#[inline]
fn bits(high: u64) -> u64 {
    (high >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}
