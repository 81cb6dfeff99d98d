//! One OS process from its start to its reaping.
//!
//! Two threads look after it. The *reaper* sits in the wait for its end; the *pump* (`pump.rs`) moves bytes between its
//! pipes and us. Whoever wants something of the process talks to this value, which both keep up to date.
//!
//! # No signal goes astray
//! The reaper waits without reaping: until [`finish`](Running::finish) has the lock, the number of the process stands for
//! it, alive or not, and so does that of its group. A signal is sent under the same lock, and only before that. `finish`
//! kills what is left of the group, then reaps: a group whose leader is gone could not be told from another one.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write};
use std::ops::Deref;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{self, Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustix::io::Errno;
use rustix::process::{Pid, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid};

use super::crew::Crew;
use super::ladder::{Ladder, Step};
use super::lines::OutputStream;
use super::process_error::{ProcessError, WriteError};
use super::program::Program;
use super::pump::{Pipes, Pump};
use super::sink::Sink;
use super::status::{ProcessStatus, Signal};
use super::stdin_buffer::StdinBuffer;
use crate::kernel::stop::StopSignal;
use crate::kernel::waiters::{WaitList, Wake, wait_for};
use crate::time::Clock;

/// How long a killed process is waited for: it has nothing left to say, but the system may be busy.
const LAST_BREATH: Duration = Duration::from_secs(5);

/// An OS process, alive or not.
pub(super) struct Running {
    pid: Pid,
    control: Mutex<Control>,
    changed: WaitList,
    waker: UnixStream,
}

struct Control {
    /// Until it is reaped.
    child: Option<Child>,
    status: Option<ProcessStatus>,
    /// The pump has read all there was, and has closed the pipes.
    is_drained: bool,
    stdin: StdinBuffer,
}

impl Running {
    /// Starts the program in a process group of its own.
    pub(super) fn start(
        program: &Program,
        stdin: Option<usize>,
        sink: Box<dyn Sink>,
        crew: &Crew,
    ) -> Result<Tended, ProcessError> {
        program.validate().map_err(ProcessError::Invalid)?;
        let name = program.executable().to_string_lossy();
        let path = find(program.executable())
            .ok_or_else(|| ProcessError::NotFound(name.clone().into_owned()))?;
        let has_stdin = stdin.is_some() || program.input_bytes().is_some();
        let stdin = match (stdin, program.input_bytes()) {
            (Some(capacity), _) => StdinBuffer::open(capacity),
            (None, input) => StdinBuffer::whole(input.map_or(&[], |input| input)),
        };
        Self::spawn(command(program, &path, has_stdin), stdin, sink, crew)
            .map_err(|error| ProcessError::spawn(&name, error))
    }

    fn spawn(
        mut command: Command,
        stdin: StdinBuffer,
        sink: Box<dyn Sink>,
        crew: &Crew,
    ) -> io::Result<Tended> {
        // Before the process, so that nothing after it fails but a thread.
        let (waker, woken) = UnixStream::pair()?;
        waker.set_nonblocking(true)?;
        woken.set_nonblocking(true)?;
        let mut child = command.spawn()?;
        let pipes = Pipes {
            woken,
            stdin: child
                .stdin
                .take()
                .map(|pipe| File::from(OwnedFd::from(pipe))),
            outputs: [
                (OutputStream::Stdout, child.stdout.take().map(OwnedFd::from)),
                (OutputStream::Stderr, child.stderr.take().map(OwnedFd::from)),
            ]
            .map(|(stream, pipe)| (stream, pipe.map(File::from))),
        };
        let tended = Tended(Arc::new(Self {
            pid: Pid::from_child(&child),
            control: Mutex::new(Control {
                child: Some(child),
                status: None,
                is_drained: false,
                stdin,
            }),
            changed: WaitList::new(),
            waker,
        }));
        let name = command.get_program();
        let name = Path::new(name)
            .file_name()
            .unwrap_or(name)
            .to_string_lossy();
        let running = tended.share();
        let reaper = crew.start(format!("reap<{name}"), move || running.reap());
        // Without its reaper it is killed and reaped here; without its pump, where `tended` is dropped.
        reaper.inspect_err(|_| tended.finish())?;
        let pump = Pump::new(tended.share(), pipes, sink)?;
        crew.start(format!("pump<{name}"), move || pump.run())?;
        Ok(tended)
    }

    /// The reaper's whole life.
    fn reap(&self) {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while matches!(waitid(WaitId::Pid(self.pid), options), Err(Errno::INTR)) {}
        self.finish();
    }

    /// Kills what is left of the process and its group, and reaps it. Only the first call does anything.
    fn finish(&self) {
        let mut control = self.control.lock();
        if let Some(mut child) = control.child.take() {
            self.kill_group();
            control.status = Some(
                child
                    .wait()
                    .map_or(ProcessStatus::Unknown, ProcessStatus::of),
            );
        }
        drop(control);
        self.wake();
        self.changed.notify_all();
    }

    /// Only under the lock, and while there is a child. An error says that nobody is left, or may not be killed.
    fn kill_group(&self) {
        let _gone = kill_process_group(self.pid, rustix::process::Signal::KILL);
        // It may have left its group.
        let _gone = kill_process(self.pid, rustix::process::Signal::KILL);
    }

    /// Its number; another process may have it once this one is reaped.
    pub(super) fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    pub(super) fn is_reaped(&self) -> bool {
        self.control.lock().child.is_none()
    }

    /// How it ended, once all that it wrote has been read too.
    pub(super) fn end(&self) -> Option<ProcessStatus> {
        let control = self.control.lock();
        control.status.filter(|_| control.is_drained)
    }

    /// How it ended, whatever is still to be read.
    pub(super) fn status(&self) -> Option<ProcessStatus> {
        self.control.lock().status
    }

    /// Kills it and its group; false if it was gone already.
    pub(super) fn kill(&self) -> bool {
        let control = self.control.lock();
        if control.child.is_some() {
            self.kill_group();
        }
        control.child.is_some()
    }

    /// Asks the whole group.
    pub(super) fn signal_group(&self, signal: Signal) {
        let control = self.control.lock();
        if control.child.is_some() {
            // Refused or gone: what does not end is killed.
            let _refused = kill_process_group(self.pid, raw(signal));
        }
    }

    /// Sends the signal to the process itself.
    pub(super) fn signal(&self, signal: Signal) -> Result<(), ProcessError> {
        let control = self.control.lock();
        if control.child.is_none() {
            return Err(ProcessError::NotRunning);
        }
        kill_process(self.pid, raw(signal))
            .map_err(|errno| ProcessError::Signal(Arc::new(errno.into())))
    }

    /// Who waits for something to happen to it.
    pub(super) fn changed(&self) -> &WaitList {
        &self.changed
    }

    /// Waits for its end.
    pub(super) fn wait(
        &self,
        stop: Option<&StopSignal>,
        clock: &Clock,
        until: Option<Instant>,
    ) -> Result<ProcessStatus, Wake> {
        wait_for(&self.changed, stop, clock, until, || self.end())
    }

    /// Brings it to its end: `ask`, then wait until `kill_at`, then kill. `changed` is to be notified when that time
    /// changes. True if it had to be killed.
    pub(super) fn bring_down(
        &self,
        clock: &Clock,
        ask: impl Fn(&Self),
        kill_at: impl Fn() -> Option<Instant>,
    ) -> (ProcessStatus, bool) {
        let mut ladder = Ladder::default();
        loop {
            if let Some(status) = self.end() {
                return (status, ladder.is_killed());
            }
            let armed = kill_at();
            match ladder.next(clock.now(), armed) {
                Step::Ask => ask(self),
                Step::Kill => drop(self.kill()),
                Step::Wait(until) => {
                    let news = || (self.end().is_some() || kill_at() != armed).then_some(());
                    // Whatever ended the wait, the ladder says what comes next.
                    let _woken = wait_for(&self.changed, None, clock, until, news);
                }
            }
        }
    }

    // --- standard input ----------------------------------------------------------------------------

    /// Takes all of the bytes or none.
    pub(super) fn write(&self, bytes: &[u8]) -> Result<(), WriteError> {
        {
            let mut control = self.control.lock();
            if control.child.is_none() {
                return Err(WriteError::NotRunning);
            }
            control.stdin.push(bytes)?;
        }
        self.wake();
        Ok(())
    }

    pub(super) fn close_stdin(&self) {
        self.control.lock().stdin.close();
        self.wake();
    }

    // --- the pump ----------------------------------------------------------------------------------

    /// Has the pump look at everything again.
    pub(super) fn wake(&self) {
        // A full socket will wake it as well; one that is closed has no pump any more.
        let _full = (&self.waker).write(&[1]);
    }

    /// What to do with the standard input now.
    pub(super) fn with_stdin<T>(&self, look: impl FnOnce(&mut StdinBuffer) -> T) -> T {
        look(&mut self.control.lock().stdin)
    }

    /// The pump is through, its pipes are closed.
    pub(super) fn drained(&self) {
        {
            let mut control = self.control.lock();
            control.is_drained = true;
            control.stdin.break_off();
        }
        self.changed.notify_all();
    }
}

/// A process in the hands of a thread: whatever becomes of that thread, the process is killed and reaped.
pub(super) struct Tended(Arc<Running>);

impl Deref for Tended {
    type Target = Running;

    fn deref(&self) -> &Running {
        &self.0
    }
}

impl Drop for Tended {
    fn drop(&mut self) {
        self.let_go();
    }
}

impl Tended {
    pub(super) fn share(&self) -> Arc<Running> {
        Arc::clone(&self.0)
    }

    /// Kills the process, if it is there, and waits until it is reaped.
    pub(super) fn let_go(&self) {
        if self.0.kill() {
            let clock = Clock::system();
            let until = clock.deadline(LAST_BREATH).instant();
            let reaped = || self.0.is_reaped().then_some(());
            let _in_time = wait_for(&self.0.changed, None, &clock, until, reaped);
        }
    }
}

/// Whether the process ended as this signal makes a process end.
pub(super) fn is_answer_to(status: ProcessStatus, signal: Signal) -> bool {
    status == ProcessStatus::Signaled(raw(signal).as_raw())
}

fn raw(signal: Signal) -> rustix::process::Signal {
    use rustix::process::Signal as Raw;
    match signal {
        Signal::Term => Raw::TERM,
        Signal::Int => Raw::INT,
        Signal::Quit => Raw::QUIT,
        Signal::Hup => Raw::HUP,
        Signal::Usr1 => Raw::USR1,
        Signal::Usr2 => Raw::USR2,
        Signal::Kill => Raw::KILL,
    }
}

fn command(program: &Program, path: &Path, has_stdin: bool) -> Command {
    let mut command = Command::new(path);
    command
        .args(program.arguments())
        .env_clear()
        .envs(program.environment(env::vars_os()))
        .stdin(if has_stdin {
            Stdio::piped()
        } else {
            Stdio::null()
        })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    if let Some(directory) = program.directory() {
        command.current_dir(directory);
    }
    command
}

/// The path of an executable. Looked up here and not by the operating system, which would take the `PATH` that the
/// program gets, usually none.
fn find(executable: &OsStr) -> Option<PathBuf> {
    if executable.as_encoded_bytes().contains(&b'/') {
        // Of this process, not of the directory that the program will work in.
        return path::absolute(executable).ok();
    }
    let directories = env::var_os("PATH")?;
    env::split_paths(&directories)
        .filter(|directory| directory.is_absolute())
        .map(|directory| directory.join(executable))
        .find(|path| is_executable(path))
}

fn is_executable(path: &Path) -> bool {
    const ANYBODY: u32 = 0o111;
    fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & ANYBODY != 0)
}
