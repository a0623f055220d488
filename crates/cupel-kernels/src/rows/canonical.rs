//! JSON as it is written once it has been read: no white space, the shortest escapes and numbers.

use crate::fields::object;

/// Deeper values, and objects of more names, are left to the caller.
const MOST_LEVELS: usize = 64;
pub const MOST_NAMES: usize = 64;

/// Appends a JSON value; false, and `out` is good for nothing, where reading it would change it: an object
/// with a name twice, half a surrogate pair, a number that neither 64 bits nor a double hold.
pub fn write(json: &str, out: &mut String) -> bool {
    write_value(json, out, 0)
}

fn write_value(json: &str, out: &mut String, level: usize) -> bool {
    if level > MOST_LEVELS {
        return false;
    }
    match json.as_bytes().first() {
        Some(b'"') => write_escaped(json, out),
        Some(b'[') => write_list(json, out, level),
        Some(b'{') => write_object(json, out, level),
        Some(b'-' | b'0'..=b'9') => write_number(json, out),
        _ => {
            out.push_str(json); // true, false, null
            true
        }
    }
}

/// The text of an integer that 64 bits hold, which is its only one.
pub fn integer(json: &str) -> Option<&str> {
    let fits = json != "-0" && (json.parse::<i64>().is_ok() || json.parse::<u64>().is_ok());
    fits.then_some(json)
}

/// A string as JSON.
pub fn write_string(text: &str, out: &mut String) -> bool {
    if text.bytes().any(|byte| byte < b' ' || byte == b'"' || byte == b'\\') {
        return append(&text, out);
    }
    out.push('"');
    out.push_str(text);
    out.push('"');
    true
}

fn write_escaped(json: &str, out: &mut String) -> bool {
    if memchr::memchr(b'\\', json.as_bytes()).is_none() {
        out.push_str(json);
        return true;
    }
    object::text(json).is_some_and(|text| append(&text, out))
}

fn write_number(json: &str, out: &mut String) -> bool {
    if let Some(integer) = integer(json) {
        out.push_str(integer);
        return true;
    }
    if !json.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E')) {
        return false;
    }
    json.parse::<f64>().is_ok_and(|value| value.is_finite() && append(&value, out))
}

fn write_list(json: &str, out: &mut String, level: usize) -> bool {
    let Some(elements) = object::elements(json) else { return false };
    out.push('[');
    for (place, element) in elements.iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        if !write_value(element, out, level + 1) {
            return false;
        }
    }
    out.push(']');
    true
}

fn write_object(json: &str, out: &mut String, level: usize) -> bool {
    let mut names = Vec::new();
    let mut good = true;
    out.push('{');
    let read = object::for_each(json, |name, value| {
        if !good {
            return;
        }
        if !names.is_empty() {
            out.push(',');
        }
        good = names.len() < MOST_NAMES && !names.contains(&name) && write_string(&name, out);
        out.push(':');
        good = good && write_value(value, out, level + 1);
        names.push(name);
    });
    out.push('}');
    good && read.is_ok()
}

fn append(value: &(impl serde::Serialize + ?Sized), out: &mut String) -> bool {
    serde_json::to_string(value).is_ok_and(|json| {
        out.push_str(&json);
        true
    })
}
