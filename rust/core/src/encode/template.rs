//! The work of a post-processor: special tokens around texts, segments, trimmed offsets.

use std::sync::Arc;

use serde_json::Value;

use crate::tokenizer::fields;

/// One part of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// Special tokens, and their segment.
    Marks {
        /// Their ids.
        ids: Vec<i32>,
        /// Segment.
        kind: i32,
    },
    /// The tokens of a text.
    Text {
        /// 0 for the first text, 1 for the second.
        which: usize,
        /// Segment in the first window.
        kind: i32,
        /// Segment in later windows, for which tokenizers does not look at the template.
        later: i32,
    },
}

/// How a window is put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    pub(super) parts: Vec<Part>,
}

impl Template {
    /// The texts one after the other.
    fn bare(texts: usize) -> Self {
        Self {
            parts: (0..texts as i32).map(|i| Part::Text { which: i as usize, kind: i, later: i }).collect(),
        }
    }

    /// Special tokens of a window.
    pub(super) fn marks(&self) -> usize {
        let count = |part: &Part| if let Part::Marks { ids, .. } = part { ids.len() } else { 0 };
        self.parts.iter().map(count).sum()
    }

    /// The same without special tokens.
    fn without_marks(&self) -> Self {
        let texts = self.parts.iter().filter(|part| matches!(part, Part::Text { .. }));
        Self { parts: texts.cloned().collect() }
    }

    /// Whether it holds each of `texts` texts once, in order.
    fn is_plain(&self, texts: usize) -> bool {
        let places = self.parts.iter().filter_map(|part| match part {
            Part::Text { which, .. } => Some(*which),
            Part::Marks { .. } => None,
        });
        places.eq(0..texts)
    }
}

/// A post-processor: the templates of one text and of two, each without special tokens and with them.
#[derive(Debug, Clone)]
pub(super) struct Processor {
    templates: [[Option<Arc<Template>>; 2]; 2],
    pub(super) trim: Option<Trim>,
    /// Whether there is no post-processor: in later windows of a pair, tokenizers then assigns tokens to the wrong
    /// text.
    pub(super) absent: bool,
}

/// Takes the blanks of byte-level tokens out of their offsets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Trim {
    /// Leaves the blank before a first token, as the pre-tokenizer may have put it there.
    pub(super) keeps_first: bool,
}

impl Processor {
    /// The `post_processor` of a `tokenizer.json`.
    ///
    /// # Errors
    /// Why it is not known here.
    pub(super) fn from_json(value: &Value) -> Result<Self, String> {
        let parts = fields::steps(value, "processors")?;
        for part in parts.iter().chain([value]).filter(|part| !part.is_null()) {
            if part["type"] != told(part) {
                return Err(format!("its post-processor {} has the fields of another", part["type"]));
            }
        }
        let bare = [Template::bare(1), Template::bare(2)].map(|one| Some(Arc::new(one)));
        let mut out =
            Self { templates: bare.map(|one| [one.clone(), one]), trim: None, absent: value.is_null() };
        let mut placed = false;
        for part in parts {
            let kind = fields::kind(part)?.unwrap_or_default();
            let trims =
                matches!(kind, "ByteLevel" | "RobertaProcessing") && fields::flag(part, "trim_offsets")?;
            if trims && (placed || out.trim.is_some()) {
                return Err(format!("its post-processor {kind} trims after another"));
            }
            if trims {
                let keeps_first = fields::flag(part, "add_prefix_space")?;
                out.trim = Some(Trim { keeps_first });
            }
            if kind == "ByteLevel" && placed {
                // Even without trimming it numbers the parts of the template as if each were a text.
                return Err(format!("its post-processor has {kind} after a template"));
            }
            if kind == "ByteLevel" {
                continue;
            }
            if placed {
                return Err(format!("its post-processor has {kind} after another template"));
            }
            placed = true;
            out.templates = match kind {
                "TemplateProcessing" => by_template(part)?,
                "BertProcessing" | "RobertaProcessing" => by_marks(part, kind == "RobertaProcessing")?,
                _ => return Err(format!("its post-processor {kind} is not one of ours")),
            };
        }
        Ok(out)
    }

    /// The template of one text or of two; `None` if it is not known here.
    pub(super) fn template(&self, pair: bool, special: bool) -> Option<&Arc<Template>> {
        self.templates[usize::from(pair)][usize::from(special)].as_ref()
    }
}

/// The type of a post-processor as tokenizers tells it: by the fields, whatever type is said.
fn told(part: &Value) -> &'static str {
    let flags = |names: &[&str]| names.iter().all(|name| part[*name].is_boolean());
    let mark = |name: &str| part[name].as_array().is_some_and(|mark| mark.len() == 2 && mark[0].is_string());
    if mark("sep") && mark("cls") {
        if flags(&["trim_offsets", "add_prefix_space"]) { "RobertaProcessing" } else { "BertProcessing" }
    } else if flags(&["trim_offsets", "add_prefix_space"]) && fields::flag_or(part, "use_regex", true).is_ok()
    {
        "ByteLevel"
    } else if part["single"].is_array() {
        "TemplateProcessing"
    } else {
        "Sequence"
    }
}

/// A number that is not negative.
fn number(value: &Value) -> Option<i32> {
    value.as_u64().and_then(|id| i32::try_from(id).ok())
}

/// BERT's `[CLS] A [SEP] B [SEP]`, and RoBERTa's, which has two separators in the middle and one segment.
fn by_marks(value: &Value, roberta: bool) -> Result<[[Option<Arc<Template>>; 2]; 2], String> {
    let mark = |name: &str, kind: i32| {
        let id = number(&value[name][1]).ok_or("its post-processor has a special token without an id")?;
        Ok::<Part, String>(Part::Marks { ids: vec![id], kind })
    };
    let text = |which: i32| Part::Text {
        which: which as usize,
        kind: if roberta { 0 } else { which },
        later: if roberta { 0 } else { which },
    };
    let single = vec![mark("cls", 0)?, text(0), mark("sep", 0)?];
    let mut pair = single.clone();
    if roberta {
        pair.push(mark("sep", 0)?);
    }
    pair.extend([text(1), mark("sep", i32::from(!roberta))?]);
    Ok([single, pair].map(|parts| {
        let full = Template { parts };
        let mut bare = full.without_marks();
        for part in &mut bare.parts {
            // Without special tokens RoBERTa's sets the segment of first windows only.
            if let Part::Text { which, later, .. } = part {
                *later = *which as i32;
            }
        }
        [Some(Arc::new(bare)), Some(Arc::new(full))]
    }))
}

fn by_template(value: &Value) -> Result<[[Option<Arc<Template>>; 2]; 2], String> {
    let read = |name: &str, texts: usize| -> Result<[Option<Arc<Template>>; 2], String> {
        let pieces = value[name].as_array().ok_or("its template is not a list")?;
        let parts: Option<Vec<Part>> =
            pieces.iter().map(|piece| part_of(piece, &value["special_tokens"])).collect();
        let full = Template { parts: parts.ok_or("its template has a part that is not one of ours")? };
        if !full.is_plain(texts) {
            return Ok([None, None]);
        }
        Ok([Some(Arc::new(full.without_marks())), Some(Arc::new(full))])
    };
    let [single, pair] = [read("single", 1)?, read("pair", 2)?];
    if single[0].is_none() {
        return Err("its template does not hold the text once".to_owned());
    }
    Ok([single, pair])
}

fn part_of(piece: &Value, special: &Value) -> Option<Part> {
    if piece.as_object()?.len() != 1 {
        return None;
    }
    if let Some(text) = piece.get("Sequence") {
        let which = match text["id"].as_str()? {
            "A" => 0,
            "B" => 1,
            _ => return None,
        };
        return Some(Part::Text { which, kind: number(&text["type_id"])?, later: which as i32 });
    }
    let mark = piece.get("SpecialToken")?;
    let special = &special[mark["id"].as_str()?];
    if !special["id"].is_string() || !special["tokens"].as_array()?.iter().all(Value::is_string) {
        return None;
    }
    let ids: Option<Vec<i32>> = special["ids"].as_array()?.iter().map(number).collect();
    Some(Part::Marks { ids: ids?, kind: number(&mark["type_id"])? })
}
