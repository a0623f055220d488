use arrow_array::cast::AsArray;
use arrow_array::types::Float32Type;
use proptest::prelude::*;

use super::words::short_key;
use super::*;

fn word(model: &mut Vec<u8>, text: &str, count: i64, kind: u8) {
    model.extend_from_slice(text.as_bytes());
    model.push(0);
    model.extend_from_slice(&count.to_le_bytes());
    model.push(kind);
}

fn ints(model: &mut Vec<u8>, values: &[i32]) {
    for value in values {
        model.extend_from_slice(&value.to_le_bytes());
    }
}

fn dense(model: &mut Vec<u8>, rows: i64, values: &[f32]) {
    model.extend_from_slice(&rows.to_le_bytes());
    model.extend_from_slice(&(values.len() as i64 / rows.max(1)).to_le_bytes());
    for value in values {
        model.extend_from_slice(&value.to_le_bytes());
    }
}

/// A model with two words, three labels and a vector of two numbers.
pub fn small_model(loss: i32) -> Vec<u8> {
    let mut model = Vec::new();
    ints(&mut model, &[793_712_314, 12]);
    ints(&mut model, &[2, 5, 5, 1, 5, 1, loss, 3, 0, 0, 0, 100]);
    model.extend_from_slice(&1e-4_f64.to_le_bytes());
    ints(&mut model, &[6, 3, 3]);
    model.extend_from_slice(&9_i64.to_le_bytes());
    model.extend_from_slice(&(-1_i64).to_le_bytes());
    word(&mut model, "</s>", 9, 0);
    word(&mut model, "east", 5, 0);
    word(&mut model, "west", 5, 0);
    word(&mut model, "__label__e", 5, 1);
    word(&mut model, "__label__w", 3, 1);
    word(&mut model, "__label__x", 1, 1);
    model.push(0);
    dense(&mut model, 3, &[0.0, 0.0, 9.0, 1.0, -9.0, 1.0]);
    model.push(0);
    dense(&mut model, 3, &[1.0, 0.0, -1.0, 0.0, 0.0, 0.0]);
    model
}

fn probabilities_of(model: &FastText, text: &str) -> Option<Vec<f32>> {
    let lists = model.classify(&LargeStringArray::from(vec![text]), NonZeroUsize::MIN).unwrap();
    lists.is_valid(0).then(|| lists.value(0).as_primitive::<Float32Type>().values().to_vec())
}

#[test]
fn every_label_has_its_probability() {
    let model = FastText::load(&small_model(3)).unwrap();
    assert_eq!(model.labels(), ["e", "w", "x"]);
    // The means of ("east", "</s>"), and of "</s>" alone.
    let (high, low) = (4.5_f64.exp(), (-4.5_f64).exp());
    let expected = [high, low, 1.0].map(|part| (part / (high + low + 1.0) + 1e-5) as f32);
    for (probability, expected) in probabilities_of(&model, "east").unwrap().iter().zip(expected) {
        assert!((probability - expected).abs() < 1e-6);
    }
    for text in ["", "\u{2028}", "unseen", "__label__e"] {
        assert!(
            probabilities_of(&model, text).unwrap().iter().all(|p| (p - (1.0 / 3.0 + 1e-5)).abs() < 1e-6),
            "{text}"
        );
    }
    assert_eq!(probabilities_of(&model, "east\nwest"), probabilities_of(&model, "east west"));
    assert_eq!(probabilities_of(&model, "east </s> west"), probabilities_of(&model, "east"));
}

#[test]
fn probabilities_of_each_loss() {
    for loss in 1..=4 {
        let model = FastText::load(&small_model(loss)).unwrap();
        for text in ["east", "west", "east west west", ""] {
            let probabilities = probabilities_of(&model, text).unwrap();
            let best = model.with_work(|work| model.best(text, work)).unwrap();
            let max = probabilities.iter().copied().fold(0.0, f32::max);
            assert_eq!(f64::from(max), best.probability, "{loss}: {text}");
            assert_eq!(probabilities[best.label], max, "{loss}: {text}");
            if matches!(loss, 1 | 3) {
                assert!((probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-4, "{loss}: {probabilities:?}");
            }
        }
    }
}

#[test]
fn rows_do_not_depend_on_threads_or_neighbours() {
    let model = FastText::load(&small_model(1)).unwrap();
    let texts: Vec<Option<String>> =
        (0..200).map(|row| (row % 7 != 0).then(|| "east west east ".repeat(row % 5) + "west")).collect();
    let column = LargeStringArray::from(texts.clone());
    let all = model.classify(&column, NonZeroUsize::new(4).unwrap()).unwrap();
    for (row, text) in texts.iter().enumerate() {
        let own = all.is_valid(row).then(|| all.value(row).as_primitive::<Float32Type>().values().to_vec());
        assert_eq!(own, text.as_ref().and_then(|text| probabilities_of(&model, text)), "{row}");
    }
    assert!(all.values().as_primitive::<Float32Type>().value(0).is_nan());
}

#[test]
fn every_cut_model_is_refused() {
    let whole = small_model(1);
    for length in 0..whole.len() {
        assert!(matches!(FastText::load(&whole[..length]), Err(KernelError::BadModel(_))), "{length}");
    }
}

#[test]
fn unknown_files_are_refused_in_words() {
    let refused = |bytes: &[u8]| match FastText::load(bytes) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("loaded"),
    };
    let patched = |at: usize, value: i32| {
        let mut bytes = small_model(3);
        bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        bytes
    };
    assert!(refused(b"PK\x03\x04 zipped").contains("does not begin as one"));
    assert!(refused(&patched(4, 13)).contains("version is 13"));
    assert!(refused(&patched(32, 9)).contains("loss is 9"));
    assert!(refused(&patched(36, 1)).contains("not trained to predict labels"));
    assert!(refused(&patched(8, i32::MAX)).contains("input matrix is 3 × 2"));
}

#[test]
fn a_wide_model_takes_no_giant_cache() {
    let work = Work::new(1 << 22);
    assert!(work.block.len() * 4 <= 16 << 20);
    work.cache.approach(&[7; 4]);
}

#[test]
fn a_lopsided_tree_needs_no_deep_stack() {
    let counts: Vec<i64> = (0..45).map(|power| 1_i64 << (44 - power)).collect();
    assert!(tree::Tree::new(&counts).is_ok());
    assert!(tree::Tree::new(&[i64::MAX, i64::MAX]).is_err());
    assert!(tree::Tree::new(&[1, -1]).is_err());
}

proptest! {
    #[test]
    fn any_bytes_load_or_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(FastText::load(&bytes).is_err());
    }

    #[test]
    fn a_damaged_model_never_panics(loss in 1..5_i32, at in 0..300_usize, with in any::<[u8; 4]>(), text in ".{0,40}") {
        let mut bytes = small_model(loss);
        let at = at % (bytes.len() - 4);
        bytes[at..at + 4].copy_from_slice(&with);
        if let Ok(model) = FastText::load(&bytes) {
            probabilities_of(&model, &text);
            probabilities_of(&model, "east west");
        }
    }

    #[test]
    fn keys_of_words_do_not_depend_on_what_follows(word in "[a-zé]{1,20}", rest in "[ a-z]{0,60}") {
        let longer = format!("{word} {rest}");
        let first = Words::new(longer.as_bytes()).next();
        prop_assert_eq!(first, Some((word.as_bytes(), short_key(word.as_bytes()))));
    }

    #[test]
    fn words_are_what_separators_leave(text in "[a-c \\t\\n\\x0b\\x0c\\r\\x00é]{0,80}") {
        let expected: Vec<&str> = text
            .split(|c: char| " \t\n\u{b}\u{c}\r\0".contains(c))
            .filter(|word| !word.is_empty())
            .collect();
        let words: Vec<&[u8]> = Words::new(text.as_bytes()).map(|(word, _)| word).collect();
        prop_assert_eq!(words, expected.iter().map(|word| word.as_bytes()).collect::<Vec<_>>());
    }
}

fn training() -> Training {
    Training {
        dim: 20,
        epochs: 3,
        learning_rate: 0.2,
        word_ngrams: 2,
        min_count: 1,
        min_subword: 0,
        max_subword: 0,
        buckets: Some(50),
        seed: 4,
    }
}

fn columns() -> (LargeStringArray, LargeStringArray) {
    let texts = ["a ship at sea", "cow and barn", "sea\u{2028}and wave", "barn barn </s> sea", ""];
    (
        LargeStringArray::from(texts.to_vec()),
        LargeStringArray::from(vec!["sea", "farm", "sea", "farm", "sea"]),
    )
}

#[test]
fn what_is_trained_loads_and_is_the_same_each_time() {
    let (text, labels) = columns();
    let file = train(&text, &labels, &training(), &mut || true).unwrap().unwrap();
    assert_eq!(train(&text, &labels, &training(), &mut || true).unwrap().unwrap(), file);
    let model = FastText::load(&file).unwrap();
    assert_eq!(model.labels(), ["sea", "farm"]);
    assert!(matches!(model.parts.scores, scores::Scores::Projected));
    for length in 0..file.len() {
        assert!(FastText::load(&file[..length]).is_err(), "{length}");
    }
}

#[test]
fn training_stops_where_it_is_told_to() {
    let (text, labels) = columns();
    assert_eq!(train(&text, &labels, &training(), &mut || false), Ok(None));
}

proptest! {
    #[test]
    fn any_texts_train(texts in proptest::collection::vec(".{0,30}", 2..8), buckets in 1..9_usize, longest in 0..4_usize) {
        let labels: Vec<String> = (0..texts.len()).map(|row| format!("l{}", row % 3)).collect();
        let how = Training { buckets: Some(buckets), min_subword: 1.min(longest), max_subword: longest, ..training() };
        let column = LargeStringArray::from(texts.clone());
        match train(&column, &LargeStringArray::from(labels), &how, &mut || true) {
            Ok(file) => {
                let model = FastText::load(&file.unwrap()).unwrap();
                let probabilities = probabilities_of(&model, &texts[0]).unwrap();
                prop_assert!(probabilities.iter().all(|p| (0.0..=1.0).contains(p)));
            }
            Err(error) => prop_assert!(error.to_string().contains("no text holds a word"), "{error}"),
        }
    }
}
