//! The traces, as lists of keys.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use flate2::read::GzDecoder;

/// File and capacity.
pub(crate) const POINTS: &[(&str, u64)] = &[
    ("OLTP.lis.gz", 1_000),
    ("OLTP.lis.gz", 2_000),
    ("OLTP.lis.gz", 5_000),
    ("OLTP.lis.gz", 10_000),
    ("P3.lis.gz", 10_000),
    ("P3.lis.gz", 50_000),
    ("P3.lis.gz", 200_000),
    ("lirs_gli.txt.gz", 1_000),
    ("lirs_gli.txt.gz", 2_000),
    ("lirs_2_pools.txt.gz", 450),
    ("lirs_ps.txt.gz", 500),
    ("lirs_cs.txt.gz", 500),
    ("c2k_web07.bin", 500),
    ("c2k_web07.bin", 2_000),
];

/// The keys of a trace, in their order.
pub(crate) fn read(folder: &Path, name: &str) -> io::Result<Vec<u64>> {
    let file = File::open(folder.join(name))?;
    if name.ends_with(".bin") {
        return big_endian(file);
    }
    let mut text = String::new();
    GzDecoder::new(file).read_to_string(&mut text)?;
    let is_arc = name.contains(".lis");
    Ok(text
        .lines()
        .flat_map(|line| if is_arc { range(line) } else { single(line) })
        .collect())
}

fn big_endian(mut file: File) -> io::Result<Vec<u64>> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let words = bytes.chunks_exact(4).map(|it| [it[0], it[1], it[2], it[3]]);
    Ok(words.map(|it| u64::from(u32::from_be_bytes(it))).collect())
}

/// `start count ignored number`: so many requests, of the blocks from `start` on.
fn range(line: &str) -> std::ops::Range<u64> {
    let mut numbers = line.split_whitespace().map_while(|it| it.parse().ok());
    let (start, count) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    start..start + count
}

/// One block; a separator is none.
fn single(line: &str) -> std::ops::Range<u64> {
    line.trim().parse().map_or(0..0, |key: u64| key..key + 1)
}
