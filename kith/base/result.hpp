// Result<T> and Error: how an expected failure travels.
//
// An Error is a code of some module's enum plus an optional text. A module declares its codes so:
//
//   enum class YamuxError { bad_version = 1, window_overrun };
//   const ErrorDomain& error_domain(YamuxError);      // found by argument-dependent lookup
//
// and returns `std::unexpected(YamuxError::bad_version)`; it converts to Error by itself. An Error
// made from a code alone allocates nothing, so it is what a peer's faults are told with; the text
// is for what a person did (a path, a flag). Pure decoders may return their own enum,
// std::expected<T, SomeEnum>; KITH_TRY converts it where a Result is returned.
//
// KITH_TRY(auto x, f());   returns f()'s error, or defines x as its value       KITH_CHECK(f());
// the same, without value In a coroutine: KITH_CO_TRY and KITH_CO_CHECK.
#pragma once

#include <concepts>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace kith {

/// The meaning of one enum's codes. One object a domain, of static storage; compared by address.
class ErrorDomain {
 public:
  constexpr ErrorDomain() = default;
  ErrorDomain(const ErrorDomain&) = delete;
  ErrorDomain& operator=(const ErrorDomain&) = delete;
  virtual std::string_view name() const noexcept = 0;
  /// What the code means, for a person: a clause without capital and full stop.
  virtual std::string message(int code) const = 0;

 protected:
  ~ErrorDomain() = default;
};

template <class E>
concept ErrorEnum = std::is_enum_v<E> && requires(E code) {
  { error_domain(code) } -> std::same_as<const ErrorDomain&>;
};

class [[nodiscard]] Error {
 public:
  template <ErrorEnum E>
  Error(E code) noexcept : domain_(&error_domain(code)), code_(static_cast<int>(code)) {}

  /// Adds a text, allocated: for errors that a person meets, not for a remote peer's faults.
  template <ErrorEnum E>
  Error(E code, std::string context) : Error(code) {
    context_ = std::make_shared<const std::string>(std::move(context));
  }

  /// An errno value, with what was attempted ("open /some/file").
  static Error from_errno(int number, std::string context = {});

  const ErrorDomain& domain() const noexcept { return *domain_; }
  int code() const noexcept { return code_; }
  std::string_view context() const noexcept { return context_ ? std::string_view(*context_) : ""; }

  /// The same error with `context` put before the text it has.
  Error with_context(std::string context) const;

  /// The sentence for a person: "context: meaning", or the meaning alone.
  std::string message() const;

  template <ErrorEnum E>
  bool is(E code) const noexcept {
    return domain_ == &error_domain(code) && code_ == static_cast<int>(code);
  }
  /// True for an errno error of this number.
  bool is_errno(int number) const noexcept;

 private:
  Error(const ErrorDomain& domain, int code) noexcept : domain_(&domain), code_(code) {}

  const ErrorDomain* domain_;
  int code_;
  std::shared_ptr<const std::string> context_;
};

template <class T>
using Result = std::expected<T, Error>;

/// Failures that any module can have and that callers tell apart.
enum class Errc {
  cancelled = 1,     ///< the work was given up by its owner: return it, never log it as a fault
  timed_out,         ///< a deadline passed
  closed,            ///< the other side or the owner closed this object
  reset,             ///< the stream or connection was reset
  end_of_stream,     ///< the data ended before what was asked for was complete
  limit_exceeded,    ///< a named limit would be passed
  invalid_argument,  ///< the caller's value makes no sense
  not_found,
  already_exists,
  unsupported,
  corrupt,  ///< stored data isn't what was written
  busy,     ///< another holder has it
  refused,  ///< a rule of ours, of the peer or of the operator says no
};
const ErrorDomain& error_domain(Errc) noexcept;

}  // namespace kith

#define KITH_JOIN_(a, b) a##b
#define KITH_JOIN(a, b) KITH_JOIN_(a, b)
#define KITH_TRY_IMPL_(leave, name, declaration, ...)        \
  auto name = (__VA_ARGS__);                                 \
  if (!name) leave std::unexpected(std::move(name).error()); \
  declaration = *std::move(name)
#define KITH_CHECK_IMPL_(leave, name, ...) \
  if (auto name = (__VA_ARGS__); !name) leave std::unexpected(std::move(name).error())

#define KITH_TRY(declaration, ...) \
  KITH_TRY_IMPL_(return, KITH_JOIN(kith_try_, __LINE__), declaration, __VA_ARGS__)
#define KITH_CHECK(...) KITH_CHECK_IMPL_(return, KITH_JOIN(kith_try_, __LINE__), __VA_ARGS__)
#define KITH_CO_TRY(declaration, ...) \
  KITH_TRY_IMPL_(co_return, KITH_JOIN(kith_try_, __LINE__), declaration, __VA_ARGS__)
#define KITH_CO_CHECK(...) KITH_CHECK_IMPL_(co_return, KITH_JOIN(kith_try_, __LINE__), __VA_ARGS__)
