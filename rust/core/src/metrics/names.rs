//! Strings numbered as they come, and tags of which the type is such a number.

use hashbrown::HashMap;

/// Distinct strings and their numbers.
#[derive(Debug, Clone, Default)]
pub struct Names {
    names: Vec<String>,
    ids: HashMap<String, u32>,
}

impl Names {
    /// The number of `name`, a new one if it is new.
    pub fn id(&mut self, name: &str) -> u32 {
        if let Some(&id) = self.ids.get(name) {
            return id;
        }
        let id = self.names.len() as u32;
        self.names.push(name.to_owned());
        self.ids.insert(name.to_owned(), id);
        id
    }

    /// The number of an entity type; one without a name is called `_`.
    pub(super) fn kind(&mut self, name: &str) -> u32 {
        self.id(if name.is_empty() { "_" } else { name })
    }

    /// The strings by number.
    #[must_use]
    pub fn into_vec(self) -> Vec<String> {
        self.names
    }
}

/// A tag as a reading sees it: its prefix as a row of the table of steps, and its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tag {
    pub(super) prefix: u8,
    pub(super) label: u32,
}
