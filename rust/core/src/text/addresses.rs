//! E-mail and web addresses of a text, and numbers in groups. Half of one is enough to find the whole, so an entity that
//! covers part of it grows over the rest.
//!
//! The plain line is the regular expressions of the tests. They need a crate that core does without, and code that
//! reads each `@`, `://` or hyphen by itself is as short.

use crate::text::joints::{is_apostrophe, parts_numbers};
use crate::text::script::is_unspaced;
use unicode_categories::UnicodeCategories;

/// The addresses and numbers in groups of a text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addresses {
    /// The characters of each, in order, without overlaps.
    pub whole: Vec<(usize, usize)>,
    /// The signs between a number in groups and another number, in order: `,` of `10115,718-555-0199`. UAX #29 joins
    /// digits over them.
    pub between: Vec<usize>,
}

/// The addresses of `text`, and its numbers in groups.
///
/// An e-mail address is a name, `@` and a host. The name is letters, digits and `.` `_` `+` `-`; it begins with a letter or
/// a digit and does not end with `.` `+` `-`; an `o` and an apostrophe before it belong to it (`o'brien@example.org`). The host is two labels or more with full stops between, the last one of at least two
/// characters that begins with a letter; a label is letters, digits and `-`. Letters of scripts that put no spaces
/// between words belong to neither (`邮箱anna@example.org`), marks go with their letters. A host ends where a sentence
/// begins, at a full stop between a small letter and a capital (`anna@example.org.Then`).
///
/// A web address begins with `http://`, `https://`, `ftp://` or `www.`, not right behind a letter or digit, and a
/// letter or digit follows. It goes on over letters, digits and `-._~:/?#@!$&*+=%`, up to where a sentence begins, and
/// ends with none of `.:!?*`.
///
/// A number in groups, such as that of a telephone, is two or more runs of ASCII digits with a hyphen or a full stop
/// between, seven digits or more; if it has no hyphen, three runs or more (`718.555.0199`, not `3.14159265`). The first run
/// may stand in parentheses, with digits before these (`(718)555-0199`). No letter or digit stands on either side of it, nor
/// beyond a sign that goes on with a number or a word, other than `,` and `;`; and no hyphen before it.
#[must_use]
pub fn addresses(text: &str) -> Addresses {
    let Addresses { whole: numbers, between } = numbers(text);
    let found = addresses_of_letters(text);
    if numbers.is_empty() {
        return Addresses { whole: found, between };
    }
    let mut all = [found, numbers].concat();
    all.sort_unstable();
    Addresses { whole: merged(all), between }
}

/// Whether an address, given by its text, is a number in groups.
#[must_use]
pub fn is_number(address: &str) -> bool {
    address.chars().all(|c| c.is_ascii_digit() || is_between_groups(c) || matches!(c, '(' | ')'))
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

fn is_between_groups(c: char) -> bool {
    is_hyphen(c) || c == '.'
}

/// The numbers in groups; only what is around a hyphen or a full stop behind a digit is looked at.
fn numbers(text: &str) -> Addresses {
    let bytes = text.as_bytes();
    let mut out = Addresses::default();
    // Bytes that were looked at, bytes whose characters were counted, and those characters.
    let (mut seen, mut counted, mut before) = (0, 0, 0);
    // The last byte starts the other hyphens.
    while let Some(offset) = memchr::memchr3(b'-', b'.', 0xE2, &bytes[seen..]) {
        let near = seen + offset;
        let start = near - digits_before(&bytes[seen..near]);
        seen = near + 1;
        if start == near {
            continue;
        }
        let end = groups_end(text, start);
        seen = seen.max(end);
        let from = area_start(text, start).unwrap_or(start);
        let number = &text[from..end];
        let groups = 1 + number.chars().filter(|&c| is_between_groups(c) || c == ')').count();
        let digits = number.bytes().filter(u8::is_ascii_digit).count();
        if digits < DIGITS || !(number.contains(is_hyphen) || groups > 2) {
            continue;
        }
        if let Some((opens, closes)) = stands_alone(text, from, end) {
            before += text[counted..from].chars().count();
            let long = number.chars().count();
            out.whole.push((before, before + long));
            let last = out.between.last().copied();
            out.between.extend(opens.then(|| before - 1).filter(|&sign| last != Some(sign)));
            before += long;
            out.between.extend(closes.then_some(before));
            counted = end;
        }
    }
    out
}

/// How many ASCII digits `text` ends with.
fn digits_before(text: &[u8]) -> usize {
    text.iter().rev().take_while(|byte| byte.is_ascii_digit()).count()
}

/// Where the groups of digits end that begin at `start` (bytes): each sign between two has a digit behind it.
fn groups_end(text: &str, start: usize) -> usize {
    let mut end = start;
    loop {
        end += text[end..].bytes().take_while(u8::is_ascii_digit).count();
        let mut behind = text[end..].chars();
        match (behind.next(), behind.next()) {
            (Some(sign), Some(digit)) if is_between_groups(sign) && digit.is_ascii_digit() => {
                end += sign.len_utf8();
            }
            _ => return end,
        }
    }
}

/// Where a number begins whose digits in parentheses end right before `start` (bytes), as those of an area do.
fn area_start(text: &str, start: usize) -> Option<usize> {
    let inner = text[..start].strip_suffix(')')?;
    let digits = digits_before(inner.as_bytes());
    let before = inner[..inner.len() - digits].strip_suffix('(').filter(|_| digits > 0)?;
    let from = before.len() - digits_before(before.as_bytes());
    (!before[..from].ends_with(|c: char| is_of_word(c) || is_hyphen(c))).then_some(from)
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c.is_mark()
}

/// Whether `,` or `;` stand on the two sides of the number `start..end` (bytes), with another number behind them. `None` if
/// a letter or digit goes on with it, be it behind a sign that numbers or words hold.
fn stands_alone(text: &str, start: usize, end: usize) -> Option<(bool, bool)> {
    // Whether another number stands there; `None` if the number goes on.
    let other = |next: Option<char>, then: Option<char>| {
        let number = then.is_some_and(char::is_numeric);
        match next {
            Some(sign) if parts_numbers(sign) => Some(number),
            Some('.' | '\'') => (!number).then_some(false),
            Some('_') => (!then.is_some_and(is_of_word)).then_some(false),
            next => (!next.is_some_and(is_of_word)).then_some(false),
        }
    };
    let rest = text[end..].trim_start_matches(is_hyphen);
    if text[..start].ends_with(is_hyphen)
        || (rest.len() < text.len() - end && rest.starts_with(|c: char| c.is_ascii_digit()))
    {
        return None;
    }
    let (mut left, mut right) = (text[..start].chars().rev(), text[end..].chars());
    other(left.next(), left.next()).zip(other(right.next(), right.next()))
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
    let irish = match chars[..start] {
        [.., before, 'o' | 'O', sign] => is_apostrophe(sign) && !is_letter(before),
        ['o' | 'O', sign] => is_apostrophe(sign),
        _ => false,
    };
    (is_letter(chars[end - 1]) || chars[end - 1] == '_').then_some(if irish { start - 2 } else { start })
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
        addresses(text).whole.iter().map(|&(start, end)| chars[start..end].iter().collect()).collect()
    }

    /// Texts that would take hours if each beginning were read to the end.
    #[test]
    fn many_beginnings_are_read_once() {
        for piece in ["www.", "https://a.", "a@www.b.", "@"] {
            let text = piece.repeat(1 << 18);
            assert!(addresses(&text).whole.len() <= 1, "{piece}");
        }
    }

    #[test]
    fn signs_between_numbers_are_found() {
        for (text, want) in [
            ("10115,718-555-0199", vec![5]),
            ("718-555-0199;718-555-0200,5", vec![12, 25]),
            ("é1，718-555-0199, 5", vec![2]),
            ("x,718-555-0199,x 5 ,718-555-0199", vec![]),
            ("10115,718 1,000-2,000", vec![]),
        ] {
            assert_eq!(addresses(text).between, want, "{text:?}");
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
            ("a@192.168.0.1", vec!["192.168.0.1"]),
            ("a@b.example-.org", vec!["a@b.example"]),
            ("邮箱anna@example.org我", vec!["anna@example.org"]),
            ("jose\u{301}@exa\u{301}mple.org", vec!["jose\u{301}@exa\u{301}mple.org"]),
            ("ａ＠ｂ．ｃｏｍ", vec!["ａ＠ｂ．ｃｏｍ"]),
            ("a@b.co@d.ef", vec!["a@b.co@d.ef"]),
            ("o'brien@b.co (O’N.i@b.co)", vec!["o'brien@b.co", "O’N.i@b.co"]),
            ("d'anna@b.co too'x@b.co 'o'@b.co", vec!["anna@b.co", "x@b.co"]),
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
                vec!["718-555-0199", "718-555-0199", "718-555-0199"],
            ),
            ("é718-5550199 ٥718-5550199 718-5550199 7185550199", vec!["718-5550199"]),
            ("a-718-555-0199@b.co", vec!["a-718-555-0199@b.co"]),
            (
                "718.555.0199. 718.555-0199.Fax 555.0199 1.2.3 3.14159265",
                vec!["718.555.0199", "718.555-0199"],
            ),
            ("5..718-555-0199 718-5550199..5 718-5550199--5", vec!["718-555-0199", "718-5550199"]),
            ("(718)555-0199 +1(718)555.0199 ()555-0199", vec!["(718)555-0199", "1(718)555.0199", "555-0199"]),
            (
                "Tel(718)555-0199 -(718)555-0199 (030)55-01 x)555-0199",
                vec!["555-0199", "555-0199", "(030)55-01", "555-0199"],
            ),
        ] {
            assert_eq!(found(text), want, "{text:?}");
        }
    }
}
