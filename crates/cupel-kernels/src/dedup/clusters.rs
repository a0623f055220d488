//! Clusters and their survivors.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, BooleanArray, Int64Array, LargeListArray, RecordBatch};
use arrow_schema::{DataType, Field, Schema};

use super::column::{int64_column, same_length};
use super::union_find::UnionFind;
use crate::KernelError;

/// Every document of the buckets, joined with all others of its buckets, no questions asked.
///
/// Columns `doc` and `component` (the lowest document of it), sorted by `doc`.
pub fn union(buckets: &[LargeListArray]) -> Result<RecordBatch, KernelError> {
    let mut docs = Vec::new();
    for lists in buckets {
        let values = int64_column(lists.values(), "buckets")?;
        docs.extend_from_slice(&values.values()[range(lists)]);
        docs.sort_unstable();
        docs.dedup();
    }
    let mut sets = UnionFind::new(index_count(docs.len())?);
    for lists in buckets {
        for bucket in 0..lists.len() {
            let values = lists.value(bucket);
            let values = values.as_primitive::<Int64Type>().values();
            let rows: Vec<u32> =
                values.iter().filter_map(|doc| docs.binary_search(doc).ok()).map(|row| row as u32).collect();
            rows.windows(2).for_each(|pair| {
                sets.union(pair[0], pair[1]);
            });
        }
    }
    components(&docs, &mut sets)
}

fn range(lists: &LargeListArray) -> std::ops::Range<usize> {
    let offsets = lists.value_offsets();
    let ends = (offsets.first(), offsets.last());
    ends.0.copied().unwrap_or(0) as usize..ends.1.copied().unwrap_or(0) as usize
}

pub(super) fn index_count(count: usize) -> Result<u32, KernelError> {
    u32::try_from(count).map_err(|_| {
        KernelError::BadInput(format!("{count} candidate documents; at most 2^32 - 1 are supported"))
    })
}

/// The table of components of two or more; `docs` ascending.
pub(super) fn components(docs: &[i64], sets: &mut UnionFind) -> Result<RecordBatch, KernelError> {
    let (doc, component): (Vec<i64>, Vec<i64>) =
        sets.components().into_iter().map(|(row, root)| (docs[row as usize], docs[root as usize])).unzip();
    let fields = [("doc", DataType::Int64), ("component", DataType::Int64)];
    batch(&fields, vec![Arc::new(Int64Array::from(doc)), Arc::new(Int64Array::from(component))])
}

pub(super) fn batch(fields: &[(&str, DataType)], columns: Vec<ArrayRef>) -> Result<RecordBatch, KernelError> {
    let fields: Vec<_> = fields.iter().map(|(name, kind)| Field::new(*name, kind.clone(), true)).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
        .map_err(|error| KernelError::BadInput(error.to_string()))
}

/// One survivor per component: the highest priority, then the lowest document.
///
/// A priority that is null or not a number is lower than any other. Columns `doc`, `cluster`
/// (the survivor's document), `size` and `kept`, sorted by `doc`.
pub fn survivors(
    docs: &dyn Array,
    component: &dyn Array,
    priority: &dyn Array,
) -> Result<RecordBatch, KernelError> {
    let docs = int64_column(docs, "docs")?;
    let component = int64_column(component, "component")?;
    let Some(priority) = priority.as_primitive_opt::<Float64Type>() else {
        return Err(KernelError::BadInput("priority: expected float64".to_owned()));
    };
    same_length(("docs", docs.len()), ("component", component.len()))?;
    same_length(("docs", docs.len()), ("priority", priority.len()))?;
    let rank = |row: usize| (priority.is_valid(row) && !priority.value(row).is_nan(), priority.value(row));
    let mut order: Vec<usize> = (0..docs.len()).collect();
    order.sort_unstable_by(|&left, &right| {
        let (known, value) = rank(left);
        let (other_known, other) = rank(right);
        component
            .value(left)
            .cmp(&component.value(right))
            .then(other_known.cmp(&known))
            .then(if known { other.partial_cmp(&value).unwrap_or(Ordering::Equal) } else { Ordering::Equal })
            .then(docs.value(left).cmp(&docs.value(right)))
    });
    let mut rows = Vec::with_capacity(docs.len());
    for cluster in order.chunk_by(|&left, &right| component.value(left) == component.value(right)) {
        let survivor = docs.value(cluster[0]);
        for (place, &row) in cluster.iter().enumerate() {
            rows.push((docs.value(row), survivor, cluster.len() as i64, place == 0));
        }
    }
    rows.sort_unstable();
    let number = |pick: fn(&(i64, i64, i64, bool)) -> i64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(rows.iter().map(pick)))
    };
    let kept: BooleanArray = rows.iter().map(|row| Some(row.3)).collect();
    batch(
        &[
            ("doc", DataType::Int64),
            ("cluster", DataType::Int64),
            ("size", DataType::Int64),
            ("kept", DataType::Boolean),
        ],
        vec![number(|row| row.0), number(|row| row.1), number(|row| row.2), Arc::new(kept)],
    )
}

#[cfg(test)]
mod tests {
    use arrow_array::Float64Array;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn highest_priority_then_lowest_doc() {
        let docs = Int64Array::from(vec![5, 1, 2, 9, 8]);
        let component = Int64Array::from(vec![1, 1, 1, 8, 8]);
        let priority = Float64Array::from(vec![Some(2.0), None, Some(2.0), Some(f64::NAN), None]);
        let table = survivors(&docs, &component, &priority).unwrap();
        let column = |name| {
            let column = table.column_by_name(name).unwrap();
            column.as_primitive::<Int64Type>().values().to_vec()
        };
        assert_eq!(column("doc"), [1, 2, 5, 8, 9]);
        assert_eq!(column("cluster"), [2, 2, 2, 8, 8]);
        assert_eq!(column("size"), [3, 3, 3, 2, 2]);
        let kept: Vec<bool> = table.column(3).as_boolean().values().iter().collect();
        assert_eq!(kept, [false, true, false, true, false]);
    }

    proptest! {
        #[test]
        fn exactly_one_survives(
            rows in prop::collection::vec((0_i64..5, any::<Option<f64>>()), 0..30)
        ) {
            let docs = Int64Array::from_iter_values(0..rows.len() as i64);
            let component = Int64Array::from_iter_values(rows.iter().map(|row| row.0));
            let priority: Float64Array = rows.iter().map(|row| row.1).collect();
            let table = survivors(&docs, &component, &priority).unwrap();
            let kept = table.column(3).as_boolean().true_count();
            let mut distinct: Vec<i64> = rows.iter().map(|row| row.0).collect();
            distinct.sort_unstable();
            distinct.dedup();
            prop_assert_eq!(kept, distinct.len());
        }
    }
}
