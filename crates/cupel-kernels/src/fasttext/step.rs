//! One step of gradient descent on a softmax over the mean of rows.

use super::matrix::{add, dot, prefetch};

/// Rows that are on their way from memory while one is added.
const ROWS_AHEAD: usize = 8;

/// Vectors of one text.
pub struct Scratch {
    hidden: Vec<f32>,
    gradient: Vec<f32>,
    scores: Vec<f32>,
}

impl Scratch {
    pub fn new(stride: usize, labels: usize) -> Self {
        Self { hidden: vec![0.0; stride], gradient: vec![0.0; stride], scores: vec![0.0; labels] }
    }
}

pub type Step = fn(&mut [f32], &mut [f32], &[u32], usize, f32, &mut Scratch);

/// One step of gradient descent: the text with these rows has label `target`.
#[inline(always)]
fn step(
    input: &mut [f32],
    output: &mut [f32],
    rows: &[u32],
    target: usize,
    rate: f32,
    Scratch { hidden, gradient, scores }: &mut Scratch,
) {
    let stride = hidden.len();
    let share = 1.0 / rows.len() as f32;
    hidden.fill(0.0);
    for (at, &row) in rows.iter().enumerate() {
        if let Some(&ahead) = rows.get(at + ROWS_AHEAD) {
            prefetch(&input[ahead as usize * stride..][..stride]);
        }
        add(hidden, &input[row as usize * stride..][..stride]);
    }
    hidden.iter_mut().for_each(|value| *value *= share);
    for (score, row) in scores.iter_mut().zip(output.chunks_exact(stride)) {
        *score = dot(row, hidden);
    }
    softmax(scores);
    gradient.fill(0.0);
    for (label, (score, row)) in scores.iter().zip(output.chunks_exact_mut(stride)).enumerate() {
        let error = rate * (f32::from(u8::from(label == target)) - score);
        for ((value, gradient), hidden) in row.iter_mut().zip(gradient.iter_mut()).zip(hidden.iter()) {
            *gradient += error * *value;
            *value += error * hidden;
        }
    }
    gradient.iter_mut().for_each(|value| *value *= share);
    for &row in rows {
        add(&mut input[row as usize * stride..][..stride], gradient);
    }
}

fn softmax(scores: &mut [f32]) {
    let max = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    scores.iter_mut().for_each(|score| *score = (*score - max).exp());
    let sum: f32 = scores.iter().sum();
    scores.iter_mut().for_each(|score| *score /= sum);
}

fn step_portable(
    input: &mut [f32],
    output: &mut [f32],
    rows: &[u32],
    target: usize,
    rate: f32,
    scratch: &mut Scratch,
) {
    step(input, output, rows, target, rate, scratch);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn step_avx2(
    input: &mut [f32],
    output: &mut [f32],
    rows: &[u32],
    target: usize,
    rate: f32,
    scratch: &mut Scratch,
) {
    step(input, output, rows, target, rate, scratch);
}

/// The fastest form that this processor runs; both add the same numbers in the same order.
pub fn best_step() -> Step {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        return |input, output, rows, target, rate, scratch| {
            // SAFETY: this closure is only handed out where the processor has AVX2.
            unsafe { step_avx2(input, output, rows, target, rate, scratch) }
        };
    }
    step_portable
}
