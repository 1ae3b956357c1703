//! What white space is: one rule for entities, answers, labels and normal forms.

/// Whether Python's `str.isspace` calls a character white space: Unicode's `White_Space`, and the four separators of
/// ASCII (U+001C to U+001F) that Unicode leaves out.
#[must_use]
pub fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\x1c'..='\x1f')
}
