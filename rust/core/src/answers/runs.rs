//! The tokens of a window's words.

use crate::answers::input::{Ints, Window};
use std::cell::OnceCell;
use std::collections::HashMap;

/// Where the words of a window begin and end. Made when first asked for, and then all at once: one word may have all
/// tokens of a window, and each of them may ask for it.
#[derive(Default)]
pub(super) struct WordRuns {
    runs: OnceCell<Vec<(u32, u32)>>,
    firsts: OnceCell<HashMap<i64, u32>>,
}

impl WordRuns {
    /// First and last token of the word of `token`.
    pub(super) fn of(&self, window: &Window<'_>, words: Ints<'_>, token: usize) -> (usize, usize) {
        let runs = self.runs.get_or_init(|| {
            let same = |a: usize, b: usize| {
                words.get(a) == words.get(b) && window.sequence_ids.get(a) == window.sequence_ids.get(b)
            };
            let tokens = window.start.len();
            let mut runs: Vec<(u32, u32)> = Vec::with_capacity(tokens);
            let mut from = 0;
            while from < tokens {
                let to = (from + 1..tokens).find(|&next| !same(from, next)).unwrap_or(tokens);
                runs.resize(to, (from as u32, to as u32 - 1));
                from = to;
            }
            runs
        });
        let (from, to) = runs[token];
        (from as usize, to as usize)
    }

    /// The first token of the context whose word has the number `word`.
    pub(super) fn first(
        &self,
        window: &Window<'_>,
        words: Ints<'_>,
        context: i64,
        word: i64,
    ) -> Option<usize> {
        let firsts = self.firsts.get_or_init(|| {
            let tokens = (0..window.start.len()).rev();
            let in_context = tokens.filter(|&token| window.sequence_ids.get(token) == context);
            in_context.map(|token| (words.get(token), token as u32)).collect()
        });
        firsts.get(&word).map(|&token| token as usize)
    }
}
