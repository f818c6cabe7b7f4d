//! A receive that waits without a block, so that an idle connection costs no more than its handle.
//!
//! What waits for readiness alone, with no buffer and nothing special to it (zero-byte, or from a pool), can be said
//! in a few words, which are kept in its handle. It keeps its place in the slab by count, so that its block can always
//! be made again: when readiness comes, when it is cancelled, or when another receive comes behind it. To everybody
//! else it is pending as any other.

use std::sync::Arc;

use super::direction::{Side, Tag};
use super::handle::Handle;
use super::state::State;
use crate::op::BufPool;
use crate::op::block::{Block, Bufs, Kind};
use crate::op::charge::Charge;
use crate::op::slab::{Irp, Reserved};
use crate::status::Status;

/// What its block is made from again, beside its name and thread, which its direction keeps.
pub(super) struct Sleeper {
    /// It keeps its handle open.
    owner: Arc<Handle>,
    pool: Option<BufPool>,
    place: Reserved,
}

impl Handle {
    /// The side has come to rest: what waits there alone goes to sleep if it can.
    pub(super) fn let_sleep(&self, state: &mut State, side: Side) {
        let plain = |block: &Irp| {
            block.kind == Kind::Recv
                && block.flags.is_empty()
                && block.route.is_port()
                // What the port counts, and locks nothing.
                && block.charge == Charge::COUNTED
                && matches!(block.bufs, Bufs::None)
                // A number of the caller's is what the block is found by.
                && block.tag == 0
                && block.seldom().is_none()
                && block.id().is_some()
                && self.is_owner(block)
        };
        if side == Side::Tx || state.rx.busy || !state.rx.only().is_some_and(plain) {
            return;
        }
        let Some(block) = state.rx.fall_asleep() else { return };
        let (block, place) = block.into_block();
        let owner = block.owner.and_then(|owner| owner.downcast::<Handle>().ok());
        let (Some(owner), Some(place)) = (owner, place) else { unreachable!("it was looked at just now") };
        state.sleeper = Some(Sleeper { owner, pool: block.pool, place });
    }
}

impl State {
    /// The receive that sleeps has its block again.
    fn rouse(&mut self) {
        let Some(Sleeper { owner, pool, place }) = self.sleeper.take() else { return };
        let mut block = Irp::redeem(place, Block::blank(Kind::Recv));
        block.status = Status::PENDING;
        block.owner = Some(owner);
        block.pool = pool;
        block.charge = Charge::COUNTED;
        self.rx.wake(block);
    }

    pub(super) fn push_back(&mut self, side: Side, block: Irp) {
        if side == Side::Rx {
            self.rouse();
        }
        self.side(side).push_back(block);
    }

    pub(super) fn pop(&mut self, side: Side) -> Option<Irp> {
        if side == Side::Rx {
            self.rouse();
        }
        self.side(side).pop()
    }

    /// Takes out of a side, in order, what `which` names.
    pub(super) fn take(&mut self, side: Side, which: impl Fn(&Tag) -> bool, out: &mut Vec<Irp>) {
        if side == Side::Rx
            && let Some(sleeper) = &self.sleeper
            && which(&self.rx.sleeping(Arc::as_ptr(&sleeper.owner).addr()))
        {
            self.rouse();
        }
        self.side(side).take(which, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::{Op, OpId, Recv};
    use crate::{Port, Socket};

    fn pair() -> (Port<u32>, Socket, Socket) {
        let (ours, theirs) = Socket::pair().unwrap();
        let port = Port::new(1).unwrap();
        ours.associate(&port, 7).unwrap();
        (port, ours, theirs)
    }

    fn sleeps(socket: &Socket) -> bool {
        socket.0.state.lock().sleeper.is_some()
    }

    fn next(port: &Port<u32>) -> (OpId, Status, Vec<u8>) {
        let packet = port.get_timeout(std::time::Duration::from_secs(20)).unwrap();
        let Op::Recv(recv) = packet.op else { panic!("a receive was started") };
        assert_eq!(packet.key, 7);
        (crate::op::Operation::id(&recv), recv.status(), recv.data().to_vec())
    }

    fn send(socket: &Socket, text: &'static str) {
        assert!(socket.begin(crate::op::Send::new(text)).unwrap().wait().status().is_success());
    }

    #[test]
    fn a_receive_without_a_buffer_sleeps_until_there_is_data() {
        let (port, ours, theirs) = pair();
        let pool = BufPool::new(64, 1);
        for recv in [Recv::pooled(&pool), Recv::zero_byte()] {
            let started = ours.recv(recv).unwrap();
            assert!(sleeps(&ours) && ours.pending() == 1 && pool.lent() == 0);
            send(&theirs, "data");
            let (id, status, data) = next(&port);
            assert_eq!((Some(id), status), (started.id(), Status::SUCCESS));
            assert!(!sleeps(&ours) && ours.pending() == 0 && (data == b"data" || data.is_empty()));
        }
    }

    #[test]
    fn what_has_more_to_it_stays_awake() {
        let (port, ours, theirs) = pair();
        let pool = BufPool::new(4, 4);
        for recv in [
            Recv::new(vec![0; 4]),
            Recv::pooled(&pool).wait_all(),
            Recv::pooled(&pool).peek(),
            Recv::pooled(&pool).with_tag(9),
        ] {
            let _ = ours.recv(recv).unwrap();
            assert!(!sleeps(&ours));
            send(&theirs, "data");
            assert_eq!(next(&port).2, b"data");
        }
    }

    #[test]
    fn others_that_come_behind_it_are_served_behind_it() {
        let (port, ours, theirs) = pair();
        let pool = BufPool::new(1, 8);
        let started: Vec<_> = (0..3).map(|_| ours.recv(Recv::pooled(&pool)).unwrap().id().unwrap()).collect();
        assert!(!sleeps(&ours) && ours.pending() == 3);
        send(&theirs, "abc");
        let done: Vec<_> = (0..3).map(|_| next(&port)).collect();
        assert_eq!(done.iter().map(|done| done.0).collect::<Vec<_>>(), started);
        assert_eq!(done.iter().map(|done| &done.2[..]).collect::<Vec<_>>(), [b"a", b"b", b"c"]);
    }

    #[test]
    fn it_is_found_to_be_cancelled_by_name_by_thread_and_by_closing() {
        let (port, ours, _theirs) = pair();
        let id = ours.recv(Recv::zero_byte()).unwrap().id().unwrap();
        assert_eq!(ours.cancel(OpId(id.0 + 1)), Err(Status::NOT_FOUND));
        assert!(sleeps(&ours), "looking for another does not wake it");
        std::thread::scope(|scope| {
            scope.spawn(|| ours.cancel_mine().unwrap());
        });
        assert!(sleeps(&ours), "it is another thread's");
        ours.cancel(id).unwrap();
        assert_eq!(next(&port), (id, Status::CANCELLED, Vec::new()));
        let id = ours.recv(Recv::zero_byte()).unwrap().id().unwrap();
        ours.cancel_mine().unwrap();
        assert_eq!(next(&port), (id, Status::CANCELLED, Vec::new()));
        let id = ours.recv(Recv::zero_byte()).unwrap().id().unwrap();
        ours.close().unwrap();
        assert_eq!(next(&port), (id, Status::CONNECTION_ABORTED, Vec::new()));
        assert_eq!(ours.pending(), 0);
    }

    #[test]
    fn it_keeps_its_handle_open() {
        let (port, ours, theirs) = pair();
        let _ = ours.recv(Recv::zero_byte()).unwrap();
        assert!(sleeps(&ours));
        drop(ours);
        send(&theirs, "data");
        assert_eq!(next(&port).1, Status::SUCCESS);
    }
}
