//! How many files may be open at one time: one for each answer that is on its way.
//!
//! The session layer closes a file when its answer is out, and tells nobody. So openings are counted, and only when
//! there seem to be too many is it asked how many answers are under way, which is at least as many as there are files.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// It takes a look at every session, so not for each request.
const AGAIN: Duration = Duration::from_millis(10);

pub struct Opened {
    most: usize,
    state: Mutex<State>,
}

struct State {
    /// At least as many as are open.
    open: usize,
    /// When nothing was found to be free.
    full: Option<Instant>,
}

impl Opened {
    pub fn new(most: usize) -> Opened {
        Opened { most, state: Mutex::new(State { open: 0, full: None }) }
    }

    /// Whether one more may be opened now; `under_way` counts the answers that are.
    pub fn one_more(&self, now: Instant, under_way: impl FnOnce() -> usize) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.open >= self.most {
            if state.full.is_some_and(|full| now.saturating_duration_since(full) < AGAIN) {
                return false;
            }
            state.open = under_way();
            if state.open >= self.most {
                state.full = Some(now);
                return false;
            }
        }
        state.full = None;
        state.open += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_are_opened_than_may_be_until_answers_are_out() {
        let (opened, start) = (Opened::new(3), Instant::now());
        assert!((0..3).all(|_| opened.one_more(start, || unreachable!("there is room"))));
        assert!(!opened.one_more(start, || 3));
        assert!(!opened.one_more(start, || unreachable!("it was asked a moment ago")));
        assert!(opened.one_more(start + AGAIN, || 1));
        assert!(opened.one_more(start + AGAIN, || unreachable!("there is room")));
        assert!(!opened.one_more(start + AGAIN, || 3));
    }
}
