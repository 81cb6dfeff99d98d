//! What is executed: an executable, its arguments, its environment. An inert value.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::program_error::{ProgramError, ProgramFault};

/// A program to execute, with its arguments and its environment.
///
/// Nothing of it ever goes through a shell: each argument arrives as it was given, whatever is in it. The
/// environment is empty but for what is named here, and standard input is empty.
///
/// An executable without a slash is looked for in the `PATH` of this process, in its absolute directories; with
/// one, it is a path, relative to the directory of this process.
///
/// # Examples
///
/// ```
/// use steadfast::process::Program;
///
/// let program = Program::new("printf").args(["%s", "a b; $(c)"]).env("LC_ALL", "C");
/// assert_eq!(program.to_string(), r#"printf "%s" "a b; $(c)""#);
/// assert!(Program::new("").env("A=B", "").validate().is_err());
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Program {
    executable: OsString,
    args: Vec<OsString>,
    inherits: Inherits,
    env: BTreeMap<OsString, OsString>,
    directory: Option<PathBuf>,
    input: Option<Arc<[u8]>>,
}

/// Which variables of this process the program sees.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Inherits {
    All,
    Only(BTreeSet<OsString>),
}

impl Program {
    /// A program by the name or the path of its executable.
    #[must_use]
    pub fn new(executable: impl Into<OsString>) -> Self {
        Self {
            executable: executable.into(),
            args: Vec::new(),
            inherits: Inherits::Only(BTreeSet::new()),
            env: BTreeMap::new(),
            directory: None,
            input: None,
        }
    }

    /// One more argument. Default: none.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// More arguments. Default: none.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// A variable of its environment; it wins over an inherited one. Default: none.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// Passes on these variables of this process, as they are when the program is started. Default: none; `PATH`
    /// for programs that start others by their name.
    #[must_use]
    pub fn inherit<N: Into<OsString>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        if let Inherits::Only(inherited) = &mut self.inherits {
            inherited.extend(names.into_iter().map(Into::into));
        }
        self
    }

    /// Passes on the whole environment of this process. Default: it is cleared; what is in it may be secret.
    #[must_use]
    pub fn inherit_env(mut self) -> Self {
        self.inherits = Inherits::All;
        self
    }

    /// The directory that it works in. Default: that of this process.
    #[must_use]
    pub fn current_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// What it reads from its standard input, which is closed after that. Default: nothing.
    #[must_use]
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = Some(bytes.into().into());
        self
    }

    /// The name or path of the executable, as it was given.
    #[must_use]
    pub fn executable(&self) -> &OsStr {
        &self.executable
    }

    /// The bytes for its standard input.
    pub(super) fn input_bytes(&self) -> Option<&Arc<[u8]>> {
        self.input.as_ref()
    }

    pub(super) fn arguments(&self) -> &[OsString] {
        &self.args
    }

    pub(super) fn directory(&self) -> Option<&Path> {
        self.directory.as_deref()
    }

    /// The whole environment that it gets, out of that of this process.
    pub(super) fn environment(
        &self,
        own: impl Iterator<Item = (OsString, OsString)>,
    ) -> BTreeMap<OsString, OsString> {
        let is_passed_on = |name: &OsString| match &self.inherits {
            Inherits::All => true,
            Inherits::Only(names) => names.contains(name),
        };
        let mut environment: BTreeMap<_, _> = own.filter(|(name, _)| is_passed_on(name)).collect();
        environment.extend(self.env.clone());
        environment
    }

    /// Checks the whole value. Whether the executable exists is seen when it is started.
    ///
    /// # Errors
    /// All faults at once.
    pub fn validate(&self) -> Result<(), ProgramError> {
        ProgramError::check(self.faults())
    }

    pub(super) fn faults(&self) -> Vec<ProgramFault> {
        let mut faults = Vec::new();
        if self.executable.is_empty() {
            faults.push(ProgramFault::EmptyExecutable);
        }
        let directory = self.directory.iter().map(|path| path.as_os_str());
        let texts = [&*self.executable]
            .into_iter()
            .chain(self.args.iter().map(|arg| &**arg))
            .chain(directory);
        faults.extend(texts.filter(|text| has_byte(text, 0)).map(nul));
        for (name, value) in &self.env {
            if name.is_empty() || has_byte(name, b'=') || has_byte(name, 0) {
                faults.push(ProgramFault::VariableName(name.clone()));
            }
            // The value itself may be a secret: the fault names its variable.
            if has_byte(value, 0) {
                faults.push(ProgramFault::NulByte(name.clone()));
            }
        }
        faults
    }
}

fn nul(text: &OsStr) -> ProgramFault {
    ProgramFault::NulByte(text.to_owned())
}

fn has_byte(text: &OsStr, byte: u8) -> bool {
    text.as_encoded_bytes().contains(&byte)
}

/// The executable and its arguments. Neither the environment nor the input: they may hold secrets.
impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.executable.display())?;
        self.args.iter().try_for_each(|arg| write!(f, " {arg:?}"))
    }
}

/// As it is displayed, with the names of the variables that are set.
impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program")
            .field("executable", &self.executable)
            .field("args", &self.args)
            .field("inherits", &self.inherits)
            .field("env", &self.env.keys())
            .field("current_dir", &self.directory)
            .field("input_bytes", &self.input.as_ref().map(|input| input.len()))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::{Program, ProgramFault};

    fn own() -> impl Iterator<Item = (OsString, OsString)> {
        [("PATH", "/bin"), ("SECRET", "x"), ("HOME", "/root")]
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
    }

    fn names(program: &Program) -> Vec<String> {
        let environment = program.environment(own());
        let names = environment.into_iter();
        names
            .map(|(name, value)| format!("{}={}", name.display(), value.display()))
            .collect()
    }

    #[test]
    fn the_environment_is_empty_but_for_what_is_named() {
        let program = Program::new("p");
        assert!(names(&program).is_empty());
        let some = program.clone().inherit(["PATH", "UNSET"]).env("A", "b");
        assert_eq!(names(&some), ["A=b", "PATH=/bin"]);
        let all = program.inherit_env().env("HOME", "/tmp").inherit(["PATH"]);
        assert_eq!(names(&all), ["HOME=/tmp", "PATH=/bin", "SECRET=x"]);
    }

    #[test]
    fn all_faults_are_listed_at_once_and_no_value_is_shown() {
        let program = Program::new("").arg("a\0b").env("", "x");
        let program = program.env("A=B", "x").env("TOKEN", "secret\0");
        let error = program.validate().unwrap_err();
        assert_eq!(
            error.faults(),
            [
                ProgramFault::EmptyExecutable,
                ProgramFault::NulByte("a\0b".into()),
                ProgramFault::VariableName("".into()),
                ProgramFault::VariableName("A=B".into()),
                ProgramFault::NulByte("TOKEN".into()),
            ]
        );
        assert!(!error.to_string().contains("secret"));
    }

    #[test]
    fn neither_values_of_variables_nor_the_input_are_shown() {
        let program = Program::new("p")
            .arg("a b")
            .env("TOKEN", "hush")
            .input("psst");
        let shown = format!("{program} {program:?}");
        assert!(shown.starts_with("p \"a b\" Program"), "{shown}");
        assert!(shown.contains("TOKEN"), "{shown}");
        assert!(
            !shown.contains("hush") && !shown.contains("psst"),
            "{shown}"
        );
    }
}
