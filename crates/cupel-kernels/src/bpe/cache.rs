//! Words met lately and their tokens, in bounded memory.

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

/// Longest word, in bytes, that has a key.
pub const SHORT: usize = 15;
/// Most tokens of a word in a slot.
pub const FEW: usize = 7;
/// Longest word that is kept; longer ones seldom come again.
pub const LONGEST: usize = 128;

/// Of short words: 2 MiB with tokens of two bytes, 3 MiB with four.
const SLOTS: usize = 1 << 16;
/// The table forgets all words when they take more bytes than this together.
const MAX_BYTES: usize = 4 << 20;

/// What a token is stored as.
pub trait Token: Copy + Default + Send + Sync + 'static {
    fn of(id: u32) -> Self;
    fn count(self) -> usize;
}

impl Token for u16 {
    fn of(id: u32) -> Self {
        id as Self
    }
    fn count(self) -> usize {
        self.into()
    }
}

impl Token for u32 {
    fn of(id: u32) -> Self {
        id
    }
    fn count(self) -> usize {
        self as usize
    }
}

/// A short word padded with zeros, its length in the last byte. No word has the key of zeros.
pub type Key = [u64; 2];

/// Which bits of a key are the word's, by its length.
const MASKS: [Key; SHORT + 1] = {
    let mut masks = [[0; 2]; SHORT + 1];
    let mut length = 1;
    while length <= SHORT {
        let bits = (1u128 << (8 * length)) - 1;
        masks[length] = [bits as u64, (bits >> 64) as u64];
        length += 1;
    }
    masks
};

/// The key of `text[start..end]`, where that is a short word.
#[inline(always)]
pub fn key(text: &[u8], start: usize, end: usize) -> Option<Key> {
    let length = end - start;
    let mask = MASKS.get(length)?;
    let window = match text.get(start..).and_then(|rest| rest.first_chunk::<16>()) {
        Some(window) => *window,
        None => {
            let mut window = [0; 16];
            window.get_mut(..length)?.copy_from_slice(text.get(start..end)?);
            window
        }
    };
    let window = u128::from_le_bytes(window);
    let length = (length as u64) << 56;
    Some([window as u64 & mask[0], (window >> 64) as u64 & mask[1] | length])
}

/// A short word and its few tokens.
#[derive(Clone, Copy, Default)]
pub struct Slot<T> {
    key: Key,
    pub tokens: [T; FEW],
    pub count: T,
}

/// A slot for short words of few tokens, which holds the last one that fell there; behind the slots
/// a table of all words.
pub struct WordCache<T> {
    slots: Box<[Slot<T>]>,
    table: HashTable<Place>,
    bytes: Vec<u8>,
    tokens: Vec<T>,
}

/// Where a word and its tokens lie.
struct Place {
    hash: u32,
    length: u16,
    count: u16,
    word: u32,
    tokens: u32,
}

impl<T: Token> WordCache<T> {
    pub fn new() -> Self {
        Self {
            slots: vec![Slot::default(); SLOTS].into(),
            table: HashTable::new(),
            bytes: Vec::new(),
            tokens: Vec::new(),
        }
    }

    /// The tokens of a short word, if its slot holds it.
    #[inline(always)]
    pub fn short(&self, key: &Key) -> Option<&Slot<T>> {
        let slot = &self.slots[place(key)];
        (slot.key == *key).then_some(slot)
    }

    /// Puts a short word of few tokens into its slot, in the place of the one there.
    #[inline]
    pub fn put_short(&mut self, key: &Key, tokens: &[T]) {
        let slot = &mut self.slots[place(key)];
        if let Some(into) = slot.tokens.get_mut(..tokens.len()) {
            into.copy_from_slice(tokens);
            slot.key = *key;
            slot.count = T::of(tokens.len() as u32);
        }
    }

    /// The tokens of a word, if the table holds it.
    pub fn get(&self, word: &[u8]) -> Option<&[T]> {
        if word.len() > LONGEST {
            return None;
        }
        let hash = xxh3_64(word);
        let is_it = |place: &Place| place.hash == hash as u32 && self.word(place) == word;
        let place = self.table.find(hash, is_it)?;
        self.tokens.get(place.tokens as usize..place.tokens as usize + usize::from(place.count))
    }

    /// Keeps the tokens of a word that the table does not hold.
    pub fn keep(&mut self, word: &[u8], tokens: &[T]) {
        if word.len() > LONGEST {
            return;
        }
        if self.bytes.len() + word.len() > MAX_BYTES {
            self.table.clear();
            self.bytes.clear();
            self.tokens.clear();
        }
        let hash = xxh3_64(word);
        let place = Place {
            hash: hash as u32,
            length: word.len() as u16,
            count: tokens.len() as u16,
            word: self.bytes.len() as u32,
            tokens: self.tokens.len() as u32,
        };
        self.bytes.extend_from_slice(word);
        self.tokens.extend_from_slice(tokens);
        let bytes = &self.bytes;
        self.table.insert_unique(hash, place, |place| xxh3_64(word_of(bytes, place)));
    }

    fn word(&self, place: &Place) -> &[u8] {
        word_of(&self.bytes, place)
    }
}

fn word_of<'a>(bytes: &'a [u8], place: &Place) -> &'a [u8] {
    &bytes[place.word as usize..place.word as usize + usize::from(place.length)]
}

#[inline(always)]
fn place(key: &Key) -> usize {
    let mixed = u128::from(key[0] ^ 0x9E37_79B9_7F4A_7C15) * u128::from(key[1] ^ 0xC2B2_AE3D_27D4_EB4F);
    (mixed as u64 ^ (mixed >> 64) as u64) as usize & (SLOTS - 1)
}
