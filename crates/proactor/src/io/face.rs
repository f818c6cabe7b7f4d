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

            /// Starts an operation with a completion routine (`ReadFileEx`, `WriteFileEx`, `WSARecv` with a routine): once
            /// it is complete, however it ended, `routine` is called with it, in this thread and in an alertable wait,
            /// never from inside the start (S145). Routines of one socket are not nested (S151).
            ///
            /// When the thread ends before it, the operation is cancelled and the routine dropped (S112). The error
            /// brings the operation back, and drops the routine: `INVALID_PARAMETER` when the handle is associated with
            /// a port, otherwise as the operation fails at once. Does not block.
            ///
            /// ```
            /// use proactor::{Pipe, Status, object::{Wait, sleep}, op};
            ///
            /// let (reader, writer) = Pipe::pair()?;
            /// reader.start_with_routine(op::Recv::new(vec![0; 8]), |recv| assert_eq!(recv.data(), b"ping"))?;
            /// let _ = writer.begin(op::Send::new("ping"))?.wait();
            /// assert_eq!(sleep(Wait::FOREVER.alertably()), Err(Status::USER_APC));
            /// # Ok::<(), Status>(())
            /// ```
            pub fn start_with_routine<O: $crate::Operation>(
                &self,
                op: O,
                routine: impl FnOnce(O) + std::marker::Send + 'static,
            ) -> Result<$crate::OpId, $crate::Refused<O>> {
                self.0.start_with_routine(op, routine)
            }

            /// Performs an operation: starts it, waits for its end and gives it back (a call without an OVERLAPPED).
            /// Another thread can end it, with
            /// [`cancel_synchronous_io`](crate::object::Thread::cancel_synchronous_io) as well. On a synchronous file
            /// object one is performed at a time, in the order in which threads came (S298), and nothing else can be
            /// started.
            ///
            /// Blocks; a worker's seat is given to another meanwhile. Alertable only where a synchronous file was
            /// opened [so](crate::OpenOptions::alertable): then calls queued to this thread run, and what was under way
            /// is cancelled; the error `USER_APC` says that its turn had not come.
            ///
            /// Of several threads, who waits for its turn holds nothing back but itself. The error brings the
            /// operation back as it fails at once.
            pub fn perform<O: $crate::Operation>(&self, op: O) -> Result<O, $crate::Refused<O>> {
                self.0.perform(op)
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

        impl $crate::object::Sealed for $name {
            fn target(&self) -> $crate::object::Target<'_> {
                $crate::object::Target::Local(self.0.object())
            }
        }

        /// Signalled until an operation starts, and again when one completes (S170); which one it was of several, nobody
        /// can tell (S077). Operations begun as an [`Overlapped`](crate::Overlapped) do not count: that is itself
        /// something to wait for (S076). What started before anybody waited counts while it is under way.
        impl $crate::object::Waitable for $name {}

        impl Clone for $name {
            /// The same handle once more, as `DuplicateHandle` gives it: same descriptor, port and key (S008).
            fn clone(&self) -> Self {
                $name(self.0.clone())
            }
        }
    };
}

pub(super) use handle_methods;
