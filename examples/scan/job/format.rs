//! The format of a checkpoint.
//!
//! A head that names the format and the scan that it belongs to (directory, chaos, seed), the results
//! in the order of their paths, and a hash of everything before it. All numbers are little-endian.

use std::path::PathBuf;

use super::chaos::Chaos;
use super::checkpoint::{CheckpointError, Identity, Kept, Results};
use super::open::Stamp;
use super::parse::Summary;

/// The first bytes of every checkpoint; the line ending shows whether it was copied as text.
pub(crate) const MAGIC: &[u8; 16] = b"steadfast scan\r\n";
const VERSION: u32 = 1;

/// The checkpoint as bytes.
pub(crate) fn encode(identity: &Identity, results: &Results) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(256 + results.len() * 160);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    put_text(&mut bytes, identity.dir.as_os_str().as_encoded_bytes());
    let Chaos {
        panics,
        hangs,
        seed,
    } = identity.chaos;
    for number in [
        panics.to_bits(),
        hangs.to_bits(),
        seed,
        results.len() as u64,
    ] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    for (path, kept) in results {
        put_text(&mut bytes, path);
        let Summary {
            bytes: size,
            lines,
            words,
            longest_line,
            hash,
        } = kept.summary;
        let modified = kept.stamp.modified_ns.cast_unsigned();
        for number in [
            kept.stamp.length,
            modified,
            size,
            lines,
            words,
            longest_line,
        ] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&hash);
    }
    let hash = blake3::hash(&bytes);
    bytes.extend_from_slice(hash.as_bytes());
    bytes
}

fn put_text(bytes: &mut Vec<u8>, text: &[u8]) {
    // A path longer than 4 GiB cannot come from a file system.
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(text);
}

/// The results in a checkpoint, if it is whole and belongs to this scan.
pub(crate) fn decode(bytes: &[u8], identity: &Identity) -> Result<Results, CheckpointError> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(CheckpointError::Foreign)?;
    let mut source = Source { rest };
    let version = u32::from_le_bytes(source.take()?);
    if version != VERSION {
        return Err(CheckpointError::Version(version));
    }
    let (body, hash) = bytes
        .split_last_chunk::<32>()
        .ok_or(CheckpointError::Corrupt("it is cut off"))?;
    if blake3::hash(body) != *hash {
        return Err(CheckpointError::Corrupt("its checksum is wrong"));
    }
    source.rest = &source.rest[..source.rest.len() - hash.len()];
    let dir = source.text()?;
    if dir != identity.dir.as_os_str().as_encoded_bytes() {
        let theirs = PathBuf::from(String::from_utf8_lossy(dir).into_owned());
        return Err(CheckpointError::OtherDirectory(
            theirs,
            identity.dir.clone(),
        ));
    }
    check_options(
        [source.number()?, source.number()?, source.number()?],
        identity.chaos,
    )?;
    let mut results = Results::new();
    for _ in 0..source.number()? {
        let (path, kept) = source.entry()?;
        results.insert(path, kept);
    }
    if source.rest.is_empty() {
        Ok(results)
    } else {
        Err(CheckpointError::Corrupt("it is too long"))
    }
}

fn check_options([panics, hangs, seed]: [u64; 3], chaos: Chaos) -> Result<(), CheckpointError> {
    if [panics, hangs, seed] == [chaos.panics.to_bits(), chaos.hangs.to_bits(), chaos.seed] {
        return Ok(());
    }
    let (panics, hangs) = (f64::from_bits(panics), f64::from_bits(hangs));
    Err(CheckpointError::OtherOptions(format!(
        "--chaos {panics}% --hang {hangs}% --seed {seed}"
    )))
}

/// What is still to be decoded.
struct Source<'a> {
    rest: &'a [u8],
}

impl<'a> Source<'a> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], CheckpointError> {
        let (taken, rest) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or(CheckpointError::Corrupt("it is cut off"))?;
        self.rest = rest;
        Ok(*taken)
    }

    fn number(&mut self) -> Result<u64, CheckpointError> {
        self.take().map(u64::from_le_bytes)
    }

    fn text(&mut self) -> Result<&'a [u8], CheckpointError> {
        let length = u32::from_le_bytes(self.take()?) as usize;
        let (text, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or(CheckpointError::Corrupt("it is cut off"))?;
        self.rest = rest;
        Ok(text)
    }

    fn entry(&mut self) -> Result<(Box<[u8]>, Kept), CheckpointError> {
        let path = self.text()?.into();
        let stamp = Stamp {
            length: self.number()?,
            modified_ns: self.number()?.cast_signed(),
        };
        let summary = Summary {
            bytes: self.number()?,
            lines: self.number()?,
            words: self.number()?,
            longest_line: self.number()?,
            hash: self.take()?,
        };
        Ok((path, Kept { stamp, summary }))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::job::chaos::Percent;

    pub(crate) fn identity() -> Identity {
        let chaos = Chaos {
            panics: Percent::new(1.0).unwrap(),
            hangs: Percent::default(),
            seed: 7,
        };
        Identity {
            dir: PathBuf::from("/some/where"),
            chaos,
        }
    }

    pub(crate) fn results() -> Results {
        let kept = |n: u64| Kept {
            stamp: Stamp {
                length: n,
                modified_ns: -5,
            },
            summary: Summary {
                bytes: n,
                lines: 1,
                words: 2,
                longest_line: 3,
                hash: [n as u8; 32],
            },
        };
        let paths: [&[u8]; 3] = [b"a", b"dir/b", &[0xff, b'\n', 0]];
        paths
            .into_iter()
            .zip(1..)
            .map(|(path, n)| (path.into(), kept(n)))
            .collect()
    }

    fn message(bytes: &[u8], identity: &Identity) -> String {
        decode(bytes, identity).map_or_else(|error| error.to_string(), |_| "accepted".into())
    }

    #[test]
    fn what_is_written_is_read_back() {
        assert_eq!(
            decode(&encode(&identity(), &results()), &identity()).unwrap(),
            results()
        );
        let none = Results::new();
        assert_eq!(
            decode(&encode(&identity(), &none), &identity()).unwrap(),
            none
        );
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_seen() {
        let whole = encode(&identity(), &results());
        for at in 0..whole.len() {
            let mut bent = whole.clone();
            bent[at] ^= 0x10;
            assert_ne!(message(&bent, &identity()), "accepted", "bit in byte {at}");
            assert_ne!(
                message(&whole[..at], &identity()),
                "accepted",
                "cut at {at}"
            );
        }
        let mut longer = whole.clone();
        longer.push(0);
        assert!(message(&longer, &identity()).contains("corrupt"));
    }

    #[test]
    fn the_checkpoint_of_another_scan_is_refused_by_name() {
        let bytes = encode(&identity(), &results());
        let elsewhere = Identity {
            dir: PathBuf::from("/else/where"),
            ..identity()
        };
        assert_eq!(
            message(&bytes, &elsewhere),
            "it belongs to the directory /some/where, not to /else/where"
        );
        let mut reseeded = identity();
        reseeded.chaos.seed = 8;
        assert_eq!(
            message(&bytes, &reseeded),
            "it was made with --chaos 1% --hang 0% --seed 7; give the same options, or another file"
        );
    }

    #[test]
    fn a_later_format_and_a_foreign_file_are_told_apart_from_corruption() {
        let mut later = encode(&identity(), &results());
        later[MAGIC.len()] = 9;
        assert_eq!(
            message(&later, &identity()),
            "it has format 9; this scan reads format 1"
        );
        assert_eq!(
            message(b"hello", &identity()),
            "it is not a checkpoint of scan"
        );
    }
}
