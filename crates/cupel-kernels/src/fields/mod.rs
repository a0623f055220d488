//! Fields of JSON objects: which types they hold, and objects taken apart into columns.
//!
//! Documents carry their other fields as the text of one JSON object. Here such a column is
//! looked through for what could be columns of their own, and later taken apart.

mod kinds;
pub(crate) mod object;
mod path;
mod split;
mod values;

#[cfg(test)]
mod tests;

pub use kinds::kinds;
pub use path::{at_path, scalars};
pub use split::{ColumnType, split};
