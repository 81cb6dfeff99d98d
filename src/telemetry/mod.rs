//! Events, handlers, spans and the log bridge.
