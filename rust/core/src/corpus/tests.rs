//! The plain twins: reading a whole file at once must give what blocks on threads give.

use std::convert::Infallible;
use std::io::Cursor;
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;

use super::{Blocks, Keep, Next, Plan, Reason, Source, Split, Stopped, Texts, each};

fn plan(files: &[Vec<u8>], split: Split, threads: usize, block: usize) -> Plan {
    let sources = files.iter().enumerate().map(|(n, bytes)| {
        let name = n.to_string();
        Source::reader(Path::new(&name), split, Box::new(Cursor::new(bytes.clone())))
    });
    let mut plan = Plan::new(sources.collect(), "t", NonZeroUsize::new(threads));
    plan.block = block;
    plan.ahead = 2 * block;
    plan
}

/// All texts and faults (as `file:line`) in order.
fn read(plan: Plan) -> (Vec<String>, Vec<String>) {
    let mut blocks = Blocks::new(plan);
    let (mut texts, mut faults) = (Vec::new(), Vec::new());
    loop {
        match blocks.next(Duration::from_millis(20)) {
            Next::Texts(found) => {
                texts.extend(found.iter().map(str::to_owned));
                faults.extend(places(&found));
                blocks.recycle(found);
            }
            Next::Wait => {}
            Next::End => return (texts, faults),
        }
    }
}

fn places(texts: &Texts) -> Vec<String> {
    let faults = texts.faults().iter();
    faults.map(|(_, f)| format!("{}:{}", f.path.display(), f.line.unwrap_or(0))).collect()
}

fn plain(files: &[Vec<u8>]) -> (Vec<String>, Vec<String>) {
    let (mut texts, mut faults) = (Vec::new(), Vec::new());
    for (n, bytes) in files.iter().enumerate() {
        for (line, part) in bytes.split_inclusive(|&b| b == b'\n').enumerate() {
            let part = part.strip_suffix(b"\n").unwrap_or(part);
            match std::str::from_utf8(part.strip_suffix(b"\r").unwrap_or(part)) {
                Ok(text) => texts.push(text.to_owned()),
                Err(_) => faults.push(format!("{n}:{}", line + 1)),
            }
        }
    }
    (texts, faults)
}

fn files() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let piece = prop::sample::select(vec!["a", "bc", "\n", "\r\n", "\r", "é", "\u{1f642}", "   ", "\n\n"]);
    let bytes = prop::collection::vec(piece, 0..60).prop_map(|parts| parts.concat().into_bytes());
    let broken =
        (bytes, prop::option::weighted(0.2, any::<prop::sample::Index>())).prop_map(|(mut bytes, at)| {
            if let Some(at) = at {
                bytes.insert(at.index(bytes.len() + 1), 0xff);
            }
            // Two marks of other encodings are refused, and tested apart.
            if bytes.first() == Some(&0xff) { vec![b'x'] } else { bytes }
        });
    prop::collection::vec(broken, 0..8)
}

proptest! {
    #[test]
    fn lines_equal_the_plain_twin_for_any_threads_and_blocks(
        files in files(), threads in 1_usize..5, block in 1_usize..40
    ) {
        prop_assert_eq!(read(plan(&files, Split::Line, threads, block)), plain(&files));
    }

    #[test]
    fn paragraphs_do_not_depend_on_the_blocks(files in files(), threads in 1_usize..4, block in 1_usize..40) {
        prop_assert_eq!(
            read(plan(&files, Split::Blank, threads, block)),
            read(plan(&files, Split::Blank, 1, 1 << 20))
        );
    }

    #[test]
    fn each_sees_every_text_once(files in files(), threads in 1_usize..5, block in 1_usize..40) {
        let add = |seen: &mut Vec<String>, texts: &Texts| {
            seen.extend(texts.iter().map(str::to_owned));
            Ok::<_, Infallible>(())
        };
        let done = each(plan(&files, Split::Line, threads, block), true, Vec::new, add, |_| Ok(()));
        let Ok((states, tally)) = done else { return Err(TestCaseError::fail("no fault is raised with skip")) };
        let mut seen = states.concat();
        let (mut want, faults) = plain(&files);
        seen.sort();
        want.sort();
        prop_assert_eq!(tally.texts as usize, want.len());
        prop_assert_eq!(tally.bytes as usize, want.iter().map(String::len).sum::<usize>());
        prop_assert_eq!(tally.skipped as usize, faults.len());
        prop_assert_eq!(seen, want);
    }

    #[test]
    fn each_stops_at_the_first_fault_for_any_threads(files in files(), threads in 1_usize..5) {
        let done = each(
            plan(&files, Split::Line, threads, 8), false, || (), |(), _| Ok::<_, Infallible>(()), |_| Ok(())
        );
        let (_, faults) = plain(&files);
        match (done, faults.first()) {
            (Ok(_), None) => {}
            (Err(Stopped::Fault(fault)), Some(first)) => {
                prop_assert_eq!(&format!("{}:{}", fault.path.display(), fault.line.unwrap_or(0)), first);
            }
            (_, first) => return Err(TestCaseError::fail(format!("wanted {first:?}"))),
        }
    }
}

/// All texts, kept columns, lines and faults (as `file:line`) in order.
fn read_all(mut plan: Plan) -> Vec<String> {
    plan.wanted.keep = Keep::All;
    plan.wanted.column = "t".to_owned();
    let mut blocks = Blocks::new(plan);
    let mut seen = Vec::new();
    loop {
        match blocks.next(Duration::from_millis(20)) {
            Next::Texts(found) => {
                for index in 0..found.len() {
                    seen.push(format!(
                        "{:?} {:?} {:?}",
                        found.get(index),
                        found.kept(index),
                        found.line(index)
                    ));
                }
                seen.extend(found.faults().iter().map(|(_, fault)| fault.to_string()));
            }
            Next::Wait => {}
            Next::End => {
                seen.sort(); // faults stand behind the texts of their block
                return seen;
            }
        }
    }
}

proptest! {
    #[test]
    fn csv_does_not_depend_on_threads_and_blocks(
        parts in prop::collection::vec(
            prop::sample::select(vec!["a", ",", "\"", "\"\"", "\n", "\r\n", "\r", "\u{feff}", "x,y\n", "é"]), 0..60
        ),
        threads in 1_usize..4,
        block in 1_usize..40,
    ) {
        let file = format!("id,t\n{}", parts.concat()).into_bytes();
        prop_assert_eq!(
            read_all(plan(std::slice::from_ref(&file), Split::Csv, threads, block)),
            read_all(plan(&[file], Split::Csv, 1, 1 << 20))
        );
    }
}

#[test]
fn lines_of_csv_are_counted_once_for_any_end_and_blocks() {
    for end in ["\n", "\r\n", "\r"] {
        let file = ["id,t", "1,a", "2,bcd", "", "3,\"e", "f\"", "4"].join(end).into_bytes();
        for block in 1..40 {
            let read = read_all(plan(std::slice::from_ref(&file), Split::Csv, 1, block));
            let ends = |at: usize, line: u64| read[at].ends_with(&format!("Some({line})"));
            assert!(ends(0, 2) && ends(1, 3) && ends(2, 5), "{end:?} {block} {read:?}");
            assert!(read[3].starts_with("0:7: "), "{end:?} {block} {read:?}");
        }
    }
}

#[test]
fn a_dropped_record_of_csv_counts_its_lines() {
    for (end, block) in [("\n", 16), ("\r\n", 16), ("\r\n", 17), ("\r", 16)] {
        let long = [b"1,\"".to_vec(), [b"x", end.as_bytes()].concat().repeat(100), b"\"".to_vec()].concat();
        let file = [b"id,t".to_vec(), long, b"2,b".to_vec()].join(end.as_bytes());
        let mut plan = plan(&[file], Split::Csv, 1, block);
        plan.longest = 100;
        let read = read_all(plan);
        assert!(read[0].ends_with("Some(103)"), "{end:?} {read:?}");
        assert!(read[1].starts_with("0:2: "), "{end:?} {read:?}");
    }
}

/// What a file is does not depend on how much of it is read at once.
#[test]
fn a_file_is_known_by_its_head_for_any_blocks() {
    let wide: Vec<u8> = "a text\n".repeat(9).encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut tar = vec![b'x'; 600];
    tar[257..262].copy_from_slice(b"ustar");
    for (file, found) in [(wide, "Wide"), (tar, "Packed"), (b"\xff\xfea\0".to_vec(), "OtherEncoding")] {
        for block in [1, 2, 7, 40, 1 << 19] {
            let mut blocks = Blocks::new(plan(std::slice::from_ref(&file), Split::Line, 1, block));
            let Next::Texts(texts) = blocks.next(Duration::ZERO) else { panic!("{found} {block}") };
            let (_, fault) = &texts.faults()[0];
            assert!(format!("{:?}", fault.reason).starts_with(found), "{found} {block}: {fault}");
        }
    }
    for block in [1, 7, 1 << 19] {
        let mut plan = plan(&[b"\xef\xbb\xbf\n   {\"t\":\"a\"}\n".to_vec()], Split::Line, 1, block);
        plan.sources[0].sniffed = true;
        assert_eq!(read(plan).0, ["a"]);
    }
}

#[test]
fn a_record_without_an_end_is_a_fault_and_the_next_one_is_read() {
    for threads in [1, 3] {
        let bytes = [b"a\n".as_slice(), &[b'x'; 5000], b"\nb\nc"].concat();
        let mut plan = plan(&[bytes], Split::Line, threads, 64);
        plan.longest = 1000;
        let mut blocks = Blocks::new(plan);
        let (mut texts, mut faults) = (Vec::new(), Vec::new());
        loop {
            match blocks.next(Duration::from_millis(20)) {
                Next::Texts(found) => {
                    texts.extend(found.iter().map(str::to_owned));
                    faults.extend(found.faults().iter().map(|(_, fault)| fault.clone()));
                }
                Next::Wait => {}
                Next::End => break,
            }
        }
        assert_eq!(texts, ["a", "b", "c"]);
        assert_eq!(faults.len(), 1);
        assert_eq!(faults[0].line, Some(2));
        assert!(matches!(faults[0].reason, Reason::TooLong { record: "line", limit: 1000, .. }));
    }
}

/// A record that was dropped may end where a read ends.
#[test]
fn what_follows_a_dropped_record_is_read_for_any_length() {
    for length in 100..140 {
        let file = [vec![b'x'; length], b"\nb\n".to_vec()].concat();
        let mut plan = plan(&[file], Split::Line, 1, 16);
        plan.longest = 50;
        assert_eq!(read(plan), (vec!["b".to_owned()], vec!["0:1".to_owned()]), "{length}");
    }
}

#[test]
fn a_dropped_reader_ends_its_threads() {
    let files = vec![b"text\n".repeat(10_000); 50];
    for _ in 0..20 {
        let mut blocks = Blocks::new(plan(&files, Split::Line, 4, 256));
        assert!(!matches!(blocks.next(Duration::from_secs(5)), Next::End));
    }
}

#[test]
fn an_error_of_the_work_comes_back() {
    let files = vec![b"text\n".repeat(10_000); 5];
    let done = each(plan(&files, Split::Line, 3, 256), false, || 0, |_, _| Err("full"), |_| Ok(()));
    assert!(matches!(done, Err(Stopped::Work("full"))));
}
