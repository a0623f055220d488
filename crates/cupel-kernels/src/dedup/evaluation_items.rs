//! Evaluation items as ranges of words, and when a document counts as holding one.

/// Parts of an item, in their order.
pub const PARTS: usize = 4;
pub const QUESTION: usize = 0;
pub const ANSWER: usize = 1;
pub const CHOICES: usize = 2;
pub const PASSAGE: usize = 3;

/// A question of fewer words is a label.
const MIN_QUESTION_WORDS: f64 = 3.0;

/// One item: where its words and those of its parts end in the words of all.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item {
    pub start: usize,
    pub ends: [usize; PARTS],
    /// Words of each part that lie in n-grams that are looked for.
    pub informative: [u32; PARTS],
    /// Words of the index for each word of the language: more than 1 where characters are a word each.
    pub scale: f64,
}

impl Item {
    pub fn part(&self, part: usize) -> std::ops::Range<usize> {
        (if part == 0 { self.start } else { self.ends[part - 1] })..self.ends[part]
    }

    pub fn part_of(&self, place: usize) -> usize {
        self.ends.iter().position(|&end| place < end).unwrap_or(PASSAGE)
    }
}

/// When a document counts as holding an item.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Least share of the informative words.
    pub threshold: f64,
    /// Least number of them; shorter questions must be there whole, with the answer near.
    pub min_words: u32,
}

impl Rule {
    /// Whether an item with these words found could be held, or its passage, were they near each other.
    pub(super) fn may_hold(self, item: &Item, words: [u32; PARTS]) -> bool {
        let share = |part: usize| f64::from(words[part]) / f64::from(item.informative[part].max(1));
        let whole = self.is_short(item) && words[QUESTION] == item.informative[QUESTION];
        let answered = self.is_answered_in_full(item) && words[ANSWER] == item.informative[ANSWER];
        whole || answered || self.score(item, words, u32::MAX) > 0.0 || share(PASSAGE) >= self.threshold
    }

    /// Whether the question is so short that it counts only whole and with its answer.
    pub(super) fn is_short(self, item: &Item) -> bool {
        (1..self.least(item)).contains(&item.informative[QUESTION])
    }

    /// Whether the question counts by standing whole beside its passage: it asks something, but is too short to
    /// count by itself.
    pub(super) fn is_asked_of_passage(self, item: &Item) -> bool {
        let words = item.part(QUESTION).len() as u32;
        f64::from(words) >= MIN_QUESTION_WORDS * item.scale
            && item.informative[QUESTION] < self.least(item)
            && item.informative[PASSAGE] > 0
            && words + item.informative[PASSAGE] >= self.least(item)
    }

    /// Whether a question too short to hold an n-gram counts by standing whole beside its whole answer: both together
    /// are words enough.
    pub(super) fn is_answered_in_full(self, item: &Item) -> bool {
        let (question, answer) = (item.part(QUESTION).len() as u32, item.part(ANSWER).len() as u32);
        question > 0
            && item.informative[QUESTION] == 0
            && item.informative[ANSWER] == answer
            && answer > 0
            && question + answer >= self.least(item)
    }

    /// Whether any document could hold the item.
    pub(super) fn can_be_held(self, item: &Item) -> bool {
        let informative = &item.informative[QUESTION..=CHOICES];
        informative.iter().sum::<u32>() >= self.least(item)
            || (self.is_short(item) && !item.part(ANSWER).is_empty())
            || self.is_asked_of_passage(item)
            || self.is_answered_in_full(item)
    }

    /// `min_words` in words of the index.
    pub(super) fn least(self, item: &Item) -> u32 {
        (f64::from(self.min_words) * item.scale).ceil() as u32
    }

    /// The largest share of the question, the answer, the choices, or all three, of which enough
    /// was found; 0 where of none enough was. A word of the text (of `max_words`) stands for one word of
    /// the item, however often the item repeats itself.
    pub(super) fn score(self, item: &Item, words: [u32; PARTS], max_words: u32) -> f64 {
        let mut views = [(0, 0); 4];
        for part in QUESTION..=CHOICES {
            views[part] = (words[part], item.informative[part]);
            views[3] = (views[3].0 + words[part], views[3].1 + item.informative[part]);
        }
        let views = views.map(|(covered, all)| (covered.min(max_words), all));
        let least = self.least(item);
        let shares = views.into_iter().filter(|&(covered, _)| covered >= least);
        let best =
            shares.map(|(covered, all)| f64::from(covered) / f64::from(all.max(1))).fold(0.0, f64::max);
        if best >= self.threshold { best } else { 0.0 }
    }
}
