//! Management calls of the dynamic machine.

use std::time::Instant;

use super::dynamic_machine::DynamicMachine;
use crate::fault::{ExitReason, Generation, StopCause};
use crate::supervision::machine::child::Opening;
use crate::supervision::machine::effect::{Done, Effect};
use crate::supervision::machine::event::{CallId, Key, Request, Retune, StopBy, Target};
use crate::supervision::machine::ledger::{self, Phase};
use crate::supervision::spec::validate::{validate_child, validate_retuned};
use crate::supervision::{ChildPolicy, Flavor, ManageError, SpecError};

/// The answer, if it is known already.
type Answer = Option<Result<Done, ManageError>>;

impl DynamicMachine {
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
                } => self.start_child(call, policy, last_generation, now, out),
                Request::Terminate(target) => {
                    self.terminate(call, &StopBy::requested(target), now, out)
                }
                Request::StopBy(stop) => self.terminate(call, &stop, now, out),
                Request::Restart(target) | Request::Delete(target) => {
                    Some(Err(self.why_not(&target)))
                }
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
        now: Instant,
        out: &mut Vec<Effect>,
    ) -> Answer {
        if let Err(error) = self.admits(&policy) {
            return Some(Err(error));
        }
        let begun = self.ledger.phase != Phase::New;
        let key = self.add(policy, last_generation);
        self.change(key, |_, child| {
            child.opening = Some(Opening::Start(call));
            if begun {
                child.launch(now, out);
            }
        });
        None
    }

    fn admits(&self, policy: &ChildPolicy) -> Result<(), ManageError> {
        let known = self.find(&Target::Id(policy.id.clone()));
        if let Some(known) = known {
            let alive = self.child(known.key).is_some_and(|child| child.is_alive());
            return Err(if alive {
                ManageError::AlreadyStarted
            } else {
                ManageError::AlreadyPresent
            });
        }
        let errors = validate_child(&self.ledger.policy, policy);
        if !errors.is_empty() {
            return Err(ManageError::Invalid(errors));
        }
        match self.ledger.policy.flavor {
            Flavor::Dynamic {
                max_children: Some(max),
            } if self.counts().specs >= max => Err(ManageError::MaxChildren { max }),
            _ => Ok(()),
        }
    }

    fn terminate(
        &mut self,
        call: CallId,
        stop: &StopBy,
        now: Instant,
        out: &mut Vec<Effect>,
    ) -> Answer {
        let Some(key) = self.key_of(&stop.target) else {
            return Some(Err(ManageError::NotFound));
        };
        let alive = self.change(key, |_, child| {
            child.want = false;
            child.retry = None;
            if child.is_alive() {
                child.closing.push(call);
            }
            (child.is_alive(), child.is_stopping())
        });
        match alive {
            Some((true, false)) => self.ask_by(key, stop.cause, stop.deadline, now, out),
            Some((true, true)) => {
                self.change(key, |_, child| child.hasten(stop.deadline, out));
            }
            _ => return Some(Ok(self.drop_waiting(key, stop.cause, out))),
        }
        None
    }

    /// Drops a child that has no run; a call that waits for its start hears of it.
    fn drop_waiting(&mut self, key: Key, cause: StopCause, out: &mut Vec<Effect>) -> Done {
        let opening = self.change(key, |ledger, child| {
            let reason = ExitReason::Stopped(cause);
            let failure = child.start_failure(&ledger.policy.path, reason);
            child.opening.take().map(|opening| (opening, failure))
        });
        self.remove(key, out);
        if let Some((opening, failure)) = opening.flatten() {
            ledger::answer(opening.call(), Err(ManageError::Start(failure)), out);
        }
        Done::Terminated
    }

    /// No child is down and kept, so none can be restarted or deleted.
    fn why_not(&self, target: &Target) -> ManageError {
        match self.key_of(target).and_then(|key| self.child(key)) {
            None => ManageError::NotFound,
            Some(child) if child.is_alive() => ManageError::Running,
            Some(_) => ManageError::Restarting,
        }
    }

    fn update(&mut self, policy: ChildPolicy) -> Result<Done, ManageError> {
        let target = Target::Id(policy.id.clone());
        let key = self.key_of(&target).ok_or(ManageError::NotFound)?;
        let mut errors = validate_child(&self.ledger.policy, &policy);
        if self
            .child(key)
            .is_some_and(|child| child.policy.kind != policy.kind)
        {
            errors.push(SpecError::KindChanged(policy.id.clone()));
        }
        if !errors.is_empty() {
            return Err(ManageError::Invalid(errors));
        }
        self.change(key, |_, child| child.policy = policy);
        Ok(Done::Updated)
    }

    fn retune(&mut self, retune: &Retune) -> Result<Done, ManageError> {
        let policy = self.ledger.retuned(retune);
        let errors = validate_retuned(&policy, retune, std::iter::empty());
        if !errors.is_empty() {
            return Err(ManageError::Invalid(errors));
        }
        self.ledger.policy = policy;
        Ok(Done::Updated)
    }
}
