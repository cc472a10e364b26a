// SPDX-License-Identifier: MIT
// sockboot: from host, port and a name to a socket that is ready for use, and from its bytes to messages.
//
//   auto server = sockboot::create_server("localhost", 7777, "echo");      create_server.hpp
//   auto client = server.accept();                                          socket.hpp
//   while (auto message = sockboot::recv_message(client))                   message.hpp
//       sockboot::send_message(client, *message);
//   sockboot::MessageChannel many(std::move(client));                       message_channel.hpp
//
//   auto socket = sockboot::connect_to("localhost", 7777, "echo");          connect_to.hpp
//
// This is the map of the library, floor by floor. A header includes only headers of the floors below its own; the test
// `floors` reads the rule from this list.
#pragma once

// floor 0: words
#include "byte_view.hpp"  // bytes as a parameter
#include "errc.hpp"       // failures without a system number
#include "operation.hpp"  // what was being done
#include "version.hpp"    // three numbers
#include "detail/atomic.hpp"

// floor 1: which failures pass by themselves; a small counted pointer; bytes on their way
#include "detail/buffer.hpp"
#include "detail/shared.hpp"
#include "detail/transient.hpp"

// floor 2: what failed, where, for whom and why
#include "error.hpp"

// floor 3: a value or an error
#include "result.hpp"

// floor 4: pure values
#include "delimiter.hpp"      // what a message may end with instead
#include "length_prefix.hpp"  // how a message's length is written
#include "log.hpp"            // one line per event
#include "timeout.hpp"        // how long a whole operation may take

// floor 5: what is asked of the system; bytes to messages
#include "detail/os.hpp"
#include "framing.hpp"

// floor 6: an address as a value; what ends a blocked call
#include "canceller.hpp"
#include "endpoint.hpp"

// floor 7: what can be asked for, and where it is
#include "detail/patience.hpp"
#include "detail/race.hpp"
#include "options.hpp"
#include "resolve.hpp"

// floor 8: how a socket is made; bytes in full
#include "detail/setup.hpp"
#include "transfer.hpp"

// floor 9: one handle, owned, with its options; one message
#include "detail/framed.hpp"
#include "socket_base.hpp"

// floor 10: a socket and its calls
#include "socket.hpp"

// floor 11: the sockets of a race, and the time between two
#include "detail/backoff.hpp"
#include "detail/connector.hpp"

// floor 12: ready sockets, whole messages
#include "connect_to.hpp"
#include "create_server.hpp"
#include "message.hpp"
#include "message_channel.hpp"

// Included by those who want them, since each asks for something that not every program has:
// opt-in: stop_token.hpp    std::stop_token → Canceller
