//! The printable characters that stand for bytes in the files of byte-level vocabularies
//! (`bytes_to_unicode` of GPT-2).

/// The character of a byte.
pub fn character(byte: u8) -> char {
    let code = match byte {
        b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff => u32::from(byte),
        0..=b' ' => 0x100 + u32::from(byte),
        0x7f..=0xa0 => 0x121 + u32::from(byte - 0x7f),
        0xad => 0x143,
    };
    char::from_u32(code).unwrap_or_default()
}

/// The bytes that a word of such characters stands for; `None` where another one is among them.
pub fn bytes(word: &str) -> Option<Vec<u8>> {
    word.chars()
        .map(|letter| match u32::from(letter) {
            code @ 0x100..=0x120 => Some((code - 0x100) as u8),
            code @ 0x121..=0x142 => Some((code - 0x121 + 0x7f) as u8),
            0x143 => Some(0xad),
            code => u8::try_from(code).ok().filter(|&byte| character(byte) == letter),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_a_character_of_its_own() {
        let all: Vec<u8> = (0..=255).collect();
        let word: String = all.iter().map(|&byte| character(byte)).collect();
        assert_eq!(bytes(&word), Some(all));
        assert_eq!(word.chars().collect::<std::collections::HashSet<_>>().len(), 256);
        assert_eq!((character(b' '), character(b'a'), character(b'\n')), ('Ġ', 'a', 'Ċ'));
        assert_eq!((bytes(" "), bytes("\u{ad}"), bytes("東")), (None, None, None));
    }
}
