//! What counts as an address, and what is written in its place.

use std::collections::HashSet;

use crate::KernelError;

/// A byte range of a text.
pub(super) type Span = (usize, usize);

/// What counts as an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matching {
    /// With a scheme, or beginning with `www.`.
    Links,
    /// And host names with a path.
    Paths,
    /// And host names.
    Hosts,
    /// What the expressions of DCLM's `url_removal_modifier` match.
    Dclm,
}

impl Matching {
    /// # Errors
    /// `BadInput` for a name that there is not.
    pub fn from_name(name: &str) -> Result<Self, KernelError> {
        match name {
            "links" => Ok(Self::Links),
            "paths" => Ok(Self::Paths),
            "hosts" => Ok(Self::Hosts),
            "dclm" => Ok(Self::Dclm),
            _ => Err(KernelError::BadInput(format!("addresses cannot be matched as '{name}'"))),
        }
    }
}

#[derive(Debug, Clone)]
pub struct Options {
    pub matching: Matching,
    /// Top-level domains, lower case; not used for links.
    pub tlds: HashSet<String>,
    /// Written in place of each address; where it is empty, spaces and brackets around it go, too.
    pub replacement: String,
}
