use proptest::prelude::*;

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
fn small_model(loss: i32) -> Vec<u8> {
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

#[test]
fn words_choose_their_label() {
    let model = LanguageModel::load(&small_model(3)).unwrap();
    assert_eq!(model.labels(), ["e", "w", "x"]);
    assert_eq!(model.predict("east east").unwrap().label, 0);
    assert_eq!(model.predict("west\nwest").unwrap().label, 1);
    assert_eq!(model.predict("east </s> west west west").unwrap(), model.predict("east").unwrap());
    assert_eq!(model.predict(" \n\t\0"), None);
    for loss in [1, 2, 4] {
        assert!(LanguageModel::load(&small_model(loss)).unwrap().predict("east").is_some());
    }
}

#[test]
fn nothing_is_read_past_max_bytes() {
    let model = LanguageModel::load(&small_model(3)).unwrap();
    let text = LargeStringArray::from(vec![Some("east west west west"), Some("é"), None]);
    let found = model.identify(&text, Some(4), true).unwrap();
    assert_eq!(found.num_rows(), 3);
    assert_eq!(head("éé", Some(3)), "é");
    assert_eq!(found.column(0).null_count(), 1);
}

#[test]
fn every_cut_model_is_refused() {
    let whole = small_model(1);
    for length in 0..whole.len() {
        assert!(matches!(LanguageModel::load(&whole[..length]), Err(KernelError::BadModel(_))), "{length}");
    }
}

#[test]
fn a_lopsided_tree_needs_no_deep_stack() {
    let counts: Vec<i64> = (0..45).map(|power| 1_i64 << (44 - power)).collect();
    assert!(output::Tree::new(&counts).is_ok());
    assert!(output::Tree::new(&[i64::MAX, i64::MAX]).is_err());
    assert!(output::Tree::new(&[1, -1]).is_err());
}

proptest! {
    #[test]
    fn any_bytes_load_or_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(LanguageModel::load(&bytes).is_err());
    }

    #[test]
    fn a_damaged_model_never_panics(loss in 1..5_i32, at in 0..300_usize, with in any::<[u8; 4]>(), text in ".{0,40}") {
        let mut bytes = small_model(loss);
        let at = at % (bytes.len() - 4);
        bytes[at..at + 4].copy_from_slice(&with);
        if let Ok(model) = LanguageModel::load(&bytes) {
            model.predict(&text);
            model.predict("east west");
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
        let found: Vec<&[u8]> = Words::new(text.as_bytes()).map(|(word, _)| word).collect();
        prop_assert_eq!(found, expected.iter().map(|word| word.as_bytes()).collect::<Vec<_>>());
    }
}
