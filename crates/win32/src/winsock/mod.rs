//! Winsock: sockets as handles, their calls with and without an OVERLAPPED, and what Windows' numbers are here.

pub mod accept;
pub mod accept_ex;
pub mod address;
pub mod answer;
pub mod calls;
pub mod connect;
pub mod connect_ex;
pub mod disconnect;
pub mod duplicate;
pub mod events;
pub mod hosts;
pub mod ioctl;
pub mod message;
pub mod names;
pub mod numbers;
pub mod options;
pub mod overlapped;
pub mod plain;
pub mod protocol;
pub mod resolve;
pub mod select;
pub mod socket;
pub mod startup;
pub mod text;
pub mod transmit;
