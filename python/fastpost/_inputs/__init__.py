"""What callers hand in, as Rust borrows it: arrays, encodings, tokenizers, labels."""
