//! Who can never go on: the stuck among threads that wait for each other.
//!
//! A thread that waits for any of several objects goes on as soon as one of those that own them does; one that waits
//! for all, only once all of them do. So those who will go on are found from the running ones outwards, round by
//! round, and who is left over is stuck: in a circle, or behind one. With waits for single objects that is the
//! search for circles in a wait-for graph; with the others it is the one for knots (Knapp, "Deadlock detection in
//! distributed databases", ACM Computing Surveys 19, 1987: the AND and the OR model).

use std::collections::{BTreeMap, VecDeque};

use super::thread::{ObjectInfo, ObjectOwner, ThreadInfo, WaitInfo};

pub(super) struct Graph<'a> {
    pub(super) threads: &'a [ThreadInfo],
    places: BTreeMap<u32, usize>,
    /// The round in which a thread turned out to go on sooner or later; `None`: never.
    rounds: Vec<Option<u32>>,
    mains: Vec<Option<&'a ObjectInfo>>,
}

/// On whom an object depends, for one who waits for it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dependence {
    /// On nobody who could be stuck in this process: it may come at any time.
    Free,
    /// On the thread at this place in the list.
    On(usize),
}

impl<'a> Graph<'a> {
    pub(super) fn new(threads: &'a [ThreadInfo]) -> Graph<'a> {
        let places = threads.iter().enumerate().map(|(place, thread)| (thread.id, place)).collect();
        let mut graph = Graph { threads, places, rounds: vec![None; threads.len()], mains: Vec::new() };
        graph.free();
        graph.mains = (0..threads.len()).map(|place| graph.find_main_object(place)).collect();
        graph
    }

    /// Finds who goes on, each with its round. Whoever does is looked at once, and so is every wait for it: who is
    /// in trouble may have very many threads, and who is hostile may claim them.
    fn free(&mut self) {
        let count = self.threads.len();
        let mut waiters = vec![Vec::new(); count];
        let mut missing: Vec<_> = (0..count).map(|place| self.missing(place, &mut waiters)).collect();
        let mut open: VecDeque<_> = (0..count).filter(|place| missing[*place] == 0).collect();
        open.iter().for_each(|place| self.rounds[*place] = Some(0));
        // First come, first served, so the rounds only grow: the last that is missing is the one of the latest round.
        while let Some(owner) = open.pop_front() {
            let round = self.rounds[owner].map(|round| round + 1);
            for waiter in std::mem::take(&mut waiters[owner]) {
                missing[waiter] = missing[waiter].saturating_sub(1);
                if missing[waiter] == 0 && self.is_stuck(waiter) {
                    self.rounds[waiter] = round;
                    open.push_back(waiter);
                }
            }
        }
    }

    /// How many threads have to go on before this one does, which is entered with each that counts.
    fn missing(&self, place: usize, waiters: &mut [Vec<usize>]) -> usize {
        // A sleep, which waits for nothing, ends by itself.
        let Some(wait) = self.wait(place).filter(|wait| !wait.objects.is_empty()) else { return 0 };
        let mut owners = 0;
        for object in &wait.objects {
            if let Dependence::On(owner) = self.dependence(place, object) {
                waiters[owner].push(place);
                owners += 1;
            }
        }
        if wait.all { owners } else { usize::from(owners == wait.objects.len()) }
    }

    pub(super) fn place(&self, thread: u32) -> Option<usize> {
        self.places.get(&thread).copied()
    }

    pub(super) fn is_stuck(&self, place: usize) -> bool {
        self.rounds[place].is_none()
    }

    /// The wait that keeps a thread: the innermost.
    pub(super) fn wait(&self, place: usize) -> Option<&'a WaitInfo> {
        self.threads[place].waits.last()
    }

    /// The round after which an object may come to one who waits for it; `None`: never.
    fn comes(&self, place: usize, object: &ObjectInfo) -> Option<u32> {
        match self.dependence(place, object) {
            Dependence::Free => Some(0),
            Dependence::On(owner) => self.rounds[owner].map(|round| round + 1),
        }
    }

    fn dependence(&self, place: usize, object: &ObjectInfo) -> Dependence {
        match object.owner {
            Some(ObjectOwner::Thread(thread)) => match self.place(thread) {
                Some(owner) if owner == place && object.is_recursive() => Dependence::Free,
                Some(owner) => Dependence::On(owner),
                None => Dependence::Free,
            },
            _ => Dependence::Free,
        }
    }

    /// The stuck threads that a stuck thread waits for, in the order of its objects.
    pub(super) fn stuck_owners(&self, place: usize) -> impl Iterator<Item = usize> + '_ {
        let objects = self.wait(place).into_iter().flat_map(|wait| &wait.objects);
        objects.filter_map(move |object| match self.dependence(place, object) {
            Dependence::On(owner) if self.is_stuck(owner) => Some(owner),
            _ => None,
        })
    }

    /// The one object that says most about why a thread waits: for a stuck one the first that will never come; in a
    /// wait for any the one that may come soonest, and in a wait for all the one that comes last.
    pub(super) fn main_object(&self, place: usize) -> Option<&'a ObjectInfo> {
        self.mains[place]
    }

    fn find_main_object(&self, place: usize) -> Option<&'a ObjectInfo> {
        let wait = self.wait(place)?;
        let round = |object: &&ObjectInfo| self.comes(place, object).unwrap_or(u32::MAX);
        match (self.is_stuck(place), wait.all) {
            (false, false) => wait.objects.iter().min_by_key(round),
            // Of equals the first, which `max_by_key` would not give.
            _ => wait.objects.iter().min_by_key(|object| u32::MAX - round(object)),
        }
    }

    /// The stuck threads that wait for each other in circles, those together whose circles have a thread in common.
    /// Each list starts with the first thread there is and goes round from there as far as it goes.
    pub(super) fn circles(&self) -> Vec<Vec<usize>> {
        let mut circles = self.components();
        circles.retain(|members| match members[..] {
            [single] => self.stuck_owners(single).any(|owner| owner == single),
            _ => true,
        });
        circles.iter_mut().for_each(|members| members.sort_unstable());
        circles.sort_unstable();
        let mut left = vec![false; self.threads.len()];
        circles.into_iter().map(|members| self.round(members, &mut left)).collect()
    }

    /// The stuck threads, those together that can all be reached from each other (Tarjan, "Depth-first search and
    /// linear graph algorithms", SIAM Journal on Computing 1, 1972). The way down is a list: it may be long.
    fn components(&self) -> Vec<Vec<usize>> {
        /// A number that is higher than all: its component is complete.
        const DONE: usize = usize::MAX;
        let count = self.threads.len();
        // When a thread was come to, from 1; and the earliest that is known to be reachable from there.
        let (mut number, mut lowest) = (vec![0; count], vec![0; count]);
        let mut last = 0;
        let (mut components, mut open, mut way) = (Vec::new(), Vec::new(), Vec::new());
        for first in (0..count).filter(|place| self.is_stuck(*place)) {
            let mut next = Some(first).filter(|first| number[*first] == 0);
            loop {
                if let Some(place) = next.take() {
                    last += 1;
                    (number[place], lowest[place]) = (last, last);
                    open.push(place);
                    way.push((place, self.stuck_owners(place)));
                }
                let Some((place, owners)) = way.last_mut() else { break };
                let place = *place;
                if let Some(owner) = owners.next() {
                    if number[owner] == 0 {
                        next = Some(owner);
                    } else {
                        lowest[place] = lowest[place].min(number[owner]);
                    }
                    continue;
                }
                way.pop();
                if let Some((before, _)) = way.last() {
                    lowest[*before] = lowest[*before].min(lowest[place]);
                }
                if lowest[place] == number[place] {
                    let at = open.iter().rposition(|other| *other == place).unwrap_or_default();
                    let members = open.split_off(at);
                    members.iter().for_each(|member| number[*member] = DONE);
                    components.push(members);
                }
            }
        }
        components
    }

    /// The members, which come sorted, in the order in which they wait for each other. `left` is false throughout,
    /// before and after.
    fn round(&self, members: Vec<usize>, left: &mut [bool]) -> Vec<usize> {
        members.iter().for_each(|member| left[*member] = true);
        let mut order = Vec::with_capacity(members.len());
        let mut next = members.first().copied();
        while let Some(place) = next {
            left[place] = false;
            order.push(place);
            next = self.stuck_owners(place).find(|owner| left[*owner]);
        }
        order.extend(members.into_iter().filter(|member| std::mem::take(&mut left[*member])));
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::thread::ThreadState;

    fn object(id: u64, owner: Option<u32>) -> ObjectInfo {
        let owner = owner.map(ObjectOwner::Thread);
        ObjectInfo { kind: "lock".into(), name: None, id, owner }
    }

    /// A thread that waits for objects named after their owners; 0 is an event, which nobody owns.
    fn thread(id: u32, all: bool, owners: &[u32]) -> ThreadInfo {
        let objects =
            owners.iter().map(|owner| object(u64::from(*owner), Some(*owner).filter(|owner| *owner > 0)));
        let waits = vec![WaitInfo { all, objects: objects.collect() }];
        ThreadInfo { id, name: format!("t{id}"), state: ThreadState::Blocked, waits, owns: Vec::new() }
    }

    fn runs(id: u32) -> ThreadInfo {
        ThreadInfo { waits: Vec::new(), ..thread(id, false, &[]) }
    }

    fn circles(threads: &[ThreadInfo]) -> Vec<Vec<u32>> {
        let graph = Graph::new(threads);
        let circles = graph.circles().into_iter();
        circles.map(|circle| circle.into_iter().map(|place| threads[place].id).collect()).collect()
    }

    const ANY: bool = false;
    const ALL: bool = true;

    #[test]
    fn a_circle_is_found_once_and_in_its_order() {
        let threads = [thread(1, ANY, &[3]), thread(2, ANY, &[1]), thread(3, ANY, &[2])];
        assert_eq!(circles(&threads), [[1, 3, 2]]);
    }

    #[test]
    fn who_waits_behind_a_circle_is_stuck_and_not_in_it() {
        let threads = [thread(1, ANY, &[2]), thread(2, ANY, &[3]), thread(3, ANY, &[2]), runs(4)];
        assert_eq!(circles(&threads), [[2, 3]]);
        let graph = Graph::new(&threads);
        assert!(graph.is_stuck(0) && !graph.is_stuck(3));
    }

    #[test]
    fn a_wait_for_any_is_stuck_only_if_every_alternative_is() {
        let pair = |first| [first, thread(2, ANY, &[1]), runs(3), thread(4, ANY, &[3])];
        assert_eq!(circles(&pair(thread(1, ANY, &[2]))), [[1, 2]]);
        assert_eq!(circles(&pair(thread(1, ANY, &[2, 3]))), [[0; 0]; 0], "thread 3 runs");
        assert_eq!(circles(&pair(thread(1, ANY, &[2, 4]))), [[0; 0]; 0], "thread 4 will");
        assert_eq!(circles(&pair(thread(1, ANY, &[2, 0]))), [[0; 0]; 0], "anyone may set the event");
        assert_eq!(circles(&pair(thread(1, ANY, &[2, 9]))), [[0; 0]; 0], "nothing is known of thread 9");
        let both = [thread(1, ANY, &[2, 3]), thread(2, ANY, &[1]), thread(3, ANY, &[1])];
        assert_eq!(circles(&both), [[1, 2, 3]], "both alternatives wait for thread 1");
    }

    #[test]
    fn a_wait_for_all_is_stuck_if_one_of_them_is() {
        let threads = [thread(1, ALL, &[0, 3, 2]), thread(2, ANY, &[1]), runs(3)];
        assert_eq!(circles(&threads), [[1, 2]]);
        assert_eq!(circles(&[thread(1, ALL, &[0, 3]), thread(2, ANY, &[1]), runs(3)]), [[0; 0]; 0]);
    }

    #[test]
    fn a_sleep_ends_by_itself() {
        assert_eq!(circles(&[thread(1, ANY, &[]), thread(2, ANY, &[1])]), [[0; 0]; 0]);
    }

    #[test]
    fn circles_apart_are_two_and_with_a_thread_in_common_one() {
        let apart = [thread(1, ANY, &[2]), thread(2, ANY, &[1]), thread(3, ANY, &[4]), thread(4, ANY, &[3])];
        assert_eq!(circles(&apart), [[1, 2], [3, 4]]);
        let joined = [thread(1, ALL, &[2, 3]), thread(2, ANY, &[1]), thread(3, ANY, &[1])];
        assert_eq!(circles(&joined), [[1, 2, 3]]);
    }

    #[test]
    fn who_waits_for_itself_is_stuck_unless_it_may_take_it_again() {
        assert_eq!(circles(&[thread(1, ANY, &[1])]), [[1]]);
        let mut given = thread(1, ANY, &[1, 2]);
        given.waits[0].objects[0].kind = "mutex".into();
        assert_eq!(circles(&[given, thread(2, ANY, &[1])]), [[0; 0]; 0], "it has been given the mutex");
    }

    #[test]
    fn the_main_object_leads_to_a_circle_only_if_there_is_one() {
        let threads = [thread(1, ANY, &[2, 0]), thread(2, ANY, &[1]), thread(3, ALL, &[0, 2])];
        let graph = Graph::new(&threads);
        let main = |place| graph.main_object(place).unwrap().id;
        assert_eq!(main(0), 0, "the event is what may free it");
        assert_eq!((main(1), main(2)), (1, 2));
        let stuck = [thread(1, ALL, &[0, 3, 2]), thread(2, ANY, &[1]), runs(3)];
        assert_eq!(Graph::new(&stuck).main_object(0).unwrap().id, 2);
    }

    #[test]
    fn a_row_and_a_circle_may_be_very_long() {
        const MANY: u32 = 20_000;
        let mut threads: Vec<_> = (1..=MANY).map(|id| thread(id, id % 2 == 0, &[id % MANY + 1])).collect();
        let whole: Vec<_> = (1..=MANY).collect();
        assert_eq!(circles(&threads), [whole]);
        threads[MANY as usize - 1] = runs(MANY);
        let graph = Graph::new(&threads);
        assert!(graph.circles().is_empty());
        assert_eq!((graph.rounds[0], graph.rounds[MANY as usize - 1]), (Some(MANY - 1), Some(0)));
        // The last waits for itself, and all before it behind that.
        threads[MANY as usize - 1] = thread(MANY, ANY, &[MANY]);
        assert_eq!(circles(&threads), [[MANY]]);
        assert!(Graph::new(&threads).is_stuck(0));
    }

    #[test]
    fn random_graphs_agree_with_the_definition() {
        // What can be freed, by trying every order: a thread goes on if its wait is met by those that have.
        fn freed(threads: &[ThreadInfo]) -> Vec<bool> {
            let mut on = vec![false; threads.len()];
            for _ in 0..threads.len() {
                for (place, thread) in threads.iter().enumerate() {
                    let wait = &thread.waits[0];
                    let met = |object: &ObjectInfo| object.id == 0 || on[object.id as usize - 1];
                    let met: Vec<bool> = wait.objects.iter().map(met).collect();
                    on[place] |=
                        if wait.all || met.is_empty() { !met.contains(&false) } else { met.contains(&true) };
                }
            }
            on
        }
        let mut state = 1u64;
        let mut below = |n: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % n
        };
        for _ in 0..2000 {
            let count = 1 + below(7) as u32;
            let threads: Vec<_> = (1..=count)
                .map(|id| {
                    let objects = 1 + below(3);
                    let owners: Vec<_> = (0..objects)
                        .map(|_| below(u64::from(count) * 2) as u32)
                        .map(|n| if n > count { 1 } else { n })
                        .collect();
                    thread(id, below(2) == 0, &owners)
                })
                .collect();
            let graph = Graph::new(&threads);
            let freed = freed(&threads);
            for (place, freed) in freed.iter().enumerate() {
                assert_eq!(graph.is_stuck(place), !freed, "{threads:?}");
                // Everyone who is stuck comes to a circle, and nobody else does.
                let mut at = place;
                for _ in 0..threads.len() {
                    match graph.main_object(at).and_then(|object| graph.place(object.id as u32)) {
                        Some(next) => at = next,
                        None => break,
                    }
                }
                let in_circle = graph.circles().iter().flatten().any(|member| *member == at);
                assert_eq!(in_circle, !freed, "{threads:?}");
            }
        }
    }
}
