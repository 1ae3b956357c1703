#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fastpost_fuzz::windows::plan(bytes));
