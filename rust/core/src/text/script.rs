//! What white space is, and which scripts do without it: one rule for entities, answers, labels and normal forms.

/// Whether a character is white space: Unicode's `White_Space`, and the four separators of
/// ASCII (U+001C to U+001F) that Unicode leaves out.
#[must_use]
pub fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\x1c'..='\x1f')
}

/// Whether `c` is a letter of a script that puts no spaces between words.
///
/// Blocks of Unicode 17: the characters that UAX #14 classes as `SA` (complex context), those of Han and kana that it
/// classes as `ID`, and Javanese and Balinese. Digits of these scripts are digits.
#[must_use]
pub fn is_unspaced(c: char) -> bool {
    match c as u32 {
        0x2E80..=0x2FDF | 0x3005..=0x3007 | 0x3021..=0x3029 | 0x3031..=0x3035 | 0x3038..=0x303C // Han
        | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF | 0x2_0000..=0x3_FFFD
        | 0x3040..=0x309F | 0x30A1..=0x30FA | 0x30FC..=0x30FF | 0x31F0..=0x31FF // kana
        | 0xFF66..=0xFF9F | 0x1_AFF0..=0x1_B16F => true,
        0x0E00..=0x0EFF // Thai, Lao
        | 0x1000..=0x109F | 0xA9E0..=0xA9FF | 0xAA60..=0xAA7F | 0x1_16D0..=0x1_16FF // Myanmar
        | 0x1780..=0x17FF // Khmer
        | 0x1950..=0x19DF | 0x1A20..=0x1AAF | 0xAA80..=0xAADF | 0x1_1700..=0x1_174F // Tai, Ahom
        | 0xA980..=0xA9DF | 0x1B00..=0x1B7F // Javanese, Balinese
        => c.is_alphabetic(),
        _ => false,
    }
}
