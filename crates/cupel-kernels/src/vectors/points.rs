//! A column of vectors as points, and the distances between them.

use std::num::NonZeroUsize;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float16Type, Float32Type};
use arrow_array::{Array, FixedSizeListArray};
use half::f16;
use half::slice::HalfFloatSliceExt;

use crate::KernelError;
use crate::parallel::map_range;

/// Dimensions that are looked at before asking whether a distance is too large already.
const STRIDE: usize = 64;
/// Sums that are kept apart, so that a processor can add several numbers at once. It decides the last digit.
const LANES: usize = 16;
const ROWS_AT_ONCE: usize = 1024;

/// How far apart two vectors are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// 1 - cos of the angle between them.
    Cosine,
    Euclidean,
}

impl Metric {
    /// # Errors
    /// `BadOption` for any other name.
    pub fn parse(name: &str) -> Result<Self, KernelError> {
        match name {
            "cosine" => Ok(Self::Cosine),
            "euclidean" => Ok(Self::Euclidean),
            _ => {
                let expected = format!("cosine or euclidean, got '{name}'");
                Err(KernelError::BadOption { option: "metric", expected })
            }
        }
    }

    /// The distance whose square, between vectors of length one for cosine, this is.
    pub fn distance(self, squared: f32) -> f32 {
        match self {
            Self::Cosine => squared / 2.0,
            Self::Euclidean => squared.sqrt(),
        }
    }
}

/// Vectors; for the cosine they are divided by their lengths as they are read.
pub struct Points<'a> {
    values: Values<'a>,
    dimensions: usize,
    /// What each vector is multiplied by; empty where all stay as they are.
    scales: Vec<f32>,
    rows: usize,
}

enum Values<'a> {
    Half(&'a [f16]),
    Single(&'a [f32]),
}

impl<'a> Points<'a> {
    /// # Errors
    /// `BadInput` for anything but lists of one length of float16 or float32, and by row for nulls, numbers that
    /// are not finite and, for the cosine, vectors of length zero.
    pub fn new(vectors: &'a dyn Array, metric: Metric, threads: NonZeroUsize) -> Result<Self, KernelError> {
        let unusable = || {
            let expected = "expected fixed-size lists of float16 or float32";
            KernelError::BadInput(format!("vectors: {expected}, got {}", vectors.data_type()))
        };
        let lists: &FixedSizeListArray = vectors.as_fixed_size_list_opt().ok_or_else(unusable)?;
        let (rows, dimensions) = (lists.len(), usize::try_from(lists.value_length()).unwrap_or(0));
        if lists.null_count() + lists.values().null_count() > 0 {
            return Err(KernelError::BadInput("vectors: nulls are not allowed".to_owned()));
        }
        let range = ..rows * dimensions;
        let inside = lists.values();
        let values = if let Some(halves) = inside.as_primitive_opt::<Float16Type>() {
            halves.values().get(range).map(Values::Half)
        } else if let Some(singles) = inside.as_primitive_opt::<Float32Type>() {
            singles.values().get(range).map(Values::Single)
        } else {
            None
        };
        let mut points = Self { values: values.ok_or_else(unusable)?, dimensions, scales: Vec::new(), rows };
        let lengths = map_range(rows, ROWS_AT_ONCE, threads, |row| points.length(row));
        for (row, length) in lengths.iter().enumerate() {
            if !length.is_finite() {
                return Err(KernelError::BadInput(format!(
                    "vectors: row {row} holds a number that is not finite"
                )));
            }
            if metric == Metric::Cosine && *length == 0.0 {
                return Err(KernelError::BadInput(format!(
                    "vectors: row {row} has length zero and no direction"
                )));
            }
        }
        if metric == Metric::Cosine {
            points.scales = lengths.into_iter().map(|length| (1.0 / length) as f32).collect();
        }
        Ok(points)
    }

    pub fn len(&self) -> usize {
        self.rows
    }

    /// The numbers of a point, with zeros at the end up to a whole number of strides.
    pub fn padded(&self, row: usize) -> Vec<f32> {
        let mut point = vec![0.0; self.dimensions.div_ceil(STRIDE) * STRIDE];
        for (place, into) in point.as_chunks_mut().0.iter_mut().enumerate() {
            self.read(row, place, into);
        }
        point
    }

    /// The square of the distance from a point to a padded one, if it is below `limit`.
    #[inline(always)]
    pub fn squared_below(&self, row: usize, other: &[f32], limit: f32) -> Option<f32> {
        let mut sums = [0.0; LANES];
        let mut stride = [0.0; STRIDE];
        for (place, theirs) in other.as_chunks::<STRIDE>().0.iter().enumerate() {
            self.read(row, place, &mut stride);
            add_squares(&stride, theirs, &mut sums);
            // Sums only ever grow.
            if total(&sums) >= limit {
                return None;
            }
        }
        let squared = total(&sums);
        (squared < limit).then_some(squared)
    }

    /// Stride number `place` of a vector; what lies beyond its end is left alone.
    #[inline(always)]
    fn read(&self, row: usize, place: usize, into: &mut [f32; STRIDE]) {
        let start = row * self.dimensions + place * STRIDE;
        let count = STRIDE.min(self.dimensions - place * STRIDE);
        match self.values {
            Values::Half(halves) => halves[start..start + count].convert_to_f32_slice(&mut into[..count]),
            Values::Single(singles) => into[..count].copy_from_slice(&singles[start..start + count]),
        }
        into[count..].fill(0.0);
        if let Some(scale) = self.scales.get(row) {
            into.iter_mut().for_each(|number| *number *= scale);
        }
    }

    fn length(&self, row: usize) -> f64 {
        let square = |number: f64| number * number;
        let range = row * self.dimensions..(row + 1) * self.dimensions;
        let squares: f64 = match self.values {
            Values::Half(halves) => halves[range].iter().map(|number| square(number.to_f64())).sum(),
            Values::Single(singles) => singles[range].iter().map(|&number| square(number.into())).sum(),
        };
        squares.sqrt()
    }
}

/// The square of the distance between two padded points.
pub fn squared(point: &[f32], other: &[f32]) -> f32 {
    let mut sums = [0.0; LANES];
    for (ours, theirs) in point.as_chunks::<STRIDE>().0.iter().zip(other.as_chunks::<STRIDE>().0) {
        add_squares(ours, theirs, &mut sums);
    }
    total(&sums)
}

#[inline(always)]
fn add_squares(ours: &[f32; STRIDE], theirs: &[f32; STRIDE], sums: &mut [f32; LANES]) {
    for (ours, theirs) in ours.as_chunks::<LANES>().0.iter().zip(theirs.as_chunks::<LANES>().0) {
        for ((sum, ours), theirs) in sums.iter_mut().zip(ours).zip(theirs) {
            let difference = ours - theirs;
            *sum += difference * difference;
        }
    }
}

/// The sum of the lanes, by halves.
#[inline(always)]
fn total(sums: &[f32; LANES]) -> f32 {
    let mut sums = *sums;
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            sums[lane] += sums[lane + width];
        }
        width /= 2;
    }
    sums[0]
}
