//! Values of JSON that nobody reads, however long a number or deep a list is.
//!
//! jiter refuses integers of more than 4,300 digits and lists nested in 200 others, whoever asks for them. A record is
//! not lost for the sake of a column that nobody reads: such values become empty lists of the same length, so that all
//! places stay what they are.

use super::Wanted;

/// `line`, which is an object, with blanks in the numbers, lists and objects of columns that do not come along.
///
/// `None` where it is no JSON.
pub(super) fn relaxed(line: &[u8], wanted: &Wanted) -> Option<Vec<u8>> {
    let mut out = line.to_vec();
    let mut at = blanks(line, 0);
    if line.get(at) != Some(&b'{') {
        return None;
    }
    at = blanks(line, at + 1);
    if line.get(at) == Some(&b'}') {
        return None;
    }
    loop {
        let key = at;
        at = string(line, at)?;
        let name: String = serde_json::from_slice(&line[key..at]).ok()?;
        at = blanks(line, at);
        if line.get(at) != Some(&b':') {
            return None;
        }
        let from = blanks(line, at + 1);
        at = value(line, from)?;
        let long = at - from > 1 && !matches!(line[from], b'"' | b't' | b'f' | b'n' | b'N' | b'I');
        if long && (name == wanted.column || !wanted.keep.has(&name)) {
            out[from] = b'[';
            out[from + 1..at - 1].fill(b' ');
            out[at - 1] = b']';
        }
        at = blanks(line, at);
        match line.get(at) {
            Some(b',') => at = blanks(line, at + 1),
            Some(b'}') => return (blanks(line, at + 1) == line.len()).then_some(out),
            _ => return None,
        }
    }
}

fn blanks(line: &[u8], mut at: usize) -> usize {
    while matches!(line.get(at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
        at += 1;
    }
    at
}

/// Where the value ends that starts at `at`. The lists and objects that are open lie on a stack of our own.
fn value(line: &[u8], mut at: usize) -> Option<usize> {
    let mut open: Vec<u8> = Vec::new();
    loop {
        at = blanks(line, at);
        match line.get(at)? {
            b'[' => {
                at = blanks(line, at + 1);
                if line.get(at) != Some(&b']') {
                    open.push(b']');
                    continue;
                }
                at += 1;
            }
            b'{' => {
                at = blanks(line, at + 1);
                if line.get(at) != Some(&b'}') {
                    open.push(b'}');
                    at = name(line, at)?;
                    continue;
                }
                at += 1;
            }
            b'"' => at = string(line, at)?,
            b'-' | b'0'..=b'9' => at = number(line, at)?,
            _ => at = word(line, at)?,
        }
        // Behind a value: the next one, or the end of what it stands in.
        loop {
            let Some(&closing) = open.last() else { return Some(at) };
            at = blanks(line, at);
            match *line.get(at)? {
                b',' => {
                    at = blanks(line, at + 1);
                    if closing == b'}' {
                        at = name(line, at)?;
                    }
                    break;
                }
                byte if byte == closing => {
                    open.pop();
                    at += 1;
                }
                _ => return None,
            }
        }
    }
}

/// Where the value of a name starts, for the name at `at`.
fn name(line: &[u8], at: usize) -> Option<usize> {
    let colon = blanks(line, string(line, at)?);
    (line.get(colon) == Some(&b':')).then_some(colon + 1)
}

/// Where the string ends that starts at `at`, its quote included.
fn string(line: &[u8], at: usize) -> Option<usize> {
    let mut next = at + usize::from(line.get(at) == Some(&b'"'));
    if next == at {
        return None;
    }
    loop {
        match line.get(next)? {
            b'"' => return Some(next + 1),
            b'\\' => match line.get(next + 1)? {
                b'u' => {
                    let digits = line.get(next + 2..next + 6)?;
                    next = digits.iter().all(u8::is_ascii_hexdigit).then_some(next + 6)?;
                }
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => next += 2,
                _ => return None,
            },
            0..0x20 => return None,
            _ => next += 1,
        }
    }
}

/// Where the number ends that starts at `at`.
fn number(line: &[u8], at: usize) -> Option<usize> {
    let digits = |from: usize| {
        let count = line[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        (count > 0).then_some(from + count)
    };
    let first = at + usize::from(line[at] == b'-');
    if line[first..].starts_with(b"Infinity") {
        return Some(first + b"Infinity".len());
    }
    let mut end = digits(first)?;
    if line[first] == b'0' && end > first + 1 {
        return None;
    }
    if line.get(end) == Some(&b'.') {
        end = digits(end + 1)?;
    }
    if matches!(line.get(end), Some(b'e' | b'E')) {
        end = digits(end + 1 + usize::from(matches!(line.get(end + 1), Some(b'+' | b'-'))))?;
    }
    Some(end)
}

fn word(line: &[u8], at: usize) -> Option<usize> {
    let words: [&[u8]; 5] = [b"true", b"false", b"null", b"NaN", b"Infinity"];
    words.iter().find(|word| line[at..].starts_with(word)).map(|word| at + word.len())
}

#[cfg(test)]
mod tests {
    use super::value;
    use proptest::prelude::*;

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<f64>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            "[a\"\\\\\n\u{1}é]{0,4}".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                prop::collection::btree_map("[a\"]{0,2}", inner, 0..4)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// JSON is stepped over to its end. With one byte changed, it passes or fails as it does in `serde_json`.
        #[test]
        fn a_value_ends_where_serde_json_ends_it(json in json(), pretty in any::<bool>(), at in any::<prop::sample::Index>(), byte in "[\\[\\]{},:\"0-9eE.+tn \\\\-]") {
            let mut text = if pretty { serde_json::to_vec_pretty(&json) } else { serde_json::to_vec(&json) }.unwrap();
            prop_assert_eq!(value(&text, 0), Some(text.len()));
            let at = at.index(text.len());
            text[at] = byte.as_bytes()[0];
            let ours = value(&text, 0).is_some_and(|end| text[end..].iter().all(u8::is_ascii_whitespace));
            let theirs = serde_json::from_slice::<serde_json::Value>(&text);
            // What a line holds is UTF-8. Of a number that no float holds `serde_json` does not read what follows.
            prop_assume!(std::str::from_utf8(&text).is_ok());
            prop_assume!(!theirs.as_ref().is_err_and(|error| error.to_string().contains("out of range")));
            prop_assert_eq!(ours, theirs.is_ok(), "{}", String::from_utf8_lossy(&text));
        }
    }

    #[test]
    fn depth_and_length_do_not_matter() {
        let deep = [vec![b'['; 100_000], vec![b']'; 100_000]].concat();
        assert_eq!(value(&deep, 0), Some(deep.len()));
        assert_eq!(value(&deep[..199_999], 0), None);
        let digits = vec![b'9'; 100_000];
        assert_eq!(value(&digits, 0), Some(digits.len()));
        for (text, end) in [
            ("1e999999", Some(8)),
            ("1e999+9", Some(5)),
            ("NaN", Some(3)),
            ("-Infinity", Some(9)),
            ("01", None),
            ("1.", None),
            ("[1,]", None),
            ("{\"a\"}", None),
        ] {
            assert_eq!(value(text.as_bytes(), 0), end, "{text}");
        }
    }
}
