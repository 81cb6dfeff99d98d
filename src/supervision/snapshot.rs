//! A frozen picture of a tree: who runs, in which generation, with how much budget left.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::child::ChildSpec;
use super::info::ChildInfo;
use super::machine::Phase;
use super::tree::cell::Cell;
use super::tree::roster::ThreadLeft;
use super::{ChildState, Counts};
use crate::fault::UnitPath;

/// A picture of a whole system, made without asking anyone to answer: each supervisor's own state is
/// consistent, two supervisors may be seen a moment apart.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Snapshot {
    /// The root supervisor; `None` when it has ended.
    pub root: Option<SupervisorSnapshot>,
    /// All threads of units, the abandoned ones among them.
    pub threads: Vec<ThreadLeft>,
}

/// A picture of one supervisor.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SupervisorSnapshot {
    /// Its place in the tree.
    pub path: UnitPath,
    /// Whether it starts, runs, or stops.
    pub phase: Phase,
    /// How many children it has.
    pub counts: Counts,
    /// Restarts that its budget has left.
    pub budget_left: u32,
    /// Abandoned threads of its children that are alive.
    pub abandoned: usize,
    /// The children, in start order.
    pub children: Vec<UnitSnapshot>,
}

/// A picture of one child.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct UnitSnapshot {
    /// Its specification and state.
    pub info: ChildInfo,
    /// Its last checkpoint, and for how long it has been silent; `None` when it does not run.
    pub activity: Option<(Option<&'static str>, Duration)>,
    /// Its children, if it is a supervisor that runs.
    pub supervisor: Option<SupervisorSnapshot>,
}

impl Snapshot {
    pub(crate) fn of(root: Option<&Arc<Cell>>, threads: Vec<ThreadLeft>) -> Self {
        Snapshot {
            root: root.map(SupervisorSnapshot::of),
            threads,
        }
    }
}

impl SupervisorSnapshot {
    pub(crate) fn of(cell: &Arc<Cell>) -> Self {
        let (mut picture, specs) = cell.inspect(|machine, now, specs| {
            let picture = SupervisorSnapshot {
                path: cell.path().clone(),
                phase: machine.phase(),
                counts: machine.counts(),
                budget_left: machine.budget_left(now),
                abandoned: machine.abandoned(),
                children: Vec::new(),
            };
            let children: Vec<_> = machine
                .children()
                .map(|child| (ChildInfo::of(&child), specs.of(&child).cloned()))
                .collect();
            (picture, children)
        });
        picture.children = specs
            .into_iter()
            .map(|(info, spec)| UnitSnapshot::of(info, spec.as_deref()))
            .collect();
        picture
    }
}

impl UnitSnapshot {
    /// Looks at the child outside its supervisor's lock.
    fn of(info: ChildInfo, spec: Option<&ChildSpec>) -> Self {
        let activity = spec
            .and_then(|spec| spec.unit().run())
            .map(|run| run.silence());
        let supervisor = spec
            .and_then(|spec| spec.body().cell())
            .as_ref()
            .map(SupervisorSnapshot::of);
        UnitSnapshot {
            info,
            activity,
            supervisor,
        }
    }
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.root {
            None => f.write_str("the root supervisor has ended")?,
            Some(root) => root.write(f, 0)?,
        }
        for thread in self.threads.iter().filter(|thread| thread.abandoned) {
            writeln!(f, "abandoned: thread {} of {}", thread.thread, thread.path)?;
        }
        Ok(())
    }
}

impl SupervisorSnapshot {
    fn write(&self, f: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
        let Counts { specs, active, .. } = self.counts;
        writeln!(
            f,
            "{:indent$}{} [{active} of {specs} up, {} restarts left]",
            "",
            self.path,
            self.budget_left,
            indent = depth * 2
        )?;
        for child in &self.children {
            match &child.supervisor {
                Some(supervisor) => supervisor.write(f, depth + 1)?,
                None => child.write(f, depth + 1)?,
            }
        }
        Ok(())
    }
}

impl UnitSnapshot {
    fn write(&self, f: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
        let ChildInfo {
            id,
            state,
            generation,
            restarts,
            ..
        } = &self.info;
        let state = match state {
            ChildState::Down => "down",
            ChildState::Restarting { .. } => "restarting",
            ChildState::Starting => "starting",
            ChildState::Up => "up",
            ChildState::Stopping => "stopping",
        };
        write!(
            f,
            "{:indent$}{id} {state}, run {generation}",
            "",
            indent = depth * 2
        )?;
        if *restarts > 0 {
            write!(f, ", {restarts} restarts")?;
        }
        if let Some((Some(checkpoint), silent)) = self.activity {
            write!(f, ", {checkpoint} for {silent:.1?}")?;
        }
        writeln!(f)
    }
}
