//! The command line: from words to one inert value, or to an error that says what to write instead.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use steadfast::Intensity;

use super::exit::Exit;
use super::job::chaos::{Chaos, Percent};

/// The largest number of parsers: a thread each.
const MAX_WORKERS: usize = 1024;

/// What the command line asked for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Args {
    pub(crate) dir: PathBuf,
    pub(crate) workers: usize,
    pub(crate) chaos: Chaos,
    pub(crate) restarts: Option<Budget>,
    pub(crate) max_abandoned: u32,
    pub(crate) verify: bool,
    pub(crate) resume: Option<PathBuf>,
}

/// So many restarts in such a time: `3/5s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Budget {
    pub(crate) max: u32,
    pub(crate) period: Duration,
}

/// What the first look at the command line leads to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Command {
    Scan(Args),
    Help,
}

/// Why the command line makes no sense: one sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UsageError(String);

impl std::fmt::Display for UsageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<lexopt::Error> for UsageError {
    fn from(error: lexopt::Error) -> Self {
        UsageError(error.to_string())
    }
}

/// Reads the words after the program's name.
pub(crate) fn parse(
    words: impl IntoIterator<Item = OsString>,
    cores: usize,
) -> Result<Command, UsageError> {
    use lexopt::prelude::{Long, Short, Value};
    let mut dir = None;
    let mut args = Args {
        dir: PathBuf::from("."),
        workers: cores.clamp(1, MAX_WORKERS),
        chaos: Chaos::default(),
        restarts: None,
        max_abandoned: 500,
        verify: false,
        resume: None,
    };
    let mut parser = lexopt::Parser::from_args(words);
    while let Some(word) = parser.next()? {
        match word {
            Short('h') | Long("help") => return Ok(Command::Help),
            Long("workers") => args.workers = workers(&text(&mut parser, "--workers")?)?,
            Long("chaos") => {
                args.chaos.panics = percent("--chaos", &text(&mut parser, "--chaos")?)?
            }
            Long("hang") => args.chaos.hangs = percent("--hang", &text(&mut parser, "--hang")?)?,
            Long("seed") => args.chaos.seed = number("--seed", &text(&mut parser, "--seed")?)?,
            Long("restarts") => args.restarts = Some(budget(&text(&mut parser, "--restarts")?)?),
            Long("max-abandoned") => {
                args.max_abandoned =
                    number("--max-abandoned", &text(&mut parser, "--max-abandoned")?)?;
            }
            Long("verify") => args.verify = true,
            Long("resume") => args.resume = Some(checkpoint_file(parser.value()?)?),
            Value(word) => set_once(&mut dir, word)?,
            other => return Err(other.unexpected().into()),
        }
    }
    args.dir = dir.map_or(args.dir, PathBuf::from);
    Ok(Command::Scan(args))
}

fn set_once(dir: &mut Option<OsString>, word: OsString) -> Result<(), UsageError> {
    if word.is_empty() {
        return Err(UsageError("DIR is empty".into()));
    }
    match dir.replace(word) {
        None => Ok(()),
        Some(first) => Err(UsageError(format!(
            "one DIR at a time: {first:?} was given already (use `--` before a name that begins with a dash)"
        ))),
    }
}

fn text(parser: &mut lexopt::Parser, option: &str) -> Result<String, UsageError> {
    let value = parser.value()?;
    value
        .into_string()
        .map_err(|value| UsageError(format!("{option}: {value:?} is not UTF-8")))
}

fn checkpoint_file(value: OsString) -> Result<PathBuf, UsageError> {
    if value.is_empty() {
        return Err(UsageError("--resume: the name of the file is empty".into()));
    }
    Ok(PathBuf::from(value))
}

fn number<N: std::str::FromStr>(option: &str, text: &str) -> Result<N, UsageError> {
    text.parse()
        .map_err(|_| UsageError(format!("{option}: {text:?} is not a number that fits")))
}

fn workers(text: &str) -> Result<usize, UsageError> {
    let workers = number("--workers", text)?;
    if (1..=MAX_WORKERS).contains(&workers) {
        return Ok(workers);
    }
    Err(UsageError(format!(
        "--workers: {workers} is not between 1 and {MAX_WORKERS}"
    )))
}

/// `1%`, `0.1%`, `100%`. The sign is demanded: is `1` one in a hundred or all?
fn percent(option: &str, text: &str) -> Result<Percent, UsageError> {
    let Some(digits) = text.strip_suffix('%') else {
        return Err(UsageError(format!(
            "{option}: {text:?} is no percentage; write it like 1% or 0.1%"
        )));
    };
    // `f64` would also take `inf`, `NaN`, `1e2` and signs.
    let plain = digits
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    match digits.parse::<f64>() {
        Ok(value) if plain => Percent::new(value)
            .ok_or_else(|| UsageError(format!("{option}: {text} is more than 100%"))),
        _ => Err(UsageError(format!(
            "{option}: {text:?} is no percentage; write it like 1% or 0.1%"
        ))),
    }
}

/// `3/5s`, `10/500ms`, `100/1m`.
fn budget(text: &str) -> Result<Budget, UsageError> {
    let wrong = || {
        UsageError(format!(
            "--restarts: {text:?} is not like 3/5s (restarts / time; ms, s or m)"
        ))
    };
    let (max, period) = text.split_once('/').ok_or_else(wrong)?;
    let unit_at = period
        .find(|c: char| !c.is_ascii_digit())
        .ok_or_else(wrong)?;
    let (count, unit) = period.split_at(unit_at);
    let count: u64 = count.parse().map_err(|_| wrong())?;
    let milliseconds = match unit {
        "ms" => Some(count),
        "s" => count.checked_mul(1000),
        "m" => count.checked_mul(60_000),
        _ => None,
    };
    let period = Duration::from_millis(milliseconds.ok_or_else(wrong)?);
    if period.is_zero() {
        return Err(UsageError(
            "--restarts: the time must be more than zero".into(),
        ));
    }
    let max: u32 = max.parse().map_err(|_| wrong())?;
    if max > Intensity::MAX_RESTARTS {
        return Err(UsageError(format!(
            "--restarts: {max} is more than {}",
            Intensity::MAX_RESTARTS
        )));
    }
    Ok(Budget { max, period })
}

/// What `--help` prints.
pub(crate) fn help() -> String {
    let mut text = String::from(USAGE);
    for (exit, meaning) in Exit::ALL {
        // Writing into a `String` cannot fail.
        let _ = writeln!(text, "  {:>3}  {meaning}", exit.code());
    }
    text
}

const USAGE: &str = "\
scan: reads every file below DIR in a supervised pipeline of threads.

usage: scan [DIR] [options]                          (DIR defaults to the current directory)

  --workers N          parser threads, 1 to 1024 (default: one per core)
  --chaos P%           so many files make their parser panic in the middle (default 0%)
  --hang P%            so many files make their parser stop responding (default 0%)
  --seed S             which files those are (default 0); (seed, path, attempt) decides, nothing else
  --restarts N/TIME    the tree gives up beyond N restarts of parsers in TIME: 3/5s, 10/500ms, 100/1m
                       (default: no limit; it gives up when one parser fails 50 times in a row)
  --max-abandoned N    the tree gives up beyond N hanging threads that live on (default 500)
  --verify             read everything again in one plain thread and compare the digests
  --resume FILE        Ctrl-C writes a checkpoint to FILE; go on from FILE if it is there.
                       A complete scan removes it.
  -h, --help           this text

RUST_LOG=steadfast=info shows each restart.

exit codes
";

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(words: &[&str]) -> Result<Args, UsageError> {
        match parse(words.iter().map(OsString::from), 2)? {
            Command::Scan(args) => Ok(args),
            Command::Help => Err(UsageError("help".into())),
        }
    }

    fn refusal(words: &[&str]) -> String {
        scan(words).map_or_else(
            |error| error.to_string(),
            |args| format!("accepted: {args:?}"),
        )
    }

    #[test]
    fn nothing_means_the_current_directory_without_chaos() {
        let args = scan(&[]).unwrap();
        assert_eq!(args.dir, PathBuf::from("."));
        assert_eq!(args.workers, 2);
        assert!(!args.chaos.is_any());
        assert_eq!(args.restarts, None);
    }

    #[test]
    fn every_option_is_understood() {
        let args = scan(&[
            "src",
            "--workers",
            "3",
            "--chaos",
            "1%",
            "--hang=0.1%",
            "--seed",
            "7",
            "--restarts",
            "3/5s",
            "--max-abandoned",
            "2",
            "--verify",
            "--resume",
            "state",
        ]);
        let args = args.unwrap();
        assert_eq!(args.dir, PathBuf::from("src"));
        assert_eq!(args.workers, 3);
        assert_eq!(Some(args.chaos.panics), Percent::new(1.0));
        assert_eq!(Some(args.chaos.hangs), Percent::new(0.1));
        assert_eq!(args.chaos.seed, 7);
        assert_eq!(
            args.restarts,
            Some(Budget {
                max: 3,
                period: Duration::from_secs(5)
            })
        );
        assert_eq!(args.max_abandoned, 2);
        assert!(args.verify);
        assert_eq!(args.resume, Some(PathBuf::from("state")));
    }

    #[test]
    fn a_pipeline_needs_a_worker() {
        assert_eq!(
            refusal(&["--workers", "0"]),
            "--workers: 0 is not between 1 and 1024"
        );
        assert!(refusal(&["--workers", "1025"]).contains("between"));
        assert!(refusal(&["--workers", "-1"]).contains("not a number"));
        assert!(refusal(&["--workers", "many"]).contains("not a number"));
    }

    #[test]
    fn percentages_are_between_nothing_and_all() {
        assert_eq!(
            refusal(&["--chaos", "150%"]),
            "--chaos: 150% is more than 100%"
        );
        for wrong in [
            "1", "-1%", "%", "NaN%", "inf%", "1e1%", "+1%", "1.2.3%", ".%", "one%",
        ] {
            assert!(
                refusal(&["--hang", wrong]).contains("no percentage"),
                "{wrong}"
            );
        }
        for right in ["0%", "100%", "0.001%", "99.9%"] {
            assert!(scan(&["--chaos", right]).is_ok(), "{right}");
        }
    }

    #[test]
    fn a_budget_is_a_number_over_a_time() {
        let budget_of = |text| scan(&["--restarts", text]).unwrap().restarts.unwrap();
        assert_eq!(
            budget_of("0/1s"),
            Budget {
                max: 0,
                period: Duration::from_secs(1)
            }
        );
        assert_eq!(budget_of("10/500ms").period, Duration::from_millis(500));
        assert_eq!(budget_of("10/2m").period, Duration::from_secs(120));
        for wrong in [
            "3",
            "3/",
            "/5s",
            "3/5",
            "3/5h",
            "3/-5s",
            "-3/5s",
            "3/5 s",
            "x/5s",
            "3/99999999999999999999s",
        ] {
            assert!(
                refusal(&["--restarts", wrong]).contains("is not like 3/5s"),
                "{wrong}"
            );
        }
        assert!(refusal(&["--restarts", "3/18446744073709551615m"]).contains("is not like"));
        assert!(refusal(&["--restarts", "100001/5s"]).contains("more than 100000"));
        assert!(refusal(&["--restarts", "3/0s"]).contains("more than zero"));
    }

    #[test]
    fn unknown_options_missing_values_and_second_directories_are_refused() {
        assert!(refusal(&["--wrokers", "3"]).contains("--wrokers"));
        assert!(refusal(&["--workers"]).contains("--workers"));
        assert!(refusal(&["--verify=yes"]).contains("verify"));
        assert!(refusal(&["one", "two"]).contains("one DIR at a time"));
        assert!(refusal(&[""]).contains("empty"));
        assert!(refusal(&["--resume", ""]).contains("empty"));
    }

    #[test]
    fn two_dashes_end_the_options() {
        assert_eq!(
            scan(&["--", "--verify"]).unwrap().dir,
            PathBuf::from("--verify")
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_directory_needs_no_utf8_name() {
        use std::os::unix::ffi::OsStringExt;
        let name = OsString::from_vec(vec![b'a', 0xff]);
        assert_eq!(parse([name.clone()], 1), parse([name], 1));
        let wrong = OsString::from_vec(vec![0xff]);
        assert!(
            parse(["--workers".into(), wrong], 1)
                .unwrap_err()
                .to_string()
                .contains("UTF-8")
        );
    }

    #[test]
    fn help_names_every_exit_code() {
        let help = help();
        for (exit, meaning) in Exit::ALL {
            assert!(help.contains(&format!("{:>3}  {meaning}", exit.code())));
        }
    }
}
