//! Loops compiled for the widest vector instructions of the machine.

use pulp::{Arch, Simd, WithSimd};

/// Runs `work` with the widest vector instructions that this machine has.
///
/// The closure should be marked `#[inline(always)]`: it is compiled for wide vectors only where it is inlined here.
/// If `pulp` gets it as it is, the call goes through the `FnOnce` of a closure that could be called again, and nothing
/// marks that one: a larger closure was then compiled for the narrowest vectors, and an arg-max took half as long
/// again.
#[inline(always)]
pub(crate) fn wide<T>(arch: Arch, work: impl FnMut() -> T) -> T {
    arch.dispatch(Wide(work))
}

struct Wide<F>(F);

impl<T, F: FnMut() -> T> WithSimd for Wide<F> {
    type Output = T;

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, _: S) -> T {
        (self.0)()
    }
}
