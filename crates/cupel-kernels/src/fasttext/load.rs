//! Reading a fastText supervised model, `.bin` or `.ftz`.

use super::bytes::{Reader, bad};
use super::dictionary::Dictionary;
use super::matrix::Matrix;
use super::output::Output;
use super::scores::Scores;
use super::settings::Settings;
use super::tree::Tree;
use crate::KernelError;

pub const MAGIC: i32 = 793_712_314;
/// The newest file version there is. Version 11 files of supervised models use no n-grams.
pub const VERSION: i32 = 12;
const HIERARCHICAL: i32 = 1;
pub const SOFTMAX: i32 = 3;

/// A model's parts, checked against one another.
pub struct Parts {
    pub dictionary: Dictionary,
    pub input: Matrix,
    pub scores: Scores,
    pub output: Output,
    pub word_ngrams: usize,
}

/// The model in `bytes`.
///
/// # Errors
/// `BadModel` where the bytes are cut short, contradict themselves, or hold another kind of model.
pub fn load(bytes: &[u8]) -> Result<Parts, KernelError> {
    let mut reader = Reader::new(bytes);
    if reader.i32("its first bytes")? != MAGIC {
        return Err(bad("it does not begin as one".to_string()));
    }
    let version = reader.i32("its version")?;
    if !(11..=VERSION).contains(&version) {
        return Err(bad(format!("its version is {version}, expected 11 or {VERSION}")));
    }
    let settings = Settings::read(&mut reader, version)?;
    let (dictionary, rows) = Dictionary::read(&mut reader, &settings)?;
    let quantized = reader.flag("the quantization flag")?;
    let input = read_matrix(&mut reader, quantized)?;
    let quantized_output = reader.flag("the output's quantization flag")?;
    let output_matrix = read_matrix(&mut reader, quantized && quantized_output)?;
    let labels = dictionary.labels.len();
    if input.columns != settings.columns || input.rows < rows {
        return Err(bad(format!(
            "its input matrix is {} × {}, expected at least {rows} × {}",
            input.rows, input.columns, settings.columns
        )));
    }
    if output_matrix.columns != settings.columns || output_matrix.rows < labels {
        return Err(bad(format!(
            "its output matrix is {} × {}, expected {labels} × {}",
            output_matrix.rows, output_matrix.columns, settings.columns
        )));
    }
    let output = match settings.loss {
        HIERARCHICAL => Output::Tree(Tree::new(&dictionary.label_counts)?),
        2 | 4 => Output::logistic(),
        SOFTMAX => Output::softmax(),
        other => return Err(bad(format!("its loss is {other}, expected 1 to 4"))),
    };
    let outputs = if settings.loss == HIERARCHICAL { labels - 1 } else { labels };
    // With more outputs than this, loading would take long and save little.
    let few = outputs * 4 <= input.columns;
    let (input, scores) = match few.then(|| input.times(&output_matrix, outputs)).flatten() {
        Some(projected) => (projected, Scores::Projected),
        None => (input, Scores::Matrix(output_matrix)),
    };
    Ok(Parts { dictionary, input, scores, output, word_ngrams: settings.word_ngrams })
}

fn read_matrix(reader: &mut Reader, quantized: bool) -> Result<Matrix, KernelError> {
    if quantized { Matrix::read_quantized(reader) } else { Matrix::read_dense(reader) }
}
