//! The same work as one writes it by hand, with scoped threads and flume channels: what the supervised
//! pipeline is measured against. The bench mounts this file beside `job`; scan itself only tests it.

use std::ops::ControlFlow;
use std::path::Path;

use super::job::parse::{CHUNK, Summary};
use super::job::plain::{files, read};
use super::job::totals::Totals;
use super::job::walk::Entry;

/// A walker, a bounded channel, `workers` parsers, a bounded channel, and the sums in this thread:
/// what the supervised pipeline is measured against.
pub(crate) fn scan(root: &Path, workers: usize, capacity: usize) -> Totals {
    let (jobs_in, jobs) = flume::bounded::<Entry>(capacity);
    let (results_in, results) = flume::bounded::<(Entry, Summary)>(capacity);
    let mut totals = Totals::default();
    std::thread::scope(|scope| {
        scope.spawn(move || files(root, None).try_for_each(|entry| jobs_in.send(entry)));
        for _ in 0..workers {
            let (jobs, results_in) = (jobs.clone(), results_in.clone());
            scope.spawn(move || {
                let mut buffer = vec![0; CHUNK];
                for entry in jobs {
                    if let Ok(summary) = read(&entry, &mut buffer, go_on)
                        && results_in.send((entry, summary)).is_err()
                    {
                        return;
                    }
                }
            });
        }
        drop((jobs, results_in));
        for (entry, summary) in results {
            totals.add(entry.key(), &summary);
        }
    });
    totals
}

fn go_on() -> ControlFlow<()> {
    ControlFlow::Continue(())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::job::plain;
    use crate::job::scratch::Scratch;
    use crate::job::totals::Marks;

    #[test]
    fn one_thread_and_many_find_the_same() {
        let scratch = Scratch::new("by-hand");
        for n in 0..50 {
            scratch.file(&format!("{}/{n}", n % 7), &"line and words\n".repeat(n));
        }
        let mut none = Marks::new(Vec::new());
        let one = plain::verify(scratch.path(), None, &HashSet::new(), &mut none, go_on).unwrap();
        assert_eq!(one.totals, scan(scratch.path(), 3, 2));
        assert_eq!(one.totals.results(), 50);
    }
}
