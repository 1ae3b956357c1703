"""The version, which is known without the extension being loaded; the extension and Cargo.toml have the same."""

VERSION = "0.1.0"
