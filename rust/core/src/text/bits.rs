//! A set of positions as bits, with the two questions asked of it: how many lie before, and where is the n-th.

/// Positions `0..=len`, each in the set or not: one bit each, and a sum for every 64.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bits {
    items: Vec<u64>,
    /// Positions of the set before each of `items`.
    sums: Vec<u32>,
}

impl Bits {
    /// An empty set of positions `0..=len`.
    #[must_use]
    pub fn new(len: usize) -> Self {
        Self { items: vec![0; len / 64 + 1], sums: Vec::new() }
    }

    /// Adds `at`.
    pub fn set(&mut self, at: usize) {
        self.items[at / 64] |= 1 << (at % 64);
    }

    /// Takes `at` out.
    pub fn unset(&mut self, at: usize) {
        self.items[at / 64] &= !(1 << (at % 64));
    }

    /// Adds those of the positions `64 * number..` whose bits are set in `bits`.
    pub fn set_item(&mut self, number: usize, bits: u64) {
        self.items[number] |= bits;
    }

    /// Adds all of `from..to`.
    pub fn fill(&mut self, from: usize, to: usize) {
        let mut at = from;
        while at < to {
            let stop = to.min(at / 64 * 64 + 64);
            self.items[at / 64] |= (u64::MAX >> (64 - (stop - at))) << (at % 64);
            at = stop;
        }
    }

    /// Counts the set, whose last position is `last`; after that it answers questions.
    #[must_use]
    pub fn counted(mut self, last: usize) -> Self {
        self.items.truncate(last / 64 + 1);
        let mut sum = 0;
        let sums = self.items.iter().map(|bits| {
            let before = sum;
            sum += bits.count_ones();
            before
        });
        self.sums = sums.collect();
        self
    }

    /// Whether `at` is in the set.
    #[must_use]
    #[inline]
    pub fn has(&self, at: usize) -> bool {
        self.items[at / 64] >> (at % 64) & 1 == 1
    }

    /// How many of the set lie before `at`.
    #[must_use]
    #[inline]
    pub fn before(&self, at: usize) -> usize {
        let below = self.items[at / 64] & ((1 << (at % 64)) - 1);
        self.sums[at / 64] as usize + below.count_ones() as usize
    }

    /// Where the `number`-th of the set lies, counted from 0; it must have that many.
    #[must_use]
    pub fn nth(&self, number: usize) -> usize {
        let item = self.sums.partition_point(|&before| before as usize <= number) - 1;
        let mut bits = self.items[item];
        for _ in self.sums[item] as usize..number {
            bits &= bits - 1;
        }
        item * 64 + bits.trailing_zeros() as usize
    }

    /// The last of the set at or before `at`; there must be one.
    #[must_use]
    pub fn at_or_before(&self, at: usize) -> usize {
        let below = self.items[at / 64] & (u64::MAX >> (63 - at % 64));
        if below == 0 {
            return self.nth(self.sums[at / 64] as usize - 1);
        }
        at / 64 * 64 + 63 - below.leading_zeros() as usize
    }

    /// The first of the set at or after `at`; there must be one.
    #[must_use]
    pub fn at_or_after(&self, at: usize) -> usize {
        let above = self.items[at / 64] & (u64::MAX << (at % 64));
        if above == 0 {
            return self.nth((self.sums[at / 64] + self.items[at / 64].count_ones()) as usize);
        }
        at / 64 * 64 + above.trailing_zeros() as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn answers_equal_those_of_a_list(
            positions in prop::collection::btree_set(0_usize..400, 1..60),
            filled in prop::collection::vec((0_usize..400, 0_usize..140), 0..3),
        ) {
            let mut bits = Bits::new(540);
            let mut all: BTreeSet<usize> = positions;
            for &at in &all {
                bits.set(at);
            }
            for (from, length) in filled {
                bits.fill(from, from + length);
                all.extend(from..from + length);
            }
            let all: Vec<usize> = all.into_iter().collect();
            let last = all[all.len() - 1];
            let bits = bits.counted(last);
            for at in 0..=last {
                prop_assert_eq!(bits.has(at), all.contains(&at));
                prop_assert_eq!(bits.before(at), all.iter().filter(|&&one| one < at).count());
                prop_assert_eq!(Some(bits.at_or_after(at)), all.iter().copied().find(|&one| one >= at));
                if at >= all[0] {
                    prop_assert_eq!(Some(bits.at_or_before(at)), all.iter().copied().rfind(|&one| one <= at));
                }
            }
            for (number, &at) in all.iter().enumerate() {
                prop_assert_eq!(bits.nth(number), at);
            }
        }
    }
}
