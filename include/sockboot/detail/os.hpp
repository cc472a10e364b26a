// SPDX-License-Identifier: MIT
// The contract: all that sockboot asks of an operating system. Nothing above it calls the system or reads its error
// number; nothing in it knows a timeout, a canceller or any other policy.
#pragma once

#include <shared_mutex>  // std::chrono without the calendar: see sockboot.hpp
#include <span>
#include <type_traits>
#include <utility>
#include "../byte_view.hpp"
#include "../result.hpp"
#include "os/types.hpp"

#if defined(_WIN32)
#error "sockboot: Windows is meant, but detail/os/windows_*.hpp are not written yet"
#else
#include "os/posix_address.hpp"
#include "os/posix_call.hpp"
#include "os/posix_file.hpp"
#include "os/posix_lookup.hpp"
#include "os/posix_option.hpp"
#include "os/posix_output.hpp"
#include "os/posix_socket.hpp"
#include "os/posix_thread.hpp"
#include "os/posix_wait.hpp"
#endif

namespace sockboot::inline v0_2::detail::os {
/// One handle that closes itself.
class UniqueHandle {
public:
    UniqueHandle() noexcept = default;
    explicit UniqueHandle(Handle handle) noexcept : handle_(handle) {}
    UniqueHandle(UniqueHandle&& other) noexcept : handle_(other.release()) {}
    UniqueHandle& operator=(UniqueHandle&& other) noexcept {
        reset(other.release());
        return *this;
    }
    ~UniqueHandle() { reset(); }

    [[nodiscard]] Handle get() const noexcept { return handle_; }
    [[nodiscard]] Handle release() noexcept { return std::exchange(handle_, no_handle); }
    explicit operator bool() const noexcept { return handle_ != no_handle; }

    void reset(Handle next = no_handle) noexcept {
        if (const Handle before = std::exchange(handle_, next); before != no_handle) close(before);
    }

private:
    Handle handle_ = no_handle;
};

/// A wake pipe that closes itself.
struct OwnedPipe {
    UniqueHandle read_end, write_end;
};
inline Result<OwnedPipe> make_owned_pipe() {
    auto ends = make_wake_pipe();
    if (!ends) return std::move(ends).error();
    return OwnedPipe{UniqueHandle(ends->read_end), UniqueHandle(ends->write_end)};
}

/// Holds a Mutex while it lives.
class Locked {
public:
    explicit Locked(Mutex& mutex) noexcept : mutex_(mutex) { mutex_.lock(); }
    Locked(const Locked&) = delete;
    Locked& operator=(const Locked&) = delete;
    ~Locked() { mutex_.unlock(); }

private:
    Mutex& mutex_;
};

// Each system defines exactly these: a change of the contract is a change of this list. What each one promises is said
// where detail/os/posix_*.hpp defines it. BlockUntil, on the calls that move bytes, is a hint: a system without
// MSG_DONTWAIT has handles that never block, and answers would_block where another one would wait.
template <class Signature> constexpr bool defined_as(Signature*) noexcept { return true; }
template <class Type> constexpr bool is_plain = std::is_trivially_copyable_v<Type>;

static_assert(is_plain<Handle> && std::is_same_v<const Handle, decltype(no_handle)>);
static_assert(no_memory > 0);
static_assert(is_plain<IoResult> && sizeof(IoResult) == sizeof(void*));
static_assert(BlockUntil::nothing != BlockUntil::some && BlockUntil::some != BlockUntil::all);
static_assert(is_plain<PollEntry> && std::is_same_v<decltype(PollEntry::readable(no_handle)), PollEntry> &&
              std::is_same_v<decltype(PollEntry::writable(no_handle).ready()), bool>);
static_assert(std::is_same_v<decltype(WakePipe::read_end), Handle> &&
              std::is_same_v<decltype(WakePipe::write_end), Handle>);
static_assert(max_path_length > 0 && max_name_length > 0 && max_name_length <= sizeof(Address::bytes));

static_assert(defined_as<std::error_code(int) noexcept>(to_error_code));
static_assert(defined_as<Result<Handle>(Family, Type, Mode)>(open));
static_assert(defined_as<void(Handle) noexcept>(close) && defined_as<void(Handle) noexcept>(adopted) &&
              defined_as<void(Handle) noexcept>(notify) && defined_as<void(Handle) noexcept>(drain));
static_assert(defined_as<Result<void>(Handle, bool)>(claim_port) &&
              defined_as<Result<void>(Handle, bool)>(set_non_blocking));
static_assert(defined_as<Result<void>(Handle, const Address&)>(bind));
static_assert(defined_as<Result<void>(Handle, int)>(listen) && defined_as<Result<void>(Handle, int)>(set_linger));
static_assert(defined_as<Result<Handle>(Handle, Address&)>(accept));
static_assert(defined_as<Result<ConnectState>(Handle, const Address&)>(start_connect));
static_assert(defined_as<Result<ConnectState>(Handle)>(finish_connect));
static_assert(defined_as<IoResult(Handle, std::span<std::byte>, BlockUntil) noexcept>(receive));
static_assert(defined_as<IoResult(Handle, ByteView, BlockUntil) noexcept>(send) &&
              defined_as<IoResult(Handle, ByteView, ByteView, BlockUntil) noexcept>(send) &&
              defined_as<IoResult(Handle, const Pieces&, BlockUntil) noexcept>(send));
static_assert(max_pieces > 0);
static_assert(defined_as<IoResult(Handle, std::span<std::byte>, BlockUntil, DatagramHeader&) noexcept>(receive_from));
static_assert(defined_as<IoResult(Handle, ByteView, BlockUntil, const Address&) noexcept>(send_to));
static_assert(defined_as<Result<void>(Handle, Direction)>(shutdown));
static_assert(defined_as<Result<Address>(Handle)>(local_address) &&
              defined_as<Result<Address>(Handle)>(remote_address));
static_assert(defined_as<bool(Option) noexcept>(supports));
static_assert(defined_as<Result<void>(Handle, Option, int)>(set_option));
static_assert(defined_as<Result<void>(Handle, int, int, ByteView)>(set_raw_option));
static_assert(defined_as<Result<std::size_t>(Handle, int, int, void*, std::size_t)>(get_raw_option));
static_assert(defined_as<IoResult(PollEntry*, std::size_t, std::chrono::nanoseconds) noexcept>(poll));
static_assert(defined_as<Address(std::string_view)>(parse_ip));
static_assert(defined_as<std::string(const Address&)>(ip_text));
static_assert(defined_as<Result<void>(const std::string&, void (*)(void*, const Address&), void*)>(look_up));
static_assert(defined_as<Result<void>(void (*)(void*), void*)>(start_thread));
static_assert(defined_as<int() noexcept>(fork_generation) && defined_as<int() noexcept>(new_fork_generation));
static_assert(requires(Mutex& mutex, Condition& condition, std::chrono::nanoseconds time) {
    mutex.lock(), condition.wait(mutex, time), condition.notify_one(), condition.notify_all(), mutex.unlock();
});
static_assert(defined_as<Result<WakePipe>()>(make_wake_pipe));
static_assert(max_output > 0 && StandardStream::output != StandardStream::error);
static_assert(defined_as<IoResult(StandardStream, ByteView) noexcept>(write_without_waiting));
static_assert(defined_as<IoResult(const std::string&) noexcept>(open_file) &&
              defined_as<IoResult(Handle) noexcept>(file_size) && defined_as<bool(Handle) noexcept>(is_non_blocking));
static_assert(defined_as<IoResult(Handle, Handle, std::uint64_t, std::uint64_t) noexcept>(send_file));
}  // namespace sockboot::inline v0_2::detail::os
