//! Where the pump puts what a process writes.

use super::lines::OutputStream;

/// Takes what a process writes. Called by the pump alone, never under a lock.
pub(super) trait Sink: Send {
    /// Takes the next bytes of a stream; true if who waits for the process should look at them.
    fn take(&mut self, stream: OutputStream, bytes: &[u8]) -> bool;

    /// The stream has ended; true as above.
    fn end(&mut self, stream: OutputStream) -> bool;

    /// Whether it takes nothing more for now. The process then waits, once its pipe is full.
    fn is_full(&self) -> bool {
        false
    }
}
