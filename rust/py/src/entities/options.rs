//! Options of `EntityDecoder` with `compat="fastpost"`: a dict of Python -> settings of the core.

use crate::options::{Name, SchemeName};
use fastpost_core::entities::Strategy;
use fastpost_core::entities::chunks::Repair;
use fastpost_core::entities::own as right;
use fastpost_core::entities::own::join::Join;
use fastpost_core::entities::own::stitch::Merge;
use fastpost_core::entities::own::words::Source;
use fastpost_core::entities::own::{Decide, Score, Settings, Snap, Trim};
use fastpost_core::entities::transformers::words::Boundary;
use fastpost_core::entities::viterbi::{Biases, Grammar, Weights};
use fastpost_core::labels::{Scheme, Tagging};
use fastpost_core::{Error, Result, short_name};
use pyo3::prelude::*;
use std::collections::{HashMap, HashSet};

/// As `python/fastpost/entities/options.py` gives them.
pub(crate) struct EntityOptions {
    scheme: Option<Scheme>,
    decode: Decide,
    repair: Repair,
    score: Score,
    words: Source,
    snap: Snap,
    join: Join,
    trim: Trim,
    window_merge: Merge,
    outside_bias: f32,
    lenient: bool,
    return_probs: bool,
    biases: Option<[f32; 6]>,
    transitions: Option<(Vec<f32>, Vec<f32>, Vec<f32>)>,
    threshold: f64,
    thresholds: HashMap<String, f64>,
    ignore_labels: HashSet<String>,
}

// Written by hand, because the derived one says "failed to extract field" and not what is wrong.
impl<'a, 'py> FromPyObject<'a, 'py> for EntityOptions {
    type Error = PyErr;

    fn extract(given: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let of = |name: &str| given.get_item(name);
        Ok(Self {
            scheme: of("scheme")?.extract::<SchemeName>()?.0,
            decode: of("decode")?.extract::<Name<_>>()?.0,
            repair: of("repair")?.extract::<Name<_>>()?.0,
            score: of("score")?.extract::<Name<_>>()?.0,
            words: of("words")?.extract::<Name<_>>()?.0,
            snap: of("snap")?.extract::<Name<_>>()?.0,
            join: of("join")?.extract::<Name<_>>()?.0,
            trim: of("trim")?.extract::<Name<_>>()?.0,
            window_merge: of("window_merge")?.extract::<Name<_>>()?.0,
            outside_bias: of("outside_bias")?.extract()?,
            lenient: of("lenient")?.extract()?,
            return_probs: of("return_probs")?.extract()?,
            biases: of("biases")?.extract()?,
            transitions: of("transitions")?.extract()?,
            threshold: of("threshold")?.extract()?,
            thresholds: of("thresholds")?.extract()?,
            ignore_labels: of("ignore_labels")?.extract()?,
        })
    }
}

impl EntityOptions {
    /// The decoder they ask for.
    pub(crate) fn decoder(
        self,
        names: &[String],
        strategy: Strategy,
        boundary: Boundary,
    ) -> Result<right::Decoder> {
        let grammar =
            Grammar::new(Tagging::new(names, self.scheme)?, weights(self.biases, self.transitions))?;
        let shown = right::names(names, &grammar, strategy);
        if let Some(unknown) = self.thresholds.keys().filter(|name| !shown.contains(name)).min() {
            return Err(Error::BadOption {
                name: "threshold",
                got: format!("given for {:?}, which is not one of {}", short_name(unknown), shown.join(", ")),
                cure: "spell labels as results have them",
            });
        }
        if let Some(unknown) =
            self.ignore_labels.iter().filter(|name| *name != "O" && !shown.contains(name)).min()
        {
            return Err(Error::BadOption {
                name: "ignore_labels",
                got: format!("given for {:?}, which is not one of {}", short_name(unknown), shown.join(", ")),
                cure: "spell labels as results have them",
            });
        }
        // "O" means what is outside; a type may have that name, too, as in B-O.
        let ignored = shown.iter().enumerate().map(|(number, name)| match name.as_str() {
            _ if right::means_outside(&grammar, strategy, number) => {
                self.ignore_labels.contains(name) || self.ignore_labels.contains("O")
            }
            "O" => false,
            name => self.ignore_labels.contains(name),
        });
        let threshold = |name: &String| self.thresholds.get(name).copied().unwrap_or(self.threshold);
        let settings = Settings {
            strategy,
            viterbi: self.decode == Decide::Viterbi,
            repair: self.repair,
            score: self.score,
            words: self.words,
            lenient: self.lenient,
            snap: self.snap,
            join: self.join,
            trim: self.trim == Trim::Whitespace,
            outside_bias: self.outside_bias,
            merge: self.window_merge,
            probs: self.return_probs,
            boundary,
            ignored: ignored.collect(),
            thresholds: shown.iter().map(threshold).collect(),
        };
        Ok(right::Decoder::new(names, grammar, settings))
    }
}

/// The biases, in the order in which openai/privacy-filter's file names them, or the caller's matrix, start and end.
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
