//! Who a unit is: its place in the tree.

use std::fmt;
use std::sync::Arc;

/// The place of a unit in its tree: `demo/readers/reader`. Cheap to clone.
///
/// It names the logical unit; each of its runs has a [`Generation`](super::Generation).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnitPath(Arc<str>);

impl UnitPath {
    /// The separator between a unit and its children.
    pub const SEPARATOR: char = '/';

    /// The path with this text.
    #[must_use]
    pub fn new(path: impl Into<Arc<str>>) -> Self {
        Self(path.into())
    }

    /// The whole path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path of a child of this unit.
    #[must_use]
    pub fn join(&self, child: &str) -> Self {
        Self(format!("{}{}{child}", self.0, Self::SEPARATOR).into())
    }

    /// The last part: the id that the unit has under its supervisor.
    #[must_use]
    pub fn id(&self) -> &str {
        self.0
            .rsplit_once(Self::SEPARATOR)
            .map_or(&*self.0, |(_, id)| id)
    }
}

impl fmt::Display for UnitPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for UnitPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UnitPath({})", self.0)
    }
}

impl From<&str> for UnitPath {
    fn from(path: &str) -> Self {
        Self::new(path)
    }
}

impl AsRef<str> for UnitPath {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::UnitPath;

    #[test]
    fn a_path_names_its_last_part() {
        let path = UnitPath::new("demo").join("readers").join("reader");
        assert_eq!(path.as_str(), "demo/readers/reader");
        assert_eq!(path.id(), "reader");
        assert_eq!(UnitPath::new("demo").id(), "demo");
    }
}
