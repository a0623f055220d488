//! Secrets that say by their form whose they are.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use memchr::memmem;
use regex::Regex;

use super::secret::{Secret, entropy, is_placeholder};

struct Form {
    kind: &'static str,
    /// What it begins with; none is the beginning of another's.
    anchors: &'static [&'static str],
    /// All of it, from the anchor on.
    form: &'static str,
}

/// Kinds with their documented forms; lengths are bounded, so that looking at a candidate takes constant time.
const FORMS: [Form; 15] = [
    Form {
        kind: "aws-access-key",
        anchors: &["AKIA", "ASIA", "ABIA", "ACCA", "A3T"],
        form: r"(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z0-9]{16}",
    },
    Form { kind: "google-api-key", anchors: &["AIza"], form: r"AIza[A-Za-z0-9_-]{35}" },
    Form { kind: "google-oauth-secret", anchors: &["GOCSPX-"], form: r"GOCSPX-[A-Za-z0-9_-]{28}" },
    Form {
        kind: "github-token",
        anchors: &["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"],
        form: r"gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}",
    },
    Form { kind: "gitlab-token", anchors: &["glpat-"], form: r"glpat-[A-Za-z0-9_-]{20,40}" },
    Form {
        kind: "slack-token",
        anchors: &["xoxa-", "xoxb-", "xoxo-", "xoxp-", "xoxr-", "xoxs-", "xapp-"],
        form: r"xox[abposr]-(?:[0-9]{6,20}-){1,4}[A-Za-z0-9]{20,64}|xapp-[0-9]-[A-Z0-9]{8,20}-[0-9]{8,20}-[a-z0-9]{40,80}",
    },
    Form {
        kind: "slack-webhook",
        anchors: &["https://hooks.slack.com/"],
        form: r"https://hooks\.slack\.com/(?:services|workflows)/T[A-Z0-9]{6,14}/[A-Z0-9]{6,14}/[A-Za-z0-9]{20,40}",
    },
    Form { kind: "stripe-key", anchors: &["sk_live_", "rk_live_"], form: r"[sr]k_live_[A-Za-z0-9]{24,120}" },
    Form {
        kind: "openai-key",
        anchors: &["sk-"],
        form: r"sk-(?:ant-[a-z0-9]{3,8}-[A-Za-z0-9_-]{80,110}|(?:proj-|svcacct-)?[A-Za-z0-9_-]{20,80}T3BlbkFJ[A-Za-z0-9_-]{20,80})",
    },
    Form { kind: "huggingface-token", anchors: &["hf_"], form: r"hf_[A-Za-z]{34}" },
    Form { kind: "sendgrid-key", anchors: &["SG."], form: r"SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}" },
    Form { kind: "npm-token", anchors: &["npm_"], form: r"npm_[A-Za-z0-9]{36}" },
    Form {
        kind: "pypi-token",
        anchors: &["pypi-AgEIcHlwaS5vcmc"],
        form: r"pypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{70,220}",
    },
    Form { kind: "azure-storage-key", anchors: &["AccountKey="], form: r"AccountKey=[A-Za-z0-9+/]{86}==" },
    Form {
        kind: "jwt",
        anchors: &["eyJ"],
        form: r"eyJ[A-Za-z0-9_-]{10,2000}\.eyJ[A-Za-z0-9_-]{10,8000}\.[A-Za-z0-9_-]{20,1000}",
    },
];
const PRIVATE_KEY: &str = "private-key";
const BEGIN: &str = "-----BEGIN ";
const MIN_ENTROPY: f64 = 3.0;
/// Of the text of a private key, at most.
const MAX_BODY: usize = 20_000;
const MIN_LINE: usize = 32;

struct Search {
    anchors: AhoCorasick,
    /// For each anchor its place in `FORMS`; past the end for private keys.
    forms: Vec<usize>,
    expressions: Vec<Regex>,
    begin: Regex,
    end: Regex,
}

static SEARCH: LazyLock<Option<Search>> = LazyLock::new(|| {
    let mut anchors = Vec::new();
    let mut forms = Vec::new();
    for (place, form) in FORMS.iter().enumerate() {
        anchors.extend(form.anchors);
        forms.extend(form.anchors.iter().map(|_| place));
    }
    anchors.push(BEGIN);
    forms.push(FORMS.len());
    let expressions =
        FORMS.iter().map(|form| Regex::new(&format!("^(?:{})", form.form)).ok()).collect::<Option<_>>()?;
    Some(Search {
        anchors: AhoCorasick::new(anchors).ok()?,
        forms,
        expressions,
        begin: Regex::new(r"^-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----").ok()?,
        end: Regex::new(r"^-----END (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----").ok()?,
    })
});

/// All secrets of a known form, left to right, none overlapping.
pub fn find(text: &str, secrets: &mut Vec<Secret>) {
    let Some(search) = &*SEARCH else { return };
    let bytes = text.as_bytes();
    let mut floor = 0;
    for anchor in search.anchors.find_iter(text) {
        let start = anchor.start();
        if start < floor {
            continue;
        }
        let place = search.forms[anchor.pattern().as_usize()];
        let Some(form) = FORMS.get(place) else {
            if let Some(end) = private_key(search, text, start) {
                secrets.push(Secret { start, end, kind: PRIVATE_KEY });
                floor = end;
            }
            continue;
        };
        if start > 0 && is_token(bytes[start - 1]) {
            continue;
        }
        let Some(token) = search.expressions[place].find(&text[start..]) else { continue };
        let end = start + token.end();
        let longer = bytes.get(end).is_some_and(|&byte| is_token(byte));
        if !longer && entropy(token.as_str().as_bytes()) >= MIN_ENTROPY && !is_placeholder(token.as_str()) {
            secrets.push(Secret { start, end, kind: form.kind });
            floor = end;
        }
    }
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// Where the private key that begins at `start` ends, if there is more of it than its first line.
///
/// It goes up to its last line; without one, as far as there is base64.
fn private_key(search: &Search, text: &str, start: usize) -> Option<usize> {
    let body = start + search.begin.find(&text[start..])?.end();
    let bytes = &text.as_bytes()[body..text.len().min(body + MAX_BODY)];
    let closing = memmem::find(bytes, b"-----")
        .and_then(|length| search.end.find(&text[body + length..]).map(|line| (length, line.end())));
    let (length, end) = closing.unwrap_or_else(|| {
        let base64 = bytes
            .iter()
            .take_while(|&&byte| is_base64(byte) || byte.is_ascii_whitespace() || byte == b'\\')
            .count();
        (base64, 0)
    });
    has_line(&bytes[..length]).then_some(body + length + end)
}

/// Whether a line of a key stands in a text: a run of base64.
fn has_line(bytes: &[u8]) -> bool {
    let mut run = 0;
    bytes.iter().any(|&byte| {
        run = if is_base64(byte) { run + 1 } else { 0 };
        run >= MIN_LINE
    })
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}
