// SPDX-License-Identifier: MIT
// The contract: all that sockboot asks of an operating system. Nothing above this floor calls the system or reads its
// error number.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "../byte_view.hpp"
#include "../result.hpp"
#include "../timeout.hpp"

namespace sockboot {

/// The kind of an address; `none` belongs to an Endpoint that is not set.
enum class Family : std::uint8_t { none, ipv4, ipv6, local };

namespace detail::os {

/// An address without the system's types; the system files turn it into a sockaddr and back.
struct Address {
    Family family = Family::none;
    std::uint8_t size = 0;    ///< bytes in use: 4, 16, or the length of a Unix path (an abstract one starts with NUL)
    std::uint16_t port = 0;   ///< in the host's byte order
    std::uint32_t scope = 0;  ///< the interface of a link-local IPv6 address
    std::array<char, 108> bytes{};
};

/// Whether a transfer waits inside the system call: not at all, for the first byte, or for all of them.
enum class Wait : std::uint8_t { no, some, all };

enum class Direction : std::uint8_t { receive, send, both };

/// Options that are one number. supports(option) tells whether this system has it.
enum class Option : std::uint8_t {
    reuse_address,
    reuse_port,
    ipv6_only,
    no_delay,
    send_buffer,
    receive_buffer,
    keep_alive,
    keep_alive_idle,
    keep_alive_interval,
    keep_alive_probes,
    user_timeout,
};

/// The mode that a socket is made in.
enum class Mode : bool { blocking, non_blocking };

/// What a connection attempt has come to.
enum class Connecting : bool { underway, done };

}  // namespace detail::os
}  // namespace sockboot

#if defined(_WIN32)
#error "sockboot: Windows is meant, but os_windows.hpp is not written yet"
#else
#include "os_posix.hpp"
#endif

namespace sockboot::detail::os {

/// One handle that closes itself.
class Owned {
public:
    Owned() noexcept = default;
    explicit Owned(Handle handle) noexcept : handle_(handle) {}
    Owned(Owned&& other) noexcept : handle_(other.release()) {}
    Owned& operator=(Owned&& other) noexcept {
        reset(other.release());
        return *this;
    }
    ~Owned() { reset(); }

    [[nodiscard]] Handle get() const noexcept { return handle_; }
    [[nodiscard]] Handle release() noexcept {
        const Handle given = handle_;
        handle_ = no_handle;
        return given;
    }
    explicit operator bool() const noexcept { return handle_ != no_handle; }

    void reset(Handle next = no_handle) noexcept {
        const Handle before = handle_;
        handle_ = next;
        if (before != no_handle) close(before);
    }

private:
    Handle handle_ = no_handle;
};

// Each system file defines exactly these: a change of the contract is a change of this list.
// What each one promises is said where os_posix.hpp defines it.
template <class Signature>
constexpr void defined_as(Signature*) noexcept {}

static_assert((defined_as<Result<Handle>(Family, Mode)>(open_stream), true));
static_assert((defined_as<void(Handle) noexcept>(close), true));
static_assert((defined_as<Result<void>(Handle, const Address&)>(bind), true));
static_assert((defined_as<Result<void>(Handle, int)>(listen), true));
static_assert((defined_as<Result<Handle>(Handle, Address&)>(accept), true));
static_assert((defined_as<Result<Connecting>(Handle, const Address&)>(start_connect), true));
static_assert((defined_as<Result<Connecting>(Handle)>(finish_connect), true));
static_assert((defined_as<void(Handle) noexcept>(silence_sigpipe), true));
static_assert((defined_as<Moved(Handle, std::span<std::byte>, Wait) noexcept>(receive), true));
static_assert((defined_as<Moved(Handle, ByteView, ByteView, Wait) noexcept>(send), true));
static_assert((defined_as<Result<void>(Handle, Direction)>(shutdown), true));
static_assert((defined_as<Result<Address>(Handle)>(local_address), true));
static_assert((defined_as<Result<Address>(Handle)>(remote_address), true));
static_assert((defined_as<Result<void>(Handle, bool)>(set_non_blocking), true));
static_assert((defined_as<bool(Option) noexcept>(supports), true));
static_assert((defined_as<Result<void>(Handle, Option, int)>(set_option), true));
static_assert((defined_as<Result<void>(Handle, int, int, ByteView)>(set_raw_option), true));
static_assert((defined_as<Result<std::size_t>(Handle, int, int, void*, std::size_t)>(get_raw_option), true));
static_assert((defined_as<Result<void>(Handle, int)>(set_linger), true));
static_assert((defined_as<Result<void>(Watched*, std::size_t, Deadline&)>(wait_any), true));
static_assert((defined_as<Address(std::string_view)>(parse_ip), true));
static_assert((defined_as<std::string(const Address&)>(ip_text), true));
static_assert((defined_as<Result<void>(const std::string&, void (*)(void*, const Address&), void*)>(look_up), true));
static_assert((defined_as<Result<void>(void (*)(void*), void*)>(start_thread), true));
static_assert((defined_as<Result<Alarm>()>(make_alarm), true));
static_assert((defined_as<void(Handle) noexcept>(ring), true));
static_assert((defined_as<void(Handle) noexcept>(silence), true));

}  // namespace sockboot::detail::os
