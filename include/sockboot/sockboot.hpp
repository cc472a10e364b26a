// SPDX-License-Identifier: MIT
// sockboot: from host, port and a name to a socket that is ready for use, and from its bytes to messages.
//
// This is the map of the library, layer by layer, lowest first. A header includes only headers of lower layers or,
// without a circle, of its own; the test `layers` reads the rule from this list.
//
// Where std::chrono is needed, <shared_mutex> is included: it has to declare durations and clocks and, unlike <chrono>,
// brings no calendar and no formatting, which cost more to compile than this library.
#pragma once

// By an older standard the compiler would find a thousand mistakes in here: it gets nothing to read.
#if __cplusplus <= 201703L && !(defined(_MSVC_LANG) && _MSVC_LANG > 201703L)
#error sockboot needs C++20: -std=c++20, /std:c++20, or target_compile_features(... cxx_std_20)
#else

// layer base: values; no system, no sockets
#include "byte_view.hpp"  // bytes as a parameter
#include "errc.hpp"       // failures without a system number
#include "error.hpp"      // what failed, where, for whom and why
#include "operation.hpp"  // what was being done
#include "result.hpp"     // a value or an error
#include "timeout.hpp"    // how long a whole operation may take
#include "version.hpp"    // three numbers
#include "detail/atomic.hpp"
#include "detail/buffer.hpp"            // bytes on their way through
#include "detail/error_details.hpp"     // what an Error points to
#include "detail/immortal.hpp"          // what outlives all destructors
#include "detail/shared.hpp"            // a counted pointer
#include "detail/text.hpp"              // sentences
#include "detail/transient.hpp"         // which failures may not last
#include "detail/winsock_category.hpp"  // Winsock's numbers as std::errc

// layer os: what a system can do, and nothing of policy
#include "detail/os.hpp"

// layer net: addresses, names, what ends a wait, what a program tells
#include "canceller.hpp"  // ends blocked calls from elsewhere
#include "endpoint.hpp"   // an address as a value
#include "log.hpp"        // one line per event
#include "options.hpp"    // what can be asked for
#include "resolve.hpp"    // from a name to endpoints
#include "detail/resolver.hpp"

// layer socket: one handle and the waiting on it
#include "socket.hpp"       // a stream socket and its calls
#include "socket_base.hpp"  // what every socket has
#include "detail/socket_options.hpp"
#include "detail/stream_io.hpp"    // how bytes are moved, in registers
#include "detail/wait_policy.hpp"  // how long a call waits, and what for

// layer stream: bytes in full, frames, messages; over any stream
#include "delimiter.hpp"           // messages that end at certain bytes
#include "formats.hpp"             // those of well-known protocols
#include "frame_encoder.hpp"       // messages to bytes of any cut
#include "framing.hpp"             // bytes of any cut to messages
#include "length_prefix.hpp"       // how a message's length is written
#include "message.hpp"             // one message
#include "message_channel.hpp"     // many messages
#include "netstring.hpp"           // messages as "5:hello,"
#include "send_file.hpp"           // a file into a socket
#include "stream.hpp"              // what all of it works over
#include "transfer.hpp"            // bytes in full
#include "detail/framing/adaptive_size.hpp"
#include "detail/framing/byte_order.hpp"
#include "detail/framing/frame_codec.hpp"
#include "detail/framing/message_reader.hpp"
#include "detail/framing/message_writer.hpp"
#include "detail/framing/wrong_peer.hpp"  // what gives away a peer that speaks something else

// layer start: from host and port to a ready socket
#include "connect_to.hpp"
#include "create_server.hpp"
#include "detail/connect/backoff.hpp"    // the time between two rounds
#include "detail/connect/connector.hpp"  // the sockets of a race
#include "detail/connect/race.hpp"       // which address is tried when

// Included by those who want them, since each asks for something that not every program has:
// opt-in: stop_token.hpp    std::stop_token → Canceller

#endif
