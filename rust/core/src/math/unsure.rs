//! Which rows are not sure of their likely label: one comparison a value, where an arg-max takes more.

use pulp::{Simd, WithSimd};

/// See [`Rows::unsure`](super::logits::Rows::unsure).
///
/// Four rows are one question: a vector is gone through lane by lane once for all of them, and most fours are sure.
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
        let Self { values, columns, likely, margin, out } = self;
        let all = simd.equal_f32s(simd.splat_f32s(0.0), simd.splat_f32s(0.0));
        let mut at = 0;
        for four in values.chunks(4 * columns) {
            let (mut below, mut sure) = (all, true);
            for row in four.chunks_exact(columns) {
                let (before, behind) = (&row[..likely], &row[likely + 1..]);
                let bar = row[likely] - margin;
                sure &= row[likely].is_finite();
                if likely > 0 {
                    below = simd.and_m32s(below, below_of(simd, before, bar, all, &mut sure));
                }
                below = simd.and_m32s(below, below_of(simd, behind, bar, all, &mut sure));
            }
            if !(sure && holds(simd, below)) {
                for (row, number) in four.chunks_exact(columns).zip(at..) {
                    let mut sure = row[likely].is_finite();
                    let bar = row[likely] - margin;
                    let before = below_of(simd, &row[..likely], bar, all, &mut sure);
                    let behind = below_of(simd, &row[likely + 1..], bar, all, &mut sure);
                    if !(sure && holds(simd, simd.and_m32s(before, behind))) {
                        out.push(number);
                    }
                }
            }
            at += 4;
        }
    }
}

/// Whether all lanes of `mask` are set.
#[inline(always)]
fn holds<S: Simd>(simd: S, mask: S::m32s) -> bool {
    let unset = simd.select_f32s(mask, simd.splat_f32s(0.0), simd.splat_f32s(1.0));
    simd.reduce_max_f32s(unset) == 0.0
}

/// Lanes in which each of `values` is below `bar`, which no NaN is; `all` are all lanes. What fills no vector is told by
/// `sure`.
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
