//! Words as tokenizers of prose have them: a symbol inside a run without white space seldom splits.
//!
//! UAX #29 makes a word of every symbol, so that an address or a tag becomes a dozen of them.
//! Tokenisers of prose cut symbols off the two ends of a run, and inside it only at a few places.
//! Here words of UAX #29 that touch are joined again in that manner; nothing is split anew.
//! Symbols beyond ASCII always split, and so do symbols beside ideographs, kana and Thai.

use super::properties::{ALPHABETIC, DIGIT, NUMERIC, Properties, UPPERCASE, word_break};
use super::word_break::WordBreak;

/// ASCII symbols that are cut off the front of a run one by one.
const OPENING: &[u8] = b",:;!?()[]{}<>_#*&\"'`$%=+";
/// ASCII symbols that are cut off its end one by one; a full stop is a case of its own.
const CLOSING: &[u8] = b",:;!?()[]{}<>_#*&\"'`%";

/// ASCII symbols that split a run between two letters.
const SPLITTING: &[u8] = b"-/,~<>=";

const OPENS: u8 = 1;
const CLOSES: u8 = 2;
const SPLITS: u8 = 4;
const LETTER: u8 = 8;
const CAPITAL: u8 = 16;
const FIGURE: u8 = 32;

/// What each ASCII character is to a plain run.
const KINDS: [u8; 256] = {
    let mut kinds = [0; 256];
    let mut i = 0;
    while i < OPENING.len() {
        // Whether a plus sign is cut off depends on what follows.
        kinds[OPENING[i] as usize] |= if OPENING[i] == b'+' { 0 } else { OPENS };
        i += 1;
    }
    i = 0;
    while i < CLOSING.len() {
        kinds[CLOSING[i] as usize] |= CLOSES;
        i += 1;
    }
    kinds[b'.' as usize] |= CLOSES;
    i = 0;
    while i < SPLITTING.len() {
        kinds[SPLITTING[i] as usize] |= SPLITS;
        i += 1;
    }
    i = 0;
    while i < 26 {
        kinds[b'a' as usize + i] |= LETTER;
        kinds[b'A' as usize + i] |= LETTER | CAPITAL;
        i += 1;
    }
    i = 0;
    while i < 10 {
        kinds[b'0' as usize + i] |= FIGURE;
        i += 1;
    }
    kinds
};

/// Whether the words of one run plainly stay as they are; most do: `("word,`, `well-known.`.
/// False where it takes a closer look.
#[inline(always)]
pub fn is_plain_run(bytes: &[u8], starts: &[u32], ends: &[u32]) -> bool {
    let count = starts.len().min(ends.len());
    let byte = |at: usize| KINDS[bytes.get(at).map_or(0, |&byte| usize::from(byte))];
    let opening = |i: usize| byte(starts[i] as usize);
    let symbol = |i: usize, kind: u8| ends[i] - starts[i] == 1 && opening(i) & kind != 0;
    let mut at = 0;
    while at < count && symbol(at, OPENS) {
        at += 1;
    }
    if at == count {
        return true;
    }
    // One capital may be an initial, which keeps its full stop.
    if opening(at) & (LETTER | FIGURE) == 0 || symbol(at, CAPITAL) {
        return false;
    }
    let address = bytes.get(starts[at] as usize..).is_some_and(|run| run.starts_with(b"www."));
    at += 1;
    while at + 1 < count
        && symbol(at, SPLITS)
        && byte(starts[at] as usize - 1) & opening(at + 1) & LETTER != 0
        && !address
    {
        at += 2;
    }
    while at < count && symbol(at, CLOSES) {
        at += 1;
    }
    at == count
}

/// Joins the words of one run, byte ranges all of which touch; gives each result to `emit`.
pub fn glue(
    text: &str,
    words: &[(usize, usize)],
    properties: &Properties,
    mut emit: impl FnMut(usize, usize),
) {
    let run = Run { text, words, properties };
    let mut first = 0;
    while first < words.len() && run.is_cut_off_front(first) {
        emit(words[first].0, words[first].1);
        first += 1;
    }
    let mut last = words.len();
    while last > first && run.is_cut_off_end(first, last - 1) {
        last -= 1;
    }
    let address = first < last && run.is_address(first, last);
    let mut start = None;
    for (i, &(begin, end)) in words.iter().enumerate().take(last).skip(first) {
        let splits = run.is_symbol(i) && !(address && run.is_ascii(i)) && run.splits_inside(first, i, last);
        if splits {
            if let Some(start) = start.take() {
                emit(start, begin);
            }
            emit(begin, end);
            continue;
        }
        // Two words of letters that touch are of a script without spaces, and stay two.
        let joins = i > first && (run.is_symbol(i) || run.is_symbol(i - 1));
        match start {
            Some(begun) if !joins => {
                emit(begun, begin);
                start = Some(begin);
            }
            Some(_) => {}
            None => start = Some(begin),
        }
    }
    if let Some(start) = start {
        emit(start, words[last - 1].1);
    }
    for &(start, end) in &words[last..] {
        emit(start, end);
    }
}

struct Run<'a> {
    text: &'a str,
    words: &'a [(usize, usize)],
    properties: &'a Properties,
}

impl Run<'_> {
    fn word(&self, i: usize) -> &str {
        let (start, end) = self.words[i];
        self.text.get(start..end).unwrap_or("")
    }

    /// Whether word `i` has neither letter nor digit.
    fn is_symbol(&self, i: usize) -> bool {
        let (start, end) = self.words[i];
        if let Some(&byte) = self.text.as_bytes().get(start)
            && byte.is_ascii()
            && (end - start == 1 || byte.is_ascii_alphanumeric())
        {
            return !byte.is_ascii_alphanumeric();
        }
        !self.word(i).chars().any(|c| self.properties.has(c, ALPHABETIC | NUMERIC))
    }

    fn is_ascii(&self, i: usize) -> bool {
        self.word(i).is_ascii()
    }

    fn is_cut_off_front(&self, i: usize) -> bool {
        if !self.is_symbol(i) {
            return false;
        }
        let word = self.word(i).as_bytes();
        match word {
            [b'+'] => !self.after(i).is_some_and(|c| self.properties.has(c, DIGIT)),
            [byte] => OPENING.contains(byte),
            _ => !word.is_ascii() || word.starts_with(b".."),
        }
    }

    fn is_cut_off_end(&self, first: usize, i: usize) -> bool {
        if !self.is_symbol(i) {
            return false;
        }
        let word = self.word(i).as_bytes();
        match word {
            // The full stop of an initial belongs to it.
            [b'.'] => !(i == first + 1 && self.is_initial(first)),
            [byte] => CLOSING.contains(byte),
            _ => !word.is_ascii() || word.starts_with(b".."),
        }
    }

    fn is_initial(&self, i: usize) -> bool {
        let mut chars = self.word(i).chars();
        let capital = chars.next().is_some_and(|c| self.properties.has(c, UPPERCASE));
        capital && chars.next().is_none()
    }

    /// A web or mail address, inside which nothing splits.
    fn is_address(&self, first: usize, last: usize) -> bool {
        let core = self.text.get(self.words[first].0..self.words[last - 1].1).unwrap_or("");
        let web = core.starts_with("www.") || core.contains("://");
        web || core.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.'))
    }

    /// Whether the symbol `i` stands where a run splits.
    fn splits_inside(&self, first: usize, i: usize, last: usize) -> bool {
        let word = self.word(i).as_bytes();
        if !word.is_ascii() || word.starts_with(b"..") {
            return true;
        }
        let (Some(before), Some(after)) = (self.before(i), self.after(i)) else {
            return false;
        };
        if self.is_unspaced(before) || self.is_unspaced(after) {
            return true;
        }
        if i == first || i + 1 == last {
            return false;
        }
        let has = |c, flags| self.properties.has(c, flags);
        match word[0] {
            b',' | b'~' => has(before, ALPHABETIC) && has(after, ALPHABETIC),
            b'-' if has(before, ALPHABETIC) && has(after, ALPHABETIC) => true,
            b'+' | b'-' | b'*' | b'^' => has(before, DIGIT) && (has(after, DIGIT) || after == '-'),
            b':' | b'<' | b'>' | b'=' | b'/' => has(before, ALPHABETIC | NUMERIC) && has(after, ALPHABETIC),
            _ => false,
        }
    }

    /// A letter of a script that is written without spaces.
    fn is_unspaced(&self, c: char) -> bool {
        let entry = self.properties.of(c);
        entry & ALPHABETIC != 0 && matches!(word_break(entry), WordBreak::Other | WordBreak::Katakana)
    }

    fn before(&self, i: usize) -> Option<char> {
        self.text.get(..self.words[i].0).and_then(|text| text.chars().next_back())
    }

    fn after(&self, i: usize) -> Option<char> {
        self.text.get(self.words[i].1..).and_then(|text| text.chars().next())
    }
}

#[cfg(test)]
mod tests {
    use super::super::properties::Properties;
    use super::super::{Segmentation, Spans, Words};
    use proptest::prelude::*;

    fn words(text: &str, by: Segmentation) -> Vec<String> {
        let mut words = Words::default();
        words.read(text, by);
        (0..words.len()).map(|i| String::from_utf8(words.joined(i, 1).to_vec()).unwrap()).collect()
    }

    fn prose(text: &str) -> Vec<String> {
        words(text, Segmentation::Prose)
    }

    #[test]
    fn symbols_are_cut_off_the_ends_of_a_run() {
        assert_eq!(prose("(\"Yes,\" he said.)"), ["(", "\"", "Yes", ",", "\"", "he", "said", ".", ")"]);
        assert_eq!(
            prose("J. Smith... #tag, $5 3.5%"),
            ["J.", "Smith", "...", "#", "tag", ",", "$", "5", "3.5", "%"]
        );
    }

    #[test]
    fn inside_a_run_few_symbols_split() {
        assert_eq!(prose("f(x)=y+1 a[i]"), ["f(x)=y+1", "a[i", "]"]);
        assert_eq!(
            prose("well-known and/or 10-20 1-a"),
            ["well", "-", "known", "and", "/", "or", "10", "-", "20", "1-a"]
        );
        assert_eq!(prose("</p> --flag :-)"), ["<", "/p", ">", "--flag", ":", "-", ")"]);
    }

    /// Runs of which many are plain, and some just not.
    fn run() -> impl Strategy<Value = String> {
        let parts = prop::sample::select(vec![
            "word", "don't", "3.5", "A1", "a_b", "x²", "Ünd", "é", "J", "a", "7", "www.a", "a@b", "東",
            "\u{301}", ",", ".", ";", ":", "!", "?", ")", "\"", "'", "(", "-", "--", "..", "/", "<", ">",
            "=", "+", "~", "_", "$", "%", "*", "&", "`", "[", "]", "{", "}", "#", "@", "^", "|", "\\", "’",
            "“",
        ]);
        prop::collection::vec(parts, 1..7).prop_map(|parts| parts.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn plain_runs_are_what_a_closer_look_gives(text in run()) {
            let mut spans = Spans::default();
            spans.cut(&text, Segmentation::Unicode);
            let words: Vec<(usize, usize)> = spans.iter().collect();
            let (starts, ends): (Vec<u32>, Vec<u32>) =
                words.iter().map(|&(start, end)| (start as u32, end as u32)).unzip();
            if super::is_plain_run(text.as_bytes(), &starts, &ends) {
                let mut glued = Vec::new();
                super::glue(&text, &words, Properties::shared(), |start, end| glued.push((start, end)));
                prop_assert_eq!(glued, words);
            }
        }
    }

    #[test]
    fn plain_runs_are_known() {
        for text in ["word,", "(word).", "\"well-known\"", "and/or", "a.)", "$5,", "key=value", "(\""] {
            let mut spans = Spans::default();
            spans.cut(text, Segmentation::Unicode);
            let (starts, ends): (Vec<u32>, Vec<u32>) =
                spans.iter().map(|(start, end)| (start as u32, end as u32)).unzip();
            assert!(super::is_plain_run(text.as_bytes(), &starts, &ends), "{text}");
        }
    }

    #[test]
    fn addresses_stay_whole() {
        assert_eq!(prose("<https://a.org/b?c=d-e>."), ["<", "https://a.org/b?c=d-e", ">", "."]);
        assert_eq!(prose("me@a-b.org, x@y"), ["me@a-b.org", ",", "x@y"]);
    }

    #[test]
    fn scripts_without_spaces_are_left_alone() {
        for text in ["東京(とう)に", "東京/大阪", "カタカナ-ひらがな", "ก(ข)ค"] {
            assert_eq!(prose(text), words(text, Segmentation::Unicode));
        }
        assert_eq!(prose("“Café”—東京。"), words("“Café”—東京。", Segmentation::Unicode));
    }

    proptest! {
        #[test]
        fn only_joins_what_touches(text in "[a-cA-C1-2 .,:;/<>=@()\\-_'é東カ’…+~*^$\n]{0,60}") {
            let plain = words(&text, Segmentation::Unicode);
            let joined = prose(&text);
            prop_assert_eq!(plain.concat(), joined.concat());
            prop_assert!(joined.len() <= plain.len());
            for word in &joined {
                prop_assert!(!word.chars().any(char::is_whitespace));
            }
        }

        #[test]
        fn any_text_at_all(text in ".*") {
            prop_assert_eq!(prose(&text).concat(), words(&text, Segmentation::Unicode).concat());
        }
    }
}
