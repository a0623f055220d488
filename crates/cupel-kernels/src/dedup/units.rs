//! Lines and paragraphs as units of deduplication: their hashes, and where they stand.

use arrow_array::builder::{LargeListBuilder, UInt64Builder};
use arrow_array::cast::AsArray;
use arrow_array::{Array, LargeListArray};

use super::characters::{is_invisible, is_syllable};
use super::column::{Texts, same_length};
use super::normalized::{Normalization, Writer};
use super::spans::{SpanLists, Spans};
use crate::KernelError;

/// What an ideograph or a syllable counts as: 20 letters of English are about seven characters of Chinese.
const SYLLABLE_CHARACTERS: usize = 3;

/// What a text is cut into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Between line ends: LF, CRLF or CR.
    Line,
    /// Lines up to the next blank one.
    Paragraph,
}

impl Unit {
    /// `line` or `paragraph`.
    pub fn parse(name: &str) -> Result<Self, KernelError> {
        match name {
            "line" => Ok(Self::Line),
            "paragraph" => Ok(Self::Paragraph),
            _ => Err(KernelError::UnknownName { kind: "unit", name: name.to_owned() }),
        }
    }

    /// Calls `take` with each unit that is not blank: its start, where its words end, and where the
    /// next one starts (its line end and following blank lines belong to it).
    pub fn for_each(self, text: &str, mut take: impl FnMut(usize, usize, usize)) {
        let mut open: Option<(usize, usize)> = None;
        // Lines between the open unit's last one and this one.
        let mut blank_lines = 0;
        let mut at = 0;
        while at < text.len() {
            let (end, next) = line_end(text, at);
            let blank = text[at..end].chars().all(char::is_whitespace);
            match (self, &mut open, blank) {
                (_, None, true) => {}
                (Self::Line, None, false) | (Self::Paragraph, None, false) => open = Some((at, end)),
                (Self::Line, Some(unit), false) => {
                    take(unit.0, unit.1, at);
                    open = Some((at, end));
                }
                (Self::Paragraph, Some(unit), false) if blank_lines > 0 => {
                    take(unit.0, unit.1, at);
                    open = Some((at, end));
                }
                (Self::Paragraph, Some(unit), false) => unit.1 = end,
                (_, Some(_), true) => {}
            }
            blank_lines = if blank { blank_lines + 1 } else { 0 };
            at = next;
        }
        if let Some(unit) = open {
            take(unit.0, unit.1, text.len());
        }
    }
}

/// Where the line that begins at `start` ends, and where the next one begins.
fn line_end(text: &str, start: usize) -> (usize, usize) {
    let bytes = text.as_bytes();
    match memchr::memchr2(b'\n', b'\r', &bytes[start..]) {
        None => (text.len(), text.len()),
        Some(length) => {
            let end = start + length;
            let crlf = bytes[end] == b'\r' && bytes.get(end + 1) == Some(&b'\n');
            (end, end + 1 + usize::from(crlf))
        }
    }
}

/// Which units count.
#[derive(Debug, Clone, Copy)]
pub struct Units {
    pub unit: Unit,
    pub normalization: Normalization,
    /// Shorter units (in characters, white space at the ends not counted) are no units. An ideograph, a Kana
    /// or a Hangul syllable counts as three: so much more does it say than a letter.
    pub min_characters: usize,
}

impl Units {
    fn for_each<'a>(&self, text: &'a str, mut take: impl FnMut(&'a str, usize, usize)) {
        self.unit.for_each(text, |start, end, next| {
            let words = text[start..end].trim();
            if self.is_long_enough(words) {
                take(words, start, next);
            }
        });
    }

    fn is_long_enough(&self, words: &str) -> bool {
        let least = self.min_characters;
        let width =
            |c: char| if is_syllable(c) { SYLLABLE_CHARACTERS } else { usize::from(!is_invisible(c)) };
        if words.is_ascii() {
            return words.len() >= least;
        }
        // A character has at least one byte for each of what it counts.
        words.len() >= least
            && words
                .chars()
                .scan(0, |sum, c| {
                    *sum += width(c);
                    Some(*sum)
                })
                .any(|sum| sum >= least)
    }

    /// For each text two lists, of which entries belong together: the upper half of XXH3-128 of each
    /// unit's normalized text, and the bytes from where it begins to where the next unit does. Empty for null.
    ///
    /// # Errors
    /// `BadInput` for anything but a text column.
    pub fn of(&self, text: &dyn Array) -> Result<(LargeListArray, LargeListArray), KernelError> {
        let texts = Texts::new(text)?;
        let mut writer = Writer::new(self.normalization);
        let mut hashes = LargeListBuilder::new(UInt64Builder::new());
        let mut places = SpanLists::new();
        for row in 0..texts.len() {
            if let Some(text) = texts.get(row) {
                self.for_each(text, |words, start, next| {
                    hashes.values().append_value((writer.hash(words) >> 64) as u64);
                    places.push_apart(start, next);
                });
            }
            hashes.append(true);
            places.end_row();
        }
        Ok((hashes.finish(), places.finish()?))
    }
}

/// Those of the places that `picked` (a list of booleans of the same lengths) names; places that touch
/// become one.
///
/// # Errors
/// `BadInput` where the two do not fit.
pub fn picked_spans(places: &dyn Array, picked: &dyn Array) -> Result<LargeListArray, KernelError> {
    let wrong = || KernelError::BadInput("picked: expected one boolean for each place".to_owned());
    let (places, picked) = (Spans::new(places)?, picked.as_list_opt::<i64>().ok_or_else(wrong)?);
    let values = picked.values().as_boolean_opt().ok_or_else(wrong)?;
    same_length(("places", places.len()), ("picked", picked.len()))?;
    let mut lists = SpanLists::new();
    for row in 0..places.len() {
        let (from, ends) = (picked.value_offsets()[row] as usize, picked.value_offsets()[row + 1] as usize);
        let mut count = 0;
        for (number, (start, stop)) in places.row(row).enumerate() {
            count += 1;
            if from + number < ends && values.value(from + number) {
                lists.push(start, stop);
            }
        }
        if count != ends - from {
            return Err(wrong());
        }
        lists.end_row();
    }
    lists.finish()
}

#[cfg(test)]
mod tests {
    use arrow_array::StringArray;
    use arrow_array::builder::BooleanBuilder;
    use proptest::prelude::*;

    use super::super::spans::cut_spans;
    use super::*;

    fn cut(text: &str, unit: Unit) -> Vec<&str> {
        let mut pieces = Vec::new();
        unit.for_each(text, |start, end, _| pieces.push(&text[start..end]));
        pieces
    }

    #[test]
    fn lines_and_paragraphs() {
        let text = "\none\ntwo  \n\n \nthree\n";
        assert_eq!(cut(text, Unit::Line), ["one", "two  ", "three"]);
        assert_eq!(cut(text, Unit::Paragraph), ["one\ntwo  ", "three"]);
        assert!(cut(" \n\n", Unit::Paragraph).is_empty());
    }

    #[test]
    fn short_units_are_no_units() {
        let units = Units { unit: Unit::Line, normalization: Normalization::default(), min_characters: 3 };
        let texts = StringArray::from(vec!["éé\nlonger\n  ab  \r\nlonger \u{200B}\ra\u{200B}\u{200B}b"]);
        let (hashes, _) = units.of(&texts).unwrap();
        assert_eq!(hashes.value_length(0), 2);
        let values = hashes.value(0);
        let values = values.as_primitive::<arrow_array::types::UInt64Type>();
        assert_eq!(values.value(0), values.value(1));
    }

    #[test]
    fn an_ideograph_counts_as_three_letters() {
        let units = Units { unit: Unit::Line, normalization: Normalization::default(), min_characters: 20 };
        let counts = |line: &str| units.of(&StringArray::from(vec![line])).unwrap().0.value_length(0) == 1;
        assert!(counts("版权所有侵权必究") && counts("이전 글 보기 목록") && counts("ご利用ありがとう"));
        assert!(counts("All rights reserved.") && counts("Все права защищены..."));
        assert!(!counts("返回首页") && !counts("All rights reserved") && !counts("Все права защищены"));
    }

    #[test]
    fn line_ends_of_all_systems() {
        for end in ["\n", "\r\n", "\r"] {
            let text = ["one", "two", "", "three"].join(end);
            assert_eq!(cut(&text, Unit::Line), ["one", "two", "three"]);
            assert_eq!(cut(&text, Unit::Paragraph), [["one", "two"].join(end).as_str(), "three"]);
        }
    }

    proptest! {
        #[test]
        fn units_cover_the_text_in_order(text in "[a-c \n]{0,60}", paragraph in any::<bool>()) {
            let unit = if paragraph { Unit::Paragraph } else { Unit::Line };
            let mut last = None;
            unit.for_each(&text, |start, end, next| {
                assert!(start < end && end <= next);
                assert!(last.is_none_or(|last| last == start));
                last = Some(next);
            });
            prop_assert!(last.is_none_or(|last| last == text.len()));
        }

        #[test]
        fn picked_units_go_and_the_others_stay(text in "[a-c\n]{0,60}", seed in any::<u64>()) {
            let units = Units { unit: Unit::Line, normalization: Normalization::default(), min_characters: 1 };
            let lines = cut(&text, Unit::Line);
            let mut picked = LargeListBuilder::new(BooleanBuilder::new());
            (0..lines.len()).for_each(|i| picked.values().append_value(seed >> (i % 64) & 1 == 1));
            picked.append(true);
            let texts = StringArray::from(vec![text.as_str()]);
            let (_, places) = units.of(&texts).unwrap();
            let spans = picked_spans(&places, &picked.finish()).unwrap();
            let left = cut_spans(&texts, &spans).unwrap();
            let kept: Vec<&str> =
                lines.iter().enumerate().filter(|(i, _)| seed >> (i % 64) & 1 == 0).map(|(_, l)| *l).collect();
            prop_assert_eq!(cut(left.value(0), Unit::Line), kept);
        }
    }
}
