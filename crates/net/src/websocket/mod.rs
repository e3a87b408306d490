//! WebSocket (RFC 6455), both sides, as a transport of MQTT (section 6 of MQTT 5.0).
//!
//! What must hold:
//! * bytes in, bytes out: no socket, no clock, no file; the caller reads and writes;
//! * whatever way the bytes are cut by the network, the outcome is the same;
//! * payload is never copied aside: it is unmasked to the front of the buffer it was read into.
//!
//! In the order of a connection: [`decode_request`] reads the opening handshake, [`Decoder`] the frames that follow, and
//! [`FrameHeader`] stands in front of what is sent. What is no handshake may be a request for a file ([`FilePath`]). A client
//! begins with an [`Opening`], and masks what it sends ([`mask`]).
//!
//! Left to others: whether a file exists, whom to trust about forwarded addresses, how long a client may take. Extensions
//! are not negotiated; `permessage-deflate` would cost every connection tens of kilobytes.

mod answer;
mod client_handshake;
mod close_code;
mod decoder;
mod file_path;
mod forwarded_for;
mod frame;
mod handshake;
mod mask;
mod request_head;

pub use answer::{Refusal, append_file_head, append_redirect};
pub use client_handshake::{Opening, Rejection};
pub use close_code::CloseCode;
pub use decoder::{Decoded, Decoder, End};
pub use file_path::{FilePath, content_type};
pub use forwarded_for::ForwardedFor;
pub use frame::{FrameHeader, Violation, close_frame, masked_close_frame};
pub use handshake::{HandshakeOptions, PlainRequest, Request, Subprotocol, Upgrade, decode_request};
pub use mask::mask;
