//! Checks a specification as a whole.

use std::collections::HashSet;

use crate::supervision::machine::Retune;
use crate::supervision::spec::policy::{ChildPolicy, Flavor, SupervisorPolicy};
use crate::supervision::{
    AutoShutdown, ChildId, ChildKind, Intensity, Restart, Shutdown, SpecError, SpecWarning,
};

/// All that is wrong with a supervisor and its children; empty if nothing is.
pub(crate) fn validate(policy: &SupervisorPolicy, children: &[ChildPolicy]) -> Vec<SpecError> {
    let mut errors = Vec::new();
    supervisor(policy, &mut errors);
    if !children.is_empty() && policy.flavor != Flavor::Static {
        errors.push(SpecError::DynamicChildren);
    }
    let mut seen = HashSet::new();
    let mut twice = HashSet::new();
    for child in children {
        if !seen.insert(&child.id) && twice.insert(&child.id) {
            errors.push(SpecError::DuplicateId(child.id.clone()));
        }
        child_errors(policy.auto_shutdown, child, &mut errors);
    }
    errors
}

/// All that is wrong with the name of a supervisor that has no supervisor above it.
pub(crate) fn validate_id(id: &ChildId) -> Vec<SpecError> {
    let mut errors = Vec::new();
    id_errors(id, &mut errors);
    errors
}

/// All that is wrong with one child under this supervisor.
pub(crate) fn validate_child(policy: &SupervisorPolicy, child: &ChildPolicy) -> Vec<SpecError> {
    let mut errors = Vec::new();
    child_errors(policy.auto_shutdown, child, &mut errors);
    errors
}

/// All that is wrong with a live change of a supervisor's numbers.
pub(crate) fn validate_retuned<'a>(
    policy: &SupervisorPolicy,
    retune: &Retune,
    mut children: impl Iterator<Item = &'a ChildPolicy>,
) -> Vec<SpecError> {
    let mut errors = Vec::new();
    supervisor(policy, &mut errors);
    if policy.flavor == Flavor::Static && retune.max_children.is_some() {
        errors.push(SpecError::StaticMaxChildren);
    }
    if policy.auto_shutdown == AutoShutdown::Never
        && let Some(child) = children.find(|child| child.significant)
    {
        errors.push(SpecError::SignificantWithoutAutoShutdown(child.id.clone()));
    }
    errors
}

/// What is allowed, but probably not meant.
pub(crate) fn warnings(policy: &SupervisorPolicy, children: &[ChildPolicy]) -> Vec<SpecWarning> {
    let intensity = policy.intensity;
    if !policy.strategy.is_group() || intensity.max_restarts() == 0 {
        return Vec::new();
    }
    let bound = intensity.period() / intensity.max_restarts();
    let slow = |child: &ChildPolicy| match child.shutdown {
        Shutdown::Deadline(deadline) => (deadline >= bound).then_some(Some(deadline)),
        Shutdown::Wait => (child.kind == ChildKind::Worker).then_some(None),
        Shutdown::Abandon => None,
    };
    children
        .iter()
        .filter_map(|child| {
            slow(child).map(|shutdown| SpecWarning::ImmortalChild {
                id: child.id.clone(),
                shutdown,
                bound,
                intensity,
            })
        })
        .collect()
}

fn supervisor(policy: &SupervisorPolicy, errors: &mut Vec<SpecError>) {
    if policy.intensity.period().is_zero() {
        errors.push(SpecError::ZeroPeriod);
    }
    restarts(policy.intensity, errors);
    if let Flavor::Dynamic { max_children } = policy.flavor {
        if policy.auto_shutdown != AutoShutdown::Never {
            errors.push(SpecError::DynamicAutoShutdown);
        }
        if policy.strategy.is_group() {
            errors.push(SpecError::DynamicStrategy(policy.strategy));
        }
        if max_children == Some(0) {
            errors.push(SpecError::ZeroMaxChildren);
        }
    }
}

fn child_errors(auto_shutdown: AutoShutdown, child: &ChildPolicy, errors: &mut Vec<SpecError>) {
    let id = || child.id.clone();
    id_errors(&child.id, errors);
    if child.significant && child.restart == Restart::Permanent {
        errors.push(SpecError::SignificantPermanent(id()));
    }
    if child.significant && auto_shutdown == AutoShutdown::Never {
        errors.push(SpecError::SignificantWithoutAutoShutdown(id()));
    }
    if child
        .start_deadline
        .is_some_and(|deadline| deadline.is_zero())
    {
        errors.push(SpecError::ZeroStartDeadline(id()));
    }
    if let Some(budget) = child.budget {
        if budget.period().is_zero() {
            errors.push(SpecError::ZeroChildPeriod(id()));
        }
        restarts(budget, errors);
    }
    if let Err(error) = child.backoff.validate() {
        errors.push(SpecError::Backoff { id: id(), error });
    }
}

fn id_errors(id: &ChildId, errors: &mut Vec<SpecError>) {
    if id.as_str().is_empty() {
        errors.push(SpecError::EmptyId);
    }
    if id.as_str().contains('/') {
        errors.push(SpecError::IdWithSlash(id.clone()));
    }
}

fn restarts(intensity: Intensity, errors: &mut Vec<SpecError>) {
    if intensity.max_restarts() > Intensity::MAX_RESTARTS {
        errors.push(SpecError::TooManyRestarts(intensity.max_restarts()));
    }
}

#[cfg(test)]
#[path = "validate_tests.rs"]
mod tests;
