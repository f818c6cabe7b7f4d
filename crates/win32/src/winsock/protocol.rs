//! What a program is told of a protocol (`WSAPROTOCOL_INFO`).

use super::address;
use super::numbers::*;
use super::socket::SocketObject;

const XP1_CONNECTIONLESS: u32 = 1;
const XP1_GUARANTEED_DELIVERY: u32 = 2;
const XP1_GUARANTEED_ORDER: u32 = 4;
const XP1_MESSAGE_ORIENTED: u32 = 8;
const XP1_GRACEFUL_CLOSE: u32 = 0x20;
/// A socket is a handle, which notification modes go by (S098).
const XP1_IFS_HANDLES: u32 = 0x20000;

/// Microsoft's provider of TCP and UDP.
const PROVIDER: GUID = GUID {
    Data1: 0xe70f_1aa0,
    Data2: 0xab8b,
    Data3: 0x11cf,
    Data4: [0x8c, 0xa3, 0x00, 0x80, 0x5f, 0x48, 0xa1, 0x92],
};

fn name(socket: &SocketObject) -> &'static str {
    match (socket.family, socket.kind) {
        (AF_UNIX, _) => "AF_UNIX",
        (AF_INET6, SOCK_STREAM) => "TCP/IPv6",
        (AF_INET6, _) => "UDP/IPv6",
        (_, SOCK_STREAM) => "TCP/IP",
        _ => "UDP/IP",
    }
}

/// What there is to say of a socket's protocol; each letter of its name by `letter`.
pub fn of<C: Copy>(socket: &SocketObject, letter: impl Fn(u8) -> C) -> PROTOCOL_INFO<C> {
    let mut text = [letter(0); 256];
    for (to, from) in text.iter_mut().zip(name(socket).bytes()) {
        *to = letter(from);
    }
    let nature = if socket.is_stream() {
        XP1_GUARANTEED_DELIVERY | XP1_GUARANTEED_ORDER | XP1_GRACEFUL_CLOSE
    } else {
        XP1_CONNECTIONLESS | XP1_MESSAGE_ORIENTED
    };
    let size = address::size_of_family(socket.family) as i32;
    PROTOCOL_INFO {
        dwServiceFlags1: nature | XP1_IFS_HANDLES,
        dwServiceFlags2: 0,
        dwServiceFlags3: 0,
        dwServiceFlags4: 0,
        dwProviderFlags: 8,
        ProviderId: PROVIDER,
        dwCatalogEntryId: 1001,
        ChainLen: 1,
        ChainEntries: [0; 7],
        iVersion: 2,
        iAddressFamily: socket.family,
        iMaxSockAddr: size,
        iMinSockAddr: size,
        iSocketType: socket.kind,
        iProtocol: socket.protocol,
        iProtocolMaxOffset: 0,
        iNetworkByteOrder: 0,
        iSecurityScheme: 0,
        dwMessageSize: if socket.is_stream() { 0 } else { 65507 },
        dwProviderReserved: 0,
        szProtocol: text,
    }
}
