//! Lines, paragraphs and sentences as units of deduplication: hashes of runs of them, and where they stand.

use arrow_array::builder::{LargeListBuilder, UInt64Builder};
use arrow_array::cast::AsArray;
use arrow_array::{Array, LargeListArray};
use xxhash_rust::xxh3::xxh3_128;

use super::characters::{is_invisible, is_syllable};
use super::column::{Texts, same_length};
use super::normalized::{Normalization, Writer};
use super::spans::{SpanLists, Spans};
use crate::KernelError;
use crate::text::sentences::sentence_spans;

/// What an ideograph or a syllable counts as: 20 letters of English are about seven characters of Chinese.
const SYLLABLE_CHARACTERS: usize = 3;

/// What a text is cut into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Between line ends: LF, CRLF or CR.
    Line,
    /// Lines up to the next blank one.
    Paragraph,
    /// As [`crate::text::sentences`] cuts them; a line end alone ends none.
    Sentence,
}

impl Unit {
    /// `line`, `paragraph` or `sentence`.
    pub fn parse(name: &str) -> Result<Self, KernelError> {
        match name {
            "line" => Ok(Self::Line),
            "paragraph" => Ok(Self::Paragraph),
            "sentence" => Ok(Self::Sentence),
            _ => Err(KernelError::UnknownName { kind: "unit", name: name.to_owned() }),
        }
    }

    /// Calls `take` with each unit that is not blank: its start, where its words end, and where the
    /// next one starts (its line end, following blank lines and other white space belong to it).
    pub fn for_each(self, text: &str, take: impl FnMut(usize, usize, usize)) {
        match self {
            Self::Line => for_each_group(text, false, take),
            Self::Paragraph => for_each_group(text, true, take),
            Self::Sentence => for_each_sentence(text, take),
        }
    }
}

fn for_each_sentence(text: &str, mut take: impl FnMut(usize, usize, usize)) {
    let mut spans = sentence_spans(text).peekable();
    while let Some((start, end)) = spans.next() {
        take(start, end, spans.peek().map_or(text.len(), |next| next.0));
    }
}

/// Lines that are not blank, each on its own or, as `paragraphs`, all up to the next blank one.
fn for_each_group(text: &str, paragraphs: bool, mut take: impl FnMut(usize, usize, usize)) {
    let mut open: Option<(usize, usize)> = None;
    // Whether a blank line stands between the open unit's last one and this one.
    let mut after_blank = false;
    let mut at = 0;
    while at < text.len() {
        let (end, next) = line_end(text, at);
        let blank = text[at..end].chars().all(char::is_whitespace);
        if !blank {
            match &mut open {
                Some(unit) if paragraphs && !after_blank => unit.1 = end,
                _ => {
                    if let Some(unit) = open {
                        take(unit.0, unit.1, at);
                    }
                    open = Some((at, end));
                }
            }
        }
        after_blank = blank;
        at = next;
    }
    if let Some(unit) = open {
        take(unit.0, unit.1, text.len());
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

/// Which units are compared, and how.
#[derive(Debug, Clone, Copy)]
pub struct Units {
    pub unit: Unit,
    pub normalization: Normalization,
    /// Shorter runs (in characters, white space around units not counted) do not count. An ideograph, a Kana
    /// or a Hangul syllable counts as three: so much more does it say than a letter.
    pub min_characters: usize,
    /// How many units in a row are compared as a whole; not zero.
    pub run: usize,
}

/// One unit of a text.
struct Piece {
    hash: u128,
    characters: usize,
    start: usize,
    next: usize,
}

impl Units {
    /// The units of `text`; where single ones are compared, those that are long enough.
    fn read(&self, text: &str, writer: &mut Writer, pieces: &mut Vec<Piece>) {
        pieces.clear();
        self.unit.for_each(text, |start, end, next| {
            let words = text[start..end].trim();
            let characters = characters_up_to(words, self.min_characters);
            if self.run > 1 || characters >= self.min_characters {
                pieces.push(Piece { hash: writer.hash(words), characters, start, next });
            }
        });
    }

    /// For each text two lists, of which entries belong together: a hash of each run of units, and the bytes
    /// from where it begins to where the next unit does. Empty for null, and for a text of fewer units.
    ///
    /// The hash of a single unit is the upper half of XXH3-128 of its normalized text, that of a run the same
    /// of the hashes of its units.
    ///
    /// # Errors
    /// `BadInput` for anything but a text column, `BadOption` for a run of nothing.
    pub fn of(&self, text: &dyn Array) -> Result<(LargeListArray, LargeListArray), KernelError> {
        if self.run == 0 {
            return Err(KernelError::BadOption { option: "run", expected: "one unit or more".to_owned() });
        }
        let texts = Texts::new(text)?;
        let mut writer = Writer::new(self.normalization);
        let mut hashes = LargeListBuilder::new(UInt64Builder::new());
        let mut places = SpanLists::new();
        let mut pieces = Vec::new();
        for row in 0..texts.len() {
            if let Some(text) = texts.get(row) {
                self.read(text, &mut writer, &mut pieces);
                for run in pieces.windows(self.run) {
                    if let Some(hash) = self.hash(run) {
                        hashes.values().append_value(hash);
                        places.push_apart(run[0].start, run[self.run - 1].next);
                    }
                }
            }
            hashes.append(true);
            places.end_row();
        }
        Ok((hashes.finish(), places.finish()?))
    }

    /// The hash of a run; none where it is too short to count.
    fn hash(&self, run: &[Piece]) -> Option<u64> {
        if let [single] = run {
            return Some((single.hash >> 64) as u64);
        }
        let characters: usize = run.iter().map(|piece| piece.characters).sum();
        let joined: Vec<u8> = run.iter().flat_map(|piece| piece.hash.to_be_bytes()).collect();
        (characters >= self.min_characters).then(|| (xxh3_128(&joined) >> 64) as u64)
    }
}

/// How many characters the words have, or `enough` where they have as many or more.
fn characters_up_to(words: &str, enough: usize) -> usize {
    let width = |c: char| if is_syllable(c) { SYLLABLE_CHARACTERS } else { usize::from(!is_invisible(c)) };
    if words.is_ascii() {
        return words.len().min(enough);
    }
    let mut sum = 0;
    for c in words.chars() {
        if sum >= enough {
            return enough;
        }
        sum += width(c);
    }
    sum.min(enough)
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

    fn lines(min_characters: usize) -> Units {
        Units { unit: Unit::Line, normalization: Normalization::default(), min_characters, run: 1 }
    }

    #[test]
    fn sentences_take_the_white_space_behind_them() {
        let text = " Ein Café. \n\n\"東京!\" she said.\nThen more";
        assert_eq!(cut(text, Unit::Sentence), ["Ein Café.", "\"東京!\"", "she said.", "Then more"]);
        let mut nexts = Vec::new();
        Unit::Sentence.for_each(text, |start, _, next| nexts.push((start, next)));
        assert!(nexts.windows(2).all(|pair| pair[0].1 == pair[1].0));
        assert_eq!(nexts.last().unwrap().1, text.len());
        assert!(cut(" \n\x1c", Unit::Sentence).is_empty());
    }

    #[test]
    fn runs_of_sentences_overlap() {
        let units = Units { unit: Unit::Sentence, run: 3, ..lines(1) };
        let texts =
            StringArray::from(vec!["One. Two. Three. Four.", "Own. Two.  Three.\nFour.", "One. Two."]);
        let (hashes, places) = units.of(&texts).unwrap();
        assert_eq!([0, 1, 2].map(|row| hashes.value_length(row)), [2, 2, 0]);
        let values = hashes.values().as_primitive::<arrow_array::types::UInt64Type>();
        assert_eq!(values.value(1), values.value(3));
        assert_ne!(values.value(0), values.value(2));
        let spans = Spans::new(&places).unwrap();
        assert_eq!(spans.row(0).collect::<Vec<_>>(), [(0, 17), (5, 22)]);
        assert!(Units { run: 0, ..units }.of(&texts).is_err());
        // Of whole runs, not of each sentence.
        let long = Units { min_characters: 15, ..units }.of(&texts).unwrap().0;
        assert_eq!([0, 1].map(|row| long.value_length(row)), [1, 1]);
    }

    #[test]
    fn short_units_are_no_units() {
        let units = lines(3);
        let texts = StringArray::from(vec!["éé\nlonger\n  ab  \r\nlonger \u{200B}\ra\u{200B}\u{200B}b"]);
        let (hashes, _) = units.of(&texts).unwrap();
        assert_eq!(hashes.value_length(0), 2);
        let values = hashes.value(0);
        let values = values.as_primitive::<arrow_array::types::UInt64Type>();
        assert_eq!(values.value(0), values.value(1));
    }

    #[test]
    fn an_ideograph_counts_as_three_letters() {
        let units = lines(20);
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
        fn units_cover_the_text_in_order(text in "[a-cA \n.!]{0,60}", unit in 0_usize..3) {
            let unit = [Unit::Line, Unit::Paragraph, Unit::Sentence][unit];
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
            let units = lines(1);
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
