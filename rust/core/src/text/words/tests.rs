//! Units beside their plain twins.

use super::*;
use crate::text::joints::{is_latin_or_greek, is_upper};
use crate::text::script::is_unspaced;
use proptest::prelude::*;
use unicode_categories::UnicodeCategories;
use unicode_segmentation::UnicodeSegmentation;

/// Every character there is, beside a space from which it may part.
#[test]
fn units_part_beside_a_space() {
    for c in (0..=0x0010_FFFF).filter_map(char::from_u32).filter(|&c| leads(c)) {
        for blank in [' ', '\n'] {
            for (text, at) in [(format!("ab{c}{blank}x"), 3), (format!("x{blank}{c}ab"), 2)] {
                if (c, blank) == ('\r', '\n') && at == 3 {
                    continue;
                }
                let edges = WordEdges::cut(&text);
                assert!(!edges.inside(at), "{text:?}");
            }
        }
    }
}

/// The plain twin of a cut word: for each of its joints, what lies on both sides, by plain string operations.
fn plain_cut(word: &str) -> Vec<String> {
    let clusters: Vec<&str> = word.graphemes(true).collect();
    let base = |at: usize| clusters[at].chars().next().unwrap();
    let apostrophe = |at: usize| "'’‘＇".contains(base(at));
    let stop = |at: usize| ".․﹒．".contains(base(at));
    let colon = |at: usize| ":︓﹕：".contains(base(at));
    let unseen = |at: usize| base(at).is_mark() || base(at).is_other_format();
    let connects = |at: &usize| base(*at).is_punctuation_connector();
    let first = (0..clusters.len()).find(|at| !connects(at)).unwrap_or(0);
    let last = (0..clusters.len()).rfind(|at| !connects(at)).unwrap_or(clusters.len());
    let seen: Vec<usize> =
        (0..clusters.len()).filter(|&at| !unseen(at) && (first..=last).contains(&at)).collect();
    let in_run = |at: usize| {
        let c = base(at);
        c.is_alphanumeric() || c.is_punctuation_connector() || c == '\u{202f}'
    };
    let mut out = vec![String::new()];
    // Where an apostrophe was cut, and no joint stands behind it: whether letters before it end with a capital.
    let mut elided = None;
    for at in 0..clusters.len() {
        if at < first || at > last {
            out.push(clusters[at].to_owned());
            out.push(String::new());
            continue;
        }
        let place = seen.iter().position(|&other| other == at);
        let before: Vec<usize> = place.map_or(vec![], |place| {
            seen[..place].iter().rev().copied().take_while(|&at| in_run(at)).collect()
        });
        let behind: Vec<usize> = place
            .map_or(vec![], |place| seen[place + 1..].iter().copied().take_while(|&at| in_run(at)).collect());
        let cut = !before.is_empty() && !behind.is_empty() && {
            let (left, right) = (base(before[0]), base(behind[0]));
            let digit = |c: char| c.is_numeric() && !c.is_alphabetic();
            let capital = is_upper(right);
            let genitive = |c: char| elided.is_some_and(|big| c.is_lowercase() || (big && c == 'S'));
            let irish = before.len() == 1
                && ["O", "D"].contains(&clusters[before[0]])
                && capital
                && behind.get(1).is_some_and(|&at| base(at).is_lowercase());
            let close = |c| is_latin_or_greek(c) || digit(c);
            (apostrophe(at) && (close(left) || close(right)) && !(digit(left) && digit(right)) && !irish)
                || colon(at)
                || (stop(at) && capital && (before.len() > 1 || genitive(left)))
        };
        if !unseen(at) && !in_run(at) {
            elided = (cut && apostrophe(at)).then(|| before.len() > 1 && is_upper(base(before[0])));
        }
        if cut {
            out.push(clusters[at].to_owned());
            out.push(String::new());
        } else {
            out.last_mut().unwrap().push_str(clusters[at]);
        }
    }
    out.retain(|unit| !unit.is_empty());
    out
}

/// The plain twin: the unit of each character, and whether it is a word.
fn plain(text: &str, cut: bool) -> Vec<(usize, bool)> {
    let mut units: Vec<String> = Vec::new();
    let clusters: Vec<usize> = text.grapheme_indices(true).map(|(at, _)| at).collect();
    let cuts = text.split_word_bound_indices().map(|(at, _)| at).chain([text.len()]);
    let cuts: Vec<usize> = cuts.filter(|at| *at == text.len() || clusters.contains(at)).collect();
    for pair in cuts.windows(2) {
        let segment = &text[pair[0]..pair[1]];
        let alphanumeric = |text: &str| text.chars().any(char::is_alphanumeric);
        let mut runs: Vec<(bool, String)> = Vec::new();
        for cluster in segment.graphemes(true) {
            let unspaced = cluster.starts_with(is_unspaced);
            match runs.last_mut() {
                Some((_, run)) if run.ends_with(' ') && cluster.starts_with(' ') => {
                    runs.push((false, cluster.to_owned()));
                }
                Some((false, run)) if !unspaced => run.push_str(cluster),
                _ => runs.push((unspaced, cluster.to_owned())),
            }
        }
        for (unspaced, run) in runs {
            if cut && !unspaced && alphanumeric(&run) {
                units.extend(plain_cut(&run));
            } else if unspaced || alphanumeric(&run) {
                units.push(run);
            } else {
                units.extend(run.graphemes(true).map(str::to_owned));
            }
        }
    }
    let mut out = Vec::new();
    let between = if cut { addresses(text).between } else { vec![] };
    let (mut number, mut at) = (0, 0_usize);
    for unit in &units {
        for (place, c) in unit.chars().enumerate() {
            let signs = [at, at.wrapping_sub(1)].map(|at| between.contains(&at));
            number += usize::from(place > 0 && signs != [false; 2]);
            let word = unit.chars().any(char::is_alphanumeric) || unit.starts_with(is_unspaced);
            out.push((number, word && !(signs[0] && ",;，".contains(c))));
            at += 1;
        }
        number += 1;
    }
    out
}

fn units(text: &str, cut: bool) -> Vec<String> {
    let edges = WordEdges::read(text, cut);
    let mut out = vec![String::new(); edges.units()];
    for (at, c) in text.chars().enumerate() {
        out[edges.unit(at)].push(c);
    }
    out
}

fn check(text: &str) {
    check_one(text, false);
    check_one(text, true);
}

fn check_one(text: &str, cut: bool) {
    let edges = WordEdges::read(text, cut);
    let twin = plain(text, cut);
    let len = twin.len();
    let starts: Vec<usize> =
        (0..=len).filter(|&at| at == 0 || at == len || twin[at - 1].0 != twin[at].0).collect();
    assert_eq!(edges.len(), len);
    assert_eq!(edges.units(), twin.last().map_or(0, |(unit, _)| unit + 1));
    for at in 0..len + 3 {
        assert_eq!(edges.inside(at), at < len && !starts.contains(&at), "{text:?} {at}");
        assert_eq!(edges.unit(at), twin.get(at).map_or(edges.units(), |unit| unit.0), "{text:?} {at}");
        assert_eq!(edges.is_word(at), twin.get(at).is_some_and(|unit| unit.1), "{text:?} {at}");
    }
    let back = |to: usize| starts.iter().copied().filter(|&at| at <= to).max().unwrap();
    let on = |to: usize| starts.iter().copied().find(|&at| at >= to).unwrap();
    let mut whole: Vec<(usize, usize)> = Vec::new();
    for (start, end) in if cut { addresses(text).whole } else { vec![] } {
        let touched: Vec<_> = whole.extract_if(.., |other| other.1 > back(start)).collect();
        whole.push((touched.first().map_or(back(start), |other| other.0), on(end)));
    }
    let step = len / 40 + 1;
    for start in (0..len + 3).step_by(step) {
        for end in (0..len + 3).step_by(step) {
            let (from, to) = (start.min(len), end.clamp(start.min(len), len));
            let (left, right) = (back(from), on(to));
            let touched = whole.iter().filter(|one| left < right && one.0 < right && one.1 > left);
            let want = touched.fold((left, right), |to, one| (to.0.min(one.0), to.1.max(one.1)));
            assert_eq!(edges.widen(start, end), want, "{text:?} {start} {end}");
        }
    }
}

#[test]
fn texts_fall_into_units() {
    for (text, want) in [
        ("", vec![]),
        ("don't stop", vec!["don't", " ", "stop"]),
        ("U.S. 3.14", vec!["U.S", ".", " ", "3.14"]),
        ("a  b\r\n", vec!["a", " ", " ", "b", "\r\n"]),
        ("__ _a_ 1,2:3", vec!["_", "_", " ", "_a_", " ", "1,2", ":", "3"]),
        ("__:a", vec!["_", "_", ":", "a"]),
        ("'a' a:b .5", vec!["'", "a", "'", " ", "a:b", " ", ".", "5"]),
        ("Zoë's e\u{301}té", vec!["Zoë's", " ", "e\u{301}té"]),
        ("東京タワー2階", vec!["東", "京", "タ", "ワ", "ー", "2", "階"]),
        ("アab_か\u{3099}", vec!["ア", "ab_", "か\u{3099}"]),
        ("สวัสดี", vec!["ส", "วั", "ส", "ดี"]),
        ("กข๑๒", vec!["ก", "ข", "๑๒"]),
        ("น้ำตก ກຳ", vec!["น้ำ", "ต", "ก", " ", "ກຳ"]),
        ("ខ្មែរ", vec!["ខ្មែ", "រ"]),
        ("Annaำก", vec!["Annaำ", "ก"]),
        ("a  ຳ    ຳ", vec!["a", " ", " ຳ", " ", " ", " ", " ຳ"]),
        ("a\u{600}  b  \u{600}  ຳ", vec!["a\u{600} ", " ", "b", " ", " ", "\u{600} ", " ຳ"]),
        ("\u{600}! a", vec!["\u{600}!", " ", "a"]),
        ("서울에서 नमस्ते", vec!["서울에서", " ", "नमस्ते"]),
        ("👨‍👩‍👧👍🏽!", vec!["👨‍👩‍👧", "👍🏽", "!"]),
    ] {
        assert_eq!(units(text, false), want, "{text:?}");
        check(text);
    }
}

#[test]
fn addresses_are_widened_to() {
    let text = "Mail:o.a_b@c.example.org.Then a,b@c.de";
    let edges = WordEdges::cut(text);
    for (span, want) in [
        ((0, 4), (0, 4)),
        ((5, 6), (5, 24)),
        ((20, 27), (5, 29)),
        ((11, 12), (5, 24)),
        ((10, 10), (10, 10)),
        ((30, 31), (30, 31)),
        ((32, 34), (32, 38)),
        ((22, 33), (5, 38)),
    ] {
        assert_eq!(edges.widen(span.0, span.1), want, "{span:?}");
    }
    assert_eq!(WordEdges::new(text).widen(20, 24), (11, 29));
    assert_ne!(edges.unit(9), edges.unit(10), "an address is several units");
}

#[test]
fn words_are_cut_where_names_end() {
    for (text, want) in [
        ("Anna's", vec!["Anna", "'", "s"]),
        ("Zoë’s e\u{301}'s", vec!["Zoë", "’", "s", " ", "e\u{301}", "'", "s"]),
        ("Anna＇s Anna‘s", vec!["Anna", "＇", "s", " ", "Anna", "‘", "s"]),
        ("Anna.Berlin", vec!["Anna", ".", "Berlin"]),
        ("Name:Anna.Surname:Schmidt", vec!["Name", ":", "Anna", ".", "Surname", ":", "Schmidt"]),
        ("Name：Anna", vec!["Name", "：", "Anna"]),
        ("O'Brien D’Angelo O'Neil's", vec!["O'Brien", " ", "D’Angelo", " ", "O'Neil", "'", "s"]),
        (
            "O'BRIEN L'Unione dell'Europa",
            vec!["O", "'", "BRIEN", " ", "L", "'", "Unione", " ", "dell", "'", "Europa"],
        ),
        ("O\u{308}'Brien Ö'Brien", vec!["O\u{308}", "'", "Brien", " ", "Ö", "'", "Brien"]),
        ("aujourd'hui", vec!["aujourd", "'", "hui"]),
        ("5'11 ٥'١", vec!["5'11", " ", "٥'١"]),
        ("U.S J.R.R.Tolkien e.V U.S.Army", vec!["U.S", " ", "J.R.R.Tolkien", " ", "e.V", " ", "U.S.Army"]),
        ("Ph.D example.com 665.9363", vec!["Ph", ".", "D", " ", "example.com", " ", "665.9363"]),
        ("Лук'яненко צ'כיה Анна.Киев", vec!["Лук'яненко", " ", "צ'כיה", " ", "Анна", ".", "Киев"]),
        ("Анна'b", vec!["Анна", "'", "b"]),
        ("foo_bar.Baz 1,2 l·l צה\"ל", vec!["foo_bar", ".", "Baz", " ", "1,2", " ", "l·l", " ", "צה\"ל"]),
        (
            "_Anna_ __init__ ＿A_b＿'s_",
            vec!["_", "Anna", "_", " ", "_", "_", "init", "_", "_", " ", "＿", "A_b", "＿", "'", "s", "_"],
        ),
        (
            "Anna's.Berlin L'A.Rossi Zoë’s.Ö",
            vec!["Anna", "'", "s", ".", "Berlin", " ", "L", "'", "A.Rossi", " ", "Zoë", "’", "s", ".", "Ö"],
        ),
        ("Müller.\u{301}Anna", vec!["Müller", ".\u{301}", "Anna"]),
        ("ANNA'S.BERLIN L'S.Rossi", vec!["ANNA", "'", "S", ".", "BERLIN", " ", "L", "'", "S.Rossi"]),
        (
            "Levi'S.P ÖÖ’S.P _L'S.P",
            vec!["Levi", "'", "S.P", " ", "ÖÖ", "’", "S", ".", "P", " ", "_", "L", "'", "S.P"],
        ),
        ("1,10115,718-555-0199,5", vec!["1,10115", ",", "718", "-", "555", "-", "0199", ",", "5"]),
        ("é10115，718-555-0199;x", vec!["é10115", "，", "718", "-", "555", "-", "0199", ";", "x"]),
        ("Anna\u{ad}.Berlin", vec!["Anna\u{ad}", ".", "Berlin"]),
        ("Anna.ǅamonja", vec!["Anna", ".", "ǅamonja"]),
        ("ж'\u{103c}O", vec!["ж", "'\u{103c}", "O"]),
        ("東京.Anna'sか", vec!["東", "京", ".", "Anna", "'", "s", "か"]),
    ] {
        assert_eq!(units(text, true), want, "{text:?}");
        check(text);
    }
}

#[test]
fn long_words_are_found_across_items() {
    for (before, long) in [(0, 63), (0, 64), (1, 63), (3, 1000), (64, 128), (127, 129)] {
        check(&format!("{}{} tail", "- ".repeat(before), "x".repeat(long)));
        check(&format!("{}{}", "é ".repeat(before), "é".repeat(long)));
    }
}

proptest! {
    #[test]
    fn ascii_equals_its_twin(text in "[abOD1_:;,.' \r\n@-]{0,24}|[aODB1_:.']{0,24}|[ -~\r\n\t\x00]{0,24}") {
        check(&text);
    }

    #[test]
    fn numbers_equal_their_twin(
        pieces in prop::collection::vec(
            prop::sample::select(&["718-555-0199", "555", "5550", "5", ",", ";", ".", "-", "(718)", "_", "'", "é", "，", "\u{301}", " "][..]),
            0..10,
        ),
    ) {
        check(&pieces.concat());
    }

    #[test]
    fn text_equals_its_twin(text in "[abOD\u{308}жЖ’：1_:.' \r\né\u{301}東タﾀーかกั๑ำກຳខ្មကြ\u{600}क\u{94d}한\u{200d}👩👍\u{1f3fd}🇩🇪\u{5d0}\"]{0,24}") {
        check(&text);
    }

    #[test]
    fn any_text_equals_its_twin(text in any::<String>()) {
        check(&text);
    }
}
