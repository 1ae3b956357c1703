//! A word -> the tokens of it that have the highest sum of scores, as Unigram finds them.
//!
//! The plain way asks a prefix tree over bytes, one look a byte. Here a character is one look, the first one of a
//! token in a table by its code. Chinese, where a text is one long word and characters have three bytes, takes a third
//! of the time.

use super::charsmap::Placed;
use super::columns::Piece;

/// No token, no children, no way.
const NONE: u32 = u32::MAX;
/// How much lower an unknown character scores than the token of the lowest score.
const PENALTY: f64 = 10.0;
/// Characters up to here have their own place in the table of first ones.
const FIRSTS: usize = 1 << 16;
/// Bits of a character.
const CODE: u32 = 21;

/// Where a character leads to: the token that ends there, and the name of the node for what may follow.
#[derive(Debug, Clone, Copy)]
struct Node {
    token: u32,
    name: u32,
}

/// An edge of the tree. Its key is the name of a node and a character, all ones for a place that is not used.
#[derive(Debug, Clone, Copy)]
struct Edge {
    key: u64,
    to: Node,
}

const NOWHERE: Node = Node { token: NONE, name: NONE };
const UNUSED: Edge = Edge { key: u64::MAX, to: NOWHERE };

/// Tokens and their scores.
#[derive(Debug)]
pub(super) struct Lattice {
    /// Where the first character of a token leads to.
    firsts: Vec<Node>,
    /// All other edges, and those of rare first characters, in one open-addressed table, which is quick to build.
    edges: Vec<Edge>,
    shift: u32,
    used: usize,
    /// Nodes that have a name; 0 is the root.
    names: u32,
    scores: Vec<f64>,
    unknown: u32,
    unknown_score: f64,
}

/// The best way to a place in a word: its score, and its last token.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    score: f64,
    from: u32,
    id: u32,
}

impl Lattice {
    /// Made from tokens and scores by id. An empty token is left out; of two equal ones the last one counts. `unknown`
    /// is the id of unknown text.
    pub(super) fn new(rows: &[(&str, f64)], unknown: u32) -> Self {
        let least = rows.iter().map(|(_, score)| *score).fold(f64::INFINITY, f64::min);
        let mut lattice = Self {
            firsts: vec![NOWHERE; FIRSTS],
            edges: vec![UNUSED; 1 << 8],
            shift: 64 - 8,
            used: 0,
            names: 1,
            scores: rows.iter().map(|(_, score)| *score).collect(),
            unknown,
            unknown_score: least - PENALTY,
        };
        for ((token, _), id) in rows.iter().zip(0..) {
            lattice.add(token, id);
        }
        lattice
    }

    fn add(&mut self, token: &str, id: u32) {
        let mut chars = token.chars().peekable();
        let mut name = 0;
        while let Some(c) = chars.next() {
            let ends = chars.peek().is_none();
            let (names, node) = (self.names, self.node(name, c));
            if ends {
                node.token = id;
            } else if node.name == NONE {
                node.name = names;
                self.names += 1;
                name = names;
            } else {
                name = node.name;
            }
        }
    }

    /// Where `c` leads to from a node; the entry is made if there is none yet.
    fn node(&mut self, name: u32, c: char) -> &mut Node {
        if name == 0 && (c as usize) < FIRSTS {
            return &mut self.firsts[c as usize];
        }
        if self.used * 2 >= self.edges.len() {
            let larger = vec![UNUSED; self.edges.len() * 4];
            self.shift -= 2;
            for edge in std::mem::replace(&mut self.edges, larger) {
                if edge.key != u64::MAX {
                    let at = self.place(edge.key);
                    self.edges[at] = edge;
                }
            }
        }
        let key = key(name, c);
        let at = self.place(key);
        if self.edges[at].key != key {
            self.edges[at] = Edge { key, to: NOWHERE };
            self.used += 1;
        }
        &mut self.edges[at].to
    }

    /// The place of an edge, or the free place for it.
    #[inline(always)]
    fn place(&self, key: u64) -> usize {
        let mut at = (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> self.shift) as usize;
        while self.edges[at].key != key && self.edges[at].key != u64::MAX {
            at = (at + 1) & (self.edges.len() - 1);
        }
        at
    }

    /// Calls `found` with id and number of characters of each token that `word` starts with, the shortest first.
    #[inline(always)]
    fn prefixes(&self, word: &[Placed], mut found: impl FnMut(u32, usize)) {
        let Some((c, _)) = word.first() else { return };
        let mut node = match self.firsts.get(*c as usize) {
            Some(node) => *node,
            None => self.edges[self.place(key(0, *c))].to,
        };
        let mut length = 1;
        loop {
            if node.token != NONE {
                found(node.token, length);
            }
            let Some((c, _)) = word.get(length).filter(|_| node.name != NONE) else { return };
            node = self.edges[self.place(key(node.name, *c))].to;
            length += 1;
        }
    }

    /// Adds the tokens of `word`, which is number `number` of its chunk, to `pieces`.
    pub(super) fn cut(&self, word: &[Placed], number: u32, steps: &mut Vec<Step>, pieces: &mut Vec<Piece>) {
        steps.clear();
        steps.resize(word.len() + 1, Step { score: 0.0, from: NONE, id: 0 });
        for at in 0..word.len() {
            let (before, after) = steps.split_at_mut(at + 1);
            let here = before[at].score;
            let mut alone = false;
            self.prefixes(&word[at..], |id, length| {
                better(&mut after[length - 1], here + self.scores[id as usize], at, id);
                alone |= length == 1;
            });
            if !alone {
                better(&mut after[0], here + self.unknown_score, at, self.unknown);
            }
        }
        let first = pieces.len();
        let mut end = word.len();
        while end > 0 {
            let Step { from, mut id, .. } = steps[end];
            let mut start = from as usize;
            if id == self.unknown {
                // A run of unknown characters is one token, which may be known as a whole.
                while start > 0 && steps[start].id == self.unknown {
                    start = steps[start].from as usize;
                }
                let run = &word[start..end];
                self.prefixes(run, |token, length| {
                    if length == run.len() {
                        id = token;
                    }
                });
            }
            pieces.push(Piece { id, start: word[start].1, end: word[end - 1].1 + 1, word: number });
            end = start;
        }
        pieces[first..].reverse();
    }
}

#[inline(always)]
fn key(name: u32, c: char) -> u64 {
    u64::from(name) << CODE | u64::from(u32::from(c))
}

#[inline(always)]
fn better(step: &mut Step, score: f64, from: usize, id: u32) {
    if step.from == NONE || score > step.score {
        *step = Step { score, from: from as u32, id };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn placed(word: &str) -> Vec<Placed> {
        word.chars().zip(0..).collect()
    }

    /// Every way to cut `word` into tokens and unknown single characters, with its score summed from the left.
    fn ways(tokens: &[(&str, f64)], unknown: f64, word: &str) -> Vec<(f64, Vec<usize>)> {
        let mut all = vec![(0.0, vec![0])];
        let mut done = Vec::new();
        while let Some((score, ends)) = all.pop() {
            let at = *ends.last().unwrap();
            let rest = &word[at..];
            let Some(c) = rest.chars().next() else {
                done.push((score, ends));
                continue;
            };
            let mut step =
                |length: usize, more: f64| all.push((score + more, [&ends[..], &[at + length]].concat()));
            for (token, more) in tokens.iter().filter(|(token, _)| rest.starts_with(token)) {
                step(token.len(), *more);
            }
            if tokens.iter().all(|(token, _)| *token != c.to_string()) {
                step(c.len_utf8(), unknown);
            }
        }
        done
    }

    proptest! {
        /// The twin looks at all ways to cut a word.
        #[test]
        fn the_best_of_all_ways(
            tokens in prop::collection::btree_map("[ab北\u{20000}]{1,3}", 1_u32..50, 0..12),
            word in "[ab北京\u{20000}]{1,9}",
        ) {
            // Scores whose sums are exact, so that the order of adding does not matter.
            let named: Vec<(String, f64)> = tokens.into_iter().map(|(token, score)| (token, -f64::from(score))).collect();
            let mut rows = vec![("<unk>", -50.0)];
            rows.extend(named.iter().map(|(token, score)| (token.as_str(), *score)));
            let lattice = Lattice::new(&rows, 0);
            let (mut steps, mut pieces) = (Vec::new(), Vec::new());
            lattice.cut(&placed(&word), 3, &mut steps, &mut pieces);
            let best = ways(&rows[1..], -60.0, &word).into_iter().map(|(score, _)| score).fold(f64::NEG_INFINITY, f64::max);
            prop_assert_eq!(steps.last().unwrap().score, best);
            // The pieces lie end to end, and each is the token that it says it is.
            let chars: Vec<char> = word.chars().collect();
            let mut at = 0;
            for piece in &pieces {
                prop_assert_eq!((piece.start, piece.word), (at, 3));
                at = piece.end;
                let text: String = chars[piece.start as usize..piece.end as usize].iter().collect();
                prop_assert!(piece.id == 0 || rows[piece.id as usize].0 == text);
            }
            prop_assert_eq!(at as usize, chars.len());
        }
    }

    #[test]
    fn what_is_not_known_is_one_token_and_may_be_known_as_a_whole() {
        let rows = [("<unk>", 0.0), ("a", -1.0), ("xy", -100.0), ("\u{20000}", -2.0)];
        let lattice = Lattice::new(&rows, 0);
        let ids = |word: &str| {
            let (mut steps, mut pieces) = (Vec::new(), Vec::new());
            lattice.cut(&placed(word), 0, &mut steps, &mut pieces);
            pieces.iter().map(|piece| (piece.id, piece.start, piece.end)).collect::<Vec<_>>()
        };
        assert_eq!(ids("zzzaz"), [(0, 0, 3), (1, 3, 4), (0, 4, 5)]);
        assert_eq!(ids("\u{20000}a\u{20001}"), [(3, 0, 1), (1, 1, 2), (0, 2, 3)]);
        assert_eq!(ids(""), []);
    }
}
