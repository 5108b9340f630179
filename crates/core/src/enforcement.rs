//! Whether a policy refuses calls or only says that it would have.

/// Whether a policy that may refuse does so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Enforcement {
    /// It refuses.
    #[default]
    Enforce,
    /// It lets every call pass and counts those it would have refused: a trial in production.
    Shadow,
}
