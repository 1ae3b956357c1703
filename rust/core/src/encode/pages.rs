//! A value for each character, made page by page when first needed.

use std::sync::OnceLock;

/// A value for each character, in pages of 256.
#[derive(Debug)]
pub(super) struct Pages<T>(Vec<OnceLock<Box<[T; 256]>>>);

impl<T> Pages<T> {
    pub(super) fn new() -> Self {
        Self((0..0x1100).map(|_| OnceLock::new()).collect())
    }

    /// The value of `c`, which `make` makes.
    #[inline(always)]
    pub(super) fn get(&self, c: char, make: impl Fn(char) -> T) -> &T {
        let page = self.0[c as usize >> 8].get_or_init(|| {
            let first = c as u32 & !255;
            // Surrogates are not characters; the values in their places are never asked for.
            let make = |low: usize| make(char::from_u32(first + low as u32).unwrap_or('\0'));
            Box::new(std::array::from_fn(make))
        });
        &page[c as usize & 255]
    }
}
