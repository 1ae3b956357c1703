//! Rows of logits: arg-max and softmax probability, one row at a time.
//!
//! The plain line this replaces is `p = exp(x - x.max()); p / p.sum()` over the whole array, followed by an
//! arg-max: three passes and an exponential for each value. Most rows of a token classifier are "O" and are
//! never reported, so here the arg-max needs no exponential at all and a probability is computed only for
//! the rows that are asked for.

use half::{bf16, f16};
use pulp::{Simd, WithSimd};

use crate::math::unsure::Unsure;
use crate::math::wide::wide;

/// The values of some rows, as they came in: never copied just to change their type.
#[derive(Debug, Clone, Copy)]
pub enum Values<'a> {
    /// 32-bit floats.
    F32(&'a [f32]),
    /// IEEE 16-bit floats.
    F16(&'a [f16]),
    /// bfloat16.
    Bf16(&'a [bf16]),
}

impl<'a> Values<'a> {
    /// Number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::F16(values) => values.len(),
            Self::Bf16(values) => values.len(),
        }
    }

    /// Whether there is no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values in `range`.
    #[must_use]
    pub fn slice(&self, range: std::ops::Range<usize>) -> Self {
        match self {
            Self::F32(values) => Self::F32(&values[range]),
            Self::F16(values) => Self::F16(&values[range]),
            Self::Bf16(values) => Self::Bf16(&values[range]),
        }
    }

    /// All values as `f32`: borrowed if they are, else converted into `space`.
    pub fn widen<'s>(&self, space: &'s mut Vec<f32>) -> &'s [f32]
    where
        'a: 's,
    {
        match *self {
            Self::F32(values) => values,
            Self::F16(values) => {
                use half::slice::HalfFloatSliceExt;
                space.resize(values.len(), 0.0);
                values.convert_to_f32_slice(space);
                space
            }
            Self::Bf16(values) => {
                space.clear();
                space.extend(values.iter().map(|value| value.to_f32()));
                space
            }
        }
    }
}

/// The widest vector instructions that this machine has and the code was compiled for, as `pulp` calls them: `V3` for
/// AVX2 with FMA, `Neon`, `Scalar` for none.
#[must_use]
pub fn simd() -> String {
    let name = format!("{:?}", pulp::Arch::new());
    name.split('(').next().unwrap_or_default().to_owned()
}

/// Checked rows of one window, with the widest vector instructions of this machine.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    values: &'a [f32],
    columns: usize,
    arch: pulp::Arch,
    /// Rows that were made of others; they are numbered from `split` on.
    made: &'a [f32],
    split: usize,
}

impl<'a> Rows<'a> {
    /// Rows of `columns` labels each; `values` holds a whole number of them.
    #[must_use]
    pub fn new(values: &'a [f32], columns: usize) -> Self {
        debug_assert!(columns > 0 && values.len().is_multiple_of(columns));
        Self { values, columns, arch: pulp::Arch::new(), made: &[], split: values.len() / columns }
    }

    /// These rows, and those of `made` behind them.
    #[must_use]
    pub fn and(self, made: &'a [f32]) -> Self {
        debug_assert!(self.made.is_empty() && made.len().is_multiple_of(self.columns));
        Self { made, ..self }
    }

    /// How many rows there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.split + self.made.len() / self.columns
    }

    /// The values of `row`, one a label.
    #[inline(always)]
    #[must_use]
    pub fn row(&self, row: usize) -> &'a [f32] {
        let (values, at) = if row < self.split { (self.values, row) } else { (self.made, row - self.split) };
        &values[at * self.columns..(at + 1) * self.columns]
    }

    /// Writes the most probable label of each of `rows` (row numbers) into `out`. `likely` is a label that most rows have;
    /// the result does not depend on it.
    ///
    /// # Errors
    /// The first row that has none, and what it holds.
    pub fn argmaxes(&self, rows: &[u32], likely: usize, out: &mut Vec<u32>) -> Result<(), (usize, RowFault)> {
        self.leads(rows, likely, out, &mut Vec::new())
    }

    /// The same, and into `leads` by how much `likely` is above the best other label of each row.
    ///
    /// # Errors
    /// The first row that has no most probable label, and what it holds.
    pub fn leads(
        &self,
        rows: &[u32],
        likely: usize,
        out: &mut Vec<u32>,
        leads: &mut Vec<f32>,
    ) -> Result<(), (usize, RowFault)> {
        out.clear();
        out.resize(rows.len(), likely as u32);
        leads.clear();
        leads.resize(rows.len(), 0.0);
        self.arch.dispatch(Leads { all: *self, rows, likely, labels: out, by: leads })
    }

    /// Writes into `out` which of the first `count` rows do not have `likely` above all other labels by more than `margin`,
    /// which is at least [`MARGIN`]: those that have it so are looked at no further. Rows without a most probable label are
    /// among those written.
    pub fn unsure(&self, count: usize, likely: usize, margin: f32, out: &mut Vec<u32>) {
        debug_assert!(margin >= MARGIN && count <= self.split);
        out.clear();
        let values = &self.values[..count * self.columns];
        self.arch.dispatch(Unsure { values, columns: self.columns, likely, margin, out });
    }

    /// Probability of `label` in `row`.
    #[must_use]
    pub fn probability(&self, row: usize, label: usize) -> f32 {
        wide(
            self.arch,
            #[inline(always)]
            || probability(self.row(row), label),
        )
    }

    /// By how much `label` is above the best other label of `row`.
    #[must_use]
    pub fn lead(&self, row: usize, label: usize) -> f32 {
        wide(
            self.arch,
            #[inline(always)]
            || {
                let row = self.row(row);
                let (before, behind) = (scan(&row[..label]).0, scan(&row[label + 1..]).0);
                row[label] - if before > behind { before } else { behind }
            },
        )
    }

    /// Whether each of `rows` has its largest value at `label`, by so much that rounding can't hide it.
    #[must_use]
    pub fn agree_on(&self, rows: &[u32], label: usize) -> bool {
        wide(
            self.arch,
            #[inline(always)]
            || rows.iter().all(|&row| leads(self.row(row as usize), label)),
        )
    }

    /// Appends the logarithms of the mean of the softmax of `rows`.
    pub fn mean_logs(&self, rows: &[u32], space: &mut MeanSpace, out: &mut Vec<f32>) {
        wide(
            self.arch,
            #[inline(always)]
            || {
                let count = rows.len() as f32;
                out.extend(self.sums(rows, space).iter().map(|sum| (sum / count).ln()));
            },
        );
    }

    /// Mean of the softmax of `rows` and its largest entry: label and probability.
    ///
    /// Ties go to the smallest label.
    pub fn mean_argmax(&self, rows: &[u32], space: &mut MeanSpace) -> (u32, f32) {
        wide(
            self.arch,
            #[inline(always)]
            || {
                let count = rows.len() as f32;
                let (mut label, mut best) = (0, f32::NEG_INFINITY);
                for (index, &value) in self.sums(rows, space).iter().enumerate() {
                    let mean = value / count;
                    if mean > best {
                        (label, best) = (index as u32, mean);
                    }
                }
                (label, best)
            },
        )
    }

    /// Sum of the softmax of `rows`.
    #[inline(always)]
    fn sums<'s>(&self, rows: &[u32], space: &'s mut MeanSpace) -> &'s [f32] {
        let MeanSpace { one, sum } = space;
        one.resize(self.columns, 0.0);
        sum.clear();
        sum.resize(self.columns, 0.0);
        for &row in rows {
            softmax_into(self.row(row as usize), one);
            for (sum, value) in sum.iter_mut().zip(&*one) {
                *sum += value;
            }
        }
        sum
    }
}

/// See [`Rows::leads`].
///
/// Most rows of a classifier of tokens have one label, and by far. There one pass over the values is enough, and the
/// largest of them needs no looking for. Whether a value is NaN is seen once, from sums over all rows.
struct Leads<'a, 'o> {
    all: Rows<'a>,
    rows: &'a [u32],
    likely: usize,
    labels: &'o mut [u32],
    /// By how much the likely label is above the others.
    by: &'o mut [f32],
}

impl WithSimd for Leads<'_, '_> {
    type Output = Result<(), (usize, RowFault)>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
        let Self { all, rows, likely, labels, by } = self;
        let (mut sums, mut rest) = ([simd.splat_f32s(0.0); 4], 0.0);
        for ((&row, label), lead) in rows.iter().zip(&mut *labels).zip(by) {
            let values = all.row(row as usize);
            let own = values[likely];
            let mut others = f32::NEG_INFINITY;
            if likely > 0 {
                others = largest_of(simd, &values[..likely], &mut sums, &mut rest);
            }
            let behind = largest_of(simd, &values[likely + 1..], &mut sums, &mut rest);
            others = if behind > others { behind } else { others };
            *lead = own - others;
            rest += own;
            if *lead > NEAR && own < f32::INFINITY {
                continue;
            }
            let top = if own > others { own } else { others };
            // Where there is a NaN, this is done again.
            *label = first_near(values, top).unwrap_or(likely) as u32;
            rest += if top.is_infinite() { f32::NAN } else { 0.0 };
        }
        let [a, b, c, d] = sums;
        let sum = simd.reduce_sum_f32s(simd.add_f32s(simd.add_f32s(a, b), simd.add_f32s(c, d)));
        if (sum + rest).is_nan() {
            for (&row, label) in rows.iter().zip(labels) {
                *label = argmax(all.row(row as usize)).map_err(|fault| (row as usize, fault))? as u32;
            }
        }
        Ok(())
    }
}

/// The largest of `values`, which are added to sums that become NaN if one of them is, and -inf if there is none.
#[inline(always)]
fn largest_of<S: Simd>(simd: S, values: &[f32], sums: &mut [S::f32s; 4], rest: &mut f32) -> f32 {
    let (vectors, tail) = S::as_simd_f32s(values);
    let mut tops = simd.splat_f32s(f32::NEG_INFINITY);
    let (fours, few) = vectors.as_chunks::<4>();
    for four in fours {
        for (sum, &vector) in sums.iter_mut().zip(four) {
            *sum = simd.add_f32s(*sum, vector);
            tops = simd.max_f32s(tops, vector);
        }
    }
    for (sum, &vector) in sums.iter_mut().zip(few) {
        *sum = simd.add_f32s(*sum, vector);
        tops = simd.max_f32s(tops, vector);
    }
    if tail.is_empty() {
        return simd.reduce_max_f32s(tops);
    }
    if let Some(before) = values.len().checked_sub(S::F32_LANES) {
        // Looks at some values twice, which changes nothing.
        for &last in S::as_simd_f32s(&values[before..]).0 {
            sums[3] = simd.add_f32s(sums[3], last);
            tops = simd.max_f32s(tops, last);
        }
        return simd.reduce_max_f32s(tops);
    }
    let mut top = f32::NEG_INFINITY;
    for &value in tail {
        *rest += value;
        top = if value > top { value } else { top };
    }
    top
}

/// Scratch rows of [`Rows::mean_argmax`] and [`Rows::mean_logs`], kept between calls.
#[derive(Debug, Default)]
pub struct MeanSpace {
    one: Vec<f32>,
    sum: Vec<f32>,
}

/// Values whose distance to the maximum is below this may share its probability after rounding.
const NEAR: f32 = 2.5e-7;

/// A label that is above all others by this much is the most probable one whatever is rounded.
pub const MARGIN: f32 = 1e-3;

/// What is wrong with a row that has no arg-max.
pub type RowFault = &'static str;

/// Index of the most probable label of a row, the smallest one if several probabilities are equal.
///
/// Probabilities are compared as 32-bit floats, so two logits that differ by a few units in the last place
/// can tie: `[0.5, 0.50000006]` gives index 0, as it does where the softmax is computed first.
///
/// # Errors
/// What the row holds that has no probability: a NaN, +inf, or nothing above -inf.
#[inline(always)]
pub fn argmax(row: &[f32]) -> Result<usize, RowFault> {
    let (top, has_nan) = scan(row);
    if has_nan { Err("NaN") } else { first_near(row, top) }
}

/// Index of the first value whose probability is that of `top`, the largest of a row without NaN.
#[inline(always)]
fn first_near(row: &[f32], top: f32) -> Result<usize, RowFault> {
    if top.is_infinite() {
        return Err(if top > 0.0 { "+inf" } else { "only -inf" });
    }
    let first = row.iter().position(|&value| top - value <= NEAR).unwrap_or(0);
    if row[first] < top { Ok(nearest_tie(row, top)) } else { Ok(first) }
}

/// Largest value of a row, and whether it holds a NaN.
#[inline(always)]
fn scan(row: &[f32]) -> (f32, bool) {
    let mut tops = [f32::NEG_INFINITY; 8];
    let mut nans = [0_u32; 8];
    let mut look = |chunk: &[f32; 8]| {
        for ((top, nan), &value) in tops.iter_mut().zip(&mut nans).zip(chunk) {
            *top = if value > *top { value } else { *top };
            *nan |= u32::from(value.is_nan());
        }
    };
    let (chunks, rest) = row.as_chunks::<8>();
    chunks.iter().for_each(&mut look);
    match row.last_chunk::<8>() {
        Some(last) if !rest.is_empty() => look(last), // looks at some values twice, which changes nothing
        Some(_) => {}
        None => {
            let mut last = [f32::NEG_INFINITY; 8];
            last[..rest.len()].copy_from_slice(rest);
            look(&last);
        }
    }
    let larger = |a: f32, b: f32| if b > a { b } else { a };
    let [a, b, c, d, e, f, g, h] = tops;
    let top = larger(larger(larger(a, e), larger(b, f)), larger(larger(c, g), larger(d, h)));
    (top, nans.iter().fold(0, |all, nan| all | nan) != 0)
}

/// Whether no other value comes within a thousandth of that at `label`.
#[inline(always)]
fn leads(row: &[f32], label: usize) -> bool {
    let bar = row[label] - 1e-3;
    row.iter().map(|&value| u32::from(value >= bar)).sum::<u32>() == 1
}

/// The smallest index whose probability rounds to the same float as that of `top`.
#[cold]
#[inline(never)]
fn nearest_tie(row: &[f32], top: f32) -> usize {
    let total = exp_sum(row, top);
    let best = 1.0 / total;
    let probability = |value: f32| f64::from(value - top).exp() as f32 / total;
    row.iter().position(|&value| top - value <= NEAR && probability(value) >= best).unwrap_or(0)
}

/// Sum of `exp(value - top)` over a row.
#[inline(always)]
#[must_use]
pub fn exp_sum(row: &[f32], top: f32) -> f32 {
    exps(row, top, pairwise_sum)
}

/// What `of` makes of `exp(value - top)` over a row.
///
/// The exponentials are stored first: where they were added as they were made, a row took half as long again, as the
/// compiler makes vector code of the loop only if it stores.
#[inline(always)]
fn exps<T>(row: &[f32], top: f32, of: impl FnOnce(&[f32]) -> T) -> T {
    if row.len() > SHORT {
        let mut all = row.to_vec();
        for value in &mut all {
            *value = exp(*value - top);
        }
        return of(&all);
    }
    // Filled up to whole turns of a loop over four vectors: what is left over would be made one by one. The compiler made
    // scalar code of a last vector by itself, and a transposition of a loop over vectors of eight.
    let mut block = [0.0; SHORT];
    let filled = row.len().next_multiple_of(32);
    block[..row.len()].copy_from_slice(row);
    block[row.len()..filled].fill(top);
    for value in &mut block[..filled] {
        *value = exp(*value - top);
    }
    of(&block[..row.len()])
}

/// Rows up to this length need no memory of their own.
const SHORT: usize = 128;

/// Probability of `label`, which must be an index of `row`.
#[inline(always)]
#[must_use]
pub fn probability(row: &[f32], label: usize) -> f32 {
    exps(
        row,
        scan(row).0,
        #[inline(always)]
        |exps| exps[label] / pairwise_sum(exps),
    )
}

/// Writes the softmax of `row` into `out`, which has the same length.
#[inline(always)]
pub fn softmax_into(row: &[f32], out: &mut [f32]) {
    exp_into(row, scan(row).0, out);
    let total = pairwise_sum(out);
    for value in out {
        *value /= total;
    }
}

/// Appends the softmax of `row`.
pub fn softmax_onto(row: &[f32], out: &mut Vec<f32>) {
    let from = out.len();
    out.resize(from + row.len(), 0.0);
    wide(
        pulp::Arch::new(),
        #[inline(always)]
        || softmax_into(row, &mut out[from..]),
    );
}

#[inline(always)]
fn exp_into(row: &[f32], top: f32, out: &mut [f32]) {
    if row.len() <= SHORT {
        exps(
            row,
            top,
            #[inline(always)]
            |exps| out.copy_from_slice(exps),
        );
    } else {
        for (out, &value) in out.iter_mut().zip(row) {
            *out = exp(value - top);
        }
    }
}

/// `exp(x)` for `x <= 0`: relative error below 2e-7 for results that are normal floats, 0 below them.
///
/// No branch, no table and no fused multiply-add, so the compiler turns a loop over it into vector code of
/// any width and every width gives the same bits. Source: `exp(x) = 2^n * exp(r)` with `|r| <= ln(2) / 2`,
/// the range reduced in two steps after Cody and Waite and `exp(r)` by its Taylor polynomial of degree 7.
#[inline(always)]
#[must_use]
pub fn exp(x: f32) -> f32 {
    const SHIFT: f32 = 12_582_912.0; // 1.5 * 2^23: adding it rounds to an integer, kept in the low bits
    const LN2_HIGH: f32 = 0.693_145_75; // its last bits are zero, so n * LN2_HIGH is exact
    const LN2_LOW: f32 = 1.428_606_8e-6;
    let clamped = if x < -87.336_54 { -87.336_54 } else { x };
    let shifted = clamped * std::f32::consts::LOG2_E + SHIFT;
    let n = shifted - SHIFT;
    let r = clamped - n * LN2_HIGH - n * LN2_LOW;
    let p = 1.0 / 5040.0;
    let p = p * r + 1.0 / 720.0;
    let p = p * r + 1.0 / 120.0;
    let p = p * r + 1.0 / 24.0;
    let p = p * r + 1.0 / 6.0;
    let p = p * r + 0.5;
    let p = p * r * r + r + 1.0;
    let scale = f32::from_bits(shifted.to_bits().wrapping_add(127) << 23);
    if x < -87.336_54 { 0.0 } else { p * scale }
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

    #[test]
    fn exp_is_within_a_millionth_of_the_64_bit_one() {
        let mut worst = 0.0_f64;
        for step in 0..2_000_000 {
            let x = -(step as f32) * 87.33 / 2_000_000.0;
            let exact = f64::from(x).exp();
            worst = worst.max((f64::from(exp(x)) - exact).abs() / exact);
        }
        assert!(worst < 2e-7, "{worst}");
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(-88.0), 0.0);
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
    }

    #[test]
    fn argmax_cases() {
        let inf = f32::INFINITY;
        let cases: &[(&str, &[f32], Result<usize, RowFault>)] = &[
            ("one label", &[3.0], Ok(0)),
            ("last", &[0.0, 1.0, 2.0], Ok(2)),
            ("exact tie", &[1.0, 5.0, 5.0], Ok(1)),
            ("tie after rounding", &[0.1, 0.100_000_01], Ok(0)),
            ("close, yet no tie", &[8.0, 8.000_001], Ok(1)),
            ("-inf is no candidate", &[-inf, -3.0, -inf], Ok(1)),
            ("beyond one lane", &[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 9.0, 0.0], Ok(9)),
            ("huge", &[-3.0e38, 3.0e38], Ok(1)),
            ("NaN", &[0.0, f32::NAN], Err("NaN")),
            ("+inf", &[0.0, inf], Err("+inf")),
            ("nothing finite", &[-inf, -inf], Err("only -inf")),
        ];
        for (name, row, want) in cases {
            assert_eq!(argmax(row), *want, "{name}");
        }
    }

    /// The plain twin: softmax in 64 bits.
    fn softmax(row: &[f32]) -> Vec<f64> {
        let top = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let exps: Vec<f64> = row.iter().map(|&x| f64::from(x - top).exp()).collect();
        let total: f64 = exps.iter().sum();
        exps.iter().map(|e| e / total).collect()
    }

    /// Logits, now and then what no row may hold, or a near tie.
    fn cell() -> impl Strategy<Value = f32> {
        prop_oneof![
            60 => -9.0_f32..9.0,
            8 => Just(9.0),
            4 => Just(9.000_001),
            2 => Just(f32::NEG_INFINITY),
            1 => Just(3.0e38),
            1 => prop_oneof![Just(f32::NAN), Just(f32::INFINITY), Just(f32::NEG_INFINITY)],
        ]
    }

    proptest! {
        #[test]
        fn softmax_equals_its_twin(row in prop::collection::vec(-60.0_f32..60.0, 1..300)) {
            let mut out = vec![0.0; row.len()];
            softmax_into(&row, &mut out);
            for (index, (&got, want)) in out.iter().zip(softmax(&row)).enumerate() {
                prop_assert!((f64::from(got) - want).abs() <= 1e-6 * want + 1e-37, "{got} {want}");
                prop_assert_eq!(got, probability(&row, index));
            }
        }

        #[test]
        fn argmax_is_the_first_of_the_largest_probabilities(
            row in prop::collection::vec((-4_i8..4).prop_map(|x| f32::from(x) / 2.0), 1..80)
        ) {
            let probs = softmax(&row);
            let best = probs.iter().copied().fold(0.0, f64::max);
            prop_assert_eq!(argmax(&row), Ok(probs.iter().position(|&p| p == best).unwrap()));
        }

        #[test]
        fn leads_equal_their_twin(
            (columns, likely) in (1_usize..40).prop_flat_map(|columns| (Just(columns), 0..columns)),
            cells in prop::collection::vec(cell(), 40 * 9),
            rows in 0_usize..9,
        ) {
            let cells = &cells[..rows * columns];
            let (all, numbers) = (Rows::new(cells, columns), (0..rows as u32).collect::<Vec<_>>());
            let (mut labels, mut leads) = (Vec::new(), Vec::new());
            let got = all.leads(&numbers, likely, &mut labels, &mut leads);
            let want: Result<Vec<u32>, _> = (0..rows)
                .map(|row| argmax(all.row(row)).map(|label| label as u32).map_err(|fault| (row, fault)))
                .collect();
            prop_assert_eq!(got.map(|()| labels), want);
            if got.is_ok() {
                for (row, lead) in cells.chunks(columns).zip(leads) {
                    let others = row.iter().enumerate().filter(|(label, _)| *label != likely);
                    let largest = others.map(|(_, &value)| value).fold(f32::NEG_INFINITY, f32::max);
                    let want = row[likely] - largest;
                    prop_assert!(lead == want || (lead.is_nan() && want.is_nan()), "{lead}, not {want}");
                }
            }
        }

        #[test]
        fn rows_that_are_sure_have_the_likely_label(
            (columns, likely) in (1_usize..40).prop_flat_map(|columns| (Just(columns), 0..columns)),
            cells in prop::collection::vec(cell(), 40 * 9),
            lifted in prop::collection::vec(prop_oneof![Just(0.0_f32), Just(30.0), Just(9.5)], 9),
            rows in 0_usize..9,
            margin in prop_oneof![Just(MARGIN), Just(0.5)],
        ) {
            let mut cells = cells[..rows * columns].to_vec();
            cells.chunks_mut(columns).zip(lifted).for_each(|(row, by)| row[likely] += by);
            let all = Rows::new(&cells, columns);
            let mut unsure = vec![7];
            all.unsure(rows, likely, margin, &mut unsure);
            let sure = |row: &[f32]| {
                let mut others = row.iter().enumerate().filter(|(label, _)| *label != likely);
                row[likely].is_finite() && others.all(|(_, &value)| value < row[likely] - margin)
            };
            let want: Vec<u32> = (0..rows as u32).filter(|&row| !sure(all.row(row as usize))).collect();
            prop_assert_eq!(&unsure, &want);
            for row in (0..rows).filter(|&row| !want.contains(&(row as u32))) {
                prop_assert_eq!(argmax(all.row(row)), Ok(likely));
            }
        }

        #[test]
        fn pairwise_sum_is_the_sum(values in prop::collection::vec(0.0_f32..1.0, 0..700)) {
            let want: f64 = values.iter().map(|&v| f64::from(v)).sum();
            prop_assert!((f64::from(pairwise_sum(&values)) - want).abs() <= 1e-5 * want);
        }
    }
}
