//! Lines of JSON read as documents, on any bytes: every line goes somewhere, and what is taken is read again the same.
#![no_main]

use arrow_array::cast::AsArray;
use cupel_kernels::rows::{Layout, Place, read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|block: &[u8]| {
    let layout = Layout {
        text: vec!["text".to_owned(), "content".to_owned()],
        id: "id".to_owned(),
        source: "source".to_owned(),
        url: "url".to_owned(),
        default_source: "here".to_owned(),
        most_bytes: 1 << 20,
    };
    let place = Place { first_doc: 0, first_position: 1, numbered: true };
    let inside = [b"{\"text\":\"a\",\"x\":", block, b"}"].concat();
    for block in [block, &inside] {
        let parsed = read(block, &layout, place).expect("any bytes can be read");
        assert!(parsed.documents.num_rows() + parsed.left.len() <= parsed.lines);
        let metadata = parsed.documents.column_by_name("metadata").expect("there is one").as_string::<i64>();
        for json in metadata.iter().flatten() {
            let line = format!("{{\"text\":\"a\",\"metadata\":{json}}}");
            let again = read(line.as_bytes(), &layout, place).expect("any bytes can be read");
            // A field that means something is taken out the second time.
            let means = ["\"id\"", "\"source\"", "\"url\"", "\"metadata\""];
            if again.documents.num_rows() == 1 && !means.iter().any(|name| json.contains(name)) {
                let column = again.documents.column_by_name("metadata").expect("there is one");
                assert_eq!(column.as_string::<i64>().value(0), json);
            }
        }
    }
});
