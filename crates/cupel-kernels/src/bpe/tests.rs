use std::collections::HashMap;

use proptest::prelude::*;
use regex::Regex;
use serde_json::{Value, json};

use super::*;
use split::Pattern;

const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
const CL100K: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// Letters, digits, symbols and white space of one to four bytes, apostrophes and contractions, marks.
const ODD: &str = "['a-eslvretmdSLVREſ ßżя東ก0-9٣½Ⅷ𝟗 \t\r\n\u{1c}\u{85}\u{a0}\u{2028}\u{3000}!_#-+\u{301}\u{200d}🙂𐍈]{0,40}";

/// Words by the regular expression itself, less its look-ahead, which is done by hand.
fn words_by_regex(pattern: Pattern, text: &str) -> Vec<&str> {
    let regex = match pattern {
        Pattern::Gpt2 => GPT2,
        Pattern::Cl100k => CL100K,
    };
    let before_spaces =
        Regex::new(&format!("^(?:{})", regex.strip_suffix(r"|\s+(?!\S)|\s+").unwrap())).unwrap();
    let mut words = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = before_spaces.find(rest).map(|word| word.end()).unwrap_or_else(|| {
            let run: Vec<(usize, char)> =
                rest.char_indices().take_while(|(_, c)| c.is_whitespace()).collect();
            let (last, character) = *run.last().unwrap();
            let end = last + character.len_utf8();
            if end == rest.len() || run.len() == 1 { end } else { last }
        });
        words.push(&rest[..end]);
        rest = &rest[end..];
    }
    words
}

fn words(pattern: Pattern, text: &[u8]) -> Vec<&[u8]> {
    let splitter = Splitter::new(pattern);
    let mut words = Vec::new();
    let mut start = 0;
    while start < text.len() {
        let end = splitter.word_end(text, start);
        words.push(&text[start..end]);
        start = end;
    }
    words
}

fn same_words(text: &str) {
    for pattern in [Pattern::Gpt2, Pattern::Cl100k] {
        let expected: Vec<&[u8]> = words_by_regex(pattern, text).into_iter().map(str::as_bytes).collect();
        assert_eq!(words(pattern, text.as_bytes()), expected, "{pattern:?} {text:?}");
    }
}

/// The bytes of two tokens that are merged.
type Pair = (Vec<u8>, Vec<u8>);

/// A tokenizer.json whose merges join tokens named by their numbers, and the same merges as a table.
fn tokenizer(pairs: &[(usize, usize)]) -> (Value, Vec<Pair>) {
    let mut tokens: Vec<Vec<u8>> = (0..=255).map(|byte| vec![byte]).collect();
    let mut merges = Vec::new();
    for &(left, right) in pairs {
        let (left, right) = (tokens[left % tokens.len()].clone(), tokens[right % tokens.len()].clone());
        let both = [left.as_slice(), right.as_slice()].concat();
        if both.len() < 40 && !tokens.contains(&both) {
            tokens.push(both);
            merges.push((left, right));
        }
    }
    let name = |token: &[u8]| token.iter().map(|&byte| alphabet::character(byte)).collect::<String>();
    let vocabulary: HashMap<String, usize> =
        tokens.iter().enumerate().map(|(id, token)| (name(token), id)).collect();
    let list: Vec<_> = merges.iter().map(|(left, right)| [name(left), name(right)]).collect();
    let json = json!({
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false},
        "model": {"type": "BPE", "vocab": vocabulary, "merges": list},
    });
    (json, merges)
}

/// The lengths of a word's tokens, by looking through all merges again and again.
fn merged_plainly(word: &[u8], merges: &[Pair]) -> Vec<Vec<u8>> {
    let mut parts: Vec<Vec<u8>> = word.iter().map(|&byte| vec![byte]).collect();
    loop {
        let best = parts.windows(2).enumerate().filter_map(|(at, pair)| {
            let rank = merges.iter().position(|(left, right)| *left == pair[0] && *right == pair[1])?;
            Some((rank, at))
        });
        let Some((_, at)) = best.min() else { return parts };
        let right = parts.remove(at + 1);
        parts[at].extend(right);
    }
}

fn load(json: &Value) -> Result<ByteLevelBpe, KernelError> {
    ByteLevelBpe::load(json.to_string().as_bytes())
}

fn parts(encoder: &ByteLevelBpe, json: &Value, text: &[u8]) -> Vec<Vec<u8>> {
    let names: HashMap<u64, Vec<u8>> = json["model"]["vocab"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(word, id)| (id.as_u64().unwrap(), alphabet::bytes(word).unwrap()))
        .collect();
    encoder.encode_one(text).into_iter().map(|id| names[&id.into()].clone()).collect()
}

fn merge_numbers() -> impl Strategy<Value = Vec<(usize, usize)>> {
    let letter = prop_oneof![Just(97usize), Just(98), Just(99), Just(32), Just(0xd1)];
    let letters = proptest::collection::vec((letter.clone(), letter), 0..12);
    let any = proptest::collection::vec((256usize..400, prop_oneof![256usize..400, 97usize..100]), 0..40);
    (letters, any).prop_map(|(letters, any)| letters.into_iter().chain(any).collect())
}

proptest! {
    #[test]
    fn words_are_those_of_the_regular_expression(text in ODD, any in any::<String>()) {
        same_words(&text);
        same_words(&any);
    }

    #[test]
    fn tokens_are_those_of_plain_merging(
        pairs in merge_numbers(),
        word in proptest::collection::vec("[abc]{0,30}", 1..4),
        long in "[ab]{90,300}",
    ) {
        let (json, merges) = tokenizer(&pairs);
        let encoder = load(&json).unwrap();
        let text = [word.join(" "), long].join(" ");
        let expected: Vec<Vec<u8>> = words(Pattern::Gpt2, text.as_bytes())
            .into_iter()
            .flat_map(|word| merged_plainly(word, &merges))
            .collect();
        for _ in 0..2 {
            prop_assert_eq!(&parts(&encoder, &json, text.as_bytes()), &expected);
        }
    }

    #[test]
    fn any_bytes_are_cut_into_words_and_come_back(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        for pattern in [Pattern::Gpt2, Pattern::Cl100k] {
            let words = words(pattern, &bytes);
            prop_assert!(words.iter().all(|word| !word.is_empty()));
            prop_assert_eq!(words.concat(), bytes.clone());
        }
        let (json, _) = tokenizer(&[(97, 98), (256, 99)]);
        prop_assert_eq!(parts(&load(&json).unwrap(), &json, &bytes).concat(), bytes);
    }
}

#[test]
fn every_code_point_is_of_the_class_that_the_regular_expression_gives_it() {
    for code in ('\0'..=char::MAX).collect::<Vec<_>>().chunks(4096) {
        same_words(
            &code
                .iter()
                .flat_map(|&c| ['\'', c, 'a', ' ', c, c, ' ', ' ', c, 'a', c, '1'])
                .collect::<String>(),
        );
    }
}

#[test]
fn texts_are_encoded_in_order_on_any_number_of_threads() {
    let (json, _) = tokenizer(&[(97, 98), (256, 99), (32, 257)]);
    let encoder = load(&json).unwrap();
    let texts: Vec<String> = (0..3000).map(|n| " abc ab".repeat(n % 300)).collect();
    let expected: Vec<u16> = texts
        .iter()
        .flat_map(|text| encoder.encode_one(text.as_bytes()).into_iter().map(|id| id as u16).chain([300]))
        .collect();
    let column = LargeStringArray::from(texts);
    for threads in [1, 2, 5] {
        let (tokens, offsets) = encoder.encode(&column, 300, NonZeroUsize::new(threads).unwrap()).unwrap();
        let tokens = tokens.as_any().downcast_ref::<UInt16Array>().unwrap();
        assert_eq!(tokens.values().as_ref(), expected.as_slice());
        assert_eq!((offsets.len(), offsets.value(0), offsets.value(3000)), (3001, 0, expected.len() as i64));
        for end in offsets.iter().skip(1).flatten() {
            assert_eq!(expected[end as usize - 1], 300);
        }
    }
    let sliced = column.slice(7, 20);
    let (tokens, offsets) = encoder.encode(&sliced, 1 << 20, NonZeroUsize::MIN).unwrap();
    let tokens = tokens.as_any().downcast_ref::<UInt32Array>().unwrap();
    let ours: Vec<u32> = tokens.values()[..offsets.value(1) as usize - 1].to_vec();
    assert_eq!(ours, encoder.encode_one(column.value(7).as_bytes()));
    assert!(encoder.encode(&LargeStringArray::from(vec![Some("a"), None]), 1, NonZeroUsize::MIN).is_err());
    let (none, offsets) =
        encoder.encode(&LargeStringArray::from(Vec::<&str>::new()), 1, NonZeroUsize::MIN).unwrap();
    assert_eq!((none.len(), offsets.values().as_ref()), (0, [0].as_slice()));
}

#[test]
fn forgetting_words_changes_nothing() {
    let (json, _) = tokenizer(&[(97, 98), (256, 256)]);
    let encoder = load(&json).unwrap();
    let word = |n: u32| -> String { (0..20).map(|bit| if n >> bit & 1 == 1 { "ab" } else { "a" }).collect() };
    // More than the table holds.
    let text = (0..1 << 18).map(word).collect::<Vec<_>>().join(" ");
    encoder.encode_one(text.as_bytes());
    for n in (0..1 << 18).step_by(97).chain((1 << 18) - 50..1 << 18) {
        let mut scratch = Scratch::default();
        encoder.parts.merges.merge(word(n).as_bytes(), &mut scratch);
        assert_eq!(encoder.encode_one(word(n).as_bytes()), scratch.ids);
    }
}

#[test]
fn a_long_word_of_one_letter_is_merged() {
    let (json, _) = tokenizer(&[(97, 97), (256, 256), (257, 257)]);
    let encoder = load(&json).unwrap();
    let tokens = encoder.encode_one("a".repeat(1 << 20 | 7).as_bytes());
    assert_eq!(tokens.len(), (1 << 17) + 3);
    assert_eq!(tokens[tokens.len() - 4..], [258, 257, 256, 97]);
}

#[test]
fn a_whole_word_is_a_token_where_merges_are_ignored() {
    let (mut json, _) = tokenizer(&[(97, 98)]);
    json["model"]["vocab"]["Ġxyz"] = json!(300);
    assert_eq!(load(&json).unwrap().encode_one(b"ab xyz"), [256, 32, 120, 121, 122]);
    json["model"]["ignore_merges"] = json!(true);
    assert_eq!(load(&json).unwrap().encode_one(b"ab xyz"), [256, 300]);
}

#[test]
fn a_file_that_asks_for_more_is_refused_with_the_reason() {
    let (good, _) = tokenizer(&[(97, 98)]);
    load(&good).unwrap();
    let refused = |pointer: &str, value: Value, reason: &str| {
        let mut json = good.clone();
        let (place, name) = pointer.rsplit_once('/').unwrap();
        json.pointer_mut(place).unwrap()[name] = value;
        let message = load(&json).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(message.contains(reason), "{pointer}: {message:?}");
    };
    refused("/normalizer", json!({"type": "NFC"}), "a normalizer");
    refused("/truncation", json!({"max_length": 7}), "a truncation");
    refused("/padding", json!({}), "a padding");
    refused("/surprise", json!(null), "surprise");
    refused("/added_tokens", json!([{"content": "ab", "special": false}]), "added token");
    refused("/added_tokens", json!({}), "added_tokens");
    refused("/pre_tokenizer", json!({"type": "Whitespace"}), "pre_tokenizer");
    refused("/pre_tokenizer/add_prefix_space", json!(true), "pre_tokenizer");
    refused("/pre_tokenizer/use_regex", json!(false), "pre_tokenizer");
    refused("/post_processor", json!({"type": "BertProcessing"}), "post_processor");
    let twice = json!({"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A"}}, {"Sequence": {"id": "A"}}]});
    refused("/post_processor", twice, "post_processor");
    refused("/model/type", json!("Unigram"), "BPE");
    refused("/model/dropout", json!(0.1), "random");
    refused("/model/end_of_word_suffix", json!("</w>"), "end_of_word_suffix");
    refused("/model/surprise", json!(1), "model.surprise");
    refused("/model/ignore_merges", json!(1), "ignore_merges");
    refused("/model/vocab/extra", json!(256), "another token's");
    refused("/model/vocab/extra", json!(1u64 << 21), "above");
    refused("/model/vocab/extra", json!(-1), "above");
    refused("/model/vocab", json!({"a": 1}), "no token is byte 0");
    refused("/model/merges", json!([["a", "c"]]), "merge 0");
    refused("/model/merges", json!(["a b", "a b"]), "twice");
    refused("/model/merges", json!(["a"]), "merge 0");
    assert!(ByteLevelBpe::load(b"[").is_err() && ByteLevelBpe::load(b"[]").is_err());
}

#[test]
fn harmless_parts_of_a_file_are_taken() {
    let (mut json, _) = tokenizer(&[(97, 98)]);
    json["added_tokens"] = json!([{"id": 300, "content": "<|end|>", "special": true}]);
    json["model"]["unk_token"] = json!("<|end|>");
    json["model"]["continuing_subword_prefix"] = json!("");
    let template = json!({"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "b"}}, {"Sequence": {"id": "A"}}]});
    json["post_processor"] = json!({"type": "Sequence", "processors": [{"type": "ByteLevel"}, template]});
    json["model"]["merges"] = json!(["a b"]);
    let split =
        json!({"type": "Split", "pattern": {"Regex": CL100K}, "behavior": "Isolated", "invert": false});
    let bytes = json!({"type": "ByteLevel", "add_prefix_space": false, "use_regex": false});
    json["pre_tokenizer"] = json!({"type": "Sequence", "pretokenizers": [split, bytes]});
    assert_eq!(load(&json).unwrap().encode_one(b"ab"), [256]);
    json["pre_tokenizer"]["pretokenizers"][0]["behavior"] = json!("Removed");
    assert!(load(&json).is_err());
}
