"""The version, known without loading the extension; the extension and Cargo.toml have the same one."""

VERSION = "0.1.0"
