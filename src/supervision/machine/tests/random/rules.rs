//! The rules of the naive model, each in its plainest form.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::model::{Checked, Kid, Model, Run, ensure};
use crate::fault::{Exhausted, ExitReason, Generation, HangPhase, HangReport, StopCause, UnitPath};
use crate::supervision::machine::{AnyMachine, Fate, Target};
use crate::supervision::{ChildKind, ChildPolicy, ChildState, Flavor, Restart, Shutdown};

/// What the end of a run counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Expected: it was asked, or its group or its supervisor goes.
    Leave,
    /// The start that a call asked for failed.
    CallFailed,
    /// The supervisor's own start failed.
    InitialFailed,
    /// A failure that costs a restart.
    Again,
    /// As `Again`, but a budget is exhausted.
    Exhausted,
    /// It ended for good.
    Final,
}

/// Why the supervisor has to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MustEnd {
    Restarts,
    ChildRestarts,
    Consecutive,
    Hang,
    StartFailed,
    AutoShutdown,
}

/// In which phase a run may be abandoned, and from when on.
#[derive(Debug)]
pub(super) struct Due(pub(super) HangPhase, pub(super) Option<Instant>);

pub(super) fn earliest(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    a.into_iter().chain(b).min()
}

pub(super) fn is_earlier(new: Option<Instant>, old: Option<Instant>) -> bool {
    new.is_some_and(|new| old.is_none_or(|old| new < old))
}

pub(super) fn is_supervisor(policy: &ChildPolicy) -> bool {
    policy.kind == ChildKind::Supervisor
}

pub(super) fn abandoned(kid: &Kid) -> ExitReason {
    let path = UnitPath::new(kid.policy.id.as_str());
    let phase = HangPhase::Running;
    let report = HangReport::new(path, Generation::NONE, phase, Duration::ZERO, "");
    ExitReason::Abandoned(Arc::new(report))
}

/// What the end of the live run of this child counts as, before any budget is asked.
pub(super) fn class(model: &Model, at: usize, reason: &ExitReason) -> Class {
    let kid = &model.kids[at];
    let Some(run) = &kid.run else {
        return Class::Leave;
    };
    let fails_to_start = match (&run.asked, run.up_since) {
        _ if model.ending.is_some() || run.doomed => return Class::Leave,
        (Some(_), _) if run.late && kid.wanted => true,
        (Some(_), _) => return Class::Leave,
        (None, up_since) => up_since.is_none(),
    };
    if fails_to_start {
        if kid.opening.is_some() {
            return Class::CallFailed;
        }
        if kid.initial && !model.announced {
            return Class::InitialFailed;
        }
    }
    match kid.policy.restart {
        Restart::Temporary => Class::Final,
        Restart::Transient if !fails_to_start && reason.is_clean() => Class::Final,
        _ => Class::Again,
    }
}

/// What the world is told of it.
pub(super) fn fate(model: &Model, at: usize, class: Class, starting: bool) -> Fate {
    let kid = &model.kids[at];
    let again = Fate::Restart {
        attempt: 0,
        delay: Duration::ZERO,
    };
    let dropped = model.is_dynamic() || kid.policy.restart == Restart::Temporary;
    let down = if dropped { Fate::Forget } else { Fate::Keep };
    match class {
        Class::Again => again,
        Class::Exhausted | Class::InitialFailed => Fate::Escalate,
        Class::CallFailed if starting => Fate::Forget,
        Class::Final | Class::CallFailed => down,
        Class::Leave => {
            let comes_back = kid.wanted && model.ending.is_none();
            if comes_back && kid.policy.restart != Restart::Temporary {
                again
            } else if starting {
                Fate::Forget
            } else {
                down
            }
        }
    }
}

/// One restart, recounted from the full list of failures.
pub(super) fn charge(model: &mut Model, at: usize, now: Instant) -> Option<MustEnd> {
    let over = |log: &[Instant], max: u32, period: Duration| {
        let inside = log.iter().filter(|&&time| now - time <= period).count();
        inside + 1 > max as usize
    };
    let intensity = model.policy.intensity;
    if over(&model.charges, intensity.max_restarts(), intensity.period()) {
        return Some(MustEnd::Restarts);
    }
    model.charges.push(now);
    let kid = &mut model.kids[at];
    if let Some(budget) = kid.policy.budget
        && over(&kid.charges, budget.max_restarts(), budget.period())
    {
        return Some(MustEnd::ChildRestarts);
    }
    kid.charges.push(now);
    kid.streak += 1;
    let tolerated = kid.policy.give_up_after.unwrap_or(intensity.max_restarts());
    (kid.streak > tolerated).then_some(MustEnd::Consecutive)
}

/// Why the supervisor ends, which must be why it has to.
pub(super) fn why_ending(
    model: &Model,
    reason: &ExitReason,
    asked: Option<(StopCause, Option<Instant>)>,
) -> Result<(StopCause, Option<Instant>), String> {
    let because = match reason {
        ExitReason::BudgetExhausted(report) => match report.exhausted {
            Exhausted::Restarts { .. } => Some(MustEnd::Restarts),
            Exhausted::ChildRestarts { .. } => Some(MustEnd::ChildRestarts),
            Exhausted::Consecutive { .. } => Some(MustEnd::Consecutive),
            Exhausted::Hang { .. } => Some(MustEnd::Hang),
            _ => None,
        },
        ExitReason::StartFailed(_) => Some(MustEnd::StartFailed),
        ExitReason::Stopped(StopCause::AutoShutdown) => Some(MustEnd::AutoShutdown),
        _ => None,
    };
    if because != model.must_end {
        return Err(format!(
            "the supervisor ends with {reason}, not because of {:?}",
            model.must_end
        ));
    }
    match (because, asked) {
        (Some(MustEnd::StartFailed), _) => Ok((StopCause::StartFailed, None)),
        (Some(MustEnd::AutoShutdown), _) => Ok((StopCause::AutoShutdown, None)),
        (Some(_), _) => Ok((StopCause::Escalation, None)),
        (None, Some(stop)) => Ok(stop),
        (None, None) => {
            let max = model.policy.max_abandoned as usize;
            if model.abandoned.len() > max {
                Ok((StopCause::Escalation, None))
            } else {
                Err(format!("the supervisor ends with {reason}, for no reason"))
            }
        }
    }
}

/// A launch in a static machine comes after those before it.
pub(super) fn start_is_in_order(model: &Model, at: usize, now: Instant) -> Checked {
    let kid = &model.kids[at];
    ensure!(
        kid.not_before.is_none_or(|due| due <= now),
        "{:?} does not wait as long as it must",
        kid.policy.id
    );
    if model.is_dynamic() || model.order_is_open {
        return Ok(());
    }
    if kid.member {
        for other in model.kids.iter().filter(|other| other.member) {
            ensure!(
                other.run.is_none(),
                "{:?} starts before {:?} of its group is down",
                kid.policy.id,
                other.policy.id
            );
            ensure!(
                other.not_before.is_none_or(|due| due <= now),
                "{:?} starts before its group may",
                kid.policy.id
            );
        }
    }
    if model.announced && !model.policy.strategy.is_group() {
        return Ok(());
    }
    for other in &model.kids[..at] {
        let up = other.run.as_ref().is_some_and(Run::is_up);
        ensure!(
            up || !other.wanted,
            "{:?} starts before {:?} is up",
            kid.policy.id,
            other.policy.id
        );
    }
    Ok(())
}

/// A first ask has the right cause, deadline and place in the order.
pub(super) fn ask_is_right(
    model: &Model,
    at: usize,
    ask: (StopCause, Option<Instant>),
    now: Instant,
) -> Checked {
    let (cause, deadline) = ask;
    let kid = &model.kids[at];
    let own = match kid.policy.shutdown {
        Shutdown::Deadline(limit) => Some(now + limit),
        Shutdown::Abandon => Some(now),
        _ => None,
    };
    let mut bound = model.ending.as_ref().and_then(|ending| ending.deadline);
    bound = earliest(bound, kid.run.as_ref().and_then(|run| run.stop_by));
    let late = kid.run.as_ref().is_some_and(|run| {
        let overdue = run.start_deadline.is_some_and(|deadline| deadline <= now);
        overdue && run.up_since.is_none() && is_supervisor(&kid.policy)
    });
    if let Some(ending) = &model.ending {
        ensure!(cause == ending.cause, "{:?} is asked with {cause}", kid.key);
    }
    if late && deadline == Some(now) {
        bound = Some(now);
    }
    ensure!(
        late || cause != StopCause::StartFailed || model.ending.is_some(),
        "{:?} is in time",
        kid.policy.id
    );
    ensure!(
        deadline == earliest(own, bound),
        "{:?} gets the wrong deadline",
        kid.policy.id
    );
    if late || model.is_dynamic() || model.order_is_open {
        return Ok(());
    }
    let in_order = match &model.ending {
        None => cause == StopCause::Sibling,
        Some(ending) => ending.deadline.is_none_or(|deadline| {
            let whole = deadline.saturating_duration_since(ending.began);
            now < ending.began + whole / 10 * 9
        }),
    };
    let doomed_or_ending = |run: &Run| run.doomed || model.ending.is_some();
    for later in &model.kids[at + 1..] {
        let runs = later.run.as_ref().is_some_and(doomed_or_ending);
        ensure!(
            !in_order || !runs,
            "{:?} is asked before {:?} is down",
            kid.policy.id,
            later.policy.id
        );
    }
    Ok(())
}

/// Machine and model agree on every child.
pub(super) fn states_agree(model: &Model, machine: &AnyMachine, now: Instant) -> Checked {
    let mut active = 0;
    for kid in &model.kids {
        let Some(view) = machine.find(&Target::Key(kid.key)) else {
            return Err(format!("{:?} is forgotten without a word", kid.policy.id));
        };
        let agrees = match (&kid.run, view.state) {
            (None, ChildState::Down) => true,
            (None, ChildState::Restarting { .. }) => kid.wanted && model.ending.is_none(),
            (Some(run), ChildState::Stopping) => run.asked.is_some(),
            (Some(run), ChildState::Starting) => run.asked.is_none() && run.up_since.is_none(),
            (Some(run), ChildState::Up) => run.is_up(),
            _ => false,
        };
        ensure!(
            agrees,
            "{:?} is {:?}, not {:?}",
            kid.policy.id,
            view.state,
            kid.run
        );
        ensure!(
            view.policy == &kid.policy,
            "{:?} has another policy",
            kid.key
        );
        active += usize::from(kid.run.is_some());
    }
    let counts = machine.counts();
    ensure!(
        counts.specs == model.kids.len() && counts.active == active,
        "the counts are wrong: {counts:?}"
    );
    ensure!(
        counts.workers + counts.supervisors == counts.specs,
        "the kinds do not add up: {counts:?}"
    );
    ensure!(
        machine.abandoned() == model.abandoned.len(),
        "{} abandoned, not {:?}",
        machine.abandoned(),
        model.abandoned
    );
    if let Flavor::Dynamic {
        max_children: Some(max),
    } = model.policy.flavor
    {
        ensure!(counts.specs <= max, "more than {max} children");
    }
    let inside = |time: &&Instant| now - **time <= model.policy.intensity.period();
    let spent = model.charges.iter().filter(inside).count();
    let left = (model.policy.intensity.max_restarts() as usize).saturating_sub(spent);
    ensure!(
        machine.budget_left(now) as usize == left,
        "{} restarts are left, not {left}",
        machine.budget_left(now)
    );
    Ok(())
}

/// Whatever waits for time is announced, and whatever waits for nothing is done.
pub(super) fn nothing_is_forgotten(model: &Model, machine: &AnyMachine, now: Instant) -> Checked {
    let due = machine.next_due();
    let wakes_by =
        |time: Option<Instant>| time.is_none_or(|time| due.is_some_and(|due| due <= time));
    for kid in &model.kids {
        let Some(run) = &kid.run else { continue };
        let time = match &run.asked {
            Some((_, deadline)) if !is_supervisor(&kid.policy) => *deadline,
            Some(_) => None,
            None if run.up_since.is_none() => run.start_deadline,
            None => None,
        };
        ensure!(
            wakes_by(time),
            "nobody looks after {:?} in time",
            kid.policy.id
        );
    }
    let unasked = |kid: &Kid| kid.run.as_ref().is_some_and(|run| run.asked.is_none());
    if let Some(ending) = &model.ending {
        let any_unasked = model.kids.iter().any(unasked);
        ensure!(!any_unasked || !model.is_dynamic(), "a child is not asked");
        let runs = model.kids.iter().any(|kid| kid.run.is_some());
        ensure!(
            runs || model.ended,
            "all are down, but the end does not come"
        );
        if let (true, Some(deadline)) = (any_unasked, ending.deadline) {
            let whole = deadline.saturating_duration_since(ending.began);
            let hurry = ending.began + whole / 10 * 9;
            ensure!(now < hurry, "the order is not given up");
            ensure!(wakes_by(Some(hurry)), "nobody gives the order up in time");
        }
        return Ok(());
    }
    let moving = |kid: &Kid| {
        let run = kid.run.as_ref();
        run.is_some_and(|run| run.asked.is_some() || run.up_since.is_none())
    };
    let waiting = |kid: &Kid| kid.wanted && kid.run.is_none();
    let stuck = model.begun
        && model.kids.iter().any(waiting)
        && !model.kids.iter().any(moving)
        && due.is_none_or(|due| due <= now && !model.is_dynamic());
    ensure!(!stuck, "a child shall run, but nothing happens");
    ensure!(
        !model.begun
            || model.announced
            || model
                .kids
                .iter()
                .any(|kid| kid.wanted && !kid.run.as_ref().is_some_and(Run::is_up)),
        "all are up, but it is not said"
    );
    Ok(())
}
