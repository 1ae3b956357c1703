//! Tokens -> the items that get labels: single tokens, or words, each with the row that its strategy makes from the
//! rows of its tokens.

use super::stitch::Stitched;
use super::words::{Sides, Source};
use super::{Score, TextDecoder};
use crate::entities::certain;
use crate::entities::strategy::Decides;
use crate::entities::viterbi::{Grammar, Space};
use crate::labels::Role;
use crate::math::exps;
use crate::math::logits::{MeanSpace, Rows};
use crate::{Error, Result};
use std::ops::Range;

impl TextDecoder<'_> {
    pub(super) fn fault(&self, text: &Stitched<'_>, token: usize, found: &'static str) -> Error {
        let (window, token) = text.tokens[token].origin;
        Error::BadLogits { found, window: self.numbers[window as usize], token: token as usize }
    }

    /// The label of each item of a text, and the row that it was decided by. The tokens in `apart` stand for others
    /// that were left out; `None` if the result depends on those.
    pub(super) fn decide(
        &self,
        text: &Stitched<'_>,
        items: &[(u32, u32)],
        apart: &[u32],
    ) -> Result<Option<Decided>> {
        let settings = &self.decoder.settings;
        if (settings.viterbi && !apart.is_empty()) || self.makes_some_rows() {
            return self.decide_by_runs(text, items, apart);
        }
        let grammar = &self.decoder.grammar;
        let columns = self.decoder.label_names.len();
        let base = Rows::new(&text.values, columns);
        let mut out = self.item_rows(&base, text, items)?;
        if settings.outside_bias != 0.0 {
            out.made = self.biased(&base.and(&out.made), &out.rows);
            out.rows = (base.count() as u32..).take(items.len()).collect();
        }
        let rows = base.and(&out.made);
        let decided = if settings.viterbi {
            grammar.best_path(&rows, &out.rows, text.cut, &mut Space::default(), &mut out.labels)
        } else {
            rows.argmaxes(&out.rows, grammar.likely() as usize, &mut out.labels)
        };
        let token = |row: usize| items[position(&out.rows, row)].0 as usize;
        decided.map_err(|(row, fault)| self.fault(text, token(row), fault))?;
        Ok(Some(out))
    }

    /// Whether most tokens can be left out: tokens that are outside for certain are in no entity and change none.
    pub(super) fn leaves_out(&self) -> bool {
        let settings = &self.decoder.settings;
        let tag = self.decoder.grammar.tagging().tags[self.decoder.grammar.likely() as usize];
        let decides = match settings.strategy.decides() {
            None | Some(Decides::Mean) => true,
            // If the last token has a say, too, more than one row decides a word.
            Some(Decides::First) => !settings.lays_out_words(&self.decoder.grammar),
            // The most certain token decides the type of a word, and a type may have several labels.
            Some(Decides::Wins(_)) => false,
        };
        let words = match settings.words {
            Source::Auto | Source::Unicode => true,
            Source::WordIds | Source::Transformers => false,
        };
        decides
            && words
            && !settings.strategy.is_by_token()
            && tag.role == Role::Outside
            && settings.ignored[tag.kind as usize]
            && settings.outside_bias == 0.0
            && settings.score != Score::Path
            && (!settings.viterbi || self.decoder.grammar.sheds())
    }

    /// Whether only some rows of words have to be made: most words are outside for certain, whatever their mean, and
    /// nobody asks for their score.
    fn makes_some_rows(&self) -> bool {
        let settings = &self.decoder.settings;
        let tags = &self.decoder.grammar.tagging().tags;
        settings.viterbi
            && self.decoder.grammar.sheds()
            && matches!(settings.strategy.decides(), Some(Decides::Mean))
            && settings.outside_bias == 0.0
            && settings.score != Score::Path
            && tags.iter().all(|tag| tag.role != Role::Outside || settings.ignored[tag.kind as usize])
    }

    /// The same as the best path over the means of all words, but only those means are made that may be in an entity.
    ///
    /// If "outside" leads all other labels by so much in each token of a word, it does so in the mean of their
    /// distributions, too; and a label of the word gets at most the probability of all labels of its type in that
    /// mean.
    fn decide_by_runs(
        &self,
        text: &Stitched<'_>,
        items: &[(u32, u32)],
        apart: &[u32],
    ) -> Result<Option<Decided>> {
        let grammar = &self.decoder.grammar;
        let outside = grammar.likely();
        let base = Rows::new(&text.values, self.decoder.label_names.len());
        let (mut best, mut leads) = (Vec::new(), Vec::new());
        base.leads(&text.rows, outside as usize, &mut best, &mut leads)
            .map_err(|(row, fault)| self.fault(text, position(&text.rows, row), fault))?;
        let mut out = Decided { rows: Vec::with_capacity(items.len()), ..Decided::default() };
        out.labels.reserve(items.len());
        out.made.reserve(self.decoder.label_names.len() * items.len() / 8);
        let mut above = Vec::with_capacity(items.len());
        let mut words = Means::new(&base, text, grammar);
        let by_first = matches!(self.decoder.settings.strategy.decides(), Some(Decides::First));
        for (number, &(from, to)) in items.iter().enumerate() {
            let members = from as usize..if by_first { from + 1 } else { to } as usize;
            let least = if members.len() > 1 {
                let lead = |at: usize| {
                    let bound = leads[at] - grammar.pooled();
                    let shows = certain::is_clear(bound) || leads[at] <= 0.0;
                    if shows { bound } else { grammar.type_lead(base.row(text.rows[at] as usize), leads[at]) }
                };
                members.clone().map(lead).fold(f32::INFINITY, f32::min)
            } else {
                leads[members.start]
            };
            let clear =
                certain::is_clear(least) && best[members.clone()].iter().all(|&label| label == outside);
            let row = match members.len() {
                1 => text.rows[members.start],
                _ if clear => UNMADE,
                _ => words.make(number, members.clone(), &mut out.made),
            };
            out.rows.push(row);
            out.labels.push(best[members.start]);
            above.push(least);
        }
        let made: Vec<u32> = words.items.iter().map(|&item| out.rows[item]).collect();
        base.and(&out.made)
            .leads(&made, outside as usize, &mut best, &mut leads)
            .map_err(|(row, fault)| self.fault(text, items[position(&out.rows, row)].0 as usize, fault))?;
        for (&item, (&label, &lead)) in words.items.iter().zip(best.iter().zip(&leads)) {
            (out.labels[item], above[item]) = (label, lead);
        }
        if grammar.is_legal(&out.labels, text.cut) {
            return Ok(Some(out));
        }
        let is_apart = |item: usize| apart.binary_search(&items[item].0).is_ok();
        let Some(runs) = certain::runs_of_some(&out.labels, &above, outside, is_apart) else {
            return Ok(None);
        };
        self.search(&mut words, items, &runs, &mut out)?;
        Ok(Some(out))
    }

    /// Labels the items of `runs` by the best sequence of each, for which their rows are made.
    fn search(
        &self,
        words: &mut Means<'_>,
        items: &[(u32, u32)],
        runs: &[Range<usize>],
        out: &mut Decided,
    ) -> Result<()> {
        for item in runs.iter().cloned().flatten() {
            if out.rows[item] == UNMADE {
                let (from, to) = items[item];
                out.rows[item] = words.make(item, from as usize..to as usize, &mut out.made);
            }
        }
        let rows = words.rows.and(&out.made);
        let mut space = Space::default();
        for run in runs {
            let (labels, rows_of) = (&mut out.labels[run.clone()], &out.rows[run.clone()]);
            let cut = words.text.cut.of_run(run, items.len());
            self.decoder.grammar.search_run(&rows, rows_of, cut, &mut space, labels).map_err(
                |(row, fault)| self.fault(words.text, items[position(&out.rows, row)].0 as usize, fault),
            )?;
        }
        Ok(())
    }

    /// Which types the model gives to what stands on the two sides of a joint, `left` and `right`. Where tokens are
    /// decided by themselves, what is outside is no type.
    pub(super) fn sides(&self, text: &Stitched<'_>, left: Range<usize>, right: Range<usize>) -> Sides {
        let rows = Rows::new(&text.values, self.decoder.label_names.len());
        let [left, right] = [left, right].map(|tokens| self.type_of(&rows, &text.rows[tokens]));
        let inner = |kind: u32| !self.decoder.grammar.is_outside(kind);
        match (left == right, inner(left) && inner(right)) {
            (false, true) => Sides::Entities,
            (false, false) if self.decoder.settings.strategy.joins_words() => Sides::Mixed,
            _ => Sides::Alike,
        }
    }

    /// The most probable type of the tokens of `members`, by the mean of their distributions.
    fn type_of(&self, rows: &Rows<'_>, members: &[u32]) -> u32 {
        let grammar = &self.decoder.grammar;
        let (mut mean, mut kinds) = (Vec::new(), Vec::new());
        rows.mean(members, &mut MeanSpace::default(), &mut mean);
        kind_sums(grammar, &mean, &mut kinds);
        let lowered = (-self.decoder.settings.outside_bias).exp();
        let mut best = (0, f32::NEG_INFINITY);
        for (kind, probability) in (0..).zip(kinds) {
            let weight = if grammar.is_outside(kind) { probability * lowered } else { probability };
            if weight > best.1 {
                best = (kind, weight);
            }
        }
        best.0
    }

    /// The row that decides each item: its only token's, its first one's, its most certain one's, or their mean.
    fn item_rows(&self, rows: &Rows<'_>, text: &Stitched<'_>, items: &[(u32, u32)]) -> Result<Decided> {
        let settings = &self.decoder.settings;
        let first = || {
            let rows = items.iter().map(|item| text.rows[item.0 as usize]).collect();
            Ok(Decided { rows, ..Decided::default() })
        };
        let wins = match settings.strategy.decides() {
            None => return first(),
            Some(Decides::First) if !settings.lays_out_words(&self.decoder.grammar) => {
                return first();
            }
            Some(Decides::First) => Some((|_, _| false) as fn(f32, f32) -> bool),
            Some(Decides::Wins(wins)) => Some(wins),
            Some(Decides::Mean) => None,
        };
        if items.iter().all(|item| item.1 - item.0 == 1) {
            return first();
        }
        // Rows without a most probable label are refused before they are chosen or averaged.
        let mut best = Vec::new();
        rows.argmaxes(&text.rows, self.decoder.grammar.likely() as usize, &mut best)
            .map_err(|(row, fault)| self.fault(text, position(&text.rows, row), fault))?;
        let mut out = Decided::default();
        let grammar = &self.decoder.grammar;
        let mut means = Means::new(rows, text, grammar);
        let mut word = WordRow::new(grammar);
        for (number, &(from, to)) in items.iter().enumerate() {
            let members = from as usize..to as usize;
            let row = match (members.len(), wins) {
                (1, _) => text.rows[members.start],
                (_, None) => means.make(number, members, &mut out.made),
                (_, Some(wins)) => {
                    let row = (rows.count() + out.made.len() / self.decoder.label_names.len()) as u32;
                    word.push(rows, &text.rows[members], wins, &mut out.made);
                    row
                }
            };
            out.rows.push(row);
        }
        Ok(out)
    }

    /// The rows of items, less the bias of labels that are outside.
    pub(super) fn biased(&self, rows: &Rows<'_>, item_rows: &[u32]) -> Vec<f32> {
        let tags = &self.decoder.grammar.tagging().tags;
        let mut values = Vec::with_capacity(item_rows.len() * tags.len());
        for &row in item_rows {
            let from = values.len();
            values.extend_from_slice(rows.row(row as usize));
            for (value, tag) in values[from..].iter_mut().zip(tags) {
                if tag.role == Role::Outside {
                    *value -= self.decoder.settings.outside_bias;
                }
            }
        }
        values
    }
}

/// The labels of a text's items, and the rows that decided them.
#[derive(Debug, Default)]
pub(super) struct Decided {
    /// One label per item.
    pub(super) labels: Vec<u32>,
    /// The row of each item; numbers past the rows of the text are in `made`; [`UNMADE`] if no row was needed.
    pub(super) rows: Vec<u32>,
    /// Rows that were made from those of several tokens.
    pub(super) made: Vec<f32>,
}

/// Stands for the row of a word that is outside for certain.
const UNMADE: u32 = u32::MAX;

/// Makes rows of words: the means of their tokens' distributions, laid out by [`WordRow`].
struct Means<'a> {
    rows: &'a Rows<'a>,
    text: &'a Stitched<'a>,
    space: MeanSpace,
    word: WordRow<'a>,
    /// The items that have a row.
    items: Vec<usize>,
}

impl<'a> Means<'a> {
    fn new(rows: &'a Rows<'a>, text: &'a Stitched<'a>, grammar: &'a Grammar) -> Self {
        Self { rows, text, space: MeanSpace::default(), word: WordRow::new(grammar), items: Vec::new() }
    }

    /// Appends the row of `item`, whose tokens are `members`; returns its number.
    fn make(&mut self, item: usize, members: Range<usize>, made: &mut Vec<f32>) -> u32 {
        let from = made.len();
        self.rows.mean(&self.text.rows[members], &mut self.space, made);
        self.word.lay_out(&self.space, &mut made[from..]);
        self.items.push(item);
        (self.rows.count() + self.items.len() - 1) as u32
    }
}

fn position(rows: &[u32], row: usize) -> usize {
    rows.iter().position(|&other| other as usize == row).unwrap_or(0)
}

/// The row of a word. The mean of its tokens decides its type, or one of them, such as the most certain one.
///
/// A token inside a word has a label that continues an entity, which seldom may begin one: if it decided alone, it
/// would be an illegal start, and so would a mean over labels, the more so the more tokens the word has. So the tokens
/// decide the type of the word, and the first and the last one decide where an entity begins or ends: `P(type) *
/// P(begins | type) * P(ends | type)`. A mean has half of that and half of the mean over labels; see [`PLACED`].
struct WordRow<'a> {
    grammar: &'a Grammar,
    /// By label: the softmax of the first token of a word, and of the current one.
    first: Vec<f32>,
    here: Vec<f32>,
    /// By type: probabilities of the word, and of the current token.
    kinds: Vec<f32>,
    kinds_here: Vec<f32>,
    /// By label: the probabilities of the word by type and place.
    placed: Vec<f32>,
}

/// How much of a mean's row is laid out by where the word begins and ends; the rest is the mean over labels.
///
/// With 0, a word of many tokens is lost, however sure they are: the label that may begin an entity has only what one
/// token gives it. With 1, doubtful words become entities more often than in gold. With this value, a word is found
/// from a probability of two thirds on, whatever its length, and at a lower one if it is short.
const PLACED: f32 = 0.5;

impl<'a> WordRow<'a> {
    fn new(grammar: &'a Grammar) -> Self {
        let (first, here, kinds, kinds_here, placed) = Default::default();
        Self { grammar, first, here, kinds, kinds_here, placed }
    }

    /// Appends the row of the word made up of the tokens `members`; its type is that of the token that wins.
    fn push(&mut self, rows: &Rows<'_>, members: &[u32], wins: fn(f32, f32) -> bool, out: &mut Vec<f32>) {
        let mut top = f32::NAN;
        for (at, &row) in members.iter().enumerate() {
            self.here.clear();
            exps::softmax_onto(rows.row(row as usize), &mut self.here);
            kind_sums(self.grammar, &self.here, &mut self.kinds_here);
            let most = self.kinds_here.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            if at == 0 {
                self.first.clone_from(&self.here);
            }
            if at == 0 || wins(most, top) {
                top = most;
                self.kinds.clone_from(&self.kinds_here);
            }
        }
        place(self.grammar, &self.kinds, (&self.first, &self.here), &mut self.placed);
        out.extend(self.placed.iter().map(|probability| probability.ln()));
    }

    /// Replaces the mean of a word's tokens by the word's row, laid out by type and place; `space` has the distributions
    /// of its first and last token. A row of logits is one of logarithms, and they are taken once, at the end.
    fn lay_out(&mut self, space: &MeanSpace, row: &mut [f32]) {
        kind_sums(self.grammar, row, &mut self.kinds);
        place(self.grammar, &self.kinds, (&space.first, &space.last), &mut self.placed);
        for (value, placed) in row.iter_mut().zip(&self.placed) {
            *value = (PLACED * placed + (1.0 - PLACED) * *value).ln();
        }
    }
}

/// How probable it is that an entity ends with a word whose last token does not say so, where no label says it of an entity
/// of several tokens. Below a half, as a label that begins an entity does for one word, too, if nothing is searched.
const UNSAID: f32 = 0.4;

/// Writes the probabilities of the labels of a word whose types have the probabilities `kinds`; `ends` are the
/// distributions of its first token and of its last.
fn place(grammar: &Grammar, kinds: &[f32], ends: (&[f32], &[f32]), out: &mut Vec<f32>) {
    let scheme = grammar.tagging().scheme;
    let (marks_ends, marks_singles) = (scheme.marks_ends(), scheme.marks_singles());
    out.resize(ends.0.len(), 0.0);
    for (kind, &probability) in (0..).zip(kinds) {
        let labels = || grammar.labels_of(kind);
        let begins = share(labels(), ends.0, Role::begins);
        let ends = share(labels(), ends.1, Role::ends);
        let ends = if marks_ends || !marks_singles { ends } else { UNSAID + (1.0 - UNSAID) * ends };
        let place = |role| match role {
            Role::Outside => 1.0,
            Role::Begin => begins * (1.0 - ends),
            Role::Inside => (1.0 - begins) * (1.0 - ends),
            Role::End => (1.0 - begins) * ends,
            Role::Single => begins * ends,
        };
        // Not every type has a label for each place: a type without a label for this place keeps all its labels.
        let all = labels().fold(0.0, |all, (_, role)| all + place(role));
        for (label, role) in labels() {
            let share = if all > 0.0 { place(role) / all } else { 1.0 };
            out[label as usize] = probability * share;
        }
    }
}

/// By type, the sum over its labels.
fn kind_sums(grammar: &Grammar, probs: &[f32], out: &mut Vec<f32>) {
    let sum = |kind| grammar.labels_of(kind).fold(0.0, |sum, (label, _)| sum + probs[label as usize]);
    out.clear();
    out.extend((0..grammar.tagging().kinds.len() as u32).map(sum));
}

/// The share of a type's probability that its labels with a `wanted` role have; a half if the type has no probability.
fn share(labels: impl Iterator<Item = (u32, Role)>, probs: &[f32], wanted: impl Fn(Role) -> bool) -> f32 {
    let (part, whole) = labels.fold((0.0, 0.0), |(part, whole), (label, role)| {
        let probability = probs[label as usize];
        (if wanted(role) { part + probability } else { part }, whole + probability)
    });
    if whole > 0.0 { (part / whole).min(1.0) } else { 0.5 }
}

#[cfg(test)]
mod tests {
    use crate::batch::Window;
    use crate::entities::chunks::Repair;
    use crate::entities::own::join::Join;
    use crate::entities::own::stitch::Merge;
    use crate::entities::own::words::Source;
    use crate::entities::own::{Decoder, Score, Settings, Snap};
    use crate::entities::transformers::words::Boundary;
    use crate::entities::viterbi::{Grammar, Weights};
    use crate::entities::{Options, Strategy};
    use crate::labels::{Role, SCHEMES, Scheme, Tagging};
    use crate::math::logits::Values;

    /// Start and end of the entities in tokens of one character each, whose words and roles these are.
    fn found(
        scheme: Scheme,
        strategy: Strategy,
        viterbi: bool,
        words: &[i64],
        roles: &[Role],
    ) -> Vec<(i64, i64)> {
        let names = scheme.names(&["x"]);
        let settings = Settings {
            strategy,
            viterbi,
            repair: Repair::Conlleval,
            score: Score::Mean,
            words: Source::WordIds,
            lenient: false,
            snap: Snap::Never,
            join: Join::Never,
            trim: false,
            outside_bias: 0.0,
            merge: Merge::Context,
            probs: false,
            boundary: Boundary::Space,
            ignored: vec![true, false],
            thresholds: vec![0.0; 2],
        };
        let tagging = Tagging::new(&names, Some(scheme)).unwrap();
        let mut logits = vec![0.0; roles.len() * names.len()];
        for (row, &role) in logits.chunks_exact_mut(names.len()).zip(roles) {
            row[tagging.label(role, 1).unwrap() as usize] = 6.0;
        }
        let decoder = Decoder::new(&names, Grammar::new(tagging, Weights::default()).unwrap(), settings);
        let offsets: Vec<i64> = (0..roles.len() as i64).flat_map(|at| [at, at + 1]).collect();
        let window = Window {
            text: 0,
            tokens: roles.len(),
            logits: Values::F32(&logits),
            offsets: Some((&offsets[..]).into()),
            special: None,
            ids: None,
            words: Some(words.into()),
        };
        let found = decoder.decode(&[window], None, 1, None, Options::default()).unwrap();
        found.start.into_iter().zip(found.end).collect()
    }

    #[test]
    fn words_of_many_tokens_are_found_in_each_scheme() {
        // Words of one, four, three and one tokens.
        let words = [0, 1, 1, 1, 1, 2, 2, 2, 3];
        for scheme in SCHEMES {
            for (from, to) in [(1, 5), (5, 8), (1, 8), (0, 5), (5, 9), (8, 9)] {
                let role = |at: usize| {
                    let inside = (from..to).contains(&at);
                    if inside { scheme.role(at - from, to - from, false, false) } else { Role::Outside }
                };
                let roles: Vec<Role> = (0..words.len()).map(role).collect();
                for strategy in [Strategy::Simple, Strategy::First, Strategy::Average, Strategy::Max] {
                    for viterbi in [true, false] {
                        let got = found(scheme, strategy, viterbi, &words, &roles);
                        assert_eq!(
                            got,
                            [(from as i64, to as i64)],
                            "{scheme:?} {strategy:?} {viterbi} {roles:?}"
                        );
                    }
                }
            }
        }
    }
}
