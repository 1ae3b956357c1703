//! Which rows are not sure of their likely label: one comparison a value, where an arg-max takes more.

use pulp::{Simd, WithSimd};

/// See [`Rows::unsure`](super::logits::Rows::unsure).
///
/// Four rows are checked together: the lanes of a vector are inspected once for all four, and most groups of four are
/// sure.
pub(crate) struct Unsure<'a, 'o> {
    pub(crate) values: &'a [f32],
    pub(crate) columns: usize,
    pub(crate) likely: usize,
    pub(crate) margin: f32,
    pub(crate) out: &'o mut Vec<u32>,
}

impl WithSimd for Unsure<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // The likely label is mostly the first one. If the number of vectors behind it is known at compile time, the
        // loop over a row is unrolled, which takes half the time.
        let behind = if self.likely == 0 { (self.columns - 1) / S::F32_LANES } else { 0 };
        match behind {
            1 => self.look::<S, 1>(simd),
            2 => self.look::<S, 2>(simd),
            3 => self.look::<S, 3>(simd),
            4 => self.look::<S, 4>(simd),
            5 => self.look::<S, 5>(simd),
            6 => self.look::<S, 6>(simd),
            7 => self.look::<S, 7>(simd),
            8 => self.look::<S, 8>(simd),
            _ => self.look::<S, 0>(simd),
        }
    }
}

impl Unsure<'_, '_> {
    /// `BEHIND` is the number of whole vectors behind the likely label, which is the first; 0 if it is another, or there
    /// are none, or more.
    #[inline(always)]
    fn look<S: Simd, const BEHIND: usize>(self, simd: S) {
        let Self { values, columns, likely, margin, out } = self;
        let all = simd.equal_f32s(simd.splat_f32s(0.0), simd.splat_f32s(0.0));
        let mut at = 0;
        for four in values.chunks(4 * columns) {
            let (mut below, mut sure) = (all, true);
            for row in four.chunks_exact(columns) {
                let of_row = others_below::<S, BEHIND>(simd, row, likely, margin, all, &mut sure);
                below = simd.and_m32s(below, of_row);
            }
            if !(sure && holds(simd, below)) {
                for (row, number) in four.chunks_exact(columns).zip(at..) {
                    let mut sure = true;
                    let below = others_below::<S, BEHIND>(simd, row, likely, margin, all, &mut sure);
                    if !(sure && holds(simd, below)) {
                        out.push(number);
                    }
                }
            }
            at += 4;
        }
    }
}

/// Lanes in which each value of a row but the likely one is below it by more than `margin`. Values that fill no
/// vector, and a likely value that is not finite, go into `sure`.
#[inline(always)]
fn others_below<S: Simd, const BEHIND: usize>(
    simd: S,
    row: &[f32],
    likely: usize,
    margin: f32,
    all: S::m32s,
    sure: &mut bool,
) -> S::m32s {
    let bar = row[likely] - margin;
    *sure &= row[likely].is_finite();
    if BEHIND == 0 {
        let before = below_of(simd, &row[..likely], bar, all, sure);
        return simd.and_m32s(before, below_of(simd, &row[likely + 1..], bar, all, sure));
    }
    let (behind, bars) = (&row[1..], simd.splat_f32s(bar));
    let mut below = all;
    for &vector in &S::as_simd_f32s(behind).0[..BEHIND] {
        below = simd.and_m32s(below, simd.less_than_f32s(vector, bars));
    }
    // Looks at some values twice, which changes nothing.
    for &last in S::as_simd_f32s(&behind[behind.len() - S::F32_LANES..]).0 {
        below = simd.and_m32s(below, simd.less_than_f32s(last, bars));
    }
    below
}

/// Whether all lanes of `mask` are set.
#[inline(always)]
fn holds<S: Simd>(simd: S, mask: S::m32s) -> bool {
    simd.first_true_m32s(simd.not_m32s(mask)) == S::F32_LANES
}

/// Lanes in which each of `values` is below `bar`, which a NaN never is; `all` has all lanes set. Values that fill no
/// vector go into `sure`.
#[inline(always)]
fn below_of<S: Simd>(simd: S, values: &[f32], bar: f32, all: S::m32s, sure: &mut bool) -> S::m32s {
    let (vectors, tail) = S::as_simd_f32s(values);
    let (mut below, bars) = (all, simd.splat_f32s(bar));
    for &vector in vectors {
        below = simd.and_m32s(below, simd.less_than_f32s(vector, bars));
    }
    if tail.is_empty() {
        return below;
    }
    if let Some(before) = values.len().checked_sub(S::F32_LANES) {
        // Looks at some values twice, which changes nothing.
        for &last in S::as_simd_f32s(&values[before..]).0 {
            below = simd.and_m32s(below, simd.less_than_f32s(last, bars));
        }
    } else {
        *sure &= tail.iter().all(|&value| value < bar);
    }
    below
}
