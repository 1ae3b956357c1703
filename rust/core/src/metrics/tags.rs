//! True and predicted tags of the same tokens: distinct tags once, then numbers only.

use super::lenient;
use super::names::Names;
use super::spans::{Span, SpanPairs};
use super::strict::{self, Scheme};
use crate::{Error, Result};

/// How tags become entities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// As conlleval reads them: any sequence is readable, an entity may begin with `I-`.
    Lenient,
    /// Only what the scheme allows is an entity.
    Strict(Scheme),
    /// Strict, under the scheme that the prefixes of the true tags fit.
    Detected,
}

/// True and predicted tags of the same tokens, sequences laid end to end.
#[derive(Debug, Clone)]
pub struct TagPairs {
    names: Vec<String>,
    lengths: Vec<usize>,
    truth: Vec<u32>,
    guess: Vec<u32>,
}

/// The entities of one side in the lenient reading, counted over all sequences with one place between two of them.
///
/// They come in the order of their ends; `label` is an index into the names returned.
///
/// # Errors
/// If a tag is empty.
pub fn entities(
    names: &[String],
    ids: &[u32],
    lengths: &[usize],
    suffix: bool,
) -> Result<(Vec<String>, Vec<Span>)> {
    if let Some(empty) = names.iter().position(String::is_empty) {
        let at = ids.iter().position(|&id| id as usize == empty).unwrap_or_default();
        let (text, token) = place(lengths, at);
        return Err(Error::EmptyTag { name: "seq", text, token });
    }
    let mut labels = Names::default();
    let tags: Vec<_> = names.iter().map(|name| lenient::parse(name, suffix, &mut labels)).collect();
    let outside = lenient::outside(&mut labels);
    let mut spans = lenient::spans(ids, lengths, &tags, outside);
    let starts: Vec<i64> = lengths
        .iter()
        .scan(0, |next, &length| {
            let start = *next;
            *next += length as i64 + 1;
            Some(start)
        })
        .collect();
    for span in &mut spans {
        span.start += starts[span.text as usize];
        span.end += starts[span.text as usize];
    }
    Ok((labels.into_vec(), spans))
}

/// The tags among `names` that the lenient reading finds odd.
pub fn odd(names: &[String], suffix: bool) -> impl Iterator<Item = &str> {
    names.iter().map(String::as_str).filter(move |name| lenient::is_odd(name, suffix))
}

/// The sequence and the place in it of a token, counted end to end.
fn place(lengths: &[usize], token: usize) -> (usize, usize) {
    let mut rest = token;
    for (text, &length) in lengths.iter().enumerate() {
        if rest < length {
            return (text, rest);
        }
        rest -= length;
    }
    (lengths.len(), rest)
}

/// How often true and predicted tag agree, token by token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Agreement {
    /// Both the same, not `O`.
    pub true_positive: usize,
    /// Predicted not `O`, and not the true tag.
    pub false_positive: usize,
    /// Predicted `O`, true not.
    pub false_negative: usize,
    /// Both `O`.
    pub true_negative: usize,
}

impl TagPairs {
    /// Tags as indices into `names`, which are distinct, laid end to end; and the length of each sequence.
    ///
    /// # Errors
    /// If the two differ in sequences or in the length of one.
    pub fn new(
        names: Vec<String>,
        (truth, lengths): (Vec<u32>, Vec<usize>),
        (guess, guess_lengths): (Vec<u32>, &[usize]),
    ) -> Result<Self> {
        check_lengths(lengths.len(), guess_lengths.len(), |text| (lengths[text], guess_lengths[text]))?;
        Ok(Self { names, lengths, truth, guess })
    }

    /// Label ids, one slice a sequence; tokens whose true id is `ignored` are left out of both.
    ///
    /// # Errors
    /// If the two differ in sequences or in the length of one, or an id that counts has no name.
    pub fn from_ids(labels: &[String], truth: &[&[i64]], guess: &[&[i64]], ignored: i64) -> Result<Self> {
        check_lengths(truth.len(), guess.len(), |text| (truth[text].len(), guess[text].len()))?;
        // Two ids of one name are one tag.
        let mut names = Names::default();
        let tags: Vec<_> = labels.iter().map(|label| names.id(label)).collect();
        let mut pairs =
            Self { names: names.into_vec(), lengths: Vec::new(), truth: Vec::new(), guess: Vec::new() };
        for (text, (truth, guess)) in truth.iter().zip(guess).enumerate() {
            let before = pairs.truth.len();
            for (token, (&truth, &guess)) in truth.iter().zip(*guess).enumerate() {
                if truth == ignored {
                    continue;
                }
                let tag = |name, id: i64| {
                    let found = usize::try_from(id).ok().and_then(|id| tags.get(id));
                    found.copied().ok_or(Error::LabelId { name, text, token, id, labels: labels.len() })
                };
                pairs.truth.push(tag("y_true", truth)?);
                pairs.guess.push(tag("y_pred", guess)?);
            }
            pairs.lengths.push(pairs.truth.len() - before);
        }
        Ok(pairs)
    }

    /// Tokens there are.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.truth.len()
    }

    /// Length of each sequence.
    #[must_use]
    pub fn lengths(&self) -> &[usize] {
        &self.lengths
    }

    /// Tokens whose tags are equal.
    #[must_use]
    pub fn correct(&self) -> usize {
        self.truth.iter().zip(&self.guess).filter(|(truth, guess)| truth == guess).count()
    }

    /// Agreement of the tags, `O` being the negative one.
    #[must_use]
    pub fn agreement(&self) -> Agreement {
        let outside = self.names.iter().position(|name| name == "O").map_or(u32::MAX, |at| at as u32);
        let mut found = Agreement::default();
        for (&truth, &guess) in self.truth.iter().zip(&self.guess) {
            match (truth == guess, truth == outside, guess == outside) {
                (true, true, _) => found.true_negative += 1,
                (true, false, _) => found.true_positive += 1,
                (false, _, false) => found.false_positive += 1,
                (false, _, true) => found.false_negative += 1,
            }
        }
        found
    }

    /// Tags in use that the lenient reading finds odd: no `O`, and none of the prefixes B, I, E, S before a dash.
    #[must_use]
    pub fn odd(&self, suffix: bool) -> Vec<&str> {
        let mut used = vec![false; self.names.len()];
        self.truth.iter().chain(&self.guess).for_each(|&tag| used[tag as usize] = true);
        let names = self.names.iter().zip(used);
        names.filter(|(name, used)| *used && lenient::is_odd(name, suffix)).map(|(name, _)| &**name).collect()
    }

    /// The entities of both.
    ///
    /// # Errors
    /// If a tag is empty, or not one of the scheme, or if the true tags fit no scheme.
    pub fn spans(&self, reading: Reading, suffix: bool) -> Result<SpanPairs> {
        if self.names.iter().any(String::is_empty) {
            self.refuse(String::is_empty, |name, text, token, _| Error::EmptyTag { name, text, token })?;
        }
        let mut labels = Names::default();
        let (truth, guess) = match reading {
            Reading::Lenient => {
                let tags: Vec<_> =
                    self.names.iter().map(|name| lenient::parse(name, suffix, &mut labels)).collect();
                let outside = lenient::outside(&mut labels);
                let spans = |ids: &[u32]| lenient::spans(ids, &self.lengths, &tags, outside);
                (spans(&self.truth), spans(&self.guess))
            }
            Reading::Strict(scheme) => self.strict(scheme, suffix, &mut labels)?,
            Reading::Detected => {
                let mut used = vec![false; self.names.len()];
                self.truth.iter().for_each(|&tag| used[tag as usize] = true);
                let names = self.names.iter().zip(used).filter(|(_, used)| *used).map(|(name, _)| &**name);
                self.strict(Scheme::detect(names, suffix)?, suffix, &mut labels)?
            }
        };
        Ok(SpanPairs::new(&labels.into_vec(), truth, guess))
    }

    fn strict(&self, scheme: Scheme, suffix: bool, labels: &mut Names) -> Result<(Vec<Span>, Vec<Span>)> {
        let table = scheme.table();
        let tags: Vec<_> = self.names.iter().map(|name| table.parse(name, suffix, labels)).collect();
        if tags.iter().any(Option::is_none) {
            self.refuse(
                |tag| table.parse(tag, suffix, &mut Names::default()).is_none(),
                |name, text, token, tag| Error::BadTag {
                    name,
                    text,
                    token,
                    tag: tag.clone(),
                    end: if suffix { "suffixes" } else { "prefixes" },
                    scheme: scheme.name(),
                    letters: scheme.letters(),
                },
            )?;
        }
        // A tag that still has no reading is not in use.
        let outside = strict::outside(labels);
        let tags: Vec<_> = tags.into_iter().map(|tag| tag.unwrap_or(outside)).collect();
        let spans = |ids: &[u32]| strict::spans(ids, &self.lengths, &tags, &table, outside);
        Ok((spans(&self.truth), spans(&self.guess)))
    }

    /// The error of the first tag in use that is `bad`, if there is one.
    fn refuse(
        &self,
        bad: impl Fn(&String) -> bool,
        error: impl Fn(&'static str, usize, usize, &String) -> Error,
    ) -> Result<()> {
        let bad: Vec<_> = self.names.iter().map(bad).collect();
        for (name, ids) in [("y_true", &self.truth), ("y_pred", &self.guess)] {
            if let Some(at) = ids.iter().position(|&tag| bad[tag as usize]) {
                let (text, token) = place(&self.lengths, at);
                return Err(error(name, text, token, &self.names[ids[at] as usize]));
            }
        }
        Ok(())
    }
}

fn check_lengths(truth: usize, guess: usize, of: impl Fn(usize) -> (usize, usize)) -> Result<()> {
    if truth != guess {
        return Err(Error::SequenceCount { truth, guess });
    }
    match (0..truth).map(|text| (text, of(text))).find(|(_, (truth, guess))| truth != guess) {
        Some((text, (truth, guess))) => Err(Error::SequenceLength { text, truth, guess }),
        None => Ok(()),
    }
}
