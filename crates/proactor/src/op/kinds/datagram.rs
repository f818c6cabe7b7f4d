//! The operations on datagrams: each moves one, with the address at its other end and, if asked for, what travels
//! beside it.

use super::{Address, Block, Buf, BufPool, Bufs, Flags, Kind, RecvFrom, SendTo, emptied, filled, with_bufs};
use crate::op::control::Control;

impl RecvFrom {
    /// Into one buffer. A datagram that is longer loses its rest and reports `BUFFER_OVERFLOW` (S345).
    pub fn new(buf: impl Into<Buf>) -> RecvFrom {
        RecvFrom(with_bufs(Kind::RecvFrom, Bufs::One(buf.into())))
    }

    /// Into several buffers; each is filled before the next. At most 64.
    pub fn scatter(bufs: Vec<Buf>) -> RecvFrom {
        RecvFrom(with_bufs(Kind::RecvFrom, Bufs::Many(bufs)))
    }

    /// Into a buffer that is taken from `pool` when a datagram is there.
    pub fn pooled(pool: &BufPool) -> RecvFrom {
        let mut block = Block::new(Kind::RecvFrom);
        block.pool = Some(pool.clone());
        RecvFrom(block)
    }

    /// Leaves the datagram in the socket (`MSG_PEEK`).
    pub fn peek(mut self) -> RecvFrom {
        self.0.flags |= Flags::PEEK;
        self
    }

    /// Also brings what travels beside the datagram (`WSARecvMsg`), of those kinds that were asked for with
    /// [`Socket::set_control`](crate::Socket::set_control); there is room for all of them. A socket
    /// that is not of the Internet refuses it with `NOT_SUPPORTED`.
    pub fn with_control(self) -> RecvFrom {
        self.with_control_room(usize::MAX)
    }

    /// The same in at most `bytes` bytes, as the kernel counts them, and never more than 512. What has no room is
    /// left out; the receive then reports `BUFFER_OVERFLOW` as for a datagram that is too long, and
    /// [`Control::is_cut`] tells the two apart (S351).
    pub fn with_control_room(mut self, bytes: usize) -> RecvFrom {
        self.0.seldom_mut().control = Some(Control::wanted(bytes));
        self
    }

    /// What came beside the datagram, if it was asked for.
    pub fn control(&self) -> Option<&Control> {
        self.0.control()
    }

    /// Who sent it.
    pub fn sender(&self) -> Option<&Address> {
        self.0.address()
    }

    /// To send back what came, from the same buffer to its sender. If the address it was sent to is known, the reply
    /// comes from there.
    pub fn into_reply(mut self) -> SendTo {
        if let Some(control) = self.0.take_control() {
            self.0.seldom_mut().control = Some(control.answer());
        }
        SendTo(filled(self.0, Kind::SendTo))
    }
}

impl SendTo {
    /// One datagram to `address`.
    pub fn new(buf: impl Into<Buf>, address: impl Into<Address>) -> SendTo {
        let mut block = with_bufs(Kind::SendTo, Bufs::One(buf.into()));
        block.seldom_mut().address = Some(address.into());
        SendTo(block)
    }

    /// One datagram from several buffers. At most 64.
    pub fn gather(bufs: Vec<Buf>, address: impl Into<Address>) -> SendTo {
        let mut block = with_bufs(Kind::SendTo, Bufs::Many(bufs));
        block.seldom_mut().address = Some(address.into());
        SendTo(block)
    }

    /// Sends this beside the datagram (`WSASendMsg`): the address of ours to send from, hops, class. A
    /// socket that is not of the Internet refuses it with `NOT_SUPPORTED`.
    pub fn with_control(mut self, control: Control) -> SendTo {
        self.0.seldom_mut().control = Some(Box::new(control));
        self
    }

    /// What is sent beside the datagram.
    pub fn control(&self) -> Option<&Control> {
        self.0.control()
    }

    /// To receive again into the same buffer.
    pub fn into_recv_from(mut self) -> RecvFrom {
        if let Some(control) = self.0.take_control() {
            self.0.seldom_mut().control = control.again();
        }
        RecvFrom(emptied(self.0, Kind::RecvFrom))
    }
}
