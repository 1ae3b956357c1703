//! Added tokens: they are found in a text before any other step reads it, and each is a word of its own.

use hashbrown::{HashMap, HashSet};
use memchr::{memchr, memchr2, memchr3};
use serde_json::Value;
use unicode_categories::UnicodeCategories;

use super::Unlike;
use super::trie::Trie;
use crate::tokenizer::fields::flag;

/// An added token of `tokenizer.json`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Added {
    id: u32,
    single_word: bool,
    lstrip: bool,
    rstrip: bool,
}

/// A stretch of a text: an added token, or text for the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch {
    /// Id, if it is an added token.
    pub(super) token: Option<u32>,
    /// First byte.
    pub(super) from: usize,
    /// Last byte, excluded.
    pub(super) to: usize,
}

/// Added tokens that are looked for in the same way: in the text as it is, or in the normalised one.
#[derive(Debug, Clone)]
pub(super) struct Finder {
    tokens: Vec<Added>,
    /// How they are spelled -> their place in `tokens`.
    trie: Trie,
    /// Bytes that one of them starts with; up to three are searched for many bytes at a time.
    heads: Vec<u8>,
    is_head: [bool; 256],
    /// Whether two of them became one when normalised.
    alike: bool,
}

/// Where the ids of added tokens come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbering {
    /// They are those of the file, which a tokenizer at hand wrote.
    Given,
    /// They are those that tokenizers gives to them when it reads the file, whatever the file says: the one in the
    /// model's vocabulary, else the next number.
    Counted,
}

/// The finders of text as it is and of normalised text.
///
/// `normalize` changes the tokens that are looked for in normalised text.
///
/// # Errors
/// Why the tokens can't be looked for here.
pub(super) fn finders(
    json: &Value,
    numbering: Numbering,
    normalize: impl Fn(&str) -> String,
) -> Result<(Finder, Finder), String> {
    let listed = match json.get("added_tokens") {
        None => &[],
        Some(listed) => listed.as_array().map(Vec::as_slice).ok_or("its added tokens are no list")?,
    };
    let mut tokens = Vec::with_capacity(listed.len());
    for token in listed {
        let content = token["content"].as_str().ok_or("it has an added token without content")?;
        if !content.is_empty() {
            tokens.push((content, token));
        }
    }
    let ids = match numbering {
        Numbering::Given => given(&tokens)?,
        Numbering::Counted => counted(&tokens, &json["model"]["vocab"])?,
    };
    // Of those with one id the last one counts, be they spelled alike or numbered so.
    let last: HashMap<u32, usize> =
        tokens.iter().zip(0..).map(|((content, _), at)| (ids[content], at)).collect();
    let mut at = 0..;
    tokens.retain(|(content, _)| at.next() == Some(last[&ids[content]]));
    let (mut raw, mut normal) = (Vec::new(), Vec::new());
    for (content, token) in tokens {
        let one = Added {
            id: ids[content],
            single_word: flag(token, "single_word")?,
            lstrip: flag(token, "lstrip")?,
            rstrip: flag(token, "rstrip")?,
        };
        flag(token, "special")?;
        if flag(token, "normalized")? {
            normal.push((normalize(content), one));
        } else {
            raw.push((content.to_owned(), one));
        }
    }
    if normal.iter().any(|(content, _): &(String, Added)| content.is_empty()) {
        return Err("normalising leaves nothing of one of its added tokens".to_owned());
    }
    Ok((Finder::new(raw)?, Finder::new(normal)?))
}

/// The ids that the file says.
fn given<'a>(tokens: &[(&'a str, &Value)]) -> Result<HashMap<&'a str, u32>, String> {
    let ids = tokens.iter().map(|(content, token)| {
        let id = token["id"].as_u64().ok_or("it has an added token without an id")?;
        Ok((*content, fits(id)?))
    });
    ids.collect()
}

/// Tokens of a model's vocabulary, a map or a list of rows.
pub(super) fn size(vocab: &Value) -> usize {
    vocab.as_object().map_or_else(|| vocab.as_array().map_or(0, Vec::len), serde_json::Map::len)
}

/// See [`Numbering::Counted`]; `vocab` is the model's, a map or a list of rows.
fn counted<'a>(tokens: &[(&'a str, &Value)], vocab: &Value) -> Result<HashMap<&'a str, u32>, String> {
    let named: HashSet<&str> = tokens.iter().map(|(content, _)| *content).collect();
    let mut ids: HashMap<&str, u32> = HashMap::new();
    for (id, row) in (0..).zip(vocab.as_array().map(Vec::as_slice).unwrap_or_default()) {
        if let Some(&content) = row[0].as_str().and_then(|token| named.get(token)) {
            ids.insert(content, id);
        }
    }
    let mut next = size(vocab) as u64;
    for (content, _) in tokens {
        let known = ids.get(content).map(|id| u64::from(*id)).or_else(|| vocab[*content].as_u64());
        let id = known.unwrap_or(next);
        next += u64::from(known.is_none());
        ids.insert(content, fits(id)?);
    }
    Ok(ids)
}

/// An id as columns hold it, in 31 bits.
fn fits(id: u64) -> Result<u32, String> {
    i32::try_from(id).map(i32::cast_unsigned).map_err(|_| "an added token has too large an id".to_owned())
}

impl Finder {
    fn new(all: Vec<(String, Added)>) -> Result<Self, String> {
        let spelled = all.iter().zip(0..).map(|((content, _), place)| (content.as_bytes(), place));
        let trie = Trie::new(spelled).ok_or("its added tokens are too long")?;
        let mut is_head = [false; 256];
        for (content, _) in &all {
            is_head[usize::from(content.as_bytes()[0])] = true;
        }
        let heads = (0..=255).filter(|&byte| is_head[usize::from(byte)]).collect();
        let alike = all.iter().map(|(content, _)| content.as_str()).collect::<HashSet<_>>().len() < all.len();
        Ok(Self { tokens: all.into_iter().map(|(_, token)| token).collect(), trie, heads, is_head, alike })
    }

    /// Whether there is nothing to look for.
    pub(super) fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// First place from `at` on where a token may start.
    #[inline]
    fn head(&self, text: &[u8], at: usize) -> Option<usize> {
        let rest = &text[at..];
        let found = match self.heads[..] {
            [] => None,
            [a] => memchr(a, rest),
            [a, b] => memchr2(a, b, rest),
            [a, b, c] => memchr3(a, b, c, rest),
            _ => rest.iter().position(|&byte| self.is_head[usize::from(byte)]),
        };
        found.map(|offset| at + offset)
    }

    /// First match from `at` on, the longest one there: token, first byte, last byte excluded.
    fn next(&self, text: &[u8], mut at: usize) -> Option<(usize, usize, usize)> {
        while let Some(place) = self.head(text, at) {
            if let Some((token, length)) = self.trie.longest(&text[place..]) {
                return Some((token as usize, place, place + length));
            }
            at = place + 1;
        }
        None
    }

    /// Whether one of them stands anywhere in `text`.
    pub(super) fn is_in(&self, text: &str) -> bool {
        self.next(text.as_bytes(), 0).is_some()
    }

    /// Adds the stretches of `text[from..to]` to `out`; none is empty.
    ///
    /// # Errors
    /// If tokenizers' rules for this text are too odd to be copied.
    pub(super) fn split(
        &self,
        text: &str,
        from: usize,
        to: usize,
        out: &mut Vec<Stretch>,
    ) -> Result<(), Unlike> {
        let piece = &text[from..to];
        let mut done = 0;
        let mut at = 0;
        while let Some((token, mut start, mut end)) = self.next(piece.as_bytes(), at) {
            if self.alike {
                // Which one tokenizers finds is another one each time that it reads the file.
                return Err(Unlike("an added token, where two became one when normalised"));
            }
            at = end;
            let token = &self.tokens[token];
            if token.single_word {
                let before = piece[..start].chars().next_back();
                let after = piece[end..].chars().next();
                if is_in_word(before)? || is_in_word(after)? {
                    continue;
                }
            }
            if token.lstrip {
                start = piece[..start].trim_end().len().max(done);
            }
            if token.rstrip {
                end = piece.len() - piece[end..].trim_start().len();
            }
            if start < done || end < start {
                return Err(Unlike("an added token within the blanks that belong to the one before it"));
            }
            if start == end {
                // It is a blank, all of which belong to the token before it.
                continue;
            }
            if done < start {
                out.push(Stretch { token: None, from: from + done, to: from + start });
            }
            out.push(Stretch { token: Some(token.id), from: from + start, to: from + end });
            done = end;
        }
        if done < piece.len() {
            out.push(Stretch { token: None, from: from + done, to });
        }
        Ok(())
    }
}

/// Whether `c` is a character of words in regular expressions, `\w`.
fn is_in_word(c: Option<char>) -> Result<bool, Unlike> {
    match c {
        None => Ok(false),
        Some(c) if c.is_ascii() => Ok(c.is_ascii_alphanumeric() || c == '_'),
        Some(c) if c.is_whitespace() => Ok(false),
        Some(c) if c.is_letter() => Ok(true),
        Some(_) => Err(Unlike("an added token that is a word, beside a character that may be part of one")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn token(id: u32, content: &str, flags: &[&str]) -> Value {
        let has = |name: &str| flags.contains(&name);
        json!({"id": id, "content": content, "single_word": has("single_word"), "lstrip": has("lstrip"),
            "rstrip": has("rstrip"), "normalized": has("normalized"), "special": true})
    }

    fn stretches(tokens: &[Value], text: &str) -> Result<Vec<(Option<u32>, String)>, Unlike> {
        let json = json!({"added_tokens": tokens});
        let (raw, _) = finders(&json, Numbering::Given, str::to_owned).unwrap();
        let mut out = Vec::new();
        raw.split(text, 0, text.len(), &mut out)?;
        Ok(out.into_iter().map(|one| (one.token, text[one.from..one.to].to_owned())).collect())
    }

    #[test]
    fn the_longest_token_from_the_left_on() {
        let tokens = [token(1, "<s>", &[]), token(2, "<s>x", &[]), token(3, "  ", &[]), token(4, "x<", &[])];
        let got = stretches(&tokens, "ax<s>x   <s><").unwrap();
        let want = [
            (None, "a"),
            (Some(4), "x<"),
            (None, "s>x"),
            (Some(3), "  "),
            (None, " "),
            (Some(1), "<s>"),
            (None, "<"),
        ];
        assert_eq!(got, want.map(|(id, text)| (id, text.to_owned())));
        assert_eq!(stretches(&tokens, "").unwrap(), []);
    }

    #[test]
    fn flags_take_blanks_and_ask_for_words() {
        let tokens = [token(1, "<m>", &["lstrip", "rstrip"]), token(2, "dog", &["single_word"])];
        let got = stretches(&tokens, "a \u{a0}<m>\n <m> dog dogs_dog").unwrap();
        let want = [
            (None, "a"),
            (Some(1), " \u{a0}<m>\n "),
            (Some(1), "<m> "),
            (Some(2), "dog"),
            (None, " dogs_dog"),
        ];
        assert_eq!(got, want.map(|(id, text)| (id, text.to_owned())));
        assert!(stretches(&tokens, "dog\u{301}").is_err());
    }

    #[test]
    fn ids_are_counted_as_when_a_file_is_read() {
        let named = |name: &str| token(7, name, &[]);
        let ids = |vocab: Value| {
            let tokens = [named("a"), named("<x>"), named("b"), named("<y>"), named("<x>")];
            let listed: Vec<_> = tokens.iter().map(|one| (one["content"].as_str().unwrap(), one)).collect();
            let ids = counted(&listed, &vocab).unwrap();
            ["a", "<x>", "b", "<y>"].map(|name| ids[name])
        };
        assert_eq!(ids(json!({"a": 1, "b": 0, "c": 2})), [1, 3, 0, 4]);
        assert_eq!(ids(json!([["b", 0.0], ["c", 0.0], ["a", 0.0]])), [2, 3, 0, 4]);
        // Ids with holes: the next one is the size all the same.
        assert_eq!(ids(json!({"a": 10, "b": 5})), [10, 2, 5, 3]);
        assert_eq!(ids(json!({})), [0, 1, 2, 3]);
    }

    #[test]
    fn tokens_that_are_blanks_take_no_blank_twice() {
        let tokens =
            [token(1, "  ", &["lstrip", "rstrip"]), token(2, "x", &["rstrip"]), token(3, " ", &["lstrip"])];
        let some = |id, text: &str| (Some(id), text.to_owned());
        assert_eq!(stretches(&tokens, "      ").unwrap(), [some(1, "      ")]);
        assert_eq!(stretches(&tokens, "x ").unwrap(), [some(2, "x ")]);
        // tokenizers panics.
        assert!(stretches(&[token(2, "x", &["rstrip"]), token(3, " ", &["lstrip"])], "x  ").is_err());
    }
}
