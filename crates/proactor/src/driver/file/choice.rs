//! Which backend serves files: one for the process, settled at its first use.

use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, OnceLock, PoisonError};

use super::Backend;
use super::ring::Ring;
use super::threads::Threads;

/// The environment variable that says which, unless [`set_choice`] was called.
const VARIABLE: &str = "PROACTOR_BACKEND";

/// What moves file data that the page cache cannot serve at once.
///
/// Settled once for the process: by [`set_choice`], or else by the environment variable `PROACTOR_BACKEND`, which
/// holds one of the [names](Choice::name).
///
/// ```
/// use proactor::files::Choice;
///
/// assert_eq!("threads".parse(), Ok(Choice::Threads));
/// assert_eq!(Choice::default(), Choice::Auto);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// io_uring where it may be had, threads elsewhere.
    #[default]
    Auto,
    /// io_uring. Where it may not be had, threads serve all the same and [`choice_error`] says why.
    IoUring,
    /// A few threads making positioned calls.
    Threads,
}

impl Choice {
    /// Every value, in the order in which they are listed to people.
    ///
    /// ```
    /// use proactor::files::Choice;
    ///
    /// let names: Vec<_> = Choice::ALL.iter().map(Choice::to_string).collect();
    /// assert_eq!(names.join(", "), "auto, io_uring, threads");
    /// ```
    pub const ALL: [Choice; 3] = [Choice::Auto, Choice::IoUring, Choice::Threads];

    /// The name by which it is asked for.
    ///
    /// ```
    /// use proactor::files::Choice;
    ///
    /// assert_eq!(Choice::IoUring.name(), "io_uring");
    /// ```
    pub const fn name(self) -> &'static str {
        match self {
            Choice::Auto => "auto",
            Choice::IoUring => "io_uring",
            Choice::Threads => "threads",
        }
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Choice {
    type Err = ParseChoiceError;

    fn from_str(text: &str) -> Result<Self, ParseChoiceError> {
        let found = Choice::ALL.into_iter().find(|choice| choice.name() == text);
        found.ok_or_else(|| ParseChoiceError { given: text.to_owned() })
    }
}

/// A name that is no [`Choice`]. Its text lists the right ones.
///
/// ```
/// use proactor::files::Choice;
///
/// let error = "uring".parse::<Choice>().unwrap_err();
/// assert_eq!(error.to_string(), "\"uring\" is no file backend: use auto, io_uring or threads");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseChoiceError {
    given: String,
}

impl fmt::Display for ParseChoiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second, third] = Choice::ALL;
        write!(f, "{:?} is no file backend: use {first}, {second} or {third}", self.given)
    }
}

impl std::error::Error for ParseChoiceError {}

struct Serving {
    backend: Box<dyn Backend>,
    error: Option<String>,
}

static SERVING: OnceLock<Serving> = OnceLock::new();
/// Held while SERVING is settled, so that no choice is accepted that then has no effect.
static CHOSEN: Mutex<Option<Choice>> = Mutex::new(None);

/// The backend of this process. The first call starts it.
pub(crate) fn backend() -> &'static dyn Backend {
    if let Some(serving) = SERVING.get() {
        return &*serving.backend;
    }
    let chosen = CHOSEN.lock().unwrap_or_else(PoisonError::into_inner);
    &*SERVING.get_or_init(|| start(wanted(*chosen))).backend
}

/// The backend, if a file operation has needed one yet.
pub(crate) fn serving() -> Option<&'static dyn Backend> {
    SERVING.get().map(|serving| &*serving.backend)
}

/// Says which backend is to serve files, over what the environment says. Call it before the first file is used.
/// Does not block, and starts nothing yet.
///
/// ```
/// use proactor::files::{Choice, set_choice};
///
/// set_choice(Choice::Threads).expect("no file has been used yet");
/// # let path = std::env::temp_dir().join(format!("proactor-choice-{}", std::process::id()));
/// let file = proactor::File::options().write(true).create(true).open(&path)?;
/// file.begin(proactor::op::Flush::new())?.wait().result()?;
/// assert_eq!(proactor::snapshot().file_backend, Some("threads"));
/// assert!(set_choice(Choice::IoUring).is_err());
/// # std::fs::remove_file(&path).unwrap();
/// # Ok::<(), proactor::Status>(())
/// ```
///
/// # Errors
///
/// Files are already being served by the other one.
#[allow(clippy::result_unit_err, reason = "there is one way to fail, and nothing to add to it")]
pub fn set_choice(choice: Choice) -> Result<(), ()> {
    let mut chosen = CHOSEN.lock().unwrap_or_else(PoisonError::into_inner);
    match SERVING.get() {
        Some(serving) if choice != Choice::Auto && serving.backend.name() != choice.name() => Err(()),
        _ => {
            *chosen = Some(choice);
            Ok(())
        }
    }
}

/// Why files are not, or will not be, served as was asked: a `PROACTOR_BACKEND` that names no backend, or io_uring
/// asked for by name where it may not be had (known once files have been used). One sentence, for people.
///
/// ```
/// use proactor::files::{Choice, choice_error, set_choice};
///
/// set_choice(Choice::Auto).expect("no file has been used yet");
/// assert_eq!(choice_error(), None);
/// ```
pub fn choice_error() -> Option<String> {
    let chosen = CHOSEN.lock().unwrap_or_else(PoisonError::into_inner);
    match SERVING.get() {
        Some(serving) => serving.error.clone(),
        None => wanted(*chosen).1,
    }
}

fn wanted(chosen: Option<Choice>) -> (Choice, Option<String>) {
    match chosen {
        Some(choice) => (choice, None),
        None => {
            from_environment(std::env::var_os(VARIABLE).map(|value| value.to_string_lossy().into_owned()))
        }
    }
}

/// Unset and empty are the same: both leave it to us.
fn from_environment(value: Option<String>) -> (Choice, Option<String>) {
    match value.as_deref() {
        None | Some("") => (Choice::Auto, None),
        Some(name) => match name.parse() {
            Ok(choice) => (choice, None),
            Err(error) => (Choice::Auto, Some(format!("{VARIABLE}: {error}"))),
        },
    }
}

fn start((choice, error): (Choice, Option<String>)) -> Serving {
    let threads = |error| Serving { backend: Box::new(Threads::new()), error };
    match choice {
        Choice::Threads => threads(error),
        Choice::Auto | Choice::IoUring => match Ring::start() {
            Ok(ring) => Serving { backend: Box::new(ring), error },
            Err(_) if choice == Choice::Auto => threads(error),
            Err(why) => threads(Some(format!("io_uring was asked for, but {why}"))),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_a_wrong_one_lists_the_right_ones() {
        for choice in Choice::ALL {
            assert_eq!(choice.to_string().parse(), Ok(choice));
        }
        let error = "uring".parse::<Choice>().unwrap_err().to_string();
        assert_eq!(error, "\"uring\" is no file backend: use auto, io_uring or threads");
    }

    #[test]
    fn a_wrong_environment_falls_back_and_says_so() {
        assert_eq!(from_environment(None), (Choice::Auto, None));
        assert_eq!(from_environment(Some(String::new())), (Choice::Auto, None));
        assert_eq!(from_environment(Some("threads".into())), (Choice::Threads, None));
        let (choice, error) = from_environment(Some("IOCP".into()));
        assert_eq!(choice, Choice::Auto);
        assert!(error.unwrap().starts_with("PROACTOR_BACKEND: \"IOCP\""));
    }

    #[test]
    fn once_files_are_served_only_the_same_choice_is_accepted() {
        let serving: Choice = backend().name().parse().unwrap();
        let other = if serving == Choice::Threads { Choice::IoUring } else { Choice::Threads };
        assert_eq!(set_choice(other), Err(()));
        assert_eq!(set_choice(serving), Ok(()));
        assert_eq!(set_choice(Choice::Auto), Ok(()));
        assert_eq!(backend().name(), serving.name());
    }

    #[test]
    fn a_choice_of_threads_is_served_by_threads() {
        let serving = start((Choice::Threads, None));
        assert_eq!(serving.backend.name(), "threads");
        assert_eq!(serving.error, None);
    }
}
