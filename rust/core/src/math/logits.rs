//! Rows of logits: arg-max and softmax probability, one row at a time.
//!
//! The plain line this replaces is `p = exp(x - x.max()); p / p.sum()` over the whole array, followed by an
//! arg-max: three passes and an exponential for each value. Most rows of a token classifier are "O" and are
//! never reported, so here the arg-max needs no exponential at all and a probability is computed only for
//! the rows that are asked for.

use half::{bf16, f16};
use pulp::{Simd, WithSimd};

use crate::math::exps::{Probability, Softmax, exp_sum, largest};

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
    /// which is at least [`MARGIN`]: rows that do need no further look. Rows without a most probable label are among
    /// those written.
    pub fn unsure(&self, count: usize, likely: usize, margin: f32, out: &mut Vec<u32>) {
        debug_assert!(margin >= MARGIN && count <= self.split);
        out.clear();
        let values = &self.values[..count * self.columns];
        self.arch.dispatch(Unsure { values, columns: self.columns, likely, margin, out });
    }

    /// Probability of `label` in `row`.
    #[must_use]
    pub fn probability(&self, row: usize, label: usize) -> f32 {
        self.arch.dispatch(Probability { row: self.row(row), labels: [label] })
    }

    /// Sum of the probabilities of `labels` in `row`.
    #[must_use]
    pub fn probability_of_all(&self, row: usize, labels: impl IntoIterator<Item = usize>) -> f32 {
        self.arch.dispatch(Probability { row: self.row(row), labels })
    }

    /// By how much `label` is above the best other label of `row`.
    #[must_use]
    pub fn lead(&self, row: usize, label: usize) -> f32 {
        self.arch.dispatch(Lead { row: self.row(row), label })
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

    /// Appends the mean of the softmax of `rows`.
    pub fn mean(&self, rows: &[u32], space: &mut MeanSpace, out: &mut Vec<f32>) {
        let count = rows.len() as f32;
        out.extend(self.sums(rows, space).iter().map(|sum| sum / count));
    }

    /// Mean of the softmax of `rows` and its largest entry: label and probability.
    ///
    /// Ties go to the smallest label.
    pub fn mean_argmax(&self, rows: &[u32], space: &mut MeanSpace) -> (u32, f32) {
        let count = rows.len() as f32;
        let (mut label, mut best) = (0, f32::NEG_INFINITY);
        for (index, &value) in self.sums(rows, space).iter().enumerate() {
            let mean = value / count;
            if mean > best {
                (label, best) = (index as u32, mean);
            }
        }
        (label, best)
    }

    /// Sum of the softmax of `rows`. Beside it, the softmax of the first row and that of the last stay in `space`.
    fn sums<'s>(&self, rows: &[u32], space: &'s mut MeanSpace) -> &'s [f32] {
        let MeanSpace { first, last, sum } = space;
        sum.clear();
        sum.resize(self.columns, 0.0);
        first.resize(self.columns, 0.0);
        last.resize(self.columns, 0.0);
        for (place, &row) in rows.iter().enumerate() {
            self.arch.dispatch(Softmax { row: self.row(row as usize), out: &mut *last });
            for (sum, value) in sum.iter_mut().zip(&*last) {
                *sum += value;
            }
            if place == 0 {
                first.copy_from_slice(last);
            }
        }
        sum
    }
}

/// See [`Rows::lead`].
struct Lead<'a> {
    row: &'a [f32],
    label: usize,
}

impl WithSimd for Lead<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        let Self { row, label } = self;
        let before = if label > 0 { largest(simd, &row[..label]) } else { f32::NEG_INFINITY };
        let behind = largest(simd, &row[label + 1..]);
        row[label] - if before > behind { before } else { behind }
    }
}

/// See [`Rows::leads`].
///
/// In most rows of a token classifier one label leads by far. There one pass over the values is enough, without a
/// search for the largest. Sums over all rows show once whether any value is NaN.
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
            // If there is a NaN, this is done again.
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

/// The largest of `values`, -inf if there are none. The values are also added to sums, which become NaN if one of them
/// is.
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

/// Scratch rows of [`Rows::mean_argmax`] and [`Rows::mean`], kept between calls.
#[derive(Debug, Default)]
pub struct MeanSpace {
    /// The softmax of the first row.
    pub(crate) first: Vec<f32>,
    /// That of the last row.
    pub(crate) last: Vec<f32>,
    sum: Vec<f32>,
}

/// Values whose distance to the maximum is below this may share its probability after rounding.
const NEAR: f32 = 2.5e-7;

/// A label that is above all others by this much is the most probable one, however values are rounded.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::exps::softmax_onto;
    use proptest::prelude::*;

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
            let mut out = Vec::new();
            softmax_onto(&row, &mut out);
            let rows = Rows::new(&row, row.len());
            for (index, (&got, want)) in out.iter().zip(softmax(&row)).enumerate() {
                prop_assert!((f64::from(got) - want).abs() <= 1e-6 * want + 1e-37, "{got} {want}");
                prop_assert_eq!(got, rows.probability(0, index));
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
    }
}
