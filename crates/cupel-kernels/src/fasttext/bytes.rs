//! Reading little-endian values out of bytes that may be anything.

use crate::KernelError;

/// A cursor that refuses to read past the end.
pub struct Reader<'a> {
    left: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { left: bytes }
    }

    /// How many bytes are still to be read.
    pub fn remaining(&self) -> usize {
        self.left.len()
    }

    pub fn take(&mut self, count: usize, what: &str) -> Result<&'a [u8], KernelError> {
        if count > self.left.len() {
            return Err(cut_short(what));
        }
        let (taken, left) = self.left.split_at(count);
        self.left = left;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], KernelError> {
        let (taken, left) = self.left.split_first_chunk::<N>().ok_or_else(|| cut_short(what))?;
        self.left = left;
        Ok(*taken)
    }

    pub fn u8(&mut self, what: &str) -> Result<u8, KernelError> {
        Ok(u8::from_le_bytes(self.array(what)?))
    }

    pub fn i32(&mut self, what: &str) -> Result<i32, KernelError> {
        Ok(i32::from_le_bytes(self.array(what)?))
    }

    pub fn i64(&mut self, what: &str) -> Result<i64, KernelError> {
        Ok(i64::from_le_bytes(self.array(what)?))
    }

    /// A byte that must be 0 or 1.
    pub fn flag(&mut self, what: &str) -> Result<bool, KernelError> {
        match self.u8(what)? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(bad(format!("{what} is {other}, expected 0 or 1"))),
        }
    }

    /// A 32-bit integer that must lie in `low..=high`.
    pub fn size32(&mut self, what: &str, low: i32, high: i32) -> Result<usize, KernelError> {
        let value = self.i32(what)?;
        if value < low || value > high || value < 0 {
            return Err(bad(format!("{what} is {value}, expected {low} to {high}")));
        }
        Ok(value as usize)
    }

    /// A 64-bit integer that must lie in `0..=i32::MAX`.
    pub fn size64(&mut self, what: &str) -> Result<usize, KernelError> {
        let value = self.i64(what)?;
        if !(0..=i64::from(i32::MAX)).contains(&value) {
            return Err(bad(format!("{what} is {value}, expected 0 to {}", i32::MAX)));
        }
        Ok(value as usize)
    }

    /// `count` finite 32-bit floats.
    pub fn floats(&mut self, count: usize, what: &str) -> Result<Vec<f32>, KernelError> {
        let bytes = count.checked_mul(4).ok_or_else(|| cut_short(what))?;
        let taken = self.take(bytes, what)?;
        let floats: Vec<f32> =
            taken.as_chunks::<4>().0.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect();
        if floats.iter().any(|value| !value.is_finite()) {
            return Err(bad(format!("{what} holds a value that is not a finite number")));
        }
        Ok(floats)
    }

    /// The bytes before the next zero byte; the zero is skipped.
    pub fn zero_ended(&mut self, what: &str) -> Result<&'a [u8], KernelError> {
        let end = memchr::memchr(0, self.left).ok_or_else(|| cut_short(what))?;
        let word = self.take(end, what)?;
        self.take(1, what)?;
        Ok(word)
    }
}

fn cut_short(what: &str) -> KernelError {
    bad(format!("the file ends inside {what}"))
}

/// A model that is not what it claims to be.
pub fn bad(what: String) -> KernelError {
    KernelError::BadModel(format!("not a usable fastText model: {what}"))
}
