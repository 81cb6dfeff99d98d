//! Exit reasons, panic reports, error classification and error context.
