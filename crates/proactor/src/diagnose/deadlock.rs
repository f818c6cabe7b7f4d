//! Deadlocks: threads that wait for each other in a circle, each told with what it holds and what it waits for.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::graph::Graph;
use super::thread::{ObjectInfo, ObjectOwner, ThreadInfo, WaitInfo, threads};

/// Threads that wait for each other, so that none of them can go on.
///
/// As text it is a paragraph, a line for each thread.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Deadlock {
    /// Each waits for something that the next one holds, and the last for something of the first. Where circles have
    /// threads in common they are told as one, and what is not on the first way round follows behind.
    pub threads: Vec<DeadlockedThread>,
}

/// One of the threads of a [`Deadlock`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadlockedThread {
    /// The kernel's id.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// What it holds, as far as that is known: at least what the others in the circle wait for.
    pub holds: Vec<ObjectInfo>,
    /// The wait that will never end.
    pub waits: WaitInfo,
    /// The names of those who own what it waits for, in the order of its objects.
    owners: Vec<Option<String>>,
}

/// Every deadlock there is in this process at the moment, each once.
///
/// A thread that waits for any of several objects is part of one only if none of them can come; one that waits for all,
/// as soon as one can't. An event or a semaphore may come from anyone, and so may what another process owns, so
/// circles through those are not found (S439, S440). A wait with a time limit counts like any other: that circle
/// will break, for what that is worth.
///
/// ```
/// assert!(proactor::diagnose::deadlocks().is_empty());
/// ```
pub fn deadlocks() -> Vec<Deadlock> {
    deadlocks_among(&threads())
}

pub(super) fn deadlocks_among(threads: &[ThreadInfo]) -> Vec<Deadlock> {
    let graph = Graph::new(threads);
    let circles = graph.circles().into_iter();
    circles
        .map(|circle| {
            let mut wanted = wanted(&graph, &circle);
            let members = circle.iter().filter_map(|place| {
                let wanted = wanted.remove(&threads[*place].id).unwrap_or_default();
                member(&graph, *place, wanted)
            });
            Deadlock { threads: members.collect() }
        })
        .collect()
}

/// What the threads of a circle wait for, by the threads that hold it.
fn wanted<'a>(graph: &Graph<'a>, circle: &[usize]) -> BTreeMap<u32, Vec<&'a ObjectInfo>> {
    let mut wanted = BTreeMap::<_, Vec<_>>::new();
    let objects = circle.iter().filter_map(|place| graph.wait(*place)).flat_map(|wait| &wait.objects);
    for object in objects.filter(|object| !object.is_its_owner()) {
        if let Some(ObjectOwner::Thread(owner)) = object.owner {
            wanted.entry(owner).or_default().push(object);
        }
    }
    wanted
}

fn member(graph: &Graph<'_>, place: usize, wanted: Vec<&ObjectInfo>) -> Option<DeadlockedThread> {
    let thread = &graph.threads[place];
    let waits = graph.wait(place)?.clone();
    let mut holds = thread.owns.clone();
    // A lock may not keep a list of who owns it; but those who wait for it say so.
    let mut told: BTreeSet<_> = thread.owns.iter().map(ObjectInfo::identity).collect();
    holds.extend(wanted.into_iter().filter(|object| told.insert(object.identity())).cloned());
    let owner = |object: &ObjectInfo| match object.owner {
        Some(ObjectOwner::Thread(owner)) => graph.place(owner).map(|owner| graph.threads[owner].name.clone()),
        _ => None,
    };
    let owners = waits.objects.iter().map(owner).collect();
    Some(DeadlockedThread { id: thread.id, name: thread.name.clone(), holds, waits, owners })
}

impl fmt::Display for Deadlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.threads.len() {
            1 => write!(f, "Deadlock: a thread waits for itself.")?,
            count => {
                write!(
                    f,
                    "Deadlock: {count} threads wait for each other in a circle; none of them can go on."
                )?;
            }
        }
        for thread in &self.threads {
            write!(f, "\n  {thread}.")?;
        }
        Ok(())
    }
}

impl fmt::Display for DeadlockedThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (thread {})", self.name.escape_debug(), self.id)?;
        for (number, held) in self.holds.iter().enumerate() {
            write!(f, "{} {held}", if number == 0 { " holds" } else { " and" })?;
        }
        let waits = match (self.holds.is_empty(), self.waits.objects.len(), self.waits.all) {
            (true, ..=1, _) => " waits for",
            (false, ..=1, _) => " and waits for",
            (true, _, false) => " waits for any of",
            (false, _, false) => " and waits for any of",
            (true, _, true) => " waits for all of",
            (false, _, true) => " and waits for all of",
        };
        f.write_str(waits)?;
        for (number, object) in self.waits.objects.iter().enumerate() {
            write!(f, "{} {object}", if number == 0 { "" } else { " and" })?;
            if let (Some(ObjectOwner::Thread(owner)), Some(Some(name))) =
                (object.owner, self.owners.get(number))
            {
                let how = if object.is_its_owner() { "" } else { "held by " };
                write!(f, " ({how}{}, thread {owner})", name.escape_debug())?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::thread::ThreadState;

    fn lock(name: &str, id: u64, owner: Option<u32>) -> ObjectInfo {
        let owner = owner.map(ObjectOwner::Thread);
        ObjectInfo { kind: "critical section".into(), name: Some(name.into()), id, owner }
    }

    fn thread(id: u32, all: bool, objects: Vec<ObjectInfo>) -> ThreadInfo {
        let waits = vec![WaitInfo { all, objects }];
        ThreadInfo { id, name: format!("worker-{id}"), state: ThreadState::Blocked, waits, owns: Vec::new() }
    }

    #[test]
    fn a_deadlock_reads_as_a_paragraph() {
        let (accounts, orders) = (lock("accounts", 1, Some(7)), lock("orders", 2, Some(8)));
        let threads = [thread(7, false, vec![orders]), thread(8, false, vec![accounts])];
        let deadlocks = deadlocks_among(&threads);
        assert_eq!(deadlocks.len(), 1);
        assert_eq!(
            deadlocks[0].to_string(),
            "Deadlock: 2 threads wait for each other in a circle; none of them can go on.\n  worker-7 (thread 7) \
             holds critical section \"accounts\" and waits for critical section \"orders\" (held by worker-8, thread \
             8).\n  worker-8 (thread 8) holds critical section \"orders\" and waits for critical section \
             \"accounts\" (held by worker-7, thread 7)."
        );
    }

    #[test]
    fn several_objects_are_told_with_how_many_it_takes() {
        let waits = vec![lock("a", 1, None), lock("b", 2, Some(8))];
        let threads = [thread(7, true, waits), thread(8, false, vec![lock("c", 3, Some(7))])];
        let text = deadlocks_among(&threads)[0].to_string();
        assert!(
            text.contains(
                "waits for all of critical section \"a\" and critical section \"b\" (held by worker-8"
            ),
            "{text}"
        );
    }

    #[test]
    fn a_thread_that_is_waited_for_is_not_held() {
        let mut join = lock("", 1, Some(8));
        (join.kind, join.name) = ("thread".into(), None);
        let threads = [thread(7, false, vec![join]), thread(8, false, vec![lock("a", 2, Some(7))])];
        let text = deadlocks_among(&threads)[0].to_string();
        assert!(text.contains("waits for thread #1 (worker-8, thread 8)."), "{text}");
        assert!(text.contains("\n  worker-8 (thread 8) waits for critical"), "{text}");
    }

    #[test]
    fn what_it_holds_is_told_once() {
        let mut threads =
            [thread(7, false, vec![lock("b", 2, Some(8))]), thread(8, false, vec![lock("a", 1, Some(7))])];
        threads[0].owns = vec![lock("a", 1, Some(7)), lock("x", 9, Some(7))];
        let names: Vec<_> =
            deadlocks_among(&threads)[0].threads[0].holds.iter().map(|held| held.id).collect();
        assert_eq!(names, [1, 9]);
    }
}
