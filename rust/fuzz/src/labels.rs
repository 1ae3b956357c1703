//! Label names under every scheme, and as transformers reads them.

use fastpost_core::entities::chunks::{Repair, chunks};
use fastpost_core::entities::cut::Cut;
use fastpost_core::entities::viterbi::{Grammar, Weights};
use fastpost_core::labels::{Labels, Role, Scheme, Tagging};

const SCHEMES: [&str; 9] = ["IO", "IOB1", "IOB2", "IOE1", "IOE2", "BIOES", "BILOU", "BMES", "plain"];

/// Every number is in range, equal names get equal numbers, and sequences that the grammar allows have well-formed entities.
pub fn labels(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let names: Vec<&str> = text.lines().take(40).collect();
    transformers(&names);
    if names.is_empty() {
        return;
    }
    for scheme in SCHEMES.map(Some).into_iter().chain([None]) {
        let scheme = scheme.map(|name| Scheme::parse(name).expect("a scheme's own name"));
        let Ok(tagging) = Tagging::new(&names, scheme) else { continue };
        assert_eq!(tagging.tags.len(), names.len());
        let inside = tagging.tags.iter().any(|tag| tag.role != Role::Outside);
        assert!(!inside || tagging.layout.is_none() || scheme.is_none_or(|scheme| tagging.scheme == scheme));
        for (tag, name) in tagging.tags.iter().zip(&names) {
            let kind = &tagging.kinds[tag.kind as usize];
            assert!(
                name.contains(kind.as_str()) || kind == "_" || tag.role == Role::Outside,
                "{name} {kind}"
            );
        }
        for (left, a) in tagging.tags.iter().zip(&names) {
            for (right, b) in tagging.tags.iter().zip(&names) {
                assert!(a != b || left == right);
            }
        }
        let Ok(grammar) = Grammar::new(tagging, Weights::default()) else { continue };
        let sequence: Vec<u32> =
            bytes.iter().take(12).map(|&byte| u32::from(byte) % names.len() as u32).collect();
        let tagging = grammar.tagging();
        let all = chunks(tagging, &sequence, Repair::Conlleval, Cut::default());
        // No label is left out or repeated.
        assert_eq!(all.iter().map(|chunk| chunk.to - chunk.from).sum::<usize>(), sequence.len());
        if grammar.is_legal(&sequence, Cut::default()) {
            assert_eq!(
                chunks(tagging, &sequence, Repair::Discard, Cut::default()),
                all,
                "{names:?} {sequence:?}"
            );
            assert_eq!(
                chunks(tagging, &sequence, Repair::Keep, Cut::default()),
                all,
                "{names:?} {sequence:?}"
            );
        }
    }
}

fn transformers(names: &[&str]) {
    let read = Labels::transformers(names);
    assert_eq!(read.labels.len(), names.len());
    for (label, name) in read.labels.iter().zip(names) {
        let group = &read.groups[label.group as usize];
        assert!(name.ends_with(group.as_str()));
        assert!((label.tag as usize) < names.len());
        assert_eq!(label.begins, name.starts_with("B-"));
    }
    for (left, a) in read.labels.iter().zip(names) {
        for (right, b) in read.labels.iter().zip(names) {
            assert!(a != b || left == right);
        }
    }
}
