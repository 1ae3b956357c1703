//! Softmax as the question-answering pipeline of transformers 4.57 computes it, bit for bit.
//!
//! ```python
//! start = np.exp(start - start.max(axis=-1, keepdims=True)); start = start / start.sum()
//! ```
//! That runs in the dtype of the logits: float32, or float16 where the model gives that. NumPy's float32 `exp`
//! on a processor with fused multiply-add is a ratio of two polynomials, off by up to 2.5 units in the last place;
//! a better `exp` would order near ties differently, so the same polynomials are used here. They are also
//! what makes this fast: no branch, no table, eight lanes at a time.

use half::f16;
use pulp::Arch;

/// `exp` of values at most 0, to the last bit what NumPy's vector loop returns.
#[inline(always)]
#[allow(clippy::inline_always, reason = "must be inlined into the loop that has the processor's features")]
fn exp(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23: adding and taking it away rounds to an integer
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let quadrant = shifted - ROUND;
    let r = quadrant.mul_add(-1.428_606_8e-6, quadrant.mul_add(-6.931_457_5e-1, x));
    let over = 0.000_508_276_3_f32
        .mul_add(r, 0.006_757_897)
        .mul_add(r, 0.051_145_12)
        .mul_add(r, 0.247_361_54)
        .mul_add(r, 0.725_766_5)
        .mul_add(r, 1.0);
    let under = 0.021_595_094_f32.mul_add(r, -0.274_233_55).mul_add(r, 1.0);
    // Two factors, so that only the last product can be subnormal and rounds once.
    let scaled = over / under * f32::from_bits((shifted.to_bits() << 23).wrapping_add((127 + 32) << 23));
    if x < -103.972_08 { 0.0 } else { scaled * f32::from_bits((127 - 32) << 23) }
}

/// NumPy's pairwise sum: eight running sums over blocks of at most 128 values.
fn pairwise_sum(values: &[f32]) -> f32 {
    if values.len() < 8 {
        return values.iter().sum();
    }
    if values.len() > 128 {
        let half = values.len() / 2;
        let (left, right) = values.split_at(half - half % 8);
        return pairwise_sum(left) + pairwise_sum(right);
    }
    let mut sums = [0.0; 8];
    let (eights, rest) = values.as_chunks::<8>();
    for eight in eights {
        for (sum, value) in sums.iter_mut().zip(eight) {
            *sum += value;
        }
    }
    let pairs = [sums[0] + sums[1], sums[2] + sums[3], sums[4] + sums[5], sums[6] + sums[7]];
    rest.iter().fold((pairs[0] + pairs[1]) + (pairs[2] + pairs[3]), |sum, value| sum + value)
}

/// Work that is compiled once more for processors with wide registers. A struct, not a closure, as only what is
/// marked `inline(always)` is sure to be compiled with it.
macro_rules! vectorized {
    ($name:ident $(<$($generic:ident: $bound:ident),+>)? { $($field:ident: $kind:ty),+ $(,)? } -> $output:ty $body:block) => {
        struct $name<'a $($(, $generic: $bound)+)?> { $($field: $kind),+ $(, mark: std::marker::PhantomData<($($generic,)+)>)? }
        impl<'a $($(, $generic: $bound)+)?> pulp::WithSimd for $name<'a $($(, $generic)+)?> {
            type Output = $output;
            #[inline(always)]
            fn with_simd<S: pulp::Simd>(self, _: S) -> $output {
                #[allow(unused_variables, reason = "the mark of a generic struct")]
                let Self { $($field),+ , .. } = self;
                $body
            }
        }
    };
}
pub(super) use vectorized;

/// The largest value, `-inf` if there is none; NaN is never the largest.
#[inline(always)]
#[allow(clippy::inline_always, reason = "must be inlined into the loop that has the processor's features")]
pub(super) fn largest(values: &[f32]) -> f32 {
    let max = |a: f32, b: f32| if b > a { b } else { a };
    let mut lanes = [f32::NEG_INFINITY; 16];
    let (chunks, rest) = values.as_chunks::<16>();
    for chunk in chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane = max(*lane, value);
        }
    }
    rest.iter().chain(&lanes).fold(f32::NEG_INFINITY, |a, &b| max(a, b))
}

vectorized!(Exponentials { values: &'a mut [f32], top: f32 } -> () {
    for value in values {
        *value = exp(*value - top);
    }
});

vectorized!(Largest { values: &'a [f32] } -> f32 { largest(values) });

/// Replaces logits by their probabilities, in float32.
pub(super) fn softmax(values: &mut [f32]) {
    let arch = Arch::new();
    let top = arch.dispatch(Largest { values });
    if top == f32::NEG_INFINITY {
        values.fill(0.0);
        return;
    }
    arch.dispatch(Exponentials { values, top });
    let sum = pairwise_sum(values);
    for value in values {
        *value /= sum;
    }
}

/// The same in float16: computed in float32 and rounded after each step, as NumPy does.
pub(super) fn softmax_half(values: &mut [f32]) {
    let round = |value: f32| f16::from_f32(value).to_f32();
    let arch = Arch::new();
    let top = arch.dispatch(Largest { values });
    if top == f32::NEG_INFINITY {
        values.fill(0.0);
        return;
    }
    for value in &mut *values {
        *value = round(*value - top);
    }
    arch.dispatch(Exponentials { values, top: 0.0 });
    for value in &mut *values {
        *value = round(*value);
    }
    let sum = round(pairwise_sum(values));
    for value in values {
        *value = round(*value / sum);
    }
}

/// `exp` of values at most 0, within one unit in the last place; below -708 it is 0.
#[inline(always)]
#[allow(clippy::inline_always, reason = "must be inlined into the loop that has the processor's features")]
pub(super) fn exp64(x: f64) -> f64 {
    const ROUND: f64 = 6_755_399_441_055_744.0; // 1.5 * 2^52
    let shifted = x.max(-708.0).mul_add(std::f64::consts::LOG2_E, ROUND);
    let quadrant = shifted - ROUND;
    let r = quadrant
        .mul_add(-1.908_214_929_270_587_7e-10, quadrant.mul_add(-6.931_471_803_691_238e-1, x.max(-708.0)));
    // Taylor to the 13th power: on |r| < 0.347 the next term is below 2^-57.
    let mut sum = 1.0 / 6_227_020_800.0_f64;
    for factor in [
        479_001_600.0,
        39_916_800.0,
        3_628_800.0,
        362_880.0,
        40_320.0,
        5_040.0,
        720.0,
        120.0,
        24.0,
        6.0,
        2.0,
        1.0,
        1.0,
    ] {
        sum = sum.mul_add(r, 1.0 / factor);
    }
    let power = f64::from_bits((shifted.to_bits() << 52).wrapping_add(1023 << 52));
    if x < -708.0 { 0.0 } else { sum * power }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_are_close_to_the_library_s() {
        for step in 0..200_000 {
            let x = -f64::from(step) * 0.0035;
            let (got, want) = (exp64(x), x.exp());
            assert!((got - want).abs() <= 4e-16 * want, "{x}: {got} {want}");
            let x = x as f32;
            let (got, want) = (exp(x), x.exp());
            assert!((got - want).abs() <= 4e-7 * want + 2e-45, "{x}: {got} {want}");
        }
        assert_eq!(
            (exp(0.0), exp(f32::NEG_INFINITY), exp64(0.0), exp64(f64::NEG_INFINITY)),
            (1.0, 0.0, 1.0, 0.0)
        );
    }

    #[test]
    fn a_softmax_adds_up_to_one() {
        for n in [1, 7, 8, 129, 1000] {
            let mut values: Vec<f32> = (0..n).map(|i| ((i * 37 % 101) as f32) / 9.0).collect();
            softmax(&mut values);
            let sum: f64 = values.iter().map(|&v| f64::from(v)).sum();
            assert!((sum - 1.0).abs() < 1e-6, "{n}: {sum}");
        }
    }
}
