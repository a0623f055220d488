//! Byte-level BPE: any bytes as a tokenizer.json, and any bytes as a text for merges of any bytes.
#![no_main]

use cupel_kernels::bpe::{ByteLevelBpe, Pattern};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (Vec<(u8, u8)>, Vec<u8>, u8)| {
    let (pairs, text, repeats) = input;
    if let Ok(encoder) = ByteLevelBpe::load(&text) {
        encoder.encode_one(&text);
    }
    // Tokens 0 to 255 are the bytes; each pair joins two of the tokens before it.
    let mut pieces: Vec<Vec<u8>> = (0..=255).map(|byte| vec![byte]).collect();
    let mut merges = Vec::new();
    for (left, right) in pairs {
        let (left, right) = (u32::from(left), pieces.len() as u32 - 1 - u32::from(right));
        if !merges.iter().any(|&(a, b, _)| (a, b) == (left, right)) {
            let both = [pieces[left as usize].as_slice(), pieces[right as usize].as_slice()].concat();
            if both.len() > 64 {
                continue;
            }
            merges.push((left, right, pieces.len() as u32));
            pieces.push(both);
        }
    }
    for pattern in [Pattern::Gpt2, Pattern::Cl100k] {
        let encoder = ByteLevelBpe::of_merges(pattern, &merges).expect("merges of tokens before them");
        // Once as it is; once with words as long as those that are merged through a heap.
        for text in [text.clone(), text.repeat(usize::from(repeats))] {
            let tokens = encoder.encode_one(&text);
            let back: Vec<u8> = tokens.iter().flat_map(|&id| pieces[id as usize].clone()).collect();
            assert_eq!(back, text);
            assert_eq!(tokens, encoder.encode_one(&text));
        }
    }
});
