use super::*;
use crate::fasttext::tests::small_model;

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
    let table = model.identify(&text, Some(4), true).unwrap();
    assert_eq!(table.num_rows(), 3);
    assert_eq!(head("éé", Some(3)), "é");
    assert_eq!(table.column(0).null_count(), 1);
}
