//! The phrases by which C4's reference code knows boilerplate, whatever their case.

use std::sync::LazyLock;

use aho_corasick::packed::Searcher;
use memchr::memmem;

const LOREM_IPSUM: &str = "lorem ipsum";
const JAVASCRIPT: &str = "javascript";
const POLICIES: [&str; 6] =
    ["terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies"];

/// Each phrase holds one of these, chosen to be rare elsewhere; one pass looks for them all.
const PIECES: [&str; 5] = ["vascript", "ipsum", "f use", "olicy", "ookie"];

static PIECE: LazyLock<Option<Searcher>> = LazyLock::new(|| Searcher::new(PIECES));

/// Which phrases a text holds.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    pub lorem_ipsum: bool,
    pub javascript: bool,
    /// Cookies or terms of use.
    pub policy: bool,
}

impl Found {
    pub fn any(self) -> bool {
        self.lorem_ipsum || self.javascript || self.policy
    }
}

/// A lower-cased copy of the text looked at, whose memory is used again for the next one.
#[derive(Debug, Default)]
pub struct Folded {
    lower: Vec<u8>,
}

impl Folded {
    /// The phrases in `text`.
    pub fn find(&mut self, text: &str) -> Found {
        let lower = &mut self.lower;
        lower.clear();
        if !text.is_ascii() && memmem::find(text.as_bytes(), "\u{212a}".as_bytes()).is_some() {
            // The Kelvin sign is the one character beyond ASCII whose lower case is in a phrase.
            lower.extend_from_slice(text.replace('\u{212a}', "k").as_bytes());
        } else {
            lower.extend_from_slice(text.as_bytes());
        }
        lower.make_ascii_lowercase();
        if PIECE.as_ref().is_some_and(|piece| piece.find(&*lower).is_none()) {
            return Found::default();
        }
        let has = |phrase: &str| memmem::find(lower, phrase.as_bytes()).is_some();
        Found {
            lorem_ipsum: has(LOREM_IPSUM),
            javascript: has(JAVASCRIPT),
            policy: POLICIES.iter().any(|phrase| has(phrase)),
        }
    }

    /// The text that `find` looked at last, in lower case.
    pub fn lower(&self) -> &[u8] {
        &self.lower
    }
}

/// Whether a line in lower case names JavaScript.
pub fn names_javascript(line: &str) -> bool {
    line.contains(JAVASCRIPT)
}

/// Whether a line in lower case is about cookies or terms of use.
pub fn names_policy(line: &str) -> bool {
    POLICIES.iter().any(|phrase| line.contains(phrase))
}

/// How often "lorem ipsum" occurs in a text in lower case.
pub fn lorem_ipsum_count(lower: &[u8]) -> usize {
    memmem::find_iter(lower, LOREM_IPSUM).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_phrase_is_found_alone_and_in_a_long_text() {
        for phrase in POLICIES.iter().chain(&[LOREM_IPSUM, JAVASCRIPT]) {
            assert!(PIECES.iter().any(|piece| phrase.contains(piece)), "{phrase}");
            for text in [phrase.to_uppercase(), format!("{}{phrase} é", "A line. ".repeat(40))] {
                let hits = Folded::default().find(&text);
                assert_eq!(hits.lorem_ipsum, *phrase == LOREM_IPSUM, "{text}");
                assert_eq!(hits.javascript, *phrase == JAVASCRIPT, "{text}");
                assert_eq!(hits.policy, POLICIES.contains(phrase), "{text}");
            }
        }
        assert!(!Folded::default().find("The policy of cookies; of use, ipsum.").any());
        assert!(Folded::default().find("We use coo\u{212a}ies.").policy);
    }
}
