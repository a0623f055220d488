//! Words that keep their full stop.

/// Words that keep their full stop, sorted (spaCy's English and general exceptions).
#[rustfmt::skip]
const ABBREVIATIONS: &[&str] = &[
    "Adm.", "Ak.", "Ala.", "Apr.", "Ariz.", "Ark.", "Aug.", "Bros.", "Calif.", "Co.", "Colo.", "Conn.", "Corp.",
    "D.C.", "Dec.", "Del.", "Dr.", "E.G.", "E.g.", "Feb.", "Fla.", "Ga.", "Gen.", "Gov.", "I.E.", "I.e.", "Ia.",
    "Id.", "Ill.", "Inc.", "Ind.", "Jan.", "Jr.", "Jul.", "Jun.", "Kan.", "Kans.", "Ky.", "La.", "Ltd.", "Mar.",
    "Mass.", "Md.", "Messrs.", "Mich.", "Minn.", "Miss.", "Mo.", "Mont.", "Mr.", "Mrs.", "Ms.", "Mt.", "N.C.",
    "N.D.", "N.H.", "N.J.", "N.M.", "N.Y.", "Neb.", "Nebr.", "Nev.", "Nov.", "Oct.", "Okla.", "Ore.", "Pa.",
    "Ph.D.", "Prof.", "Rep.", "Rev.", "S.C.", "Sen.", "Sep.", "Sept.", "St.", "Tenn.", "Va.", "Wash.", "Wis.",
    "a.m.", "co.", "e.g.", "i.e.", "p.m.", "v.s.", "vs.",
];

/// Whether a word keeps its full stop.
pub fn is_abbreviation(word: &str) -> bool {
    let bytes = word.as_bytes();
    match bytes {
        [letter, b'.'] => letter.is_ascii_lowercase(),
        [_, _, b'.'] if matches!(word, "ä." | "ö." | "ü.") => true,
        [hour, rest @ ..] if hour.is_ascii_digit() => {
            // 1a.m. to 12p.m.
            let rest = if *hour == b'1' && rest.first().is_some_and(|b| b"012".contains(b)) {
                &rest[1..]
            } else {
                rest
            };
            *hour != b'0' && (rest == b"a.m." || rest == b"p.m.")
        }
        // None that begins with a small letter is longer than four bytes.
        [first, _, _, _, _, ..] if first.is_ascii_lowercase() => false,
        _ => {
            (3..=7).contains(&bytes.len())
                && bytes.last() == Some(&b'.')
                && ABBREVIATIONS.binary_search(&word).is_ok()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn abbreviations_are_sorted() {
        assert!(ABBREVIATIONS.is_sorted());
    }
}
