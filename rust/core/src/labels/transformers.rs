//! Label names as transformers reads them, whatever their scheme.

use std::collections::HashMap;

/// What one label means to transformers' grouping of tokens into entities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label {
    /// `B-...`: opens a new entity even beside one of the same type.
    pub begins: bool,
    /// Labels that continue each other share this number: the name without a leading `B-` or `I-`.
    pub tag: u32,
    /// Index into [`Labels::groups`]: the name after its first dash, which is what an entity is called.
    pub group: u32,
}

/// The labels of a model and the names their entities get.
#[derive(Debug, Clone, Default)]
pub struct Labels {
    /// One entry a label id.
    pub labels: Vec<Label>,
    /// Names of entities, in the order in which the labels first mention them.
    pub groups: Vec<String>,
}

impl Labels {
    /// Reads label names the way transformers does: `B-`/`I-` are known, anything else continues.
    ///
    /// `X-PER` therefore joins its neighbours of the same full name only, and its entity is called `PER`.
    /// Source: `get_tag` and `group_sub_entities` of transformers' token-classification pipeline.
    #[must_use]
    pub fn transformers<S: AsRef<str>>(names: &[S]) -> Self {
        let mut tags = HashMap::new();
        let mut groups = HashMap::new();
        let mut out = Self::default();
        for name in names {
            let name = name.as_ref();
            let (begins, tag) = match (name.strip_prefix("B-"), name.strip_prefix("I-")) {
                (Some(tag), _) => (true, tag),
                (None, Some(tag)) => (false, tag),
                (None, None) => (false, name),
            };
            let group = name.split_once('-').map_or(name, |(_, group)| group);
            let tags_so_far = tags.len() as u32;
            let tag = *tags.entry(tag.to_owned()).or_insert(tags_so_far);
            let group = *groups.entry(group.to_owned()).or_insert_with(|| {
                out.groups.push(group.to_owned());
                out.groups.len() as u32 - 1
            });
            out.labels.push(Label { begins, tag, group });
        }
        out
    }
}
