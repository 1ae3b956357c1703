//! Exponentials of one row, their sum, and the results made from both.
//!
//! The plain line this replaces is `exp(x - top)` in a loop. The compiler made vector code of it only for whole turns of
//! four vectors, so that a row of 35 labels was filled up to 64; written in vectors it takes less than half the time.

use pulp::{Arch, Simd, WithSimd};

/// Rows up to this length need no memory of their own.
const SHORT: usize = 128;

/// Sum of `exp(value - top)` over a row.
#[must_use]
pub fn exp_sum(row: &[f32], top: f32) -> f32 {
    Arch::new().dispatch(Sum { row, top })
}

/// See [`exp_sum`].
struct Sum<'a> {
    row: &'a [f32],
    top: f32,
}

impl WithSimd for Sum<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        exps(simd, self.row, self.top, pairwise_sum)
    }
}

/// Sum of the probabilities of `labels`, which must be indices of `row`.
pub(crate) struct Probability<'a, L> {
    pub(crate) row: &'a [f32],
    pub(crate) labels: L,
}

impl<L: IntoIterator<Item = usize>> WithSimd for Probability<'_, L> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        let Self { row, labels } = self;
        let share = |exps: &[f32]| {
            let total = pairwise_sum(exps);
            labels.into_iter().map(|label| exps[label] / total).sum()
        };
        exps(simd, row, largest(simd, row), share)
    }
}

/// Writes the softmax of `row` into `out`, which has the same length.
pub(crate) struct Softmax<'a, 'o> {
    pub(crate) row: &'a [f32],
    pub(crate) out: &'o mut [f32],
}

impl WithSimd for Softmax<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { row, out } = self;
        let share = |exps: &[f32]| {
            let total = pairwise_sum(exps);
            for (out, exp) in out.iter_mut().zip(exps) {
                *out = exp / total;
            }
        };
        exps(simd, row, largest(simd, row), share);
    }
}

/// Appends the softmax of `row`.
pub fn softmax_onto(row: &[f32], out: &mut Vec<f32>) {
    let from = out.len();
    out.resize(from + row.len(), 0.0);
    Arch::new().dispatch(Softmax { row, out: &mut out[from..] });
}

/// Passes the `exp(value - top)` of a row to `of`.
#[inline(always)]
fn exps<S: Simd, T>(simd: S, row: &[f32], top: f32, of: impl FnOnce(&[f32]) -> T) -> T {
    let (mut short, mut long) = ([0.0; SHORT], Vec::new());
    let out = if row.len() <= SHORT {
        &mut short[..row.len()]
    } else {
        long.resize(row.len(), 0.0);
        &mut long[..]
    };
    let tops = simd.splat_f32s(top);
    let (vectors, tail) = S::as_simd_f32s(row);
    let (places, rest) = S::as_mut_simd_f32s(out);
    for (place, &vector) in places.iter_mut().zip(vectors) {
        *place = exp(simd, simd.sub_f32s(vector, tops));
    }
    if !tail.is_empty() {
        simd.partial_store_f32s(rest, exp(simd, simd.sub_f32s(simd.partial_load_f32s(tail), tops)));
    }
    of(out)
}

/// The largest of `values`, none of which is NaN; -inf if there is none.
#[inline(always)]
pub(crate) fn largest<S: Simd>(simd: S, values: &[f32]) -> f32 {
    let (vectors, tail) = S::as_simd_f32s(values);
    let mut tops = simd.splat_f32s(f32::NEG_INFINITY);
    for &vector in vectors {
        tops = simd.max_f32s(tops, vector);
    }
    if tail.is_empty() {
        return simd.reduce_max_f32s(tops);
    }
    if let Some(before) = values.len().checked_sub(S::F32_LANES) {
        // Looks at some values twice, which changes nothing.
        for &last in S::as_simd_f32s(&values[before..]).0 {
            tops = simd.max_f32s(tops, last);
        }
        return simd.reduce_max_f32s(tops);
    }
    tail.iter().fold(f32::NEG_INFINITY, |top, &value| if value > top { value } else { top })
}

/// `exp(x)` for `x <= 0`: relative error below 2e-7 for results that are normal floats, 0 below them.
///
/// No branch, no table and no fused multiply-add, so vectors of any width give the same bits. Source: `exp(x) = 2^n *
/// exp(r)` with `|r| <= ln(2) / 2`, the range reduced in two steps after Cody and Waite and `exp(r)` by its Taylor
/// polynomial of degree 7.
#[inline(always)]
fn exp<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    const SHIFT: f32 = 12_582_912.0; // 1.5 * 2^23: adding it rounds to an integer, kept in the low bits
    const LN2_HIGH: f32 = 0.693_145_75; // its last bits are zero, so n * LN2_HIGH is exact
    const LN2_LOW: f32 = 1.428_606_8e-6;
    const LEAST: f32 = -87.336_54;
    let all = |value: f32| simd.splat_f32s(value);
    let tiny = simd.less_than_f32s(x, all(LEAST));
    let clamped = simd.select_f32s(tiny, all(LEAST), x);
    let shifted = simd.add_f32s(simd.mul_f32s(clamped, all(std::f32::consts::LOG2_E)), all(SHIFT));
    let n = simd.sub_f32s(shifted, all(SHIFT));
    let r = simd.sub_f32s(clamped, simd.mul_f32s(n, all(LN2_HIGH)));
    let r = simd.sub_f32s(r, simd.mul_f32s(n, all(LN2_LOW)));
    let mut p = all(1.0 / 5040.0);
    for factor in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5] {
        p = simd.add_f32s(simd.mul_f32s(p, r), all(factor));
    }
    let p = simd.add_f32s(simd.add_f32s(simd.mul_f32s(simd.mul_f32s(p, r), r), r), all(1.0));
    let biased = simd.add_u32s(simd.transmute_u32s_f32s(shifted), simd.splat_u32s(127));
    let scale = simd.transmute_f32s_u32s(simd.wrapping_dyn_shl_u32s(biased, simd.splat_u32s(23)));
    simd.select_f32s(tiny, all(0.0), simd.mul_f32s(p, scale))
}

/// Sum in NumPy's order: eight running sums over blocks of up to 128 values, halves added pairwise.
///
/// The order is part of the result: with another one, sums of equal parts could differ in their last bit
/// from the peer's and turn an exact tie into an order.
#[inline(always)]
#[must_use]
pub fn pairwise_sum(values: &[f32]) -> f32 {
    if values.len() > 128 {
        let middle = values.len() / 2;
        let middle = middle - middle % 8;
        return halves(&values[..middle], &values[middle..]);
    }
    let (chunks, rest) = values.as_chunks::<8>();
    let mut total = 0.0;
    if let Some((first, others)) = chunks.split_first() {
        let mut lanes = *first;
        for chunk in others {
            for (lane, value) in lanes.iter_mut().zip(chunk) {
                *lane += value;
            }
        }
        let [a, b, c, d, e, f, g, h] = lanes;
        total = ((a + b) + (c + d)) + ((e + f) + (g + h));
    }
    rest.iter().fold(total, |total, value| total + value)
}

#[inline(never)]
fn halves(left: &[f32], right: &[f32]) -> f32 {
    pairwise_sum(left) + pairwise_sum(right)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Exponentials of one value in each lane.
    struct Fill<'o> {
        x: f32,
        out: &'o mut [f32],
    }

    impl WithSimd for Fill<'_> {
        type Output = ();

        fn with_simd<S: Simd>(self, simd: S) {
            S::as_mut_simd_f32s(self.out).0.fill(exp(simd, simd.splat_f32s(self.x)));
        }
    }

    /// For one value, and for as many as the widest vector of this machine holds: both must be the same.
    fn exp_of(x: f32) -> f32 {
        let alone = exp(pulp::Scalar::new(), x);
        let mut wide = [f32::NAN; 16];
        Arch::new().dispatch(Fill { x, out: &mut wide });
        assert!(wide.iter().all(|value| value.to_bits() == alone.to_bits()), "{x}: {alone} and {wide:?}");
        alone
    }

    struct Largest<'a>(&'a [f32]);

    impl WithSimd for Largest<'_> {
        type Output = f32;

        fn with_simd<S: Simd>(self, simd: S) -> f32 {
            largest(simd, self.0)
        }
    }

    #[test]
    fn exp_is_within_a_millionth_of_the_64_bit_one() {
        let mut worst = 0.0_f64;
        for step in 0..2_000_000 {
            let x = -(step as f32) * 87.33 / 2_000_000.0;
            let exact = f64::from(x).exp();
            worst = worst.max((f64::from(exp_of(x)) - exact).abs() / exact);
        }
        assert!(worst < 2e-7, "{worst}");
        assert_eq!(exp_of(0.0), 1.0);
        assert_eq!(exp_of(-88.0), 0.0);
        assert_eq!(exp_of(f32::NEG_INFINITY), 0.0);
    }

    proptest! {
        #[test]
        fn pairwise_sum_is_the_sum(values in prop::collection::vec(0.0_f32..1.0, 0..700)) {
            let want: f64 = values.iter().map(|&v| f64::from(v)).sum();
            prop_assert!((f64::from(pairwise_sum(&values)) - want).abs() <= 1e-5 * want);
        }

        #[test]
        fn the_largest_is_that_of_a_fold(values in prop::collection::vec(-9.0_f32..9.0, 0..70)) {
            let want = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            prop_assert_eq!(Arch::new().dispatch(Largest(&values)), want);
        }
    }
}
