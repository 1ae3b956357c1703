//! The body of each fuzz target as a plain function: `cargo test` here calls them with random bytes on a stable compiler,
//! `make fuzz` with libFuzzer.
//!
//! No input may make a target panic. Each compares its result with that of a simpler algorithm, if there is one.

pub mod alignment;
pub mod answers;
mod bytes;
pub mod corpus;
pub mod encode;
pub mod entities;
pub mod labels;
pub mod metrics;
pub mod text;
pub mod tokenizer;
pub mod training;
pub mod windows;

pub use bytes::Bytes;

/// A target: its name, which is that of its file in `fuzz_targets`, and its body.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[Target] = &[
    ("align_spans", alignment::spans),
    ("align_tokens", alignment::tokens),
    ("answers", answers::answers),
    ("counts", training::counts),
    ("csv", corpus::csv),
    ("decoder", tokenizer::decoder),
    ("encode", encode::encode),
    ("entities", entities::entities),
    ("jsonl", corpus::jsonl),
    ("labels", labels::labels),
    ("metrics", metrics::metrics),
    ("offsets", text::offsets),
    ("packed", corpus::packed),
    ("pattern", tokenizer::pattern),
    ("splitter", tokenizer::splitter),
    ("stitch", entities::stitch),
    ("text", corpus::text),
    ("training", training::training),
    ("windows", windows::plan),
];

#[cfg(test)]
mod tests {
    use super::{Bytes, TARGETS};
    use std::time::{Duration, Instant};

    /// Each target on random bytes for `FUZZ_SECONDS`, 2 of them by default.
    #[test]
    fn no_target_panics_on_random_bytes() {
        let set = |name: &str| std::env::var(name).ok();
        let seconds = set("FUZZ_SECONDS").and_then(|text| text.parse().ok()).unwrap_or(2.0);
        let only = set("FUZZ_TARGET");
        let mut seed = set("FUZZ_SEED").and_then(|text| text.parse().ok()).unwrap_or(1_u64);
        for (name, body) in
            TARGETS.iter().filter(|(name, _)| only.as_deref().is_none_or(|only| only == *name))
        {
            let end = Instant::now() + Duration::from_secs_f64(seconds);
            let mut runs = 0;
            while Instant::now() < end {
                let bytes = Bytes::random(&mut seed);
                let shown = bytes.clone();
                if let Err(panic) = std::panic::catch_unwind(move || body(&bytes)) {
                    eprintln!("{name} fails on {shown:?}");
                    std::panic::resume_unwind(panic);
                }
                runs += 1;
            }
            eprintln!("{name}: {runs} inputs");
            assert!(runs > 0, "{name} has not run");
        }
    }

    #[test]
    fn each_target_has_its_file_and_each_file_its_target() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz_targets");
        let files = std::fs::read_dir(folder).expect("the folder is there");
        let mut names: Vec<String> = files
            .map(|file| {
                file.expect("a file").path().file_stem().expect("a name").to_string_lossy().into_owned()
            })
            .collect();
        names.sort();
        assert_eq!(names, TARGETS.iter().map(|(name, _)| *name).collect::<Vec<_>>());
        let manifest = include_str!("../Cargo.toml");
        assert_eq!(manifest.matches("[[bin]]").count(), TARGETS.len());
    }
}
