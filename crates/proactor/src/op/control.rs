//! What travels beside a datagram: where it was sent to, by which interface it came, its hops and its class
//! (`WSAMSG`'s control data).
//!
//! Typed on both sides: no program has to take the kernel's messages apart or put them together.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use bitflags::bitflags;

use crate::driver::control::{MOST, Messages};
use crate::status::Status;

bitflags! {
    /// What is to come beside each datagram of a socket; see [`Socket::set_control`](crate::Socket::set_control).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Beside: u8 {
        /// The address it was sent to, and the interface it came by (`IP_PKTINFO`).
        const DESTINATION = 1;
        /// How many more hops it could have made (`IP_RECVTTL`, `IPV6_HOPLIMIT`).
        const HOP_LIMIT = 2;
        /// Its class of service, with the marks of congestion (`IP_RECVTOS`, `IPV6_RECVTCLASS`).
        const TRAFFIC_CLASS = 4;
    }
}

/// What travels beside a datagram: received with it, or to be sent with it.
///
/// A server that is reached by several addresses answers from the one it was asked at:
///
/// ```
/// use proactor::{Socket, op};
///
/// let server = Socket::udp("0.0.0.0:0")?;
/// server.set_control(op::Beside::DESTINATION)?;
/// let port = server.local_addr()?.ip().unwrap().port();
/// let client = Socket::udp("127.0.0.1:0")?;
///
/// let recv = server.begin(op::RecvFrom::new(vec![0; 64]).with_control())?;
/// let _ = client.begin(op::SendTo::new("who?", std::net::SocketAddr::from(([127, 0, 0, 2], port))))?;
/// let recv = recv.wait();
/// assert_eq!(recv.control().unwrap().destination(), Some([127, 0, 0, 2].into()));
///
/// let _ = server.begin(recv.into_reply())?;
/// let reply = client.begin(op::RecvFrom::new(vec![0; 64]))?.wait();
/// assert_eq!(reply.sender().unwrap().ip(), Some(([127, 0, 0, 2], port).into()));
/// # Ok::<(), proactor::Status>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Control {
    /// Bytes a receive may fill; `None` for what was only made to be sent.
    room: Option<u16>,
    datagram_cut: bool,
    cut: bool,
    destination: Option<IpAddr>,
    source: Option<IpAddr>,
    interface: Option<u32>,
    hop_limit: Option<u8>,
    traffic_class: Option<u8>,
    others: Vec<ControlMessage>,
}

/// A control message that has no name here, as the kernel gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlMessage {
    /// The protocol level, such as `SOL_SOCKET`.
    pub level: i32,
    /// Its kind, a number of that level's.
    pub kind: i32,
    /// What it says.
    pub data: Vec<u8>,
}

impl Control {
    /// Nothing beside a datagram.
    pub fn new() -> Control {
        Control::default()
    }

    /// Sends from this address of ours instead of the one that the system would choose. The send is refused with
    /// `NETWORK_UNREACHABLE` or `INVALID_PARAMETER` if it is none of this machine's, and with the latter if it is of
    /// another family than the receiver's.
    pub fn with_source(mut self, source: impl Into<IpAddr>) -> Control {
        self.source = Some(source.into());
        self
    }

    /// Sends by the interface with this index.
    pub fn with_interface(mut self, index: u32) -> Control {
        self.interface = Some(index);
        self
    }

    /// Sends with so many hops to make at most: 1 to 255.
    pub fn with_hop_limit(mut self, hops: u8) -> Control {
        self.hop_limit = Some(hops);
        self
    }

    /// Sends in this class of service (the octet that IPv4 calls type of service).
    pub fn with_traffic_class(mut self, class: u8) -> Control {
        self.traffic_class = Some(class);
        self
    }

    /// The address the datagram was sent to: one of ours, or one of a group.
    pub fn destination(&self) -> Option<IpAddr> {
        self.destination
    }

    /// The address of ours to send from. Of what was received: the one that an answer is to come from.
    pub fn source(&self) -> Option<IpAddr> {
        self.source
    }

    /// The index of the interface that it came by, or is to leave by.
    pub fn interface(&self) -> Option<u32> {
        self.interface
    }

    /// The hops it could still have made, or is to make at most.
    pub fn hop_limit(&self) -> Option<u8> {
        self.hop_limit
    }

    /// Its class of service.
    pub fn traffic_class(&self) -> Option<u8> {
        self.traffic_class
    }

    /// What else came, of options that were set by other means.
    pub fn others(&self) -> &[ControlMessage] {
        &self.others
    }

    /// Whether there was more beside the datagram than room for it (`MSG_CTRUNC`): what is missing here may only
    /// have been cut. The receive then reports `BUFFER_OVERFLOW`, although the datagram itself may be whole.
    pub fn is_cut(&self) -> bool {
        self.cut
    }

    /// Whether the datagram itself was longer than the buffers (`MSG_TRUNC`).
    pub fn is_datagram_cut(&self) -> bool {
        self.datagram_cut
    }

    /// For a receive that has `room` bytes for it.
    pub(super) fn wanted(room: usize) -> Box<Control> {
        Box::new(Control { room: Some(room.min(MOST) as u16), ..Control::default() })
    }

    /// Of the answer to a datagram that was received with this.
    pub(super) fn answer(mut self: Box<Self>) -> Box<Control> {
        *self = Control { room: self.room, source: self.source, ..Control::default() };
        self
    }

    /// For the next receive; `None` if none was received before.
    pub(super) fn again(&self) -> Option<Box<Control>> {
        self.room.map(|room| Control::wanted(room.into()))
    }

    pub(crate) fn room(&self) -> usize {
        self.room.unwrap_or_default().into()
    }

    /// Reads what came beside a datagram.
    pub(crate) fn read(&mut self, messages: &Messages, cut: bool, datagram_cut: bool) {
        *self = Control { room: self.room, cut, datagram_cut, ..Control::default() };
        messages.each(|level, kind, data| self.read_one(level, kind, data));
    }

    fn read_one(&mut self, level: i32, kind: i32, data: &[u8]) {
        match (level, kind) {
            (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                // The interface, the address of ours that goes with it, and the destination.
                let (Some(index), Some(own), Some(to)) = (word(data, 0), word(data, 4), word(data, 8)) else {
                    return;
                };
                self.interface = Some(u32::from_ne_bytes(index));
                self.source = Some(Ipv4Addr::from(own).into());
                self.destination = Some(Ipv4Addr::from(to).into());
            }
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                let (Some(to), Some(index)) = (data.first_chunk::<16>(), word(data, 16)) else { return };
                let to = Ipv6Addr::from(*to).to_canonical();
                self.interface = Some(u32::from_ne_bytes(index));
                self.destination = Some(to);
                // A group has no address to answer from.
                self.source = Some(to).filter(|to| !to.is_multicast());
            }
            (libc::IPPROTO_IP, libc::IP_TTL) | (libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT) => {
                self.hop_limit = small(data);
            }
            (libc::IPPROTO_IP, libc::IP_TOS) | (libc::IPPROTO_IPV6, libc::IPV6_TCLASS) => {
                self.traffic_class = small(data);
            }
            _ => self.others.push(ControlMessage { level, kind, data: data.to_vec() }),
        }
    }

    /// What is to be sent beside a datagram to `to`.
    pub(crate) fn messages(&self, to: SocketAddr) -> Result<Messages, Status> {
        let mut messages = Messages::new();
        let mut push = |level, kind, data: &[u8]| {
            let fits = messages.push(level, kind, data);
            debug_assert!(fits, "there is room for one of each kind");
        };
        // What an IPv6 socket sends to an IPv4 address leaves as IPv4.
        let source = self.source.map(|source| source.to_canonical());
        match (to.ip().to_canonical(), source) {
            (IpAddr::V4(_), None | Some(IpAddr::V4(_))) => {
                if self.source.is_some() || self.interface.is_some() {
                    let mut info = [0; 12];
                    info[..4].copy_from_slice(&self.interface.unwrap_or_default().to_ne_bytes());
                    if let Some(IpAddr::V4(source)) = source {
                        info[4..8].copy_from_slice(&source.octets());
                    }
                    push(libc::IPPROTO_IP, libc::IP_PKTINFO, &info);
                }
                self.numbers(libc::IPPROTO_IP, libc::IP_TTL, libc::IP_TOS, push);
            }
            (IpAddr::V6(_), None | Some(IpAddr::V6(_))) => {
                if self.source.is_some() || self.interface.is_some() {
                    let mut info = [0; 20];
                    if let Some(IpAddr::V6(source)) = source {
                        info[..16].copy_from_slice(&source.octets());
                    }
                    info[16..].copy_from_slice(&self.interface.unwrap_or_default().to_ne_bytes());
                    push(libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, &info);
                }
                self.numbers(libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT, libc::IPV6_TCLASS, push);
            }
            _ => return Err(Status::INVALID_PARAMETER),
        }
        Ok(messages)
    }

    fn numbers(&self, level: i32, hops: i32, class: i32, mut push: impl FnMut(i32, i32, &[u8])) {
        for (kind, number) in [(hops, self.hop_limit), (class, self.traffic_class)] {
            if let Some(number) = number {
                push(level, kind, &i32::from(number).to_ne_bytes());
            }
        }
    }
}

fn word(data: &[u8], at: usize) -> Option<[u8; 4]> {
    data.get(at..)?.first_chunk::<4>().copied()
}

/// A number of one octet, which the kernel gives as one or as an int.
fn small(data: &[u8]) -> Option<u8> {
    match *data {
        [octet] => Some(octet),
        _ => u8::try_from(i32::from_ne_bytes(word(data, 0)?)).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let both = |source: &str, to: &str| {
            let control = Control::new().with_source(source.parse::<IpAddr>().unwrap()).with_interface(3);
            control.with_hop_limit(7).with_traffic_class(0x28).messages(to.parse().unwrap())
        };
        for (source, to) in
            [("10.0.0.1", "10.0.0.2:5"), ("10.0.0.1", "[::ffff:10.0.0.2]:5"), ("fe80::1", "[fe80::2]:5")]
        {
            let mut read = Control::default();
            read.read(&both(source, to).unwrap(), false, false);
            assert_eq!(
                (read.interface(), read.hop_limit(), read.traffic_class()),
                (Some(3), Some(7), Some(0x28))
            );
            assert_eq!((read.source(), read.others().len()), (source.parse().ok(), 0));
        }
        for (source, to) in
            [("10.0.0.1", "[fe80::2]:5"), ("fe80::1", "10.0.0.2:5"), ("fe80::1", "[::ffff:10.0.0.2]:5")]
        {
            assert_eq!(both(source, to).err(), Some(Status::INVALID_PARAMETER), "{source} to {to}");
        }
    }

    #[test]
    fn what_has_no_name_is_kept_and_what_was_cut_says_nothing() {
        let mut messages = Messages::new();
        assert!(messages.push(libc::SOL_UDP, 104, &1200_i32.to_ne_bytes()));
        for (level, kind) in [
            (libc::IPPROTO_IP, libc::IP_PKTINFO),
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO),
            (libc::IPPROTO_IP, libc::IP_TTL),
            (libc::IPPROTO_IPV6, libc::IPV6_TCLASS),
        ] {
            assert!(messages.push(level, kind, &[1, 2]));
        }
        let mut read = Control::new().with_source([1, 2, 3, 4]);
        read.read(&messages, true, false);
        let other = ControlMessage { level: libc::SOL_UDP, kind: 104, data: 1200_i32.to_ne_bytes().to_vec() };
        assert_eq!(read, Control { cut: true, others: vec![other], ..Control::default() });
    }

    #[test]
    fn a_group_has_no_address_to_answer_from() {
        let mut info = [0; 20];
        info[..16].copy_from_slice(&"ff02::1".parse::<Ipv6Addr>().unwrap().octets());
        let mut messages = Messages::new();
        assert!(messages.push(libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, &info));
        let mut read = Control::default();
        read.read(&messages, false, false);
        assert_eq!((read.destination(), read.source()), ("ff02::1".parse().ok(), None));
    }
}
