//! The example that carries TLS, against a client of rustls' own.

mod common;

#[path = "../examples/tls_echo.rs"]
mod tls_echo;

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use common::{Kept, PATIENCE, eventually};
use proactor_server::{FrameError, Framing, Handler, Reason, SendError, Server, Session};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tls_echo::{Echo, Tls, self_signed};

type Stream = StreamOwned<ClientConnection, TcpStream>;

fn connect(server: &Server, certificate: &CertificateDer<'static>) -> Stream {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let client = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    let socket = TcpStream::connect(server.local_addr().unwrap()).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    StreamOwned::new(client, socket)
}

#[test]
fn lines_come_back_through_tls_and_both_ends_are_told() {
    let (config, certificate) = self_signed().unwrap();
    let server = Server::builder(Tls::below(Framing::lines(), config)).workers(8);
    let server = server.listen("127.0.0.1:0", Echo).unwrap();
    let mut stream = BufReader::new(connect(&server, &certificate));
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    assert_eq!(line, "say something\n", "what was said before the handshake");
    for length in [1, 100, 60_000, 64 << 10] {
        let said = format!("{}\n", "x".repeat(length));
        stream.get_mut().write_all(said.as_bytes()).unwrap();
        line.clear();
        stream.read_line(&mut line).unwrap();
        assert!(line == said, "{length} bytes came back as {}", line.len());
    }
    stream.get_mut().conn.send_close_notify();
    stream.get_mut().flush().unwrap();
    stream.get_mut().sock.shutdown(std::net::Shutdown::Write).unwrap();
    // An end without the layer's would be an error here.
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    eventually("it is over", || server.sessions().counts().ordinary == 1);
}

#[test]
fn what_is_no_tls_and_an_end_without_notice_cost_one_session_by_name() {
    let (config, certificate) = self_signed().unwrap();
    let kept = Kept::new(Server::builder(Tls::below(Framing::lines(), config)), |session, line| {
        session.send(line).unwrap();
    });
    let mut plain = kept.connect();
    plain.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    assert_eq!(kept.only_reason(), Reason::Frame(FrameError::Malformed("what came is no TLS")));
    let mut alert = Vec::new();
    let reset = plain.read_to_end(&mut alert).map_err(|error| error.kind());
    assert!(alert.starts_with(&[21, 3]), "it is told by an alert: {alert:?}");
    assert_eq!(reset, Err(ErrorKind::ConnectionReset));

    let mut cut = connect(&kept.server, &certificate);
    cut.write_all(b"hello\n").unwrap();
    cut.read_exact(&mut [0; 6]).unwrap();
    cut.sock.shutdown(std::net::Shutdown::Both).unwrap();
    assert!(kept.reasons(2).contains(&Reason::Frame(FrameError::Truncated)));
}

/// Says more at once than may wait for a handshake.
struct Hasty;

impl Handler for Hasty {
    type State = ();

    fn connected(&self, session: &Session) {
        assert_eq!(session.send(&[b'a'; 40_000]), Ok(()));
        assert!(matches!(session.send(&[b'b'; 40_000]), Err(SendError::Frame(_))));
    }

    fn message(&self, session: &Session, (): &mut (), line: &[u8]) {
        session.send(line).unwrap();
    }
}

#[test]
fn what_is_refused_before_the_handshake_is_refused_as_a_whole() {
    let (config, certificate) = self_signed().unwrap();
    let server = Server::builder(Tls::below(Framing::lines(), config)).workers(8);
    let server = server.listen("127.0.0.1:0", Hasty).unwrap();
    let mut stream = BufReader::new(connect(&server, &certificate));
    stream.get_mut().write_all(b"hello\n").unwrap();
    let mut lines = (String::new(), String::new());
    stream.read_line(&mut lines.0).unwrap();
    stream.read_line(&mut lines.1).unwrap();
    assert!(lines.0.len() == 40_001 && lines.0.starts_with('a'));
    assert!(lines.1 == "hello\n", "{} bytes", lines.1.len());
}
