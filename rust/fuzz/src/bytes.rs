//! Bytes as choices: the fuzzer's bytes are read as numbers, texts and JSON.

use serde_json::Value;

/// The rest of the input. Once it is used up, it gives zeros.
pub struct Bytes<'a>(&'a [u8]);

const WORDS: [&str; 24] = [
    "a",
    "Bc",
    " ",
    "  ",
    "\n",
    "\r\n",
    ".",
    "'s",
    "é",
    "e\u{301}",
    "東京",
    "กำ",
    "🤗",
    "👩\u{200d}🚀",
    "\u{200b}",
    "ﬁ",
    "İ",
    "12",
    "x@y.org",
    "-",
    "[CLS]",
    "##ab",
    "▁",
    "\u{0}",
];

impl<'a> Bytes<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    /// A number below `limit`, which is at most 256.
    pub fn below(&mut self, limit: usize) -> usize {
        self.byte() as usize * limit / 256
    }

    pub fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// A logit from a coarse grid, so that sums are exact and ties happen; sometimes -inf.
    pub fn logit(&mut self) -> f32 {
        match self.byte() {
            255 => f32::NEG_INFINITY,
            byte => (f32::from(byte) - 128.0) / 16.0,
        }
    }

    /// Up to `most` words, each one of a few hard words or any character.
    pub fn text(&mut self, most: usize) -> String {
        let count = self.below(most + 1);
        let mut out = String::new();
        for _ in 0..count {
            match self.byte() as usize {
                choice if choice < 230 => out.push_str(WORDS[choice % WORDS.len()]),
                _ => {
                    let code = u32::from(self.byte()) << 8
                        | u32::from(self.byte())
                        | u32::from(self.byte() & 1) << 16;
                    out.extend(char::from_u32(code));
                }
            }
        }
        out
    }

    pub fn rest(self) -> &'a [u8] {
        self.0
    }

    pub fn left(&self) -> usize {
        self.0.len()
    }

    /// Replaces up to three values of `json` by others.
    pub fn mutate(&mut self, json: &mut Value) {
        for _ in 0..self.below(4) {
            let mut path = String::new();
            for _ in 0..self.below(8) {
                // A place by its number among its neighbours.
                let key = match json.pointer(&path) {
                    Some(Value::Object(map)) if !map.is_empty() => {
                        let key = map.keys().nth(self.below(map.len().min(256))).expect("below their number");
                        key.replace('~', "~0").replace('/', "~1")
                    }
                    Some(Value::Array(list)) if !list.is_empty() => {
                        self.below(list.len().min(256)).to_string()
                    }
                    _ => break,
                };
                path = format!("{path}/{key}");
            }
            let Some(place) = json.pointer_mut(&path) else { continue };
            *place = match self.below(12) {
                0 => Value::Null,
                1 => Value::from(true),
                2 => Value::from(false),
                3 => Value::from(0),
                4 => Value::from(-1),
                5 => Value::from(u64::MAX),
                6 => Value::from(1e300),
                7 => Value::from(vec![Value::Null]),
                8 => serde_json::json!({}),
                9 => Value::from(self.byte()),
                _ => Value::from(self.text(3)),
            };
        }
    }

    /// Up to 600 random bytes; advances `seed`. Source: Vigna's splitmix64.
    #[cfg(test)]
    pub fn random(seed: &mut u64) -> Vec<u8> {
        let mut next = || {
            *seed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut mixed = *seed;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            mixed ^ (mixed >> 31)
        };
        let length = next() as usize % 600;
        let text = next() % 4 == 0;
        // Every fourth input has few different bytes, so it is more like a text file than like noise.
        const FEW: &[u8] = b"{}\"t:,\n\r ab\\u\xc3\xa9\xff";
        (0..length).map(|_| if text { FEW[next() as usize % FEW.len()] } else { next() as u8 }).collect()
    }
}
