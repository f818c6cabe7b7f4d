//! Wait chains: from a thread to what it waits for, to who owns that, and on (`GetThreadWaitChain`).

use std::fmt;

use super::graph::Graph;
use super::thread::{ObjectInfo, ObjectOwner, ThreadInfo, ThreadState, threads};
use crate::status::Status;

/// The most nodes of a chain (`WCT_MAX_NODE_COUNT`, S436).
pub const MOST_NODES: usize = 16;

/// A thread, what it waits for, who owns that, and so on, at one moment.
///
/// As text it is one line: `worker-0 (thread 12) waits for mutex "a", held by worker-1 (thread 13), which runs`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WaitChain {
    /// Threads and objects in turn, the thread that was asked about first (S434); at most [`MOST_NODES`]. A thread
    /// that waits for nothing, or for something that nobody owns, ends it; so does one of another process (S439).
    pub nodes: Vec<ChainNode>,
    /// The last object is owned by a thread that stands in the chain already: those from there on wait for each
    /// other, and none of them can go on (S435).
    pub is_cycle: bool,
    /// The chain goes on beyond what is given here.
    pub truncated: bool,
}

/// A link of a [`WaitChain`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChainNode {
    /// A thread.
    #[non_exhaustive]
    Thread {
        /// The kernel's id; 0 for another process as a whole.
        id: u32,
        /// Its name, if it is of the process that was asked.
        name: Option<String>,
        /// Its state, likewise.
        state: Option<ThreadState>,
        /// The process it belongs to, if that is another one.
        foreign: Option<u32>,
    },
    /// What the thread before it waits for.
    Object(ObjectInfo),
}

/// The wait chain of a thread of this process, by the kernel's id (`gettid`), as [`threads`] lists them.
///
/// Of several objects that a thread waits for, the chain goes on with the one that says most: in a wait for any of
/// them the one that may come soonest, in a wait for all the one that comes last. So a chain comes to a circle only if
/// its threads really can't go on.
///
/// `NOT_FOUND` when this process has no such thread (S437). A thread that blocks in something other than this
/// library is a chain of one node.
///
/// ```
/// let threads = proactor::diagnose::threads();
/// let chain = proactor::diagnose::wait_chain(threads[0].id)?;
/// assert!(!chain.is_cycle);
/// # Ok::<(), proactor::Status>(())
/// ```
pub fn wait_chain(thread: u32) -> Result<WaitChain, Status> {
    chain_among(&threads(), thread).ok_or(Status::NOT_FOUND)
}

pub(super) fn chain_among(threads: &[ThreadInfo], thread: u32) -> Option<WaitChain> {
    let graph = Graph::new(threads);
    graph.place(thread).map(|place| chain_from(&graph, place))
}

/// The chain of each thread, in their order.
pub(super) fn chains_among(threads: &[ThreadInfo]) -> Vec<WaitChain> {
    let graph = Graph::new(threads);
    (0..threads.len()).map(|place| chain_from(&graph, place)).collect()
}

fn chain_from(graph: &Graph<'_>, mut place: usize) -> WaitChain {
    let mut chain = WaitChain { nodes: Vec::new(), is_cycle: false, truncated: false };
    let mut seen = Vec::new();
    loop {
        let thread = &graph.threads[place];
        let (name, state) = (Some(thread.name.clone()), Some(thread.state));
        seen.push(place);
        if !chain.push(ChainNode::Thread { id: thread.id, name, state, foreign: None }) {
            return chain;
        }
        let Some(object) = graph.main_object(place) else { return chain };
        if !chain.push(ChainNode::Object(object.clone())) {
            return chain;
        }
        place = match object.owner {
            Some(ObjectOwner::Foreign { process, thread: id }) => {
                chain.push(ChainNode::Thread { id, name: None, state: None, foreign: Some(process) });
                return chain;
            }
            Some(ObjectOwner::Thread(owner)) => match graph.place(owner) {
                // It has been given what it waits for, and is about to run.
                Some(next) if next == place && object.is_recursive() => return chain,
                Some(next) if seen.contains(&next) => {
                    chain.is_cycle = true;
                    return chain;
                }
                Some(next) => next,
                None => return chain,
            },
            Some(ObjectOwner::Unknown) | None => return chain,
        };
    }
}

impl WaitChain {
    /// False when there is no more room.
    fn push(&mut self, node: ChainNode) -> bool {
        self.truncated = self.nodes.len() == MOST_NODES;
        if !self.truncated {
            self.nodes.push(node);
        }
        !self.truncated
    }

    /// What joins an object to its owner.
    fn held(&self, object: usize) -> &'static str {
        match &self.nodes[object] {
            ChainNode::Object(object) if object.is_its_owner() => ", which is ",
            _ => ", held by ",
        }
    }

    /// The last object, if the chain ends there.
    fn end(&self) -> Option<&ObjectInfo> {
        match self.nodes.last()? {
            ChainNode::Object(object) => Some(object),
            ChainNode::Thread { .. } => None,
        }
    }
}

impl fmt::Display for WaitChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, node) in self.nodes.iter().enumerate() {
            match node {
                ChainNode::Thread { .. } if number > 0 => write!(f, "{}{node}", self.held(number - 1))?,
                ChainNode::Object(_) if number > 1 => write!(f, ", which waits for {node}")?,
                ChainNode::Object(_) => write!(f, " waits for {node}")?,
                ChainNode::Thread { .. } => write!(f, "{node}")?,
            }
        }
        if self.truncated {
            return f.write_str(", and so on");
        }
        match self.nodes.last() {
            Some(ChainNode::Thread { state: Some(ThreadState::Running), .. }) if self.nodes.len() == 1 => {
                f.write_str(" runs")
            }
            Some(ChainNode::Thread { state: Some(_), .. }) if self.nodes.len() == 1 => {
                f.write_str(" is blocked in something outside of this library")
            }
            Some(ChainNode::Thread { state: Some(ThreadState::Running), .. }) => f.write_str(", which runs"),
            Some(ChainNode::Thread { state: Some(_), .. }) => {
                f.write_str(", which is blocked in something outside of this library")
            }
            _ => self.end().map_or(Ok(()), |object| self.fmt_end(f, object)),
        }
    }
}

impl WaitChain {
    fn fmt_end(&self, f: &mut fmt::Formatter<'_>, object: &ObjectInfo) -> fmt::Result {
        match object.owner {
            Some(ObjectOwner::Thread(owner)) if self.is_cycle => {
                let again = self
                    .nodes
                    .iter()
                    .find(|node| matches!(node, ChainNode::Thread { id, .. } if *id == owner));
                match again {
                    Some(again) => write!(f, "{}{again} again: a circle", self.held(self.nodes.len() - 1)),
                    None => Ok(()),
                }
            }
            Some(ObjectOwner::Unknown) => f.write_str(", held by a thread that has ended or is not known"),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for ChainNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ChainNode::Thread { id, name: Some(name), .. } => {
                write!(f, "{} (thread {id})", name.escape_debug())
            }
            ChainNode::Thread { id: 0, foreign: Some(process), .. } => write!(f, "process {process}"),
            ChainNode::Thread { id, foreign: Some(process), .. } => {
                write!(f, "thread {id} of process {process}")
            }
            ChainNode::Thread { id, .. } => write!(f, "thread {id}"),
            ChainNode::Object(object) => write!(f, "{object}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::thread::WaitInfo;

    fn object(name: &str, owner: Option<ObjectOwner>) -> ObjectInfo {
        ObjectInfo { kind: "mutex".into(), name: Some(name.into()), id: 5, owner }
    }

    fn thread(id: u32, object: Option<ObjectInfo>) -> ThreadInfo {
        let waits = object.map(|object| WaitInfo { all: false, objects: vec![object] });
        let state = if waits.is_some() { ThreadState::Blocked } else { ThreadState::Running };
        let (name, waits) = (format!("t{id}"), waits.into_iter().collect());
        ThreadInfo { id, name, state, waits, owns: Vec::new() }
    }

    fn waits_for(id: u32, owner: u32) -> ThreadInfo {
        thread(id, Some(object(&format!("m{owner}"), Some(ObjectOwner::Thread(owner)))))
    }

    fn chain(threads: &[ThreadInfo], id: u32) -> WaitChain {
        chain_among(threads, id).unwrap()
    }

    #[test]
    fn a_chain_reads_as_a_sentence() {
        let threads = [waits_for(1, 2), waits_for(2, 3), thread(3, None)];
        assert_eq!(
            chain(&threads, 1).to_string(),
            "t1 (thread 1) waits for mutex \"m2\", held by t2 (thread 2), which waits for mutex \"m3\", held by t3 \
             (thread 3), which runs"
        );
        assert_eq!(chain(&threads, 3).to_string(), "t3 (thread 3) runs");
        let circle = [waits_for(1, 2), waits_for(2, 1)];
        assert!(chain(&circle, 2).to_string().ends_with("\"m1\", held by t1 (thread 1), which waits for mutex \"m2\", held by t2 (thread 2) again: a circle"));
    }

    #[test]
    fn every_end_is_told() {
        let ends = |owner, words: &str| {
            let text = chain(&[thread(1, Some(object("m", owner)))], 1).to_string();
            assert!(text.ends_with(words), "{text}");
        };
        ends(None, "waits for mutex \"m\"");
        ends(Some(ObjectOwner::Unknown), "has ended or is not known");
        ends(Some(ObjectOwner::Foreign { process: 7, thread: 8 }), "held by thread 8 of process 7");
        ends(Some(ObjectOwner::Foreign { process: 7, thread: 0 }), "held by process 7");
        ends(Some(ObjectOwner::Thread(1)), "mutex \"m\"");
    }

    #[test]
    fn names_cannot_command_a_terminal() {
        let mut sly = thread(1, Some(object("\u{1b}[2J", None)));
        sly.name = "a\nb".into();
        let text = chain(&[sly], 1).to_string();
        assert!(!text.chars().any(char::is_control), "{text:?}");
    }

    #[test]
    fn a_long_chain_is_cut_where_the_nodes_end() {
        let mut threads: Vec<_> = (1..20).map(|id| waits_for(id, id + 1)).collect();
        threads.push(thread(20, None));
        let long = chain(&threads, 1);
        assert!(long.truncated && !long.is_cycle && long.nodes.len() == MOST_NODES);
        assert!(long.to_string().ends_with(", and so on"));
        let fits = chain(&threads, 13);
        assert!(!fits.truncated && fits.nodes.len() == 15);
        let all = chains_among(&threads);
        assert!(all.len() == 20 && all[0] == long && all[12] == fits);
    }
}
