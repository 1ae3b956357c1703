//! E-mail and web addresses of a text, and numbers in groups. Half of one is enough to find the whole, so an entity that
//! covers part of it grows over the rest.
//!
//! The plain line is the regular expressions of the tests. They need a crate that core does without, and code that
//! reads each `@`, `://` or hyphen by itself is as short.

use crate::text::script::is_unspaced;
use unicode_categories::UnicodeCategories;

/// The characters of each address in `text`, in order, without overlaps.
///
/// An e-mail address is a name, `@` and a host. The name is letters, digits and `.` `_` `+` `-`; it begins with a letter or
/// a digit and does not end with `.` `+` `-`. The host is two labels or more with full stops between, the last one of at least two
/// characters that begins with a letter; a label is letters, digits and `-`. Letters of scripts that put no spaces
/// between words belong to neither (`邮箱anna@example.org`), marks go with their letters. A host ends where a sentence
/// begins, at a full stop between a small letter and a capital (`anna@example.org.Then`).
///
/// A web address begins with `http://`, `https://`, `ftp://` or `www.`, not right behind a letter or digit, and a
/// letter or digit follows. It goes on over letters, digits and `-._~:/?#@!$&*+=%`, up to where a sentence begins, and
/// ends with none of `.:!?*`.
///
/// A number in groups, such as that of a telephone, is two or more runs of ASCII digits with a hyphen between, seven digits
/// or more. No letter or digit stands on either side of it, nor beyond a sign that goes on with a number or a word
/// (`10115,718-555-0199`), and no hyphen before it.
#[must_use]
pub fn addresses(text: &str) -> Vec<(usize, usize)> {
    let numbers = numbers(text);
    let found = addresses_of_letters(text);
    if numbers.is_empty() {
        return found;
    }
    let mut all = [found, numbers].concat();
    all.sort_unstable();
    merged(all)
}

fn addresses_of_letters(text: &str) -> Vec<(usize, usize)> {
    if !may_have_web(text.as_bytes()) {
        return mails(text);
    }
    let chars: Vec<char> = text.chars().collect();
    let signs = (0..chars.len()).filter(|&at| is_at(chars[at]));
    let mut found: Vec<(usize, usize)> =
        signs.filter_map(|at| name(&chars, at).zip(host(&chars, at + 1))).collect();
    let mut at = 0;
    while at < chars.len() {
        let end = web_end(&chars, at);
        found.extend(end.map(|end| (at, end)));
        // An address that begins inside another one ends with it and is not read again, unless its prefix reaches over
        // the end (`https://www.B`).
        at = (at + 1).max(end.map_or(0, |end| end.saturating_sub(SCHEMES[0].len())));
    }
    found.sort_unstable();
    merged(found)
}

/// Spans in order, those that overlap as one.
fn merged(found: Vec<(usize, usize)>) -> Vec<(usize, usize)> {
    let mut out: Vec<(usize, usize)> = Vec::with_capacity(found.len());
    for (start, end) in found {
        match out.last_mut() {
            Some(last) if start < last.1 => last.1 = end.max(last.1),
            _ => out.push((start, end)),
        }
    }
    out
}

/// The fewest digits of a number in groups: those of a local telephone number.
const DIGITS: usize = 7;

fn is_hyphen(c: char) -> bool {
    matches!(c, '-' | '\u{2010}' | '\u{2011}')
}

/// The numbers in groups; only what is around a hyphen behind a digit is looked at.
fn numbers(text: &str) -> Vec<(usize, usize)> {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    // Bytes that were looked at, bytes whose characters were counted, and those characters.
    let (mut seen, mut counted, mut before) = (0, 0, 0);
    // The second byte starts the other hyphens.
    while let Some(offset) = memchr::memchr2(b'-', 0xE2, &bytes[seen..]) {
        let near = seen + offset;
        let start = near - bytes[seen..near].iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        seen = near + 1;
        if start == near {
            continue;
        }
        let of_number = |&(_, c): &(usize, char)| c.is_ascii_digit() || is_hyphen(c);
        let run = text[start..].char_indices().take_while(of_number);
        let Some((last, digits)) = run.fold(None, |found, (at, c)| match found {
            _ if is_hyphen(c) => found,
            Some((_, digits)) => Some((at, digits + 1)),
            None => Some((at, 1)),
        }) else {
            continue;
        };
        let end = start + last + 1;
        seen = seen.max(end);
        if digits >= DIGITS && stands_alone(text, start, end) && has_groups(&text[start..end]) {
            before += text[counted..start].chars().count();
            let long = text[start..end].chars().count();
            out.push((before, before + long));
            before += long;
            counted = end;
        }
    }
    out
}

/// Whether a number has more than one group, and single hyphens between.
fn has_groups(number: &str) -> bool {
    let mut groups = number.split(is_hyphen);
    groups.clone().nth(1).is_some() && groups.all(|group| !group.is_empty())
}

/// Whether no letter or digit goes on with the number `start..end` (bytes), not even behind a sign that numbers hold.
fn stands_alone(text: &str, start: usize, end: usize) -> bool {
    let of_word = |c: char| c.is_alphanumeric() || c.is_mark();
    let goes_on = |next: Option<char>, then: Option<char>| match next {
        Some(',' | ';' | '.' | '\'') => then.is_some_and(char::is_numeric),
        Some('_') => then.is_some_and(of_word),
        next => next.is_some_and(of_word),
    };
    let mut left = text[..start].chars().rev();
    let mut right = text[end..].chars();
    let before = left.next();
    !before.is_some_and(is_hyphen) && !goes_on(before, left.next()) && !goes_on(right.next(), right.next())
}

/// Whether `text` has a prefix of web addresses.
fn may_have_web(text: &[u8]) -> bool {
    memchr::memchr2_iter(b':', b'.', text).any(|at| {
        let before = |prefix: &str| text[..=at].ends_with(prefix.as_bytes());
        text[at..].starts_with(b"://") || WWW.iter().any(|prefix| before(prefix))
    })
}

/// The e-mail addresses of a text without web addresses: only what is around each `@` is looked at.
fn mails(text: &str) -> Vec<(usize, usize)> {
    let bytes = text.as_bytes();
    let mut out: Vec<(usize, usize)> = Vec::new();
    // Bytes that were looked at, bytes whose characters were counted, and those characters.
    let (mut seen, mut counted, mut before) = (0, 0, 0);
    // The second byte starts the full-width form of `@`.
    while let Some(offset) = memchr::memchr2(b'@', 0xEF, &bytes[seen..]) {
        let near = seen + offset;
        if !text[near..].starts_with(is_at) {
            seen = near + 1;
            continue;
        }
        // No address has a blank in it.
        let blank = |byte: &u8| byte.is_ascii_whitespace();
        let start = bytes[counted..near].iter().rposition(blank).map_or(counted, |blank| counted + blank + 1);
        let end = bytes[near..].iter().position(blank).map_or(bytes.len(), |blank| near + blank);
        before += text[counted..start].chars().count();
        let chars: Vec<char> = text[start..end].chars().collect();
        for at in (0..chars.len()).filter(|&at| is_at(chars[at])) {
            let (Some(first), Some(last)) = (name(&chars, at), host(&chars, at + 1)) else { continue };
            let (first, last) = (before + first, before + last);
            match out.last_mut() {
                Some(address) if first < address.1 => address.1 = last,
                _ => out.push((first, last)),
            }
        }
        before += chars.len();
        (seen, counted) = (end, end);
    }
    out
}

const WWW: [&str; 3] = ["www.", "WWW.", "Www."];
const SCHEMES: [&str; 3] = ["https://", "http://", "ftp://"];

/// Where the web address ends that begins at `start`.
fn web_end(chars: &[char], start: usize) -> Option<usize> {
    let begins = |prefix: &str, same: fn(&char, &char) -> bool| {
        let there = chars[start..].iter().take(prefix.len());
        there.len() == prefix.len() && prefix.chars().zip(there).all(|(a, b)| same(&a, b))
    };
    if !matches!(chars[start], 'h' | 'H' | 'f' | 'F' | 'w' | 'W')
        || (start > 0 && is_letter(chars[start - 1]))
    {
        return None;
    }
    let www = || WWW.iter().find(|prefix| begins(prefix, char::eq));
    let prefix = SCHEMES.iter().find(|prefix| begins(prefix, char::eq_ignore_ascii_case)).or_else(www)?;
    let first = start + prefix.len();
    chars.get(first).filter(|&&c| is_letter(c) && !c.is_mark())?;
    let sentence = |at: usize| {
        chars[at] == '.'
            && chars[at - 1].is_lowercase()
            && chars.get(at + 1).is_some_and(|c| c.is_uppercase())
    };
    let of_web =
        |at: &usize| (is_letter(chars[*at]) || "-._~:/?#@!$&*+=%".contains(chars[*at])) && !sentence(*at);
    let end = (first..chars.len()).take_while(of_web).last()? + 1;
    (first..end).rfind(|&at| !".:!?*".contains(chars[at])).map(|last| last + 1)
}

fn is_at(c: char) -> bool {
    matches!(c, '@' | '\u{ff20}')
}

fn is_stop(c: char) -> bool {
    matches!(c, '.' | '\u{ff0e}')
}

fn is_letter(c: char) -> bool {
    // Marks are looked up in tables.
    if c.is_ascii() {
        c.is_ascii_alphanumeric()
    } else {
        (c.is_alphanumeric() && !is_unspaced(c)) || c.is_mark()
    }
}

/// Where the name begins whose last character is before `end`.
fn name(chars: &[char], end: usize) -> Option<usize> {
    let of_name = |&c: &char| is_letter(c) || is_stop(c) || matches!(c, '_' | '+' | '-');
    let long = chars[..end].iter().rev().take_while(|c| of_name(c)).count();
    let start = (end - long..end).find(|&at| is_letter(chars[at]) && !chars[at].is_mark())?;
    (is_letter(chars[end - 1]) || chars[end - 1] == '_').then_some(start)
}

/// Where the host ends that begins at `start`.
fn host(chars: &[char], start: usize) -> Option<usize> {
    let (mut at, mut end) = (start, None);
    loop {
        let label = at;
        let long = chars[at..].iter().take_while(|&&c| is_letter(c) || c == '-').count();
        at += long;
        let text = &chars[label..at - chars[label..at].iter().rev().take_while(|&&c| c == '-').count()];
        if !text.first().is_some_and(|&c| is_letter(c) && !c.is_mark()) {
            return end;
        }
        if label > start && text.len() > 1 && text[0].is_alphabetic() {
            end = Some(label + text.len());
        }
        let sentence = chars.get(at + 1).is_some_and(|c| c.is_uppercase()) && chars[at - 1].is_lowercase();
        if text.len() < long || sentence || !chars.get(at).is_some_and(|&c| is_stop(c)) {
            return end;
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let chars: Vec<char> = text.chars().collect();
        addresses(text).iter().map(|&(start, end)| chars[start..end].iter().collect()).collect()
    }

    /// Texts that would take hours if each beginning were read to the end.
    #[test]
    fn many_beginnings_are_read_once() {
        for piece in ["www.", "https://a.", "a@www.b.", "@"] {
            let text = piece.repeat(1 << 18);
            assert!(addresses(&text).len() <= 1, "{piece}");
        }
    }

    #[test]
    fn addresses_are_found_whole() {
        for (text, want) in [
            ("", vec![]),
            ("@", vec![]),
            ("a@b", vec![]),
            ("@Paul and user@localhost", vec![]),
            ("to jose.alvarez@example.org.", vec!["jose.alvarez@example.org"]),
            ("<anna_b+news@mail.example.co.uk>,", vec!["anna_b+news@mail.example.co.uk"]),
            ("Mail:rnowak@example.edu;x", vec!["rnowak@example.edu"]),
            ("-.+a-b@ex-ample.org- b", vec!["a-b@ex-ample.org"]),
            ("Jose.Alvarez@example.org.Then call", vec!["Jose.Alvarez@example.org"]),
            ("BEN@EXAMPLE.ORG.", vec!["BEN@EXAMPLE.ORG"]),
            ("a@example.org.5 a@b.c a@b.c.de", vec!["a@example.org", "a@b.c.de"]),
            ("a.@example.org a@-b.org a@.org a@b..org", vec![]),
            ("a@192.168.0.1", vec![]),
            ("a@b.example-.org", vec!["a@b.example"]),
            ("邮箱anna@example.org我", vec!["anna@example.org"]),
            ("jose\u{301}@exa\u{301}mple.org", vec!["jose\u{301}@exa\u{301}mple.org"]),
            ("ａ＠ｂ．ｃｏｍ", vec!["ａ＠ｂ．ｃｏｍ"]),
            ("a@b.co@d.ef", vec!["a@b.co@d.ef"]),
            ("a@b.co,c@d.ef", vec!["a@b.co", "c@d.ef"]),
            ("_@b.co _a_b_@b.co_", vec!["a_b_@b.co"]),
            ("see https://a.example/in/bo-8?id=7#x=%20.", vec!["https://a.example/in/bo-8?id=7#x=%20"]),
            ("(HTTP://ann@b.example:80/~c/)Anna", vec!["HTTP://ann@b.example:80/~c/"]),
            ("Www.b.example.Then www.C.de! WWW.d WwW.e", vec!["Www.b.example", "www.C.de", "WWW.d"]),
            ("awww.b.c xhttps://a.b www.-a http:// ftp://..a", vec![]),
            ("见https://a.b/c我 ftp://e\u{301}.b", vec!["https://a.b/c", "ftp://e\u{301}.b"]),
            ("www.b.co,x@www.b.co", vec!["www.b.co", "x@www.b.co"]),
            ("https://www.B", vec!["https://www.B"]),
            ("x@b.cowww. www.a@b.de", vec!["x@b.cowww", "www.a@b.de"]),
            (
                "Tel:718-555-0199, 718‑555‐0199.Fax +1-555-0199",
                vec!["718-555-0199", "718‑555‐0199", "1-555-0199"],
            ),
            ("555-019 718--555-0199 718-555-0199x -718-555-0199 ab718-555-0199", vec![]),
            (
                "10115,718-555-0199 718-555-0199_5 (_718-555-0199_-) 718-555-0199-x",
                vec!["718-555-0199", "718-555-0199"],
            ),
            ("é718-5550199 ٥718-5550199 718-5550199 7185550199", vec!["718-5550199"]),
            ("a-718-555-0199@b.co", vec!["a-718-555-0199@b.co"]),
        ] {
            assert_eq!(found(text), want, "{text:?}");
        }
    }
}
