//! Which field of an object is what of a document.

use std::borrow::Cow;

use super::canonical::{self, MOST_NAMES};
use crate::fields::object;

const METADATA: &str = "metadata";
const PARTS: &str = "parts";

/// The names of fields that mean something.
#[derive(Debug, Clone)]
pub struct Layout {
    /// The first of these that is there holds the text.
    pub text: Vec<String>,
    pub id: String,
    pub source: String,
    pub url: String,
    /// The source of a document that names none.
    pub default_source: String,
    /// Texts of more bytes are left to the caller.
    pub most_bytes: usize,
}

#[derive(Debug)]
struct Entry<'a> {
    name: Cow<'a, str>,
    value: &'a str,
    taken: bool,
}

/// One object, read as a document; its buffers serve for the next.
#[derive(Debug, Default)]
pub struct Row<'a> {
    entries: Vec<Entry<'a>>,
    nested: Vec<Entry<'a>>,
    text: Cow<'a, str>,
    id: Option<Cow<'a, str>>,
    source: Option<Cow<'a, str>>,
    url: Option<Cow<'a, str>>,
    metadata: String,
}

impl<'a> Row<'a> {
    /// Whether the line is a plain document; what it holds can then be asked for.
    pub fn read(&mut self, line: &'a [u8], layout: &Layout) -> bool {
        std::str::from_utf8(line).is_ok_and(|line| self.read_object(line, layout).is_some())
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// Without one in the object 128 bits of BLAKE2b of the text, in hexadecimal digits.
    pub fn id(&self) -> Cow<'_, str> {
        match &self.id {
            Some(id) => Cow::Borrowed(id),
            None => {
                let digest = blake2b_simd::Params::new().hash_length(16).hash(self.text.as_bytes());
                Cow::Owned(digest.to_hex().as_str().to_owned())
            }
        }
    }

    pub fn source(&self) -> Option<&str> {
        self.source.as_deref()
    }

    pub fn url(&self) -> Option<&str> {
        self.url.as_deref()
    }

    /// All other fields, as the text of one object.
    pub fn metadata(&self) -> &str {
        &self.metadata
    }

    fn read_object(&mut self, line: &'a str, layout: &Layout) -> Option<()> {
        fill(&mut self.entries, line)?;
        self.nested.clear();
        self.take_text(layout)?;
        // What may be the parts of a document is left to the caller.
        if find(&mut self.entries, PARTS).is_some_and(|entry| entry.value.starts_with('[')) {
            return None;
        }
        if let Some(entry) = find(&mut self.entries, METADATA) {
            match entry.value.as_bytes().first() {
                Some(b'{') => {
                    entry.taken = true;
                    fill(&mut self.nested, entry.value)?;
                }
                Some(b'"') if object::text(entry.value)?.starts_with('{') => return None,
                _ => {}
            }
        }
        self.id = self.take(&layout.id)?;
        self.source = self.take(&layout.source)?;
        self.url = self.take(&layout.url)?;
        self.write_metadata()
    }

    fn take_text(&mut self, layout: &Layout) -> Option<()> {
        let name = layout.text.iter().find(|name| find(&mut self.entries, name).is_some())?;
        let entry = find(&mut self.entries, name)?;
        self.text = object::text(entry.value)?;
        entry.taken = true;
        // What Python's str.isspace() takes for white space.
        let blank = |c: char| c.is_whitespace() || ('\x1c'..='\x1f').contains(&c);
        (self.text.len() <= layout.most_bytes && !self.text.chars().all(blank)).then_some(())
    }

    /// The object's own field, else the one in its metadata; only strings and integers count.
    #[allow(clippy::option_option)] // the outer one: whether the line is plain
    fn take(&mut self, name: &str) -> Option<Option<Cow<'a, str>>> {
        for entries in [&mut self.entries, &mut self.nested] {
            let Some(entry) = find(entries, name) else { continue };
            let value = match entry.value.as_bytes().first() {
                Some(b'"') => object::text(entry.value)?,
                Some(b'-' | b'0'..=b'9') => Cow::Borrowed(canonical::integer(entry.value)?),
                _ => continue,
            };
            entry.taken = true;
            return Some(Some(value));
        }
        Some(None)
    }

    fn write_metadata(&mut self) -> Option<()> {
        self.metadata.clear();
        self.metadata.push('{');
        for (level, entries) in [&self.entries, &self.nested].into_iter().enumerate() {
            for entry in entries.iter().filter(|entry| !entry.taken) {
                let twice = || self.entries.iter().any(|own| !own.taken && own.name == entry.name);
                if level == 1 && twice() {
                    return None;
                }
                if self.metadata.len() > 1 {
                    self.metadata.push(',');
                }
                let written = canonical::write_string(&entry.name, &mut self.metadata);
                self.metadata.push(':');
                (written && canonical::write(entry.value, &mut self.metadata)).then_some(())?;
            }
        }
        self.metadata.push('}');
        Some(())
    }
}

/// The entries of an object; none where it is not one, names one twice, or very many.
fn fill<'a>(entries: &mut Vec<Entry<'a>>, json: &'a str) -> Option<()> {
    entries.clear();
    let mut good = true;
    object::for_each(json, |name, value| {
        good = good && entries.len() < MOST_NAMES && !entries.iter().any(|entry| entry.name == name);
        if good {
            entries.push(Entry { name, value, taken: false });
        }
    })
    .ok()?;
    good.then_some(())
}

fn find<'e, 'a>(entries: &'e mut [Entry<'a>], name: &str) -> Option<&'e mut Entry<'a>> {
    entries.iter_mut().find(|entry| !entry.taken && entry.name == name)
}
