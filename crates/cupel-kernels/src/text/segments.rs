//! Word boundaries of UAX #29, one segment at a time, for any script.

use super::properties::{PICTOGRAPH, Properties, word_break};
use super::word_break::WordBreak;

/// What the segment read so far allows to follow.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing but what clings to it: Extend, Format, a joiner.
    Closed,
    Letter,
    HebrewLetter,
    Numeric,
    Katakana,
    ExtendNumLet,
    Space,
    /// One of a pair of regional indicators.
    HalfFlag,
    /// A pictograph after a joiner.
    Joined,
    /// Behind a mark that joins only if a letter follows.
    WantLetter,
    /// Behind a mark that joins only if a Hebrew letter follows.
    WantHebrewLetter,
    /// Behind a mark that joins only if a digit follows.
    WantNumeric,
    /// Behind a Hebrew letter and its apostrophe, which stays in any case.
    MayLetter,
}

/// One segment: where it ends, and the table entries of its first and last characters.
pub struct Segment {
    pub end: usize,
    pub first: u16,
    pub last: u16,
}

/// The segment of `text` that starts at byte `start`, which must begin a character.
///
/// Rules WB3 to WB999. An empty segment is given at the end of the text.
pub fn next_segment(text: &str, start: usize, properties: &Properties) -> Segment {
    let mut rest = text.get(start..).unwrap_or("").char_indices();
    let Some((_, c)) = rest.next() else {
        return Segment { end: start, first: 0, last: 0 };
    };
    let first = properties.of(c);
    let class = word_break(first);
    let mut segment = Segment { end: start + c.len_utf8(), first, last: first };
    let mut state = match class {
        WordBreak::CarriageReturn => {
            if text.as_bytes().get(segment.end) == Some(&b'\n') {
                segment.end += 1;
            }
            return segment;
        }
        WordBreak::Newline => return segment,
        _ => opening(class),
    };
    let mut after_joiner = class == WordBreak::Joiner;
    let mut after_mark = false;
    // The end to go back to when a mark turns out not to join.
    let mut sure = (segment.end, first);
    for (at, c) in rest {
        let end = start + at + c.len_utf8();
        let entry = properties.of(c);
        let class = word_break(entry);
        if matches!(class, WordBreak::Extend | WordBreak::Format | WordBreak::Joiner) {
            after_joiner = class == WordBreak::Joiner;
            after_mark = true;
        } else if after_joiner && entry & PICTOGRAPH != 0 {
            after_joiner = false;
            state = State::Joined;
        } else {
            let adjacent = !after_mark;
            after_joiner = false;
            match following(state, class, adjacent) {
                Some(next) => {
                    if matches!(next, State::WantLetter | State::WantHebrewLetter | State::WantNumeric) {
                        sure = (segment.end, segment.last);
                    }
                    state = next;
                }
                None => break,
            }
        }
        segment.end = end;
        segment.last = entry;
    }
    if matches!(state, State::WantLetter | State::WantHebrewLetter | State::WantNumeric) {
        (segment.end, segment.last) = sure;
    }
    segment
}

fn opening(class: WordBreak) -> State {
    match class {
        WordBreak::Letter => State::Letter,
        WordBreak::HebrewLetter => State::HebrewLetter,
        WordBreak::Numeric => State::Numeric,
        WordBreak::Katakana => State::Katakana,
        WordBreak::ExtendNumLet => State::ExtendNumLet,
        WordBreak::Space => State::Space,
        WordBreak::RegionalIndicator => State::HalfFlag,
        _ => State::Closed,
    }
}

/// The state after `class` joined the segment, or none where a boundary comes first.
#[inline(always)]
fn following(state: State, class: WordBreak, adjacent: bool) -> Option<State> {
    use WordBreak as W;
    match (state, class) {
        (
            State::Letter | State::HebrewLetter | State::Numeric | State::ExtendNumLet,
            W::Letter | W::HebrewLetter | W::Numeric | W::ExtendNumLet,
        )
        | (State::Katakana, W::Katakana | W::ExtendNumLet)
        | (State::ExtendNumLet, W::Katakana) => Some(opening(class)),
        (State::HebrewLetter, W::DoubleQuote) => Some(State::WantHebrewLetter),
        (State::HebrewLetter, W::SingleQuote) => Some(State::MayLetter),
        (State::Letter | State::HebrewLetter, W::MidLetter | W::MidNumLet | W::SingleQuote) => {
            Some(State::WantLetter)
        }
        (State::Numeric, W::MidNum | W::MidNumLet | W::SingleQuote) => Some(State::WantNumeric),
        (State::WantLetter | State::MayLetter, W::Letter | W::HebrewLetter)
        | (State::WantHebrewLetter, W::HebrewLetter)
        | (State::WantNumeric, W::Numeric) => Some(opening(class)),
        (State::Space, W::Space) if adjacent => Some(State::Space),
        (State::HalfFlag, W::RegionalIndicator) => Some(State::Closed),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use unicode_segmentation::UnicodeSegmentation;

    fn segments(text: &str) -> Vec<&str> {
        let mut segments = Vec::new();
        let mut at = 0;
        while at < text.len() {
            let end = next_segment(text, at, Properties::shared()).end;
            segments.push(&text[at..end]);
            at = end;
        }
        segments
    }

    /// Text of the characters that the rules speak of, which plain random text seldom has.
    pub fn tricky() -> impl Strategy<Value = String> {
        let parts = prop::sample::select(vec![
            "a", "B", "é", "1", "٣", "_", ".", "..", "'", "\"", ":", ",", ";", "-", "--", " ", "\n", "\r",
            "\r\n", "\u{85}", "\u{2028}", "\u{301}", "\u{200d}", "\u{ad}", "😀", "👨", "🇫", "א", "カ", "東",
            "ก", "\u{202f}", "\u{3000}", "\u{2003}", "\u{a0}", "ﾞ", "·", "’", "“", "…", "\u{1f}", "\0", "ⓜ",
            "©",
        ]);
        prop::collection::vec(parts, 0..60).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn equal_the_crate_on_arbitrary_text(text in ".*") {
            prop_assert_eq!(segments(&text), text.split_word_bounds().collect::<Vec<_>>());
        }

        #[test]
        fn equal_the_crate_on_tricky_text(text in tricky()) {
            prop_assert_eq!(segments(&text), text.split_word_bounds().collect::<Vec<_>>());
        }
    }

    #[test]
    fn every_code_point_breaks_as_the_crate_says() {
        for c in (0..=0x10_ffff).filter_map(char::from_u32) {
            let text = format!("a{c}b1{c}2{c}\"א{c}א_{c}{c}\u{200d}{c}カ{c}カ");
            assert_eq!(segments(&text), text.split_word_bounds().collect::<Vec<_>>(), "{c:?}");
        }
    }
}
