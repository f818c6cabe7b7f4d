//! Echoes lines over TLS: rustls as a layer below the framing.
//!
//! `cargo run --release -p proactor-server --example tls_echo`, then `openssl s_client -connect 127.0.0.1:7443`. The
//! certificate is made at the start and signed by nobody else. Enter ends the server.

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use proactor_server::{FrameError, Framing, Handler, Layer, Server, Session};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};

/// Bytes that may be said before the handshake is through.
const EARLY: usize = 64 << 10;

/// The server's end of a TLS connection.
pub struct Tls {
    connection: ServerConnection,
    /// Bytes that were said before the handshake was through, and wait for it.
    early: usize,
    ended: bool,
}

impl Tls {
    /// Lines, or whatever the framing has, over TLS.
    pub fn below(framing: Framing, config: Arc<ServerConfig>) -> Framing {
        framing.over(move || {
            let mut connection = ServerConnection::new(config.clone())
                .map_err(|_| FrameError::Malformed("the TLS configuration does not fit"))?;
            // Its own limit takes a part of a message and refuses the rest.
            connection.set_buffer_limit(None);
            Ok(Box::new(Tls { connection, early: 0, ended: false }))
        })
    }

    /// Appends the records that are to go out.
    fn flush(&mut self, wire: &mut Vec<u8>) {
        while self.connection.wants_write() {
            // A vector takes everything.
            if self.connection.write_tls(wire).is_err() {
                return;
            }
        }
    }
}

impl Layer for Tls {
    fn open(&mut self, mut bytes: &[u8], plain: &mut Vec<u8>, wire: &mut Vec<u8>) -> Result<(), FrameError> {
        while !bytes.is_empty() && !self.ended {
            let read = self.connection.read_tls(&mut bytes);
            let state = read.is_ok().then(|| self.connection.process_new_packets());
            let Some(Ok(state)) = state else {
                // The alert that says what is wrong.
                self.flush(wire);
                return Err(FrameError::Malformed("what came is no TLS"));
            };
            // No more than the records just read hold.
            let before = plain.len();
            plain.resize(before + state.plaintext_bytes_to_read(), 0);
            if self.connection.reader().read_exact(&mut plain[before..]).is_err() {
                return Err(FrameError::Truncated);
            }
            self.ended = state.peer_has_closed();
        }
        self.flush(wire);
        Ok(())
    }

    fn seal(&mut self, frame: &[u8], wire: &mut Vec<u8>) -> Result<(), FrameError> {
        const TOO_MUCH: FrameError = FrameError::Malformed("too much was said before the handshake");
        if self.connection.is_handshaking() {
            // Refused as a whole: a part would go out with the next.
            if frame.len() > EARLY - self.early {
                return Err(TOO_MUCH);
            }
            self.early += frame.len();
        }
        self.connection.writer().write_all(frame).map_err(|_| TOO_MUCH)?;
        self.flush(wire);
        Ok(())
    }

    fn end(&mut self, wire: &mut Vec<u8>) {
        self.connection.send_close_notify();
        self.flush(wire);
    }

    fn has_ended(&self) -> bool {
        self.ended
    }
}

/// A certificate for `localhost`, and how to serve with it.
pub fn self_signed() -> Result<(Arc<ServerConfig>, CertificateDer<'static>), Box<dyn std::error::Error>> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])?;
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)?;
    Ok((Arc::new(config), certificate))
}

/// Says everything back.
pub struct Echo;

impl Handler for Echo {
    type State = ();

    fn connected(&self, session: &Session) {
        // It waits in the layer for the handshake.
        let _ = session.send(b"say something");
    }

    fn message(&self, session: &Session, (): &mut (), line: &[u8]) {
        let _ = session.send(line);
    }
}

#[allow(dead_code, reason = "the test that includes this file has its own")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (config, _) = self_signed()?;
    let framing = Tls::below(Framing::lines(), config);
    let server = Server::builder(framing).listen("127.0.0.1:7443", Echo)?;
    println!("listening on {}; Enter ends it", server.local_addr()?);
    proactor::blocking(|| std::io::stdin().read_line(&mut String::new()))?;
    println!("{:?}", server.shutdown(Duration::from_secs(5)));
    Ok(())
}
