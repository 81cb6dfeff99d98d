//! Management calls of the static machine, with OTP's answers.

use std::time::Instant;

use super::static_machine::{Slot, StaticMachine};
use crate::fault::{ExitReason, Generation};
use crate::supervision::machine::child::{Fact, Opening};
use crate::supervision::machine::effect::{Done, Effect};
use crate::supervision::machine::event::{CallId, Request, Retune, StopBy, Target};
use crate::supervision::machine::ledger;
use crate::supervision::spec::validate::{validate_child, validate_retuned};
use crate::supervision::{ChildPolicy, ManageError, Restart, SpecError};

/// The answer, if it is known already.
type Answer = Option<Result<Done, ManageError>>;

impl StaticMachine {
    pub(super) fn call(
        &mut self,
        call: CallId,
        request: Request,
        now: Instant,
        out: &mut Vec<Effect>,
    ) {
        let answer = if self.ledger.is_ending() {
            Some(Err(ManageError::Stopping))
        } else {
            match request {
                Request::StartChild {
                    policy,
                    last_generation,
                } => self.start_child(call, policy, last_generation),
                Request::Terminate(target) => {
                    self.terminate(call, &StopBy::requested(target), now, out)
                }
                Request::StopBy(stop) => self.terminate(call, &stop, now, out),
                Request::Restart(target) => self.restart(call, &target),
                Request::Delete(target) => Some(self.delete(&target, out)),
                Request::Update(policy) => Some(self.update(policy)),
                Request::Retune(retune) => Some(self.retune(&retune)),
            }
        };
        if let Some(answer) = answer {
            ledger::answer(call, answer, out);
        }
    }

    fn start_child(
        &mut self,
        call: CallId,
        policy: ChildPolicy,
        last_generation: Generation,
    ) -> Answer {
        if let Some(at) = self.place_of(&Target::Id(policy.id.clone())) {
            let known = if self.slots[at].child.is_alive() {
                ManageError::AlreadyStarted
            } else {
                ManageError::AlreadyPresent
            };
            return Some(Err(known));
        }
        let errors = validate_child(&self.ledger.policy, &policy);
        if !errors.is_empty() {
            return Some(Err(ManageError::Invalid(errors)));
        }
        self.add(policy, last_generation);
        if let Some(slot) = self.slots.last_mut() {
            slot.child.opening = Some(Opening::Start(call));
        }
        None
    }

    fn terminate(
        &mut self,
        call: CallId,
        stop: &StopBy,
        now: Instant,
        out: &mut Vec<Effect>,
    ) -> Answer {
        let Some(at) = self.place_of(&stop.target) else {
            return Some(Err(ManageError::NotFound));
        };
        let Slot { child, member, .. } = &mut self.slots[at];
        child.want = false;
        child.retry = None;
        if child.is_alive() {
            child.closing.push(call);
            if child.is_stopping() {
                child.hasten(stop.deadline, out);
            } else {
                self.ask_by(at, stop.cause, stop.deadline, now, out);
            }
            return None;
        }
        if matches!(child.fact, Fact::Waiting { .. }) || *member {
            out.push(Effect::Settled { key: child.key });
        }
        child.fact = Fact::Down;
        *member = false;
        let opening = child.opening.take();
        let reason = ExitReason::Stopped(stop.cause);
        let failure = child.start_failure(&self.ledger.policy.path, reason);
        let unstarted = matches!(opening, Some(Opening::Start(_)));
        if unstarted || child.policy.restart == Restart::Temporary {
            self.forget(at, out);
        }
        if let Some(opening) = opening {
            ledger::answer(opening.call(), Err(ManageError::Start(failure)), out);
        }
        Some(Ok(Done::Terminated))
    }

    fn restart(&mut self, call: CallId, target: &Target) -> Answer {
        let Some(at) = self.place_of(target) else {
            return Some(Err(ManageError::NotFound));
        };
        let child = &mut self.slots[at].child;
        if child.is_alive() {
            return Some(Err(ManageError::Running));
        }
        if child.want {
            return Some(Err(ManageError::Restarting));
        }
        if child.policy.restart == Restart::Temporary {
            return Some(Err(ManageError::Temporary));
        }
        child.want = true;
        child.fact = Fact::Down;
        // Whoever asks for it takes the failures so far for settled.
        child.streak.progress();
        child.opening = Some(Opening::Restart(call));
        None
    }

    fn delete(&mut self, target: &Target, out: &mut Vec<Effect>) -> Result<Done, ManageError> {
        let at = self.place_of(target).ok_or(ManageError::NotFound)?;
        let child = &self.slots[at].child;
        if child.is_alive() {
            return Err(ManageError::Running);
        }
        if child.want {
            return Err(ManageError::Restarting);
        }
        self.forget(at, out);
        Ok(Done::Deleted)
    }

    fn update(&mut self, policy: ChildPolicy) -> Result<Done, ManageError> {
        let target = Target::Id(policy.id.clone());
        let at = self.place_of(&target).ok_or(ManageError::NotFound)?;
        let child = &mut self.slots[at].child;
        let mut errors = validate_child(&self.ledger.policy, &policy);
        if child.policy.kind != policy.kind {
            errors.push(SpecError::KindChanged(policy.id.clone()));
        }
        if !errors.is_empty() {
            return Err(ManageError::Invalid(errors));
        }
        child.policy = policy;
        Ok(Done::Updated)
    }

    fn retune(&mut self, retune: &Retune) -> Result<Done, ManageError> {
        let policy = self.ledger.retuned(retune);
        let children = self.slots.iter().map(|slot| &slot.child.policy);
        let errors = validate_retuned(&policy, retune, children);
        if !errors.is_empty() {
            return Err(ManageError::Invalid(errors));
        }
        self.ledger.policy = policy;
        Ok(Done::Updated)
    }
}
