//! Fields of a `tokenizer.json`.
//!
//! They are read as strictly as by tokenizers. A part without its type, or with a field that is missing or of another type,
//! is told by its other fields there, and may be another part; such a file is not read here.

use serde_json::Value;

const UNTYPED: &str = "one of its parts does not say its type";

/// The type of a part; `None` if there is no part.
///
/// # Errors
/// If it has none, as in files of old releases.
pub(crate) fn kind(part: &Value) -> Result<Option<&str>, String> {
    if part.is_null() {
        return Ok(None);
    }
    part["type"].as_str().map(Some).ok_or_else(|| UNTYPED.to_owned())
}

/// The steps of a part: those that a sequence has in its list `name`, the part itself, or none if there is no part.
///
/// # Errors
/// If the part or a step has no type, or a sequence no list.
pub(crate) fn steps<'a>(part: &'a Value, name: &str) -> Result<&'a [Value], String> {
    let steps = match kind(part)? {
        None => return Ok(&[]),
        Some("Sequence") => {
            part[name].as_array().ok_or_else(|| format!("it has a sequence without {name}"))?
        }
        Some(_) => return Ok(std::slice::from_ref(part)),
    };
    if steps.iter().all(|step| step["type"].is_string()) { Ok(steps) } else { Err(UNTYPED.to_owned()) }
}

/// A field that is true or false.
///
/// # Errors
/// If it is missing or something else.
pub(crate) fn flag(part: &Value, name: &str) -> Result<bool, String> {
    part[name].as_bool().ok_or_else(|| format!("{name} of one of its parts is neither true nor false"))
}

/// A field that is true or false, or may be missing.
///
/// # Errors
/// If it is something else.
pub(crate) fn flag_or(part: &Value, name: &str, default: bool) -> Result<bool, String> {
    if part[name].is_null() { Ok(default) } else { flag(part, name) }
}

/// A field that is a string, or may be missing.
///
/// # Errors
/// If it is something else.
pub(crate) fn text<'a>(part: &'a Value, name: &str) -> Result<Option<&'a str>, String> {
    match &part[name] {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        _ => Err(format!("{name} of one of its parts is no string")),
    }
}

/// A field that is one character.
///
/// # Errors
/// If it is missing or something else.
pub(crate) fn character(part: &Value, name: &str) -> Result<char, String> {
    let mut chars = text(part, name)?.unwrap_or_default().chars();
    match (chars.next(), chars.next()) {
        (Some(c), None) => Ok(c),
        _ => Err(format!("{name} of one of its parts is not one character")),
    }
}
