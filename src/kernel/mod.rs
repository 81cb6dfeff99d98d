//! Kernel: small lock-free and waiting pieces, each proved by loom models.
