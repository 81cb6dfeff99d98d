//! Whose stop a wait obeys: the unit of a context, or the unit that the thread carries.

use std::sync::Arc;
use std::time::Instant;

use crate::kernel::stop::{Level, StopSignal, current_stop};
use crate::supervision::unit::current::current as current_run;
use crate::supervision::unit::run::Run;
use crate::supervision::unit::stop_token::StopToken;
use crate::time::{Clock, Deadline};

/// The unit on whose behalf a thread uses a channel. Made only where a thread is about to wait, or is stopping.
pub(super) struct Obeyed {
    signal: Option<Arc<StopSignal>>,
    token: Option<StopToken>,
    run: Option<Arc<Run>>,
}

impl Obeyed {
    /// The unit of this thread; a thread without one obeys nobody.
    pub(super) fn current() -> Self {
        let run = current_run();
        let signal = current_stop();
        let token = run.as_ref().map(|run| run.token().clone());
        let own = token.filter(|token| {
            let own = signal.as_ref();
            own.is_some_and(|signal| Arc::ptr_eq(signal, token.signal()))
        });
        Self {
            signal,
            token: own,
            run,
        }
    }

    /// The unit of a token, whichever thread this is.
    pub(super) fn of(token: &StopToken) -> Self {
        Self {
            signal: Some(Arc::clone(token.signal())),
            token: Some(token.clone()),
            run: current_run(),
        }
    }

    pub(super) fn level(&self) -> Level {
        self.signal
            .as_ref()
            .map_or(Level::Run, |signal| signal.level())
    }

    pub(super) fn signal(&self) -> Option<&Arc<StopSignal>> {
        self.signal.as_ref()
    }

    /// The clock of the channel, else of the unit's system, else of the operating system.
    pub(super) fn clock(&self, own: Option<&Clock>) -> Clock {
        own.cloned().unwrap_or_else(|| self.unit_clock())
    }

    fn unit_clock(&self) -> Clock {
        let run = self.run.as_ref();
        run.map_or_else(Clock::system, |run| run.runtime().clock().clone())
    }

    /// The drain deadline by the unit's own clock; a later stop may change it.
    pub(super) fn drain_until(&self) -> Option<Instant> {
        self.token.as_ref().and_then(StopToken::drain_until)
    }

    /// A drain deadline by `clock`. By another one than the unit's own it is what is left of it, from now on.
    pub(super) fn drain_deadline(&self, drain_until: Option<Instant>, clock: &Clock) -> Deadline {
        let Some(until) = drain_until.map(Deadline::at) else {
            return Deadline::NEVER;
        };
        let own = self.unit_clock();
        if own.shares_time_with(clock) {
            // Not by way of what is left: the clock may be turned between two readings of it.
            return until;
        }
        clock.deadline(until.remaining(own.now()))
    }

    /// Whether queued work must be left from now on.
    pub(super) fn is_drain_over(&self) -> bool {
        let until = self.drain_until();
        until.is_some_and(|until| until <= self.unit_now())
    }

    fn unit_now(&self) -> Instant {
        self.unit_clock().now()
    }

    /// For the report of the stop: `messages` stay in the channel.
    pub(super) fn note_left(&self, messages: usize) {
        if let Some(token) = &self.token {
            token.note_left(messages);
        }
    }

    /// Waits; the watchdog does not count it as silence.
    pub(super) fn waiting<R>(&self, wait: impl FnOnce() -> R) -> R {
        match &self.run {
            Some(run) => run.waiting(wait),
            None => wait(),
        }
    }
}
