//! Which thread goes on with what, and when.

use std::sync::mpsc::channel;
use std::time::Duration;

use super::*;
use crate::driver::epoll::EventFlags;
use crate::op::sealed::Sealed;
use crate::op::{Op, Recv, Transmit};
use crate::service::table::Source;
use crate::{Port, Socket};

const PATIENCE: Duration = Duration::from_secs(20);

fn pair() -> (Port<u32>, Socket, Socket) {
    let (ours, theirs) = Socket::pair().unwrap();
    let port = Port::new(1).unwrap();
    ours.associate(&port, 7).unwrap();
    (port, ours, theirs)
}

/// A transmit that a thread performs from now on, as one that is at the disk.
fn begun(handle: &Arc<Handle>) -> Irp {
    let mut block = Transmit::new().into_block().settled().ok().unwrap();
    block.status = Status::PENDING;
    handle.own(&mut block);
    handle.began(Sort::of(&block));
    let mut state = handle.state.lock();
    block.id = state.name();
    state.begin(Side::Tx, &block, handle.place());
    block
}

fn statuses(port: &Port<u32>) -> (Status, Status) {
    let (mut recv, mut transmit) = (None, None);
    while recv.is_none() || transmit.is_none() {
        match port.get_timeout(PATIENCE).unwrap().op {
            Op::Recv(op) => assert_eq!(recv.replace(op.status()), None),
            Op::Transmit(op) => assert_eq!(transmit.replace(op.status()), None),
            op => panic!("{op:?} was not started"),
        }
    }
    (recv.unwrap(), transmit.unwrap())
}

#[test]
fn a_receive_that_meets_the_end_while_a_transmit_is_at_the_disk_waits_for_it() {
    type Outcome = (fn() -> Step, Status, Status);
    let reset = || Step::done(Status::CONNECTION_RESET);
    let outcomes: [Outcome; 5] = [
        (|| Step::done(Status::SUCCESS), Status::SUCCESS, Status::SUCCESS),
        (reset, Status::CONNECTION_RESET, Status::CONNECTION_RESET),
        (|| Step::Wait, Status::SUCCESS, Status::SUCCESS),
        (|| Step::Turn, Status::SUCCESS, Status::SUCCESS),
        (|| Step::Pause, Status::SUCCESS, Status::SUCCESS),
    ];
    for (outcome, received, transmitted) in outcomes {
        for pending_before in [false, true] {
            let (port, ours, theirs) = pair();
            let handle = ours.0.clone();
            let block = begun(&handle);
            let (tell, told) = channel();
            if !pending_before {
                theirs.shutdown(crate::How::Send).unwrap();
            }
            std::thread::spawn({
                let handle = handle.clone();
                move || tell.send(handle.start(Recv::new(vec![0; 8])).unwrap().id().is_some())
            });
            assert_eq!(told.recv_timeout(PATIENCE), Ok(true), "the start goes on trying");
            if pending_before {
                theirs.shutdown(crate::How::Send).unwrap();
            }
            // What the kernel announces is heard before the transmit is through, and changes nothing.
            assert!(port.get_timeout(Duration::ZERO).is_err());
            assert!(!handle.state.lock().rx.is_empty());
            assert!(handle.first_step(Side::Tx, block, outcome()).is_ok());
            assert!(handle.state.lock().rx.is_idle(), "it is tried as soon as that can be told");
            assert_eq!(statuses(&port), (received, transmitted));
        }
    }
}

#[test]
fn one_thread_performs_no_more_in_a_row_than_its_share() {
    const ALL: usize = 3 * MOST_IN_A_ROW;
    let (port, ours, theirs) = pair();
    let handle = &ours.0;
    // Somebody performs; so it is for that thread to perform these as well.
    handle.state.lock().rx.busy = true;
    let started: Vec<_> = (0..ALL)
        .map(|_| handle.start(Recv::new(vec![0; 1])).unwrap().id().expect("it waits behind the other"))
        .collect();
    handle.state.lock().rx.busy = false;
    let data: Vec<u8> = (0..ALL as u8).collect();
    assert!(theirs.begin(crate::op::Send::new(data.clone())).unwrap().wait().status().is_success());
    handle.run(Side::Rx, None);
    assert_eq!(handle.in_flight() as usize, ALL - MOST_IN_A_ROW);
    let packets: Vec<_> = (0..ALL)
        .map(|_| match port.get_timeout(PATIENCE).unwrap().op {
            Op::Recv(recv) => (crate::op::Operation::id(&recv), recv.data()[0]),
            op => panic!("{op:?} was not started"),
        })
        .collect();
    assert_eq!(packets, started.into_iter().zip(data).collect::<Vec<_>>());
}

#[test]
fn a_packet_in_hand_does_not_wait_for_a_transmit() {
    const LARGE: usize = 8 << 20;
    let (port, ours, theirs) = pair();
    let handle = &ours.0;
    let recv = handle.start(Recv::new(vec![0; 8])).unwrap().id();
    let _ = handle.start(Transmit::new().head(vec![1; LARGE])).unwrap();
    let sent = || handle.state.lock().tx.front().map(|block| block.bytes);
    let before = sent().expect("the peer reads nothing");
    assert!(theirs.begin(crate::op::Send::new("request")).unwrap().wait().status().is_success());
    let read = |size| theirs.begin(Recv::new(vec![0; size])).unwrap().wait().bytes();
    let mut there = read(before);
    let packet =
        handle.clone().ready(EventFlags::IN | EventFlags::OUT, true).expect("the receive is complete");
    assert_eq!((Some(packet.id), packet.bytes), (recv, 7));
    assert_eq!(sent(), Some(before), "and nothing was sent before it is handed out");
    drop(packet);
    // What was left is announced to the port's workers.
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while there < LARGE {
                there += read(1 << 20);
            }
        });
        let packet = port.get_timeout(PATIENCE).unwrap();
        assert!(matches!(packet.op, Op::Transmit(sent) if sent.result() == Ok(LARGE)));
    });
}
