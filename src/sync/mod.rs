//! The only door to loom: std types, or loom's under `cfg(all(test, loom))`.
