//! The classes by which UAX #29 finds where words begin and end.

/// Word-break classes of UAX #29; LF and Newline are one class here, for they act alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum WordBreak {
    Other,
    CarriageReturn,
    Newline,
    Extend,
    Joiner,
    Format,
    Katakana,
    HebrewLetter,
    Letter,
    SingleQuote,
    DoubleQuote,
    MidNumLet,
    MidLetter,
    MidNum,
    Numeric,
    ExtendNumLet,
    Space,
    RegionalIndicator,
}
