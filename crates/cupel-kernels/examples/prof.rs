use arrow_array::LargeStringArray;
use cupel_kernels::signals::{Options, measure};
fn main() {
    let data = std::fs::read("/tmp/texts.bin").unwrap();
    let texts: Vec<&str> = data
        .split(|&b| b == 0)
        .map(|t| std::str::from_utf8(t).unwrap())
        .collect();
    let mb = data.len() as f64 / 1e6;
    let array = LargeStringArray::from(texts);
    let args: Vec<String> = std::env::args().skip(1).collect();
    for set in &args {
        let names: Vec<String> = set.split(',').map(String::from).collect();
        let mut best = f64::MAX;
        for _ in 0..12 {
            let t = std::time::Instant::now();
            std::hint::black_box(measure(&array, &names, &Options::default()).unwrap());
            best = best.min(t.elapsed().as_secs_f64());
        }
        println!("{:60} {:.1} MB/s", set, mb / best);
    }
}
