//! Positions in other units, normal forms with the way back, and words.

use crate::Bytes;
use fastpost_core::text::normal::{Form, Normalized};
use fastpost_core::text::chars::CharIndex;
use fastpost_core::text::units::{Inside, OffsetMap, Unit};
use fastpost_core::text::words::WordEdges;

const UNITS: [Unit; 4] = [Unit::Chars, Unit::Utf8, Unit::Utf16, Unit::Graphemes];
const FORMS: [Form; 6] = [Form::Nfc, Form::Nfd, Form::Nfkc, Form::Nfkd, Form::Lower, Form::Whitespace];

/// The byte and UTF-16 positions of a character are the sizes of the text before it; conversion there and back is the identity.
pub fn offsets(bytes: &[u8]) {
    let mut bytes = Bytes::new(bytes);
    let chosen: Vec<Form> = (0..bytes.below(4)).map(|_| bytes.pick(&FORMS)).collect();
    let text = if bytes.flag() { bytes.text(40) } else { String::from_utf8_lossy(bytes.rest()).into_owned() };
    let map = OffsetMap::new(&text).expect("a short text");
    let chars: Vec<char> = text.chars().collect();
    let all: Vec<i64> = (0..=chars.len() as i64).collect();
    let convert = |positions: &[i64], from, to, inside| {
        let mut positions = positions.to_vec();
        map.convert(&text, &mut positions, from, to, inside).map(|()| positions)
    };
    let plain = |unit: Unit| -> Vec<i64> {
        let width = |c: &char| if unit == Unit::Utf8 { c.len_utf8() } else { c.len_utf16() };
        (0..=chars.len()).map(|at| chars[..at].iter().map(width).sum::<usize>() as i64).collect()
    };
    if chars.len() < 200 {
        for unit in [Unit::Utf8, Unit::Utf16] {
            let there =
                convert(&all, Unit::Chars, unit, Inside::Refuse).expect("every character has its place");
            assert_eq!(there, plain(unit));
            assert_eq!(convert(&there, unit, Unit::Chars, Inside::Refuse).expect("and back"), all);
        }
    }
    for from in UNITS {
        let positions: Vec<i64> = (0..=map.len(&text, from) as i64).collect();
        for to in UNITS {
            let low = convert(&positions, from, to, Inside::Floor).expect("inside the text");
            let high = convert(&positions, from, to, Inside::Ceil).expect("inside the text");
            // From one edge to the next: one character or grapheme, or its length in smaller units.
            let most = if matches!(to, Unit::Chars | Unit::Graphemes) { 1 } else { i64::MAX };
            assert!(low.is_sorted() && high.is_sorted());
            assert!(low.iter().zip(&high).all(|(low, high)| low <= high && high - low <= most));
            if let Ok(exact) = convert(&positions, from, to, Inside::Refuse) {
                assert_eq!((&exact, &exact), (&low, &high));
            }
        }
        assert!(convert(&[positions.len() as i64], from, Unit::Chars, Inside::Floor).is_err());
        assert!(convert(&[-1], from, Unit::Chars, Inside::Floor).is_err());
    }
    normal(&text, &chosen);
    words(&text);
}

/// Every span of a normal form has a span of the text, whose normal form holds the first one.
fn normal(text: &str, forms: &[Form]) {
    let mut normal = Normalized::new(text).expect("a short text");
    for &form in forms {
        normal = normal.then(form).expect("a short text");
    }
    assert_eq!(normal.text().chars().count(), normal.chars());
    let chars = normal.chars().min(24) as i64;
    for start in 0..chars {
        for end in [start, start + 1, chars] {
            let (mut back, count) = ([start, end], text.chars().count() as i64);
            normal.to_original(&mut back).expect("a span of it");
            assert!(0 <= back[0] && back[0] <= back[1] && back[1] <= count, "{back:?}");
            if start < end {
                assert!(back[0] < back[1]);
                let mut again = back;
                normal.to_normalized(&mut again).expect("a span of the text");
                assert!(again[0] <= start && end <= again[1], "{start}..{end} {back:?} {again:?}");
            }
        }
    }
}

/// Edges are inside the text, and widening a widened span changes nothing.
fn words(text: &str) {
    let index = CharIndex::new(text);
    for edges in [WordEdges::new(text), WordEdges::cut(text)] {
        assert_eq!(edges.len(), index.len());
        for start in 0..index.len().min(40) {
            let end = (start + 2).min(index.len());
            let (from, to) = edges.widen(start, end);
            assert!(from <= start && end <= to && to <= index.len());
            assert_eq!(edges.widen(from, to), (from, to), "{text:?} {start}..{end}");
        }
    }
}
