//! fastText's matrices, dense or product-quantized, as dense rows.

use super::bytes::{Reader, bad};
use crate::KernelError;

/// Rows are padded to a multiple of this many floats, so that adding one needs no remainder loop. Rows of
/// fewer floats are padded to a power of two instead.
pub const LANES: usize = 16;

/// Centroids of a product quantizer: 256 for each piece of a row.
const CENTROIDS: usize = 256;

/// A dequantized matrix may take this many times the bytes of the file it was read from.
/// fastText's own settings stay below 40; a file made to exhaust memory does not.
const MAX_EXPANSION: usize = 256;

/// Dense rows of `width` floats (the matrix's columns, padded with zeros).
pub struct Matrix {
    values: Vec<f32>,
    pub rows: usize,
    pub columns: usize,
    pub width: usize,
}

impl Matrix {
    /// One row, `width` floats.
    #[inline]
    pub fn row(&self, index: usize) -> &[f32] {
        let start = index * self.width;
        &self.values[start..start + self.width]
    }

    fn padded(rows: usize, columns: usize, file_bytes: usize) -> Result<Self, KernelError> {
        let width = padded_width(columns);
        let floats = rows
            .checked_mul(width)
            .filter(|floats| floats.checked_mul(4).is_some_and(|bytes| bytes / MAX_EXPANSION <= file_bytes));
        let floats = floats.ok_or_else(|| {
            bad(format!("a matrix of {rows} × {columns} does not fit a file of {file_bytes} bytes"))
        })?;
        Ok(Self { values: vec![0.0; floats], rows, columns, width })
    }

    /// The products of each row with the first `outputs` rows of another matrix of as many columns; none
    /// where one is not a finite number.
    pub fn times(&self, other: &Matrix, outputs: usize) -> Option<Self> {
        let width = padded_width(outputs);
        let mut values = vec![0.0; self.rows * width];
        for (products, row) in values.chunks_exact_mut(width).zip(self.values.chunks_exact(self.width)) {
            for (output, product) in products[..outputs].iter_mut().enumerate() {
                *product = dot(other.row(output), row);
            }
        }
        let finite = values.iter().all(|value| value.is_finite());
        finite.then_some(Self { values, rows: self.rows, columns: outputs, width })
    }

    /// A matrix stored as plain floats.
    pub fn read_dense(reader: &mut Reader) -> Result<Self, KernelError> {
        let file_bytes = reader.remaining();
        let rows = reader.size64("the number of rows")?;
        let columns = reader.size64("the number of columns")?;
        if columns == 0 {
            return Err(bad("a matrix has no columns".to_string()));
        }
        let count = rows.checked_mul(columns).ok_or_else(|| bad("a matrix is too large".to_string()))?;
        let bytes = count.checked_mul(4).ok_or_else(|| bad("a matrix is too large".to_string()))?;
        let values = reader.take(bytes, "a matrix")?;
        let mut matrix = Self::padded(rows, columns, file_bytes)?;
        let width = matrix.width;
        for (row, source) in matrix.values.chunks_exact_mut(width).zip(values.chunks_exact(columns * 4)) {
            for (value, bytes) in row.iter_mut().zip(source.as_chunks::<4>().0) {
                *value = f32::from_le_bytes(*bytes);
            }
        }
        if matrix.values.iter().any(|value| !value.is_finite()) {
            return Err(bad("a matrix holds a value that is not a finite number".to_string()));
        }
        Ok(matrix)
    }

    /// A matrix stored as product-quantizer codes (Joulin et al. 2016, "FastText.zip"), with the
    /// norms of the rows quantized beside them or not.
    pub fn read_quantized(reader: &mut Reader) -> Result<Self, KernelError> {
        let file_bytes = reader.remaining();
        let norms_apart = reader.flag("the norm flag")?;
        let rows = reader.size64("the number of rows")?;
        let columns = reader.size64("the number of columns")?;
        let code_bytes = reader.size32("the size of the codes", 0, i32::MAX)?;
        let codes = reader.take(code_bytes, "the codes")?;
        let quantizer = Quantizer::read(reader)?;
        if columns == 0
            || quantizer.columns != columns
            || quantizer.pieces.checked_mul(rows) != Some(code_bytes)
        {
            return Err(bad(format!("the codes do not fit a matrix of {rows} × {columns}")));
        }
        let norms = if norms_apart {
            let norm_codes = reader.take(rows, "the norms")?;
            let norm_quantizer = Quantizer::read(reader)?;
            if norm_quantizer.columns != 1 {
                return Err(bad("the norms have more than one column".to_string()));
            }
            Some((norm_codes, norm_quantizer))
        } else {
            None
        };
        let mut matrix = Self::padded(rows, columns, file_bytes)?;
        let width = matrix.width;
        for (index, row) in matrix.values.chunks_exact_mut(width).enumerate() {
            let norm = norms.as_ref().map_or(1.0, |(codes, quantizer)| quantizer.piece(0, codes[index])[0]);
            let row_codes = &codes[index * quantizer.pieces..(index + 1) * quantizer.pieces];
            for (piece, &code) in row_codes.iter().enumerate() {
                let start = piece * quantizer.piece_columns;
                for (value, centroid) in row[start..].iter_mut().zip(quantizer.piece(piece, code)) {
                    *value = norm * centroid;
                }
            }
        }
        if matrix.values.iter().any(|value| !value.is_finite()) {
            return Err(bad("a quantized matrix holds a value that is not a finite number".to_string()));
        }
        Ok(matrix)
    }
}

fn padded_width(columns: usize) -> usize {
    if columns < LANES { columns.next_power_of_two() } else { columns.next_multiple_of(LANES) }
}

/// Asks for a row that will be read soon: rows of n-grams lie anywhere in a matrix larger than any cache.
#[inline(always)]
pub fn prefetch(row: &[f32]) {
    #[cfg(target_arch = "x86_64")]
    for line in row.chunks(16) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch reads nothing as far as the program can tell, and the address is valid anyway.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = row;
}

/// Adds a row to a sum of the same width.
#[inline(always)]
pub fn add(sum: &mut [f32], row: &[f32]) {
    if sum.len() < LANES {
        sum.iter_mut().zip(row).for_each(|(into, from)| *into += from);
        return;
    }
    for (into, from) in sum.as_chunks_mut::<LANES>().0.iter_mut().zip(row.as_chunks::<LANES>().0) {
        for lane in 0..LANES {
            into[lane] += from[lane];
        }
    }
}

/// The product of two padded rows.
#[inline]
pub fn dot(row: &[f32], hidden: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 4];
    let ((row, row_end), (hidden, hidden_end)) = (row.as_chunks::<4>(), hidden.as_chunks::<4>());
    for (a, b) in row.iter().zip(hidden) {
        for lane in 0..4 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    for (sum, (a, b)) in sums.iter_mut().zip(row_end.iter().zip(hidden_end)) {
        *sum += a * b;
    }
    (sums[0] + sums[2]) + (sums[1] + sums[3])
}

/// A product quantizer: each row is cut into pieces, each piece is one of 256 centroids.
struct Quantizer {
    columns: usize,
    pieces: usize,
    piece_columns: usize,
    last_columns: usize,
    centroids: Vec<f32>,
}

impl Quantizer {
    fn read(reader: &mut Reader) -> Result<Self, KernelError> {
        let columns = reader.size32("the quantizer's columns", 1, i32::MAX)?;
        let pieces = reader.size32("the quantizer's pieces", 1, i32::MAX)?;
        let piece_columns = reader.size32("the columns of a piece", 1, i32::MAX)?;
        let last_columns = reader.size32("the columns of the last piece", 1, i32::MAX)?;
        let fits = last_columns <= piece_columns
            && (pieces - 1).checked_mul(piece_columns).and_then(|sum| sum.checked_add(last_columns))
                == Some(columns);
        if !fits {
            return Err(bad(format!("{pieces} pieces of {piece_columns} do not make {columns} columns")));
        }
        let centroids = reader.floats(columns.saturating_mul(CENTROIDS), "the centroids")?;
        Ok(Self { columns, pieces, piece_columns, last_columns, centroids })
    }

    /// The floats of centroid `code` of a piece.
    fn piece(&self, piece: usize, code: u8) -> &[f32] {
        let columns = if piece + 1 == self.pieces { self.last_columns } else { self.piece_columns };
        let start = piece * CENTROIDS * self.piece_columns + usize::from(code) * columns;
        &self.centroids[start..start + columns]
    }
}
