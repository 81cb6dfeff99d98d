//! What events carry: numbers that were measured, and values that say who and why.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use crate::fault::catch::catch;
use crate::fault::{Exhausted, ExitReason, Generation, HangPhase, StopCause, UnitPath};

/// A number that was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Measure {
    /// A count.
    U64(u64),
    /// A difference.
    I64(i64),
    /// A ratio.
    F64(f64),
    /// A span of time.
    Duration(Duration),
}

impl Measure {
    /// The number as a float, for graphs: a count above 2^53 is rounded, a duration is in seconds.
    #[must_use]
    pub const fn as_f64(self) -> f64 {
        match self {
            Self::U64(n) => n as f64,
            Self::I64(n) => n as f64,
            Self::F64(n) => n,
            Self::Duration(d) => d.as_secs_f64(),
        }
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::U64(n) => n.fmt(f),
            Self::I64(n) => n.fmt(f),
            Self::F64(n) => n.fmt(f),
            Self::Duration(d) => fmt::Debug::fmt(d, f),
        }
    }
}

macro_rules! measure_from {
    ($($number:ty => $variant:ident),+) => {$(
        impl From<$number> for Measure {
            fn from(number: $number) -> Self {
                Self::$variant(number.into())
            }
        }
    )+};
}

measure_from!(u64 => U64, u32 => U64, i64 => I64, i32 => I64, f64 => F64, Duration => Duration);

impl From<usize> for Measure {
    fn from(number: usize) -> Self {
        Self::U64(u64::try_from(number).unwrap_or(u64::MAX))
    }
}

/// A value that says who, where or why. Cheap to make from what the library passes around: a path or an
/// [`ExitReason`] is kept as it is and becomes text only where somebody reads it.
#[derive(Clone)]
pub struct Value(Repr);

#[derive(Clone)]
enum Repr {
    Text(Cow<'static, str>),
    Path(UnitPath),
    Number(u64),
    Flag(bool),
    Reason(ExitReason),
}

impl Value {
    /// The value as text.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        match &self.0 {
            Repr::Text(text) => Cow::Borrowed(text),
            Repr::Path(path) => Cow::Borrowed(path.as_str()),
            Repr::Number(number) => Cow::Owned(number.to_string()),
            Repr::Flag(flag) => Cow::Borrowed(if *flag { "true" } else { "false" }),
            Repr::Reason(reason) => Cow::Owned(reason_text(reason)),
        }
    }

    /// The exit reason, if it is one.
    #[must_use]
    pub const fn reason(&self) -> Option<&ExitReason> {
        match &self.0 {
            Repr::Reason(reason) => Some(reason),
            _ => None,
        }
    }
}

/// An exit reason holds an error of the user's, whose `Display` may panic: the reader must not pay.
fn reason_text(reason: &ExitReason) -> String {
    catch(|| reason.to_string())
        .unwrap_or_else(|_| format!("{} (its text panicked)", reason.kind()))
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text())
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.text(), f)
    }
}

impl PartialEq<str> for Value {
    fn eq(&self, other: &str) -> bool {
        self.text() == other
    }
}

impl PartialEq<&str> for Value {
    fn eq(&self, other: &&str) -> bool {
        self.text() == *other
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self(Repr::Text(text.into()))
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        text.clone().into()
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<fmt::Arguments<'_>> for Value {
    /// Formats at once; for what has no conversion of its own.
    fn from(text: fmt::Arguments<'_>) -> Self {
        text.as_str()
            .map_or_else(|| text.to_string().into(), Self::fixed)
    }
}

impl Value {
    /// A text that costs nothing.
    #[must_use]
    pub const fn fixed(text: &'static str) -> Self {
        Self(Repr::Text(Cow::Borrowed(text)))
    }
}

impl From<UnitPath> for Value {
    fn from(path: UnitPath) -> Self {
        Self(Repr::Path(path))
    }
}

impl From<&UnitPath> for Value {
    fn from(path: &UnitPath) -> Self {
        Self(Repr::Path(path.clone()))
    }
}

impl From<Generation> for Value {
    fn from(generation: Generation) -> Self {
        Self(Repr::Number(generation.get()))
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self(Repr::Number(number))
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self(Repr::Flag(flag))
    }
}

impl From<StopCause> for Value {
    fn from(cause: StopCause) -> Self {
        Self::fixed(cause.as_str())
    }
}

impl From<HangPhase> for Value {
    fn from(phase: HangPhase) -> Self {
        Self::fixed(phase.as_str())
    }
}

impl From<ExitReason> for Value {
    fn from(reason: ExitReason) -> Self {
        Self(Repr::Reason(reason))
    }
}

impl From<&ExitReason> for Value {
    fn from(reason: &ExitReason) -> Self {
        reason.clone().into()
    }
}

impl From<&Exhausted> for Value {
    fn from(exhausted: &Exhausted) -> Self {
        exhausted.to_string().into()
    }
}
