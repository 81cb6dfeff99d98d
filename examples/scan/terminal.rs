//! Standard output and standard error, which may be closed at any time without anybody panicking.

use std::io::{self, Write};
use std::panic;

use super::job::parser::INJECTED;

/// Writes to standard output. A reader that has gone away is an error, and nothing worse.
pub(crate) fn say(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Writes a line to standard error, if anybody listens.
pub(crate) fn complain(text: &str) {
    let mut err = io::stderr().lock();
    // There is no third place to say that nobody listens.
    let _ = writeln!(err, "scan: {text}");
}

/// Keeps the panics that scan injects away from standard error: they are the job, not news. All
/// others are printed as ever.
pub(crate) fn hide_injected_panics() {
    let previous = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let message = info.payload().downcast_ref::<String>();
        if !message.is_some_and(|message| message.starts_with(INJECTED)) {
            previous(info);
        }
    }));
}
