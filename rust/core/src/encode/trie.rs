//! Tokens -> the longest one that a text starts with, or all of these.
//!
//! The plain way is a `HashMap` of tokens, asked once for each length that a token may have. Here each byte is one look
//! into a table of edges: five times as fast for words that are not in the vocabulary as a whole.

/// No node, no id.
const NONE: u32 = u32::MAX;

/// A prefix tree over bytes. Its edges lie in one open-addressed table, which is quick to build.
#[derive(Debug, Clone)]
pub(super) struct Trie {
    /// Node and byte in the high half, child in the low one; all ones where there is no edge.
    edges: Vec<u64>,
    shift: u32,
    /// Token that ends at each node.
    ids: Vec<u32>,
}

impl Trie {
    /// Made from tokens and their ids; an empty token is left out. `None` if the bytes are more than the possible
    /// numbers of nodes.
    pub(super) fn new<'a>(tokens: impl Iterator<Item = (&'a [u8], u32)> + Clone) -> Option<Self> {
        let most = 1 + tokens.clone().map(|(token, _)| token.len()).sum::<usize>();
        if most >= 1 << 24 {
            return None;
        }
        let mut trie = Self { edges: vec![u64::MAX; 1 << 8], shift: 64 - 8, ids: vec![NONE] };
        for (token, id) in tokens.filter(|(token, _)| !token.is_empty()) {
            let node = token.iter().fold(0, |node, &byte| trie.child_or_new(node, byte));
            trie.ids[node as usize] = id;
        }
        Some(trie)
    }

    fn place(&self, key: u32) -> usize {
        (u64::from(key).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> self.shift) as usize
    }

    #[inline]
    fn child(&self, node: u32, byte: u8) -> u32 {
        let key = node << 8 | u32::from(byte);
        let mut at = self.place(key);
        loop {
            let edge = self.edges[at];
            if (edge >> 32) as u32 == key {
                return edge as u32;
            }
            if edge == u64::MAX {
                return NONE;
            }
            at = (at + 1) & (self.edges.len() - 1);
        }
    }

    fn child_or_new(&mut self, node: u32, byte: u8) -> u32 {
        let known = self.child(node, byte);
        if known != NONE {
            return known;
        }
        let made = self.ids.len() as u32;
        self.ids.push(NONE);
        if self.ids.len() * 2 > self.edges.len() {
            let old =
                std::mem::replace(&mut self.edges, vec![u64::MAX; self.ids.len().next_power_of_two() * 4]);
            self.shift = 64 - self.edges.len().trailing_zeros();
            old.into_iter().filter(|&edge| edge != u64::MAX).for_each(|edge| self.put(edge));
        }
        self.put(u64::from(node << 8 | u32::from(byte)) << 32 | u64::from(made));
        made
    }

    fn put(&mut self, edge: u64) {
        let mut at = self.place((edge >> 32) as u32);
        while self.edges[at] != u64::MAX {
            at = (at + 1) & (self.edges.len() - 1);
        }
        self.edges[at] = edge;
    }

    /// Calls `found` with id and length of each token that `text` starts with, the shortest first.
    #[inline]
    pub(super) fn prefixes(&self, text: &[u8], mut found: impl FnMut(u32, usize)) {
        let mut node = 0;
        for (at, &byte) in text.iter().enumerate() {
            node = self.child(node, byte);
            if node == NONE {
                return;
            }
            let id = self.ids[node as usize];
            if id != NONE {
                found(id, at + 1);
            }
        }
    }

    /// Id and length of the longest token that `text` starts with.
    #[inline]
    pub(super) fn longest(&self, text: &[u8]) -> Option<(u32, usize)> {
        let mut longest = None;
        self.prefixes(text, |id, length| longest = Some((id, length)));
        longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The twin asks every token whether the text starts with it.
        #[test]
        fn finds_what_a_list_finds(tokens: Vec<Vec<u8>>, text in "[abc\\PC]{0,12}", tails in "[ab]{0,3}") {
            let mut tokens: Vec<Vec<u8>> = tokens;
            tokens.extend((0..=text.len()).filter(|at| at % 2 == 1).map(|at| text.as_bytes()[..at].to_vec()));
            tokens.push(tails.into_bytes());
            tokens.sort();
            tokens.dedup();
            let numbered = || tokens.iter().zip(0..).map(|(token, id)| (token.as_slice(), id));
            let trie = Trie::new(numbered()).unwrap();
            let mut want: Vec<(u32, usize)> = numbered()
                .filter(|(token, _)| !token.is_empty() && text.as_bytes().starts_with(token))
                .map(|(token, id)| (id, token.len()))
                .collect();
            want.sort_by_key(|(_, length)| *length);
            let mut got = Vec::new();
            trie.prefixes(text.as_bytes(), |id, length| got.push((id, length)));
            prop_assert_eq!(&got, &want);
            prop_assert_eq!(trie.longest(text.as_bytes()), want.last().copied());
        }
    }
}
