//! Options of `EntityDecoder` with `compat=None`: a dict of Python -> settings of the core.

use fastpost_core::entities::Strategy;
use fastpost_core::entities::chunks::Repair;
use fastpost_core::entities::own as right;
use fastpost_core::entities::own::join::Join;
use fastpost_core::entities::own::stitch::Merge;
use fastpost_core::entities::own::words::Source;
use fastpost_core::entities::own::{Score, Settings, Snap};
use fastpost_core::entities::transformers::words::Boundary;
use fastpost_core::entities::viterbi::{Biases, Grammar, Weights};
use fastpost_core::labels::{Scheme, Tagging};
use fastpost_core::{Error, Result};
use pyo3::prelude::*;
use std::collections::{HashMap, HashSet};

/// As `python/fastpost/entities/decoder.py` gives them, each name checked here.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct EntityOptions {
    scheme: String,
    decode: String,
    repair: String,
    score: String,
    words: String,
    snap: Option<String>,
    join: Option<String>,
    outside_bias: f32,
    lenient: bool,
    trim: Option<String>,
    window_merge: String,
    return_probs: bool,
    biases: Option<[f32; 6]>,
    transitions: Option<(Vec<f32>, Vec<f32>, Vec<f32>)>,
    threshold: f64,
    thresholds: HashMap<String, f64>,
    ignore_labels: HashSet<String>,
}

impl EntityOptions {
    /// The decoder they ask for.
    pub(crate) fn decoder(
        self,
        names: &[String],
        strategy: Strategy,
        boundary: Boundary,
    ) -> Result<right::Decoder> {
        let scheme =
            if self.scheme.eq_ignore_ascii_case("auto") { None } else { Some(Scheme::parse(&self.scheme)?) };
        let grammar = Grammar::new(Tagging::new(names, scheme)?, weights(self.biases, self.transitions))?;
        let bad = |name, got: &str, cure| Err(Error::BadOption { name, got: format!("{got:?}"), cure });
        let viterbi = match self.decode.as_str() {
            "argmax" => false,
            "viterbi" => true,
            other => return bad("decode", other, "choose \"argmax\" or \"viterbi\""),
        };
        let snap = match self.snap.as_deref() {
            None => Snap::Never,
            Some("auto") => Snap::Auto,
            Some("word") => Snap::Word,
            Some(other) => return bad("snap", other, "choose \"auto\", \"word\" or None"),
        };
        let trim = match self.trim.as_deref() {
            None => false,
            Some("whitespace") => true,
            Some(other) => return bad("trim", other, "choose \"whitespace\" or None"),
        };
        let shown = right::names(names, &grammar, strategy);
        if let Some(unknown) = self.thresholds.keys().filter(|name| !shown.contains(name)).min() {
            return Err(Error::BadOption {
                name: "threshold",
                got: format!("given for {unknown:?}, which is none of {}", shown.join(", ")),
                cure: "name labels as they come out",
            });
        }
        if let Some(unknown) =
            self.ignore_labels.iter().filter(|name| *name != "O" && !shown.contains(name)).min()
        {
            return Err(Error::BadOption {
                name: "ignore_labels",
                got: format!("given for {unknown:?}, which is none of {}", shown.join(", ")),
                cure: "name labels as they come out",
            });
        }
        let outside = self.ignore_labels.contains("O");
        let ignored = shown.iter().enumerate().map(|(number, name)| {
            self.ignore_labels.contains(name) || (outside && right::means_outside(&grammar, strategy, number))
        });
        let threshold = |name: &String| self.thresholds.get(name).copied().unwrap_or(self.threshold);
        let settings = Settings {
            strategy,
            viterbi,
            repair: Repair::parse(&self.repair)?,
            score: Score::parse(&self.score)?,
            words: Source::parse(&self.words)?,
            lenient: self.lenient,
            snap,
            join: Join::parse(self.join.as_deref())?,
            trim,
            outside_bias: self.outside_bias,
            merge: Merge::parse(&self.window_merge)?,
            probs: self.return_probs,
            boundary,
            ignored: ignored.collect(),
            thresholds: shown.iter().map(threshold).collect(),
        };
        Ok(right::Decoder::new(names, grammar, settings))
    }
}

/// The biases in the order of their names in openai/privacy-filter's file, or matrix, start and end of the caller.
fn weights(biases: Option<[f32; 6]>, transitions: Option<(Vec<f32>, Vec<f32>, Vec<f32>)>) -> Weights {
    if let Some((steps, start, end)) = transitions {
        return Weights::Matrix { steps, start, end };
    }
    let [
        background_stay,
        background_to_start,
        inside_to_continue,
        inside_to_end,
        end_to_background,
        end_to_start,
    ] = biases.unwrap_or_default();
    Weights::Biases(Biases {
        background_stay,
        background_to_start,
        inside_to_continue,
        inside_to_end,
        end_to_background,
        end_to_start,
    })
}
