//! What a scan finds of an earlier one, and leaves for a later one.

use std::path::{Display, Path, PathBuf};

use super::args::Args;
use super::exit::Exit;
use super::job::checkpoint::{self, CheckpointError, Identity, Results};
use super::job::plan::Finished;
use super::terminal::complain;

/// The checkpoint of this scan, if there is to be one.
pub(crate) struct State {
    file: Option<PathBuf>,
    identity: Identity,
    results: Option<Results>,
}

impl State {
    /// Loads the checkpoint and makes sure that one can be written; complains if that fails.
    pub(crate) fn open(args: &Args) -> Result<Self, Exit> {
        let mut state = State {
            file: args.resume.clone(),
            identity: Identity {
                dir: args.dir.clone(),
                chaos: args.chaos,
            },
            results: None,
        };
        let Some(file) = &state.file else {
            return Ok(state);
        };
        state.identity.dir = args.dir.canonicalize().map_err(|error| {
            complain(&format!("{}: {error}", args.dir.display()));
            Exit::Directory
        })?;
        let loaded = checkpoint::load(file, &state.identity).and_then(|results| {
            checkpoint::probe(file)?;
            Ok(results)
        });
        match loaded {
            Ok(results) => state.results = Some(results.unwrap_or_default()),
            Err(error) => {
                complain(&format!("checkpoint {}: {error}", file.display()));
                return Err(Exit::Checkpoint);
            }
        }
        Ok(state)
    }

    /// The results of the checkpoint; they are needed once.
    pub(crate) fn take_results(&mut self) -> Option<Results> {
        self.results.take()
    }

    /// A complete scan needs no checkpoint any more; any other leaves one.
    pub(crate) fn close(&self, finished: &Finished, exit: Exit) -> Result<(), CheckpointError> {
        let (Some(file), Some(results)) = (&self.file, finished.book.kept()) else {
            return Ok(());
        };
        if exit == Exit::Complete {
            return checkpoint::remove(file);
        }
        checkpoint::save(file, &self.identity, results)?;
        complain(&format!(
            "{} results are kept in {}",
            results.len(),
            file.display()
        ));
        Ok(())
    }

    /// For messages.
    pub(crate) fn file_name(&self) -> Display<'_> {
        self.file.as_deref().unwrap_or(Path::new("")).display()
    }
}
