//! Public IP addresses. Private, reserved, documentation and local ranges are nobody's and stay.

use std::net::{Ipv4Addr, Ipv6Addr};

use memchr::memchr_iter;

use super::characters::{Span, char_after, char_before, is_joined};

/// All public IPv4 addresses that are not part of a longer dotted number or a word.
pub fn find_v4(text: &str, spans: &mut Vec<Span>) {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let mut floor = 0;
    for dot in memchr_iter(b'.', bytes) {
        if dot <= floor || !digit(dot - 1) || !digit(dot + 1) {
            continue;
        }
        let start =
            dot - bytes[floor..dot].iter().rev().take(4).take_while(|byte| byte.is_ascii_digit()).count();
        let end = dot
            + bytes[dot..].iter().take(13).take_while(|&&byte| byte.is_ascii_digit() || byte == b'.').count();
        // A full stop after the address is not of it.
        let end = if bytes[end - 1] == b'.' { end - 1 } else { end };
        let longer = start >= 2 && bytes[start - 1] == b'.' && digit(start - 2)
            || digit(end)
            || bytes.get(end) == Some(&b'.') && digit(end + 1);
        let in_word =
            char_before(text, start).is_some_and(is_joined) || char_after(text, end).is_some_and(is_joined);
        let address = text.get(start..end).and_then(|address| address.parse::<Ipv4Addr>().ok());
        if !longer && !in_word && address.is_some_and(is_public_v4) {
            spans.push((start, end));
            floor = end;
        }
    }
}

/// Python's `ipaddress.is_global`, without multicast.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, d] = address.octets();
    let reserved = a == 0
        || a >= 224
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || a == 100 && b & 0xC0 == 64
        || a == 192 && b == 0 && c == 0 && !matches!(d, 9 | 10)
        || a == 198 && b & 0xFE == 18;
    !reserved
}

/// All public IPv6 addresses.
pub fn find_v6(text: &str, spans: &mut Vec<Span>) {
    let bytes = text.as_bytes();
    let part = |byte: &u8| byte.is_ascii_hexdigit() || *byte == b':' || *byte == b'.';
    let mut floor = 0;
    for colon in memchr_iter(b':', bytes) {
        if colon < floor {
            continue;
        }
        let start = colon - bytes[floor..colon].iter().rev().take_while(|byte| part(byte)).count();
        let mut end = colon + bytes[colon..].iter().take_while(|byte| part(byte)).count();
        floor = end;
        while end > start
            && (bytes[end - 1] == b'.' || bytes[end - 1] == b':' && !text[start..end].ends_with("::"))
        {
            end -= 1;
        }
        let in_word =
            char_before(text, start).is_some_and(is_joined) || char_after(text, end).is_some_and(is_joined);
        if in_word || end - start > 45 {
            continue;
        }
        if text[start..end].parse::<Ipv6Addr>().is_ok_and(is_public_v6) {
            spans.push((start, end));
        }
    }
}

/// Global unicast, less what is set aside for protocols and documentation.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    let special = a == 0x2001 && (b < 0x200 || b == 0xdb8) || a == 0x3fff && b < 0x1000;
    a & 0xe000 == 0x2000 && !special
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn v4(text: &str) -> Vec<&str> {
        let mut spans = Vec::new();
        find_v4(text, &mut spans);
        spans.iter().map(|&(start, end)| &text[start..end]).collect()
    }

    fn v6(text: &str) -> Vec<&str> {
        let mut spans = Vec::new();
        find_v6(text, &mut spans);
        spans.iter().map(|&(start, end)| &text[start..end]).collect()
    }

    #[test]
    fn public_ones_of_four_bytes() {
        assert_eq!(v4("地址8.8.8.8和адрес1.1.1.1или"), ["8.8.8.8", "1.1.1.1"]);
        assert_eq!(v4("8.8.8.8, 93.184.216.34:80 and 1.1.1.1."), ["8.8.8.8", "93.184.216.34", "1.1.1.1"]);
        for text in [
            "10.1.2.3",
            "127.0.0.1",
            "192.168.1.1",
            "172.20.0.1",
            "169.254.9.9",
            "100.64.0.1",
            "192.0.2.7",
            "224.0.0.1",
            "255.255.255.255",
            "0.1.2.3",
            "8.8.8",
            "1.2.3.4.5",
            "8.8.8.256",
            "8.8.08.8",
            "v8.8.8.8",
            "8.8.8.8a",
            "8.8.8.8000",
            "8..8.8.8",
            "1.8.8.8.8.8",
        ] {
            assert!(v4(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn public_ones_of_sixteen_bytes() {
        assert_eq!(
            v6("at 2a00:1450:4001:81b::200e, [2606:4700::1111]:53."),
            ["2a00:1450:4001:81b::200e", "2606:4700::1111"]
        );
        for text in [
            "::1",
            "fe80::1",
            "fc00::1",
            "2001:db8::1",
            "12:34:56",
            "std::dead",
            "2000:",
            "a::b",
            "1:2:3:4:5:6:7:8",
        ] {
            assert!(v6(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn hostile_text_takes_linear_time() {
        assert!(v6(&"a:".repeat(400_000)).is_empty());
        assert!(v4(&"1.".repeat(400_000)).is_empty());
    }
}
