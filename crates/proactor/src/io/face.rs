//! What every handle can do, whatever it stands for: written once, for sockets, files and pipes alike.

/// Implements the common methods for a type whose field 0 is an `Arc<Handle>`.
macro_rules! handle_methods {
    ($name:ident, $example:expr) => {
        impl $name {
            /// Associates the handle with a port under a key, for the handle's life
            /// (`CreateIoCompletionPort`). Operations that complete from now on queue their packets there,
            /// also those started before (S009).
            ///
            /// Fails with `INVALID_PARAMETER` when it is associated already (S007), `INVALID_HANDLE` when it or
            /// the port is closed, `NO_BUFS` when the port has as many handles as its limits allow.
            ///
            /// The key is kept until the handle is closed. A key that itself owns the handle keeps it open
            /// until [`close`](Self::close) is called.
            ///
            /// ```
            #[doc = $example]
            /// let port: proactor::Port<&str> = proactor::Port::new(0)?;
            /// handle.associate(&port, "mine")?;
            /// assert_eq!(handle.associate(&port, "again"), Err(proactor::Status::INVALID_PARAMETER));
            /// # Ok::<(), proactor::Status>(())
            /// ```
            pub fn associate<K, M>(&self, port: &$crate::Port<K, M>, key: K) -> Result<(), $crate::Status>
            where
                K: Clone + std::marker::Send + 'static,
                M: std::marker::Send + 'static,
            {
                self.0.associate(port, key)
            }

            /// Starts an operation that completes to the [`Overlapped`](crate::Overlapped) that comes back, and not to a port.
            /// The error brings the operation back, with its buffers.
            pub fn begin<O: $crate::Operation>(
                &self,
                op: O,
            ) -> Result<$crate::Overlapped<O>, $crate::Refused<O>> {
                self.0.start_overlapped(op)
            }

            /// Starts an operation whose packet goes to the handle's port. The methods named after the
            /// operations do the same.
            pub fn start<O: $crate::Operation>(
                &self,
                op: O,
            ) -> Result<$crate::Started<O>, $crate::Refused<O>> {
                self.0.start(op)
            }

            /// Adds to how the handle reports completions; what is set stays (S095).
            pub fn set_modes(&self, modes: $crate::Modes) -> Result<(), $crate::Status> {
                self.0.add_mode(modes)
            }

            /// How the handle reports completions.
            pub fn modes(&self) -> $crate::Modes {
                self.0.modes()
            }

            /// Asks one operation to end (`CancelIoEx` with an OVERLAPPED, S100). Its packet still comes, with
            /// `CANCELLED` or however it ended first; this does not wait for it (S102, S103). `NOT_FOUND` when
            /// it is not under way.
            pub fn cancel(&self, id: $crate::OpId) -> Result<(), $crate::Status> {
                self.0.cancel(id)
            }

            /// Asks all operations of this handle to end, whichever thread started them (`CancelIoEx`).
            /// `NOT_FOUND` when none is under way (S101).
            pub fn cancel_all(&self) -> Result<(), $crate::Status> {
                self.0.cancel_all()
            }

            /// Asks those operations to end that the calling thread started on this handle (`CancelIo`); no
            /// error if there are none (S101).
            pub fn cancel_mine(&self) -> Result<(), $crate::Status> {
                self.0.cancel_mine()
            }

            /// Operations under way on this handle. One whose packet has just been queued may count for a moment
            /// longer.
            pub fn pending(&self) -> usize {
                self.0.in_flight() as usize
            }

            /// Closes the handle (`CloseHandle`, `closesocket`): operations under way end, each with its packet
            /// and its key (S117 to S121), and the descriptor is closed when the last call on it returns.
            /// `INVALID_HANDLE` when it was closed before.
            ///
            /// A handle that is merely dropped is closed when its last clone *and* its last operation under way
            /// are gone.
            pub fn close(&self) -> Result<(), $crate::Status> {
                self.0.close()
            }

            /// Whether [`close`](Self::close) was called.
            pub fn is_closed(&self) -> bool {
                self.0.is_closed()
            }
        }

        impl Clone for $name {
            /// The same handle once more, as `DuplicateHandle` gives it: same descriptor, port and key (S008).
            fn clone(&self) -> Self {
                $name(self.0.clone())
            }
        }
    };
}

pub(super) use handle_methods;
