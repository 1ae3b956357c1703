//! Whole numbers of one window in any of the widths they come in: never copied just to change their type.

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
