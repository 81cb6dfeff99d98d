//! Supervisors, workers, channels and orderly stop.
