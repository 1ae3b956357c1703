//! fastpost._fastpost: borrow, check, compute with the interpreter released, hand over.

mod door;

use pyo3::prelude::*;

/// The Rust core; users import `fastpost`.
#[pymodule(gil_used = false)]
mod _fastpost {
    #[pymodule_export]
    const VERSION: &str = env!("CARGO_PKG_VERSION");
}
