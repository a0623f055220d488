//! Reads a `tokenizer.json` of the tokenizers library, and refuses whatever is not followed to the letter.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::alphabet;
use super::merge::{MAX_ID, Merges};
use super::split::Pattern;
use crate::KernelError;

const ROOT: [&str; 9] = [
    "version",
    "truncation",
    "padding",
    "added_tokens",
    "normalizer",
    "pre_tokenizer",
    "post_processor",
    "decoder",
    "model",
];
const MODEL: [&str; 10] = [
    "type",
    "dropout",
    "unk_token",
    "continuing_subword_prefix",
    "end_of_word_suffix",
    "fuse_unk",
    "byte_fallback",
    "ignore_merges",
    "vocab",
    "merges",
];

/// What a file says, checked.
pub struct Parts {
    pub pattern: Pattern,
    pub merges: Merges,
    /// Words that are a token whatever the merges make of them; only with `ignore_merges`.
    pub whole: Option<HashMap<Box<[u8]>, u32>>,
    pub largest_id: u32,
}

/// # Errors
/// `BadModel` says what the file has that this encoder does not follow.
pub fn load(json: &[u8]) -> Result<Parts, KernelError> {
    let root: Value =
        serde_json::from_slice(json).map_err(|error| refused(&format!("no JSON object: {error}")))?;
    let root = root.as_object().ok_or_else(|| refused("no JSON object"))?;
    only_known(root, &ROOT, "")?;
    for name in ["truncation", "padding", "normalizer"] {
        if !is_null(root.get(name)) {
            return Err(refused(&format!("it has a {name}")));
        }
    }
    added_tokens(root.get("added_tokens"))?;
    if !root.get("post_processor").is_none_or(adds_nothing) {
        return Err(refused("its post_processor may add or repeat tokens"));
    }
    let pattern = root.get("pre_tokenizer").and_then(pattern).ok_or_else(|| {
        refused(
            "its pre_tokenizer is not ByteLevel, without a prefix space, on the pattern of GPT-2 or cl100k",
        )
    })?;
    let model = root.get("model").and_then(Value::as_object).ok_or_else(|| refused("it has no model"))?;
    let (merges, whole, largest_id) = bpe(model)?;
    Ok(Parts { pattern, merges, whole, largest_id })
}

/// # Errors
/// `BadModel` where a pair comes twice or an id is too large.
pub fn of_merges(pattern: Pattern, pairs: &[(u32, u32, u32)]) -> Result<Parts, KernelError> {
    let merges = Merges::new(std::array::from_fn(|byte| byte as u32), pairs)
        .ok_or_else(|| refused("a merge comes twice, or there are too many"))?;
    let largest_id = pairs.iter().map(|&(_, _, merged)| merged).max().unwrap_or(0).max(255);
    Ok(Parts { pattern, merges, whole: None, largest_id })
}

type Bpe = (Merges, Option<HashMap<Box<[u8]>, u32>>, u32);

fn bpe(model: &Map<String, Value>) -> Result<Bpe, KernelError> {
    only_known(model, &MODEL, "model.")?;
    if model.get("type").and_then(Value::as_str) != Some("BPE") {
        return Err(refused("its model is not a BPE"));
    }
    if !is_null(model.get("dropout")) {
        return Err(refused("its model drops merges at random"));
    }
    for name in ["continuing_subword_prefix", "end_of_word_suffix"] {
        if !model.get(name).is_none_or(|value| value.is_null() || value == "") {
            return Err(refused(&format!("its model has a {name}")));
        }
    }
    let ids = vocabulary(model)?;
    // With a token for every byte nothing is unknown: unk_token, fuse_unk and byte_fallback never act.
    let mut bytes = [0; 256];
    for (byte, id) in (0..=255).zip(&mut bytes) {
        let letter = alphabet::character(byte);
        *id = *ids
            .get(letter.to_string().as_str())
            .ok_or_else(|| refused(&format!("no token is byte {byte} ('{letter}')")))?;
    }
    let pairs = model
        .get("merges")
        .and_then(Value::as_array)
        .ok_or_else(|| refused("its model has no merges"))?
        .iter()
        .enumerate()
        .map(|(rank, pair)| {
            merge(pair, &ids)
                .ok_or_else(|| refused(&format!("merge {rank}, {pair}, is not one of two tokens to a third")))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let merges =
        Merges::new(bytes, &pairs).ok_or_else(|| refused("a merge comes twice, or there are too many"))?;
    let whole = match model.get("ignore_merges") {
        None | Some(Value::Bool(false)) => None,
        Some(Value::Bool(true)) => Some(
            ids.iter()
                .filter_map(|(word, &id)| Some((alphabet::bytes(word)?.into_boxed_slice(), id)))
                .collect(),
        ),
        _ => return Err(refused("model.ignore_merges is neither true nor false")),
    };
    Ok((merges, whole, ids.values().copied().max().unwrap_or_default()))
}

fn vocabulary(model: &Map<String, Value>) -> Result<HashMap<&str, u32>, KernelError> {
    let vocabulary =
        model.get("vocab").and_then(Value::as_object).ok_or_else(|| refused("its model has no vocab"))?;
    let mut seen = HashSet::with_capacity(vocabulary.len());
    let mut ids = HashMap::with_capacity(vocabulary.len());
    for (word, id) in vocabulary {
        let id =
            id.as_u64().and_then(|id| u32::try_from(id).ok()).filter(|&id| id <= MAX_ID && seen.insert(id));
        let id =
            id.ok_or_else(|| refused(&format!("the id of '{word}' is another token's, or above {MAX_ID}")))?;
        ids.insert(word.as_str(), id);
    }
    Ok(ids)
}

/// Left id, right id and the id of both together, of `"a b"` or `["a", "b"]`.
fn merge(pair: &Value, ids: &HashMap<&str, u32>) -> Option<(u32, u32, u32)> {
    let (left, right) = match pair {
        Value::String(pair) => pair.split_once(' ')?,
        Value::Array(pair) => match pair.as_slice() {
            [Value::String(left), Value::String(right)] => (left.as_str(), right.as_str()),
            _ => return None,
        },
        _ => return None,
    };
    let id = |word: &str| ids.get(word).copied();
    Some((id(left)?, id(right)?, id(&format!("{left}{right}"))?))
}

fn pattern(pre_tokenizer: &Value) -> Option<Pattern> {
    if is_byte_level(pre_tokenizer, true) {
        return Some(Pattern::Gpt2);
    }
    if kind(pre_tokenizer)? != "Sequence" {
        return None;
    }
    match pre_tokenizer.get("pretokenizers")?.as_array()?.as_slice() {
        [split, byte_level] if kind(split)? == "Split" && is_byte_level(byte_level, false) => {
            let isolated = split.get("behavior")? == "Isolated" && split.get("invert")? == false;
            Pattern::of_regex(split.get("pattern")?.get("Regex")?.as_str()?).filter(|_| isolated)
        }
        _ => None,
    }
}

fn is_byte_level(pre_tokenizer: &Value, with_pattern: bool) -> bool {
    let flag = |name| pre_tokenizer.get(name).and_then(Value::as_bool);
    kind(pre_tokenizer) == Some("ByteLevel")
        && flag("add_prefix_space") == Some(false)
        && flag("use_regex").unwrap_or(true) == with_pattern
}

/// A special token's words in a text are plain letters; other added tokens would be looked for.
fn added_tokens(added: Option<&Value>) -> Result<(), KernelError> {
    let none = Vec::new();
    let added = match added {
        None | Some(Value::Null) => &none,
        Some(added) => added.as_array().ok_or_else(|| refused("its added_tokens are no list"))?,
    };
    match added.iter().find(|token| token.get("special") != Some(&Value::Bool(true))) {
        Some(token) => Err(refused(&format!("it looks for an added token in texts: {token}"))),
        None => Ok(()),
    }
}

/// Whether nothing is done to the tokens of one text when no special tokens are asked for.
fn adds_nothing(post_processor: &Value) -> bool {
    let list = |name: &str| post_processor.get(name).and_then(Value::as_array);
    match kind(post_processor) {
        None => post_processor.is_null(),
        Some("ByteLevel") => true,
        Some("Sequence") => list("processors").is_some_and(|all| all.iter().all(adds_nothing)),
        Some("TemplateProcessing") => list("single").is_some_and(|pieces| {
            let texts: Vec<_> = pieces.iter().filter(|piece| piece.get("SpecialToken").is_none()).collect();
            matches!(texts.as_slice(), [text] if text.pointer("/Sequence/id").is_some_and(|id| id == "A"))
        }),
        Some(_) => false,
    }
}

fn only_known(object: &Map<String, Value>, known: &[&str], place: &str) -> Result<(), KernelError> {
    match object.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(refused(&format!("it has {place}{name}, which is not known here"))),
        None => Ok(()),
    }
}

fn kind(value: &Value) -> Option<&str> {
    value.get("type").and_then(Value::as_str)
}

fn is_null(value: Option<&Value>) -> bool {
    value.is_none_or(Value::is_null)
}

fn refused(why: &str) -> KernelError {
    KernelError::BadModel(format!("a tokenizer.json that the byte-level encoder does not follow: {why}"))
}
