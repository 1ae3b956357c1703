//! Inputs that the benches share; they are the same in every run.

#![allow(dead_code, reason = "each bench uses some of it")]

/// About `kilobytes` kB of English as in documents, with an occasional word in another script.
pub fn text(kilobytes: usize) -> String {
    const SENTENCE: &str = "Anna Schmidt's brother moved from Z\u{fc}rich to 東京 on 12.05.2024, at 10:30; write to \
        anna@example.org, or call 718-555-0199 (the U.S. office). Nothing else was said about the matter.\n";
    SENTENCE.repeat(kilobytes * 1024 / SENTENCE.len() + 1)
}

/// Numbers between -4 and 4 that look random. Source: Marsaglia's xorshift32.
pub fn logits(count: usize) -> Vec<f32> {
    let mut state = 0x9E37_79B9_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 8) as f32 / (1 << 21) as f32 - 4.0
    };
    (0..count).map(|_| next()).collect()
}

/// Places of the words of ASCII text, as tokens.
pub fn offsets(tokens: usize) -> Vec<i64> {
    (0..tokens as i64).flat_map(|token| [5 * token, 5 * token + 4]).collect()
}
