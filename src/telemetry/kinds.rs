//! The table of all events that the library emits.
//!
//! Each kind names exactly what its events carry. In debug builds an event that carries anything else
//! panics where it is emitted, so the table cannot drift from the code. A row stands here only if code
//! emits it.

use log::Level;

use super::event::EventKind;

const SUPERVISION: &str = "steadfast::supervision";
const SYSTEM: &str = "steadfast::system";
const CHANNEL: &str = "steadfast::channel";
const TIMER: &str = "steadfast::timer";
const PROCESS: &str = "steadfast::process";
const CACHE: &str = "steadfast::cache";
const TELEMETRY: &str = "steadfast::telemetry";
const GUARDS: &str = "steadfast::guards";
const SPAN: &str = "steadfast::span";

/// Declares the statics and, from the same rows, the table of them all.
macro_rules! kinds {
    ($(
        #[doc = $doc:literal]
        $name:ident = $text:literal, $target:ident, $level:ident, [$($measure:literal),*], [$($tag:literal),*];
    )+) => {
        $(
            #[doc = $doc]
            ///
            #[doc = concat!("`", $text, "`, measurements ", stringify!([$($measure),*]), ", metadata ", stringify!([$($tag),*]), ".")]
            pub static $name: EventKind = EventKind {
                name: $text,
                target: $target,
                level: Level::$level,
                measurements: &[$($measure),*],
                metadata: &[$($tag),*],
                doc: $doc.trim_ascii(),
            };
        )+

        /// All kinds of events of the library.
        pub static ALL: &[&EventKind] = &[$(&$name),+];
    };
}

kinds! {
    /// A child is up: its start function returned.
    CHILD_STARTED = "child.started", SUPERVISION, Info, [], ["path", "generation"];
    /// The start function of a child said that it is not needed.
    CHILD_IGNORED = "child.ignored", SUPERVISION, Info, [], ["path", "generation"];
    /// A run of a child ended before it was up.
    CHILD_START_FAILED = "child.start_failed", SUPERVISION, Error, [], ["path", "generation", "reason", "expected"];
    /// A run of a child ended cleanly: by itself, or as it had been asked to (`expected`).
    CHILD_ENDED = "child.ended", SUPERVISION, Info, [], ["path", "generation", "reason", "expected"];
    /// A run of a child failed; `expected` says whether it had been asked to stop.
    CHILD_EXITED = "child.exited", SUPERVISION, Warn, [], ["path", "generation", "reason", "expected"];
    /// A child will be started again after `delay`; `attempt` counts its failures without progress.
    CHILD_RESTARTING = "child.restarting", SUPERVISION, Warn, ["attempt", "delay"], ["path", "generation"];
    /// A child is asked to stop.
    CHILD_STOPPING = "child.stopping", SUPERVISION, Debug, [], ["path", "generation", "cause"];
    /// A child did not respond in time: its run is fenced and written off, its thread may live on.
    CHILD_ABANDONED = "child.abandoned", SUPERVISION, Error, [], ["path", "generation", "phase", "thread"];
    /// The thread of an abandoned run ended after all.
    CHILD_ABANDONED_RETURNED = "child.abandoned_returned", SUPERVISION, Info, [], ["path", "generation"];
    /// A child shows no sign of life: `level` is `warn` for the first limit, `hang` for the second.
    CHILD_HUNG = "child.hung", SUPERVISION, Warn, ["silent_for"], ["path", "generation", "checkpoint", "level"];
    /// The specification of a child was dropped.
    CHILD_FORGOTTEN = "child.forgotten", SUPERVISION, Debug, [], ["path"];
    /// An `on_stop` hook of a child panicked or could not run.
    HOOK_FAILED = "child.hook_failed", SUPERVISION, Error, [], ["path", "generation", "problem"];
    /// A supervisor is up with all its initial children.
    SUPERVISOR_STARTED = "supervisor.started", SUPERVISION, Info, [], ["path"];
    /// A supervisor begins to end.
    SUPERVISOR_STOPPING = "supervisor.stopping", SUPERVISION, Info, [], ["path", "reason"];
    /// A supervisor has ended, with all its children down.
    SUPERVISOR_ENDED = "supervisor.ended", SUPERVISION, Info, [], ["path", "reason"];
    /// A supervisor gives up.
    SUPERVISOR_BUDGET_EXHAUSTED = "supervisor.budget_exhausted", SUPERVISION, Error, [], ["path", "exhausted"];
    /// A supervisor ends because of a significant child.
    SUPERVISOR_AUTO_SHUTDOWN = "supervisor.auto_shutdown", SUPERVISION, Info, [], ["path"];
    /// A specification is valid, but not what it seems.
    SUPERVISOR_SPEC_WARNING = "supervisor.spec_warning", SUPERVISION, Warn, [], ["path", "warning"];
    /// A specification was changed while it runs.
    SUPERVISOR_SPEC_CHANGED = "supervisor.spec_changed", SUPERVISION, Info, [], ["path", "change"];
    /// A late effect of an abandoned run was refused.
    FENCE_REFUSED = "fence.refused", SUPERVISION, Warn, [], ["path", "generation", "operation"];
    /// A data-parallel pool did not take a piece of work; `why` is not running, stopping, full or fenced.
    POOL_REFUSED = "data_parallel.refused", SUPERVISION, Warn, [], ["path", "why"];
    /// A piece of work panicked in a data-parallel pool.
    POOL_PANICKED = "data_parallel.panicked", SUPERVISION, Error, [], ["path", "generation", "problem"];
    /// A data-parallel pool ended or was given up with `count` pieces of work in hand.
    POOL_LOST = "data_parallel.lost", SUPERVISION, Warn, ["count"], ["path", "generation"];
    /// A task was not spawned; `why` is full, stopping and the like.
    TASK_REFUSED = "task.refused", SUPERVISION, Debug, [], ["path", "why"];
    /// A task ran for longer than it might: its owner is told, it is asked to stop.
    TASK_TIMED_OUT = "task.timed_out", SUPERVISION, Warn, [], ["path"];
    /// A value came after its task had timed out or been abandoned, and was dropped.
    TASK_LATE = "task.late", SUPERVISION, Info, [], ["path"];
    /// An item of a map has no result: it failed, panicked, ran too long, or was stopped.
    MAP_ITEM_FAILED = "map.item_failed", SUPERVISION, Warn, [], ["path", "index", "why"];
    /// A map ended before its source did; `left` items that were pulled did not begin.
    MAP_ENDED = "map.ended", SUPERVISION, Info, ["left"], ["path", "why"];
    /// A system is up.
    SYSTEM_STARTED = "system.started", SYSTEM, Info, [], ["name"];
    /// A system begins to stop.
    SYSTEM_STOPPING = "system.stopping", SYSTEM, Info, [], ["name"];
    /// A phase of the stop of a system begins; it may take `allowed`.
    PHASE_STARTED = "system.phase_started", SYSTEM, Info, ["allowed"], ["name", "phase"];
    /// A phase of the stop of a system is over; `late` units were not down in its time.
    PHASE_ENDED = "system.phase_ended", SYSTEM, Info, ["elapsed", "late"], ["name", "phase"];
    /// A hook of a phase panicked, could not run, or was not through in time.
    PHASE_HOOK_FAILED = "system.phase_hook_failed", SYSTEM, Error, [], ["name", "phase", "problem"];
    /// A system has stopped; `abandoned` threads would not.
    SYSTEM_STOPPED = "system.stopped", SYSTEM, Info, ["stopped", "failed", "abandoned"], ["name"];
    /// A channel did not take a value; `why` is full, stopped, disconnected or fenced.
    CHANNEL_REFUSED = "channel.refused", CHANNEL, Debug, [], ["name", "why"];
    /// Ticks of a periodic timer came due together: the one with this `number` stands for `missed` more.
    TIMER_MISSED = "timer.missed", TIMER, Debug, ["missed", "number"], ["path", "key"];
    /// A tick of a timer, or its one value, was not taken; `why` is full or disconnected.
    TIMER_REFUSED = "timer.refused", TIMER, Warn, ["number"], ["path", "key", "why"];
    /// The owner of timers is gone, and with it `count` timers that were pending.
    TIMER_DISCARDED = "timer.discarded", TIMER, Debug, ["count"], ["path"];
    /// An OS process was started.
    PROCESS_SPAWNED = "process.spawned", PROCESS, Info, ["pid"], ["path", "generation"];
    /// An OS process is gone, and was reaped; `lines` were read, of which `cut` were too long and `refused` found no room.
    PROCESS_ENDED = "process.ended", PROCESS, Info, ["pid", "lines", "cut", "refused"], ["path", "generation", "status"];
    /// An OS process had to be killed; `why` is deadline, not ready or given up.
    PROCESS_KILLED = "process.killed", PROCESS, Warn, ["pid"], ["path", "generation", "why"];
    /// A command was not run; `why` is not allowed or busy.
    COMMAND_REFUSED = "command.refused", PROCESS, Warn, [], ["program", "why"];
    /// A command did not succeed; `why` says how it ended, or that it was stopped or took too long.
    COMMAND_FAILED = "command.failed", PROCESS, Warn, [], ["program", "why"];
    /// A look-up in a cache returned a value.
    CACHE_HIT = "cache.hit", CACHE, Trace, [], ["name"];
    /// A look-up in a cache returned nothing; `why` is absent, expired or invalidated.
    CACHE_MISSED = "cache.missed", CACHE, Trace, [], ["name", "why"];
    /// An entry went because a cache had no room; told when it is dropped, soon after.
    CACHE_EVICTED = "cache.evicted", CACHE, Trace, [], ["name"];
    /// A cache did not let an entry in.
    CACHE_REFUSED = "cache.refused", CACHE, Debug, [], ["name", "why"];
    /// A loader of a cache brought no value; `why` is failed, panicked or refresh_failed.
    CACHE_LOAD_FAILED = "cache.load_failed", CACHE, Warn, [], ["name", "why"];
    /// Entries of a cache were invalidated, all or a group.
    CACHE_INVALIDATED = "cache.invalidated", CACHE, Info, [], ["name", "scope"];
    /// A cache took out what was over.
    CACHE_PURGED = "cache.purged", CACHE, Debug, ["count"], ["name"];
    /// The listener of a cache, or the destructor of a key or a value, panicked.
    CACHE_PANICKED = "cache.panicked", CACHE, Error, [], ["name", "problem"];
    /// A rate limiter did not let a request through; it would after `retry_after`.
    RATE_LIMIT_REFUSED = "rate_limit.refused", GUARDS, Debug, ["retry_after"], ["name"];
    /// A keyed rate limiter had no place for another key beside `keys`.
    RATE_LIMIT_KEYS_FULL = "rate_limit.keys_full", GUARDS, Warn, ["keys"], ["name"];
    /// A rate limiter goes on under another quota.
    RATE_LIMIT_RECONFIGURED = "rate_limit.reconfigured", GUARDS, Info, ["limit"], ["name"];
    /// A circuit breaker has changed; the counts are those of its window before, or of the failures in a row.
    BREAKER_CHANGED = "breaker.changed", GUARDS, Warn, ["generation", "calls", "failed", "slow"], ["name", "from", "to"];
    /// A circuit breaker did not let a call through; a probe may pass after `retry_after`.
    BREAKER_REFUSED = "breaker.refused", GUARDS, Debug, ["retry_after"], ["name"];
    /// A handler panicked and was detached.
    HANDLER_DETACHED = "telemetry.handler_detached", TELEMETRY, Error, [], ["handler", "problem"];
    /// Events were dropped since the last one of this kind: the queue was full, or handlers emitted too deep.
    DROPPED = "telemetry.dropped", TELEMETRY, Warn, ["count"], [];
    /// A span began.
    SPAN_START = "span.start", SPAN, Trace, [], ["name"];
    /// A span ended; `status` is `ok` or what [`SpanGuard::fail`](super::SpanGuard::fail) was told.
    SPAN_STOP = "span.stop", SPAN, Trace, ["duration"], ["name", "status"];
    /// A span was ended by a panic.
    SPAN_EXCEPTION = "span.exception", SPAN, Debug, ["duration"], ["name"];
    /// Something happened within a span.
    SPAN_EVENT = "span.event", SPAN, Trace, [], ["name", "event"];
    /// A span was linked to one of another trace.
    SPAN_LINK = "span.link", SPAN, Trace, [], ["name", "linked"];
}

/// The kind with this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static EventKind> {
    ALL.iter().copied().find(|kind| kind.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{ALL, find};

    fn is_word(word: &str) -> bool {
        let is_letter = |c: char| c.is_ascii_lowercase() || c == '_';
        !word.is_empty() && word.chars().all(is_letter)
    }

    #[test]
    fn names_are_unique_and_dotted() {
        let names: BTreeSet<_> = ALL.iter().map(|kind| kind.name).collect();
        assert_eq!(names.len(), ALL.len());
        for name in names {
            let words: Vec<_> = name.split('.').collect();
            assert_eq!(words.len(), 2, "{name}");
            assert!(words.into_iter().all(is_word), "{name}");
        }
    }

    #[test]
    fn targets_are_rooms_of_the_crate() {
        for kind in ALL {
            let room = kind.target.strip_prefix("steadfast::");
            assert!(room.is_some_and(is_word), "{}", kind.target);
        }
    }

    #[test]
    fn no_kind_declares_a_name_twice() {
        for kind in ALL {
            let declared: Vec<_> = kind.measurements.iter().chain(kind.metadata).collect();
            let unique: BTreeSet<_> = declared.iter().collect();
            assert_eq!(unique.len(), declared.len(), "{}", kind.name);
            assert!(declared.iter().all(|name| is_word(name)), "{}", kind.name);
        }
    }

    #[test]
    fn every_kind_says_in_a_sentence_when_it_is_emitted() {
        for kind in ALL {
            let is_sentence = kind.doc.starts_with(|c: char| c.is_uppercase() || c == '`');
            assert!(is_sentence && kind.doc.ends_with('.'), "{}", kind.doc);
        }
    }

    #[test]
    fn a_kind_is_found_by_its_name() {
        for kind in ALL {
            assert!(std::ptr::eq(find(kind.name).unwrap(), *kind));
        }
        assert_eq!(find("child"), None);
    }
}
