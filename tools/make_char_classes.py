r"""Writes `rust/core/src/tokenizer/classes.rs`: the character classes of the installed tokenizers library.

Its regular expressions run on oniguruma, which carries a Unicode table of its own. Asking the library itself
which code points `\p{L}` and the others match gives exactly that table, whatever its version. Run it when
`tests/test_bpe_pattern.py` says that a class has moved:

    python tools/make_char_classes.py && make fmt
"""

from __future__ import annotations

from pathlib import Path

import tokenizers
from tokenizers import Regex
from tokenizers.pre_tokenizers import Split

OUT = Path(__file__).resolve().parents[1] / "rust/core/src/tokenizer/classes.rs"
CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
# Letter of the table -> the regular expression that it stands for; no code point is in two of them.
CLASSES = {
    "U": r"[\p{Lu}\p{Lt}]",
    "L": r"\p{Ll}",
    "O": r"[\p{Lm}\p{Lo}]",
    "M": r"\p{M}",
    "N": r"\p{N}",
    "S": r"\s",
    "G": r"[\p{P}\p{S}]",
}
HEAD = """//! Character classes of the regular expressions in the tokenizers library, as code points.
//!
//! Written by `tools/make_char_classes.py` from tokenizers {version}; tested against the library over all
//! code points. Rust's own `is_alphabetic` and `is_numeric` are other sets: they count letter-like marks
//! and numbers.

/// Lu, Lt, and letters without case.
pub(super) const UPPER: u8 = 1;
/// Ll, and letters without case.
pub(super) const LOWER: u8 = 2;
/// Combining marks.
pub(super) const MARK: u8 = 4;
/// Nd, Nl and No.
pub(super) const NUMBER: u8 = 8;
/// White space.
pub(super) const SPACE: u8 = 16;
/// Punctuation and symbols.
pub(super) const SIGN: u8 = 32;

// As the table writes them.
const U: u8 = UPPER;
const L: u8 = LOWER;
const O: u8 = UPPER | LOWER;
const M: u8 = MARK;
const N: u8 = NUMBER;
const S: u8 = SPACE;
const G: u8 = SIGN;

/// First code point, last code point, class; in order. What is missing is of no class.
#[rustfmt::skip]
pub(super) const RANGES: &[(u32, u32, u8)] = &[
"""


def members(expression: str) -> list[int]:
    """Code points that the library's `expression` matches."""
    drop = Split(Regex(expression), "removed")
    kept: set[str] = set()
    for first in range(0, len(CODE_POINTS), 4096):
        text = "".join(map(chr, CODE_POINTS[first : first + 4096]))
        for piece, _ in drop.pre_tokenize_str(text):
            kept.update(piece)
    return [c for c in CODE_POINTS if chr(c) not in kept]


def main() -> None:
    """Asks, checks that the classes are disjoint, writes."""
    letter_of: dict[int, str] = {}
    for letter, expression in CLASSES.items():
        for code in members(expression):
            if code in letter_of:
                raise SystemExit(f"U+{code:04X} is in {letter_of[code]} and in {letter}")
            letter_of[code] = letter
    ranges: list[list[int | str]] = []
    for code, letter in sorted(letter_of.items()):
        if ranges and ranges[-1][1] == code - 1 and ranges[-1][2] == letter:
            ranges[-1][1] = code
        else:
            ranges.append([code, code, letter])
    cells = [f"(0x{first:X}, 0x{last:X}, {letter})," for first, last, letter in ranges]
    lines = ["    " + " ".join(cells[i : i + 6]) for i in range(0, len(cells), 6)]
    OUT.write_text(HEAD.format(version=tokenizers.__version__) + "\n".join(lines) + "\n];\n")


if __name__ == "__main__":
    main()
