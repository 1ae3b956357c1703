"""Arguments of callers, in the form that Rust borrows: arrays, encodings, tokenizers, labels."""
