//! A wait for any of several objects takes the first in the list that is signalled (S159).

use std::hint::black_box;

use proactor::object::{Event, MAXIMUM_WAIT_OBJECTS, Wait, Waitable, wait_any};

use super::Experiment;
use crate::lab::measure::{Effort, Failure};
use crate::lab::report::{Measured, Plot, Row, Series, Shape, Verdict};

pub const EXPERIMENT: Experiment = Experiment {
    id: "wait-order",
    title: "A wait takes the first in the list that is signalled",
    claim: "If several objects of a wait are signalled, the one with the lowest index is taken, and only that one. So \
            waits in a row walk through events that reset themselves, and never get past one that stays set: what stands \
            first in the list comes first, and what stands last may starve.",
    done: "64 auto-reset events, all set, and 64 waits for any of them. The same with manual-reset events. Then events \
           set by chance, and a wait for each of their patterns. At last eight events that are set again as soon as \
           they are taken: who gets how many of 1,000 turns, with the list as it is, and with the list turned by one after each wait?",
    run,
};

/// Of the last part.
const BUSY: usize = 8;
const TURNS: usize = 1000;

struct Facts {
    /// In which order the waits took the events,
    auto: Vec<usize>,
    manual: Vec<usize>,
    patterns: usize,
    /// Patterns of which not the lowest was taken, or more than one.
    wrong: usize,
    /// How often each event was taken.
    fixed: Vec<usize>,
    turned: Vec<usize>,
}

fn run(effort: Effort) -> Result<Measured, Failure> {
    let patterns = effort.of(20_000, 2000);
    let facts = Facts {
        auto: walk(Event::auto)?,
        manual: walk(Event::manual)?,
        patterns,
        wrong: by_chance(patterns)?,
        fixed: busy(0)?,
        turned: busy(1)?,
    };
    let walked = facts.auto.iter().enumerate().filter(|(turn, index)| turn == *index).count();
    let rows = vec![
        Row::count("auto-reset: waits that took the next one", walked, "of 64"),
        Row::count(
            "manual-reset: waits that took the first one",
            facts.manual.iter().filter(|index| **index == 0).count(),
            "of 64",
        ),
        Row::count("patterns by chance", patterns, ""),
        Row::count("patterns of which not the lowest was taken", facts.wrong, ""),
        Row::count("always ready, list as it is: turns of the first", facts.fixed[0], "of 1,000"),
        Row::count("always ready, list turned: turns of the first", facts.turned[0], "of 1,000"),
    ];
    let plot = Plot {
        title: "Eight events that are always ready: who is taken".into(),
        x: "place of the event".into(),
        y: "turns of 1,000".into(),
        shape: Shape::Bars((0..BUSY).map(|place| place.to_string()).collect()),
        series: vec![
            Series::over_names("list as it is", facts.fixed.iter().map(|count| *count as f64)),
            Series::over_names("list turned by one", facts.turned.iter().map(|count| *count as f64)),
        ],
    };
    let notes = vec![
        "Whoever wants all to have their turn turns the list, or looks at the others after each wait.".into(),
    ];
    Ok(Measured { verdict: verdict(&facts), rows, plots: vec![plot], notes })
}

fn list(events: &[Event]) -> Vec<&dyn Waitable> {
    events.iter().map(|event| event as &dyn Waitable).collect()
}

/// What 64 waits for any of 64 take, all set at the beginning.
fn walk(event: fn(bool) -> Event) -> Result<Vec<usize>, Failure> {
    let events: Vec<_> = (0..MAXIMUM_WAIT_OBJECTS).map(|_| event(true)).collect();
    let objects = list(&events);
    let one = |_| Ok(wait_any(&objects, Wait::NOW)?.index);
    (0..MAXIMUM_WAIT_OBJECTS).map(one).collect()
}

/// How many patterns of set events were answered wrongly.
fn by_chance(patterns: usize) -> Result<usize, Failure> {
    let events: Vec<_> = (0..MAXIMUM_WAIT_OBJECTS).map(|_| Event::auto(false)).collect();
    let objects = list(&events);
    let mut state = black_box(0x9E37_79B9_7F4A_7C15_u64);
    let mut wrong = 0;
    for _ in 0..patterns {
        state = (state ^ (state >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) | 1;
        // Fewer and fewer bits, so that the lowest is anywhere.
        let pattern = (state << (state >> 58)).max(1);
        let is_in = |index: usize| pattern >> index & 1 == 1;
        events.iter().enumerate().filter(|(index, _)| is_in(*index)).for_each(|(_, event)| {
            event.set();
        });
        let taken = wait_any(&objects, Wait::NOW)?.index;
        let left = |(index, event): (usize, &Event)| event.reset() == (is_in(index) && index != taken);
        // Every event is reset, whatever the ones before it were like.
        let others_stayed = events.iter().enumerate().map(left).fold(true, |all, one| all & one);
        wrong += usize::from(taken != pattern.trailing_zeros() as usize || !others_stayed);
    }
    Ok(wrong)
}

/// How often each of eight is taken that are always ready, when the list is turned by so many after each wait.
fn busy(turn: usize) -> Result<Vec<usize>, Failure> {
    let events: Vec<_> = (0..BUSY).map(|_| Event::auto(true)).collect();
    let mut objects = list(&events);
    let (mut counts, mut first) = (vec![0; BUSY], 0);
    for _ in 0..TURNS {
        let place = (first + wait_any(&objects, Wait::NOW)?.index) % BUSY;
        counts[place] += 1;
        events[place].set();
        objects.rotate_left(turn);
        first = (first + turn) % BUSY;
    }
    Ok(counts)
}

fn verdict(facts: &Facts) -> Verdict {
    let walks = facts.auto.iter().copied().eq(0..MAXIMUM_WAIT_OBJECTS);
    let stays = facts.manual.len() == MAXIMUM_WAIT_OBJECTS && facts.manual.iter().all(|index| *index == 0);
    Verdict::unless(
        [
            (!walks, format!("the waits took {:?}", facts.auto)),
            (!stays, format!("manual-reset events were taken in the order {:?}", facts.manual)),
            (facts.patterns == 0, "no pattern was tried".into()),
            (facts.wrong > 0, format!("{} of {} patterns were wrong", facts.wrong, facts.patterns)),
            (facts.fixed[0] != TURNS, format!("the first had {} turns of {TURNS}", facts.fixed[0])),
            (
                facts.turned.iter().any(|count| *count != TURNS / BUSY),
                format!("with the list turned they had {:?} turns", facts.turned),
            ),
        ],
        format!("64 waits took 64 events in order; of {} patterns the lowest", facts.patterns),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Facts {
        let mut fixed = vec![0; BUSY];
        fixed[0] = TURNS;
        Facts {
            auto: (0..64).collect(),
            manual: vec![0; 64],
            patterns: 3,
            wrong: 0,
            fixed,
            turned: vec![TURNS / BUSY; BUSY],
        }
    }

    #[test]
    fn each_failure_is_seen() {
        assert!(verdict(&good()).holds);
        assert!(!verdict(&Facts { auto: (0..64).rev().collect(), ..good() }).holds);
        assert!(!verdict(&Facts { manual: (0..64).collect(), ..good() }).holds);
        assert!(!verdict(&Facts { wrong: 1, ..good() }).holds);
        assert!(!verdict(&Facts { patterns: 0, ..good() }).holds);
        assert!(!verdict(&Facts { fixed: vec![TURNS / BUSY; BUSY], ..good() }).holds);
        assert!(!verdict(&Facts { turned: vec![0; BUSY], ..good() }).holds);
    }
}
