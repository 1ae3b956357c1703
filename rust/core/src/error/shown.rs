//! How messages write what a caller gave: names, lists of them, numbers of things.

/// Characters of a caller's text that a message shows.
const MOST_SHOWN: usize = 77;

/// `choose "a", "b" or "c"`.
pub(crate) fn choose(names: &[String]) -> String {
    match names.split_last() {
        Some((last, others)) if !others.is_empty() => format!("choose {} or {last}", others.join(", ")),
        _ => format!("choose {}", names.join("")),
    }
}

/// A name as a caller writes it, cut short if it is long.
pub(super) fn shown(name: Option<&str>) -> String {
    let Some(name) = name else { return "None".to_owned() };
    match name.char_indices().nth(MOST_SHOWN) {
        Some((end, _)) => format!("{:?}...", &name[..end]),
        None => format!("{name:?}"),
    }
}

/// `1 window`, `2 windows`.
pub(super) fn counted(number: usize, one: &str) -> String {
    format!("{number} {one}{}", if number == 1 { "" } else { "s" })
}

/// What a caller gave, cut short if it is longer than anything that the package itself writes there.
pub(super) fn clipped(got: &str) -> String {
    // A quoted name is the caller's; a longer sentence lists names of ours or of the model's labels beside it.
    let most = if got.starts_with('"') { 80 } else { 400 };
    match got.char_indices().nth(most) {
        None => got.to_owned(),
        Some(_) => format!("{}...", got.chars().take(MOST_SHOWN).collect::<String>()),
    }
}

/// A name as a list of them has it: whole up to 40 characters, else its first 17.
#[must_use]
pub fn short_name(name: &str) -> String {
    match name.char_indices().nth(40) {
        None => name.to_owned(),
        Some(_) => format!("{}...", name.chars().take(17).collect::<String>()),
    }
}

/// `"a", "b"`, and how many more there are beyond forty.
pub(super) fn quoted(names: &[String]) -> String {
    let shown: Vec<_> = names.iter().take(40).map(|name| format!("{:?}", short_name(name))).collect();
    let more = names.len().saturating_sub(40);
    shown.join(", ") + &if more > 0 { format!(" and {more} more") } else { String::new() }
}
