//! The slab against a model, across threads, and at its limit.

use std::collections::HashMap;
use std::process::Command;
use std::sync::mpsc::channel;

use super::*;
use crate::op::block::Kind;
use crate::op::sealed::Sealed;
use crate::op::{Buf, Recv, Send};
use crate::status::Status;

/// Runs `body` where nothing else makes blocks: the limit and the count are the process's.
fn alone(name: &str, body: impl FnOnce()) {
    const ALONE: &str = "PROACTOR_SLAB_ALONE";
    if std::env::var_os(ALONE).is_some_and(|wanted| wanted == name) {
        return body();
    }
    let name_here = format!("op::slab::tests::{name}");
    let mut test = Command::new(std::env::current_exe().unwrap());
    let output = test.args([&name_here, "--exact", "--test-threads=1"]).env(ALONE, name).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

fn block(tag: usize) -> Irp {
    let mut block = Block::new(Kind::Recv);
    block.tag = tag;
    block
}

fn address(irp: &Irp) -> usize {
    std::ptr::from_ref::<Block>(irp).addr()
}

#[test]
fn a_name_outlives_its_block_without_meaning_the_next_one_there() {
    let first = block(1);
    let (name, at) = (first.id().unwrap(), address(&first));
    assert!(is_live(name));
    drop(first);
    assert!(!is_live(name));
    let second = block(2);
    assert_eq!(address(&second), at, "what a thread has freed last it uses first");
    let next = second.id().unwrap();
    assert!(next.slot == name.slot && next.generation != name.generation);
    assert!(is_live(next) && !is_live(name));
    assert!(!is_live(BlockId { slot: u32::MAX, generation: 1 }), "a place that never was");
}

#[test]
fn blocks_are_disjoint_and_stay_where_they_are_whatever_is_freed_between_them() {
    let mut model = HashMap::new();
    let mut live: Vec<Irp> = Vec::new();
    // A fixed sequence, so that a failure comes again.
    let mut random = 1_u32;
    for step in 0..20_000 {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let at = random as usize >> 8;
        if live.len() > 1000 || (!live.is_empty() && at.is_multiple_of(3)) {
            let irp = live.swap_remove(at % live.len());
            let name = irp.id().unwrap();
            assert_eq!(model.remove(&address(&irp)), Some((irp.tag, name)));
            drop(irp);
            assert!(!is_live(name));
        } else {
            let irp = block(step);
            let taken = model.insert(address(&irp), (step, irp.id().unwrap()));
            assert!(taken.is_none(), "two blocks in one place");
            live.push(irp);
        }
    }
    for irp in &live {
        assert_eq!(model.get(&address(irp)), Some(&(irp.tag, irp.id().unwrap())));
        assert!(is_live(irp.id().unwrap()));
    }
}

#[test]
fn blocks_made_in_one_thread_and_freed_in_another_are_each_there_once() {
    const EACH: usize = 20_000;
    let (give, take) = channel::<Irp>();
    let makers: Vec<_> = (0..3)
        .map(|maker| {
            let give = give.clone();
            std::thread::spawn(move || {
                for n in 0..EACH {
                    let mut irp = block(maker * EACH + n);
                    irp.bytes = address(&irp);
                    give.send(irp).unwrap();
                }
            })
        })
        .collect();
    drop(give);
    let mut seen = vec![false; 3 * EACH];
    for irp in take {
        assert_eq!(irp.bytes, address(&irp), "moved, or written over");
        assert!(is_live(irp.id().unwrap()));
        assert!(!std::mem::replace(&mut seen[irp.tag], true));
    }
    assert!(seen.iter().all(|seen| *seen));
    makers.into_iter().for_each(|maker| maker.join().unwrap());
}

#[test]
fn a_thread_that_ends_gives_back_what_it_kept() {
    alone("a_thread_that_ends_gives_back_what_it_kept", || {
        let most = |threads: usize| {
            for _ in 0..threads {
                std::thread::spawn(|| drop((0..100).map(block).collect::<Vec<_>>())).join().unwrap();
            }
            SLAB.free.lock().next
        };
        let once = most(1);
        assert_eq!(most(50), once, "later threads use the places of earlier ones");
    });
}

#[test]
fn at_its_limit_a_block_lives_on_the_heap_until_there_is_a_place() {
    alone("at_its_limit_a_block_lives_on_the_heap_until_there_is_a_place", || {
        set_capacity(3);
        let mut held: Vec<_> = (0..3).map(block).collect();
        assert_eq!((in_use(), capacity()), (3, 3));
        let outside = block(7);
        assert_eq!((outside.id(), in_use()), (None, 3));
        let outside = outside.settled().err().unwrap();
        assert_eq!(outside.tag, 7, "as it was");
        held.pop();
        let inside = outside.settled().unwrap_or_else(|_| panic!("there is a place"));
        assert!(inside.tag == 7 && inside.id().is_some_and(is_live));
        assert_eq!(in_use(), 3);
        set_capacity(1);
        assert_eq!(in_use(), 3, "nothing that is there is taken away");
        drop(held);
        assert!(block(8).id().is_none(), "one is left, and one is the limit");
        drop(inside);
        assert!(block(9).id().is_some());
        assert_eq!(in_use(), 0);
    });
}

#[test]
fn an_operation_without_a_place_is_refused_and_comes_back_as_it_was() {
    alone("an_operation_without_a_place_is_refused_and_comes_back_as_it_was", || {
        let (one, other) = crate::Socket::pair().unwrap();
        set_capacity(1);
        let recv = one.begin(Recv::new(vec![0; 8])).unwrap();
        let refused = other.begin(Send::new("hello")).err().unwrap();
        assert_eq!(refused.status, Status::NO_BUFS);
        assert_eq!((one.pending(), other.pending()), (1, 0));
        assert_eq!(refused.op.block().bufs.len(), 5);
        set_capacity(2);
        assert_eq!(other.begin(refused.op).unwrap().wait().result(), Ok(5));
        assert_eq!(recv.wait().data(), b"hello");
    });
}

#[test]
fn an_operation_that_sleeps_keeps_its_place() {
    alone("an_operation_that_sleeps_keeps_its_place", || {
        set_capacity(2);
        let mut awake = block(1);
        awake.bufs = crate::op::block::Bufs::One(Buf::new(4));
        let name = awake.id().unwrap();
        let (content, place) = awake.into_block();
        assert!(!is_live(name) && in_use() == 1);
        let others = [block(2), block(3)];
        assert!(others[0].id().is_some() && others[1].id().is_none());
        let awake = Irp::redeem(place.unwrap(), content);
        assert_eq!((awake.id().is_some(), awake.tag, awake.bufs.len(), in_use()), (true, 1, 4, 2));
    });
}
