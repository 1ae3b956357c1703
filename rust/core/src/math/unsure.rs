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
    fn look<S: Simd, const BEHIND: usize>(mut self, simd: S) {
        let Self { columns, likely, margin, .. } = self;
        let all = simd.equal_f32s(simd.splat_f32s(0.0), simd.splat_f32s(0.0));
        let mut at = 0;
        let fours = self.values.chunks_exact(4 * columns);
        let rest = fours.remainder();
        for four in fours {
            // Cut by hand: chunks of a width that is known only here take a division for each four.
            let (first, second) = four.split_at(2 * columns);
            let ((a, b), (c, d)) = (first.split_at(columns), second.split_at(columns));
            let (mut below, mut sure) = (all, true);
            // Not by `map`, whose closure would not be made of vectors.
            for row in [a, b, c, d] {
                let of_row = others_below::<S, BEHIND>(simd, row, likely, margin, all, &mut sure);
                below = simd.and_m32s(below, of_row);
            }
            if !(sure && holds(simd, below)) {
                self.each::<S, BEHIND>(simd, four, at, all);
            }
            at += 4;
        }
        self.each::<S, BEHIND>(simd, rest, at, all);
    }

    /// Looks at `rows` one by one; `at` is the number of the first.
    #[inline(always)]
    fn each<S: Simd, const BEHIND: usize>(&mut self, simd: S, rows: &[f32], at: u32, all: S::m32s) {
        for (row, number) in rows.chunks_exact(self.columns).zip(at..) {
            let mut sure = true;
            let below = others_below::<S, BEHIND>(simd, row, self.likely, self.margin, all, &mut sure);
            if !(sure && holds(simd, below)) {
                self.out.push(number);
            }
        }
    }
}

/// Lanes in which each value of a row but the likely one is below it by more than `margin`: none if the likely value is
/// not finite. Values that fill no vector go into `sure`; so does all that is not finite if `BEHIND` is 0.
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
    if BEHIND == 0 {
        *sure &= row[likely].is_finite();
        let before = below_of(simd, &row[..likely], bar, all, sure);
        return simd.and_m32s(before, below_of(simd, &row[likely + 1..], bar, all, sure));
    }
    let (behind, bars) = (&row[1..], simd.splat_f32s(bar));
    // No lane holds for a bar that is infinite or NaN.
    let mut below = simd.less_than_f32s(bars, simd.splat_f32s(f32::INFINITY));
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
