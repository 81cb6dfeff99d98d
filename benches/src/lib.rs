//! Benchmarks of steadfast beside its rivals: see `benches/`.
