//! Models of the kernel.
