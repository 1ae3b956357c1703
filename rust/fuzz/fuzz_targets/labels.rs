//! Label names, one a line: every number points at something, and equal names get equal numbers.

#![no_main]

use fastpost_core::labels::Labels;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let names: Vec<&str> = text.lines().collect();
    let read = Labels::transformers(&names);
    assert_eq!(read.labels.len(), names.len());
    for (label, name) in read.labels.iter().zip(&names) {
        let group = &read.groups[label.group as usize];
        assert!(name.ends_with(group.as_str()));
        assert!((label.tag as usize) < names.len());
        assert_eq!(label.begins, name.starts_with("B-"));
    }
    for (left, a) in read.labels.iter().zip(&names) {
        for (right, b) in read.labels.iter().zip(&names) {
            assert!(a != b || left == right);
        }
    }
});
