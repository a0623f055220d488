use std::fmt;

/// What a kernel refuses. The binding mirrors each variant as a Python exception.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KernelError {
    /// A name that no kernel knows: (what kind of name, the name given).
    UnknownName { kind: &'static str, name: String },
    /// An option out of its range: (option, what was expected).
    BadOption { option: &'static str, expected: String },
    /// Arrays whose types or lengths do not fit together.
    BadInput(String),
    /// A model or filter file whose bytes are not what they claim to be.
    BadModel(String),
}

impl fmt::Display for KernelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownName { kind, name } => write!(f, "no {kind} is called '{name}'"),
            Self::BadOption { option, expected } => write!(f, "{option}: expected {expected}"),
            Self::BadInput(what) | Self::BadModel(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for KernelError {}
