//! Which evaluation items stand in a text, where, and how much of each.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Float64Array, Int64Array, LargeListArray, RecordBatch, UInt32Array};

use super::column::Texts;
use super::evaluation::{Evaluation, NONE};
use super::evaluation_items::{ANSWER, CHOICES, Item, PARTS, PASSAGE, QUESTION, Rule};
use super::spans::SpanLists;
use super::word_hashes::{Rolling, for_each_word_hash};
use super::words::WordRules;
use crate::KernelError;

// Words around what was found in which a short answer is looked for.
const NEAR: usize = 50;

/// Items found in a batch of texts, and where those that count stand.
#[derive(Debug)]
pub struct Contamination {
    /// For each text, the bytes of the items that it holds.
    pub spans: LargeListArray,
    /// `row`, `item`, `score` (0: does not count), and the shares of its parts that were found.
    pub matches: RecordBatch,
}

#[derive(Debug, Clone, Copy, Default)]
struct Found {
    score: f64,
    shares: [f64; PARTS],
    // Hits of this item that lie in the best window.
    first: usize,
    last: usize,
}

impl Found {
    /// An item of which these parts stand in the text as they are.
    fn whole(parts: &[usize]) -> Self {
        let mut matched = Self { score: 1.0, ..Self::default() };
        parts.iter().for_each(|&part| matched.shares[part] = 1.0);
        matched
    }
}

/// Words of one text and the n-grams among them, by item.
#[derive(Debug, Default)]
struct Read {
    words: Vec<u64>,
    bytes: Vec<(usize, usize)>,
    // Item, word of the text, word of the item.
    hits: Vec<(u32, u32, u32)>,
}

impl Evaluation {
    /// The items that each text holds by `rule`, and those of which it holds only the passage.
    ///
    /// What is found of an item counts together where it lies in a window of twice its words.
    ///
    /// # Errors
    /// `BadInput` for anything but a text column.
    pub fn contamination(&self, text: &dyn Array, rule: Rule) -> Result<Contamination, KernelError> {
        let texts = Texts::new(text)?;
        let mut spans = SpanLists::new();
        let mut rows = Vec::new();
        let mut all: Vec<(u32, Found)> = Vec::new();
        let mut asked = Vec::new();
        let mut read = Read::default();
        for row in 0..texts.len() {
            self.read_text(texts.get(row).unwrap_or_default(), &mut read);
            let mut ranges = Vec::new();
            for hits in read.hits.chunk_by(|left, right| left.0 == right.0) {
                let item = &self.items[hits[0].0 as usize];
                asked.clear();
                asked.extend(hits.iter().filter(|hit| item.part_of(hit.2 as usize) != PASSAGE));
                let mut best = self.judge(item, &asked, &read.words, rule);
                let passage = self.passage_share(item, hits);
                if let Some((first, last)) = best.map(|best| (best.first, best.last)) {
                    self.ranges(&asked[first..=last], &read, &mut ranges);
                } else if passage >= rule.threshold
                    && let Some(at) = self.question_beside_passage(item, &read.words, hits, rule)
                {
                    ranges.push((read.bytes[at.start].0, read.bytes[at.end - 1].1));
                    best = Some(Found::whole(&[QUESTION]));
                } else if let Some(at) = self.question_beside_answer(item, &read.words, hits, rule) {
                    ranges.push((read.bytes[at.start].0, read.bytes[at.end - 1].1));
                    best = Some(Found::whole(&[QUESTION, ANSWER]));
                }
                if best.is_some() || passage >= rule.threshold {
                    let mut matched = best.unwrap_or_default();
                    matched.shares[PASSAGE] = passage;
                    rows.push(row as i64);
                    all.push((hits[0].0, matched));
                }
            }
            ranges.sort_unstable();
            ranges.into_iter().for_each(|(from, to)| spans.push(from, to));
            spans.end_row();
        }
        Ok(Contamination { spans: spans.finish()?, matches: table(rows, &all)? })
    }

    fn read_text(&self, text: &str, read: &mut Read) {
        read.words.clear();
        read.bytes.clear();
        read.hits.clear();
        let mut rolling = Rolling::new(self.ngram);
        for_each_word_hash(text, WordRules::PLAIN, |word, start, stop| {
            if let Some(id) = rolling.push(word).and_then(|key| self.find(key)) {
                let at = (read.words.len() + 1 - self.ngram) as u32;
                for &(item, place) in self.places(id) {
                    if self.ngrams[place as usize] != NONE {
                        read.hits.push((item, at, place));
                    }
                }
            }
            read.words.push(word);
            read.bytes.push((start, stop));
        });
        read.hits.sort_unstable();
    }

    /// Where in the text `hits` (all of one item, by word of the text, passages left out) say most of
    /// it; none where that is not enough.
    fn judge(&self, item: &Item, hits: &[(u32, u32, u32)], words: &[u64], rule: Rule) -> Option<Found> {
        let least = rule.least(item).min(item.informative[QUESTION].max(1)) as usize;
        if hits.len() * self.ngram < least {
            return None;
        }
        let mut window = Window::new(self, item);
        let reach = 2 * (item.ends[CHOICES] - item.start) + NEAR;
        let mut best: Option<Found> = None;
        let mut first = 0;
        for (last, hit) in hits.iter().enumerate() {
            window.add(hit);
            while (hit.1 - hits[first].1) as usize > reach {
                window.take(&hits[first], &hits[first + 1]);
                first += 1;
            }
            let near = |answer| self.answer_near(item, words, &hits[first..=last], answer);
            let score = self.score(item, &window, rule, near);
            if score > best.map_or(0.0, |best| best.score) {
                let mut shares = window.shares();
                if item.informative[ANSWER] == 0 && near(item.part(ANSWER)) {
                    shares[ANSWER] = 1.0;
                }
                best = Some(Found { score, shares, first, last });
            }
        }
        best
    }

    fn score(
        &self,
        item: &Item,
        window: &Window<'_>,
        rule: Rule,
        near: impl Fn(Range<usize>) -> bool,
    ) -> f64 {
        let score = rule.score(item, window.covered, window.words);
        let whole = window.covered[QUESTION] == item.informative[QUESTION];
        if score == 0.0 && rule.is_short(item) && whole && near(item.part(ANSWER)) { 1.0 } else { score }
    }

    /// Whether the words of the answer stand near these hits, outside of the question itself.
    fn answer_near(
        &self,
        item: &Item,
        words: &[u64],
        hits: &[(u32, u32, u32)],
        answer: Range<usize>,
    ) -> bool {
        let answer = &self.words[answer];
        if answer.is_empty() {
            return false;
        }
        let first = hits.first().map_or(0, |hit| hit.1 as usize);
        let last = hits.last().map_or(0, |hit| hit.1 as usize) + self.ngram;
        let from = first.saturating_sub(NEAR);
        let to = (last + NEAR + answer.len()).min(words.len());
        // An answer that is part of the question says nothing.
        let in_question = self.words[item.part(QUESTION)].windows(answer.len()).any(|w| w == answer);
        let outside = |at: usize| at + answer.len() <= first || at >= last;
        let places = words[from..to].windows(answer.len()).enumerate();
        places.filter(|(_, w)| *w == answer).any(|(at, _)| !in_question || outside(from + at))
    }

    /// Where a question that says too little by itself stands whole near what was found of its passage.
    ///
    /// The passage may be in clean documents, and it may hold the words of the question; both together, one outside
    /// of the other, are the item.
    fn question_beside_passage(
        &self,
        item: &Item,
        words: &[u64],
        hits: &[(u32, u32, u32)],
        rule: Rule,
    ) -> Option<Range<usize>> {
        let question = &self.words[item.part(QUESTION)];
        let passage = &self.words[item.part(PASSAGE)];
        if !rule.is_asked_of_passage(item) || passage.windows(question.len()).any(|w| w == question) {
            return None;
        }
        let places = hits.iter().filter(|hit| item.part_of(hit.2 as usize) == PASSAGE);
        let ends = places.map(|hit| hit.1 as usize).fold(None, |ends: Option<(usize, usize)>, at| {
            Some(ends.map_or((at, at), |(first, last)| (first.min(at), last.max(at))))
        });
        let (first, last) = ends?;
        position_near(words, question, first..last + self.ngram)
    }

    /// From where to where a question without an n-gram and its whole answer stand near each other.
    fn question_beside_answer(
        &self,
        item: &Item,
        words: &[u64],
        hits: &[(u32, u32, u32)],
        rule: Rule,
    ) -> Option<Range<usize>> {
        if !rule.is_answered_in_full(item) {
            return None;
        }
        let (question, answer) = (&self.words[item.part(QUESTION)], &self.words[item.part(ANSWER)]);
        let starts =
            hits.iter().filter(|hit| hit.2 as usize == item.part(ANSWER).start).map(|hit| hit.1 as usize);
        starts.filter(|&at| words[at..].starts_with(answer)).find_map(|at| {
            let answered = at..at + answer.len();
            let asked = position_near(words, question, answered.clone())?;
            let apart = asked.end <= answered.start || asked.start >= answered.end;
            apart.then(|| asked.start.min(answered.start)..asked.end.max(answered.end))
        })
    }

    fn passage_share(&self, item: &Item, hits: &[(u32, u32, u32)]) -> f64 {
        let passage = item.part(PASSAGE);
        if item.informative[PASSAGE] == 0 {
            return 0.0;
        }
        let mut seen = vec![false; passage.len()];
        for &(_, _, place) in hits {
            if passage.contains(&(place as usize)) {
                let at = place as usize - passage.start;
                seen[at..at + self.ngram].fill(true);
            }
        }
        seen.iter().filter(|&&word| word).count() as f64 / f64::from(item.informative[PASSAGE])
    }

    /// Bytes of the n-grams at these hits; gaps of up to an n-gram are filled.
    fn ranges(&self, hits: &[(u32, u32, u32)], read: &Read, ranges: &mut Vec<(usize, usize)>) {
        let mut open: Option<(usize, usize)> = None;
        for &(_, at, _) in hits {
            let (from, to) = (at as usize, at as usize + self.ngram);
            open = match open {
                Some((start, end)) if from <= end + self.ngram => Some((start, to.max(end))),
                Some((start, end)) => {
                    ranges.push((read.bytes[start].0, read.bytes[end - 1].1));
                    Some((from, to))
                }
                None => Some((from, to)),
            };
        }
        if let Some((start, end)) = open {
            ranges.push((read.bytes[start].0, read.bytes[end - 1].1));
        }
    }
}

/// How often each word of an item is covered by the hits in a window of a text.
struct Window<'a> {
    item: &'a Item,
    ngram: usize,
    times: Vec<u32>,
    covered: [u32; PARTS],
    // Words of the text that the hits cover, and where the last ends.
    words: u32,
    end: usize,
}

impl<'a> Window<'a> {
    fn new(evaluation: &Evaluation, item: &'a Item) -> Self {
        let times = vec![0; item.ends[CHOICES] - item.start];
        Self { item, ngram: evaluation.ngram, times, covered: [0; PARTS], words: 0, end: 0 }
    }

    /// Takes in a hit that stands no earlier than those before.
    fn add(&mut self, hit: &(u32, u32, u32)) {
        let at = hit.1 as usize;
        self.words += (at + self.ngram - self.end.max(at)) as u32;
        self.end = at + self.ngram;
        let (part, range) = self.place(hit.2);
        for times in &mut self.times[range] {
            *times += 1;
            self.covered[part] += u32::from(*times == 1);
        }
    }

    /// Takes out the first hit, which `next` follows.
    fn take(&mut self, hit: &(u32, u32, u32), next: &(u32, u32, u32)) {
        self.words -= (next.1 - hit.1).min(self.ngram as u32);
        let (part, range) = self.place(hit.2);
        for times in &mut self.times[range] {
            *times -= 1;
            self.covered[part] -= u32::from(*times == 0);
        }
    }

    /// The part of an n-gram, and which words of the item it covers.
    fn place(&self, place: u32) -> (usize, Range<usize>) {
        let at = place as usize - self.item.start;
        (self.item.part_of(place as usize), at..at + self.ngram)
    }

    fn shares(&self) -> [f64; PARTS] {
        std::array::from_fn(|part| {
            f64::from(self.covered[part]) / f64::from(self.item.informative[part].max(1))
        })
    }
}

/// Where `needle` first stands within `NEAR` words of a range.
fn position_near(words: &[u64], needle: &[u64], around: Range<usize>) -> Option<Range<usize>> {
    let from = around.start.saturating_sub(NEAR + needle.len());
    let to = (around.end + NEAR + needle.len()).min(words.len());
    let at = from + words[from..to].windows(needle.len()).position(|w| w == needle)?;
    Some(at..at + needle.len())
}

fn table(rows: Vec<i64>, all: &[(u32, Found)]) -> Result<RecordBatch, KernelError> {
    let share = |part: usize| -> ArrayRef {
        Arc::new(Float64Array::from_iter_values(all.iter().map(|(_, matched)| matched.shares[part])))
    };
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("row", Arc::new(Int64Array::from(rows))),
        ("item", Arc::new(UInt32Array::from_iter_values(all.iter().map(|(item, _)| *item)))),
        ("score", Arc::new(Float64Array::from_iter_values(all.iter().map(|(_, matched)| matched.score)))),
        ("question", share(QUESTION)),
        ("answer", share(ANSWER)),
        ("choices", share(CHOICES)),
        ("passage", share(PASSAGE)),
    ];
    RecordBatch::try_from_iter(columns).map_err(|error| KernelError::BadInput(error.to_string()))
}

#[cfg(test)]
mod tests {
    use arrow_array::StringArray;
    use arrow_array::cast::AsArray;
    use arrow_array::types::{Float64Type, Int64Type};
    use proptest::prelude::*;

    use super::*;

    const RULE: Rule = Rule { threshold: 0.5, min_words: 6 };

    fn index(items: &[[&str; PARTS]]) -> Evaluation {
        let columns: [StringArray; PARTS] =
            std::array::from_fn(|part| items.iter().map(|item| Some(item[part])).collect());
        Evaluation::new([&columns[0], &columns[1], &columns[2], &columns[3]], 3, 9).unwrap()
    }

    fn held(items: &[[&str; PARTS]], text: &str) -> (Vec<f64>, Vec<String>) {
        let contamination = index(items).contamination(&StringArray::from(vec![text]), RULE).unwrap();
        let scores =
            contamination.matches.column_by_name("score").unwrap().as_primitive::<Float64Type>().values();
        let spans = contamination.spans.value(0);
        let ends =
            |field: usize| spans.as_struct().column(field).as_primitive::<Int64Type>().values().to_vec();
        let texts =
            ends(0).into_iter().zip(ends(1)).map(|(from, to)| text[from as usize..to as usize].to_owned());
        (scores.to_vec(), texts.collect())
    }

    const ITEM: [&str; PARTS] =
        ["alpha beta gamma delta épsilon zeta eta theta", "iota", "", "kappa lambda mu"];

    #[test]
    fn what_is_far_apart_does_not_count_together() {
        let near = format!("alpha beta gamma {} zeta eta theta", "x ".repeat(30));
        assert_eq!(
            held(&[ITEM], &near),
            (vec![0.75], vec!["alpha beta gamma".into(), "zeta eta theta".into()])
        );
        let far = format!("alpha beta gamma {} zeta eta theta", "x ".repeat(300));
        assert_eq!(held(&[ITEM], &far), (vec![], vec![]));
    }

    #[test]
    fn a_passage_is_noted_and_not_marked() {
        assert_eq!(held(&[ITEM], "Kappa, lambda — mu."), (vec![0.0], vec![]));
    }

    #[test]
    fn a_phrase_that_an_item_repeats_counts_once() {
        let item = ["one two three four", "", "one two three four\none two three four", ""];
        assert_eq!(held(&[item], "one two three four"), (vec![], vec![]));
    }

    #[test]
    fn a_short_question_needs_its_answer() {
        let item = ["alpha beta gamma delta", "iota", "", ""];
        assert_eq!(held(&[item], "alpha beta gamma delta"), (vec![], vec![]));
        assert_eq!(held(&[item], "alpha beta gamma delta? Iota!").0, [1.0]);
        let far = format!("alpha beta gamma delta {} iota", "x ".repeat(60));
        assert_eq!(held(&[item], &far), (vec![], vec![]));
    }

    #[test]
    fn a_short_question_counts_beside_its_passage() {
        let passage = "kappa lambda mu nu xi omicron pi rho";
        let item = ["who is beta", "", "", passage];
        let together = format!("{passage}. Who is Beta?");
        assert_eq!(held(&[item], &together), (vec![1.0], vec!["Who is Beta".into()]));
        assert_eq!(held(&[item], passage), (vec![0.0], vec![]));
        assert_eq!(held(&[item], "Who is Beta?"), (vec![], vec![]));
        let far = format!("{passage} {} who is beta", "x ".repeat(60));
        assert_eq!(held(&[item], &far), (vec![0.0], vec![]));
        let within = ["mu nu xi", "", "", passage];
        assert_eq!(held(&[within], passage), (vec![0.0], vec![]), "the passage holds the question");
        let label = ["beta", "", "", passage];
        assert_eq!(held(&[label], &format!("{passage} beta")), (vec![0.0], vec![]), "a word asks nothing");
    }

    #[test]
    fn a_question_without_an_ngram_counts_beside_its_whole_answer() {
        let item = ["who sings", "kappa lambda mu nu xi", "", ""];
        assert_eq!(
            held(&[item], "x. Who sings? — Kappa lambda mu nu xi, y"),
            (vec![1.0], vec!["Who sings? — Kappa lambda mu nu xi".into()])
        );
        assert_eq!(held(&[item], "who sings kappa lambda mu nu"), (vec![], vec![]), "not the whole answer");
        assert_eq!(held(&[item], "who kappa lambda mu nu xi"), (vec![], vec![]), "not the whole question");
        let within = ["mu nu", "kappa lambda mu nu xi", "", ""];
        assert_eq!(held(&[within], "kappa lambda mu nu xi"), (vec![], vec![]));
    }

    #[test]
    fn what_is_found_is_searchable() {
        let passage = "kappa lambda mu nu xi omicron pi rho";
        let items = [
            ["alpha beta gamma delta", "iota", "", ""],
            ["alpha beta gamma delta", "", "", ""],
            ["who is beta", "", "", passage],
            ["beta", "", "", passage],
            ["who", "", "one two three four five six", ""],
            ["", "", "", passage],
        ];
        let searchable = index(&items).searchable(RULE);
        assert_eq!(searchable.iter().flatten().collect::<Vec<_>>(), [true, false, true, false, true, false]);
    }

    proptest! {
        #[test]
        fn any_text_is_taken(
            items in prop::collection::vec(any::<[String; PARTS]>(), 0..4), own in any::<String>(),
        ) {
            let borrowed: Vec<[&str; PARTS]> =
                items.iter().map(|item| std::array::from_fn(|part| item[part].as_str())).collect();
            let whole = items.concat().concat();
            let texts = StringArray::from(vec![own.as_str(), whole.as_str()]);
            let rule = Rule { threshold: 0.1, min_words: 1 };
            let contamination = index(&borrowed).contamination(&texts, rule).unwrap();
            super::super::spans::cut_spans(&texts, &contamination.spans).unwrap();
        }
    }
}
