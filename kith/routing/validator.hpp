// Validators: what may be stored under a key, and which of two values is the better one
// (libp2p/specs kad-dht/README.md, "Entry validation").
//
//   key   '/' namespace '/' name     "/pk/" and a peer id's bytes: the peer's public key
//
// Who stores a value and who is given one by strangers both ask; a key of an unknown namespace is
// nobody's and is refused. Pure. Thread: any, once all are added.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include <kith/base/bytes.hpp>
#include <kith/base/result.hpp>
#include <kith/base/time.hpp>

namespace kith::routing {

/// Knows the values of one namespace.
class Validator {
 public:
  virtual ~Validator() = default;
  /// bad_key unless `name`, what stands behind the namespace, is one.
  virtual Result<void> check_name(ByteView name) const = 0;
  /// bad_key, bad_value.
  virtual Result<void> check(ByteView name, ByteView value, WallTime now) const = 0;
  /// Whether a value that was checked once has become bad. Asked each time a stranger wants to have
  /// it, so that it should cost less than a signature.
  virtual bool expired(ByteView name, ByteView value, WallTime now) const {
    return !check(name, value, now);
  }
  /// Whether `a` is to be kept rather than `b`, another value; both were checked. Of two values
  /// at most one is better than the other.
  virtual bool better(ByteView name, ByteView a, ByteView b) const = 0;
};

/// "/pk/" and a peer id: the public key that the id is the hash of. There is only one right value.
class PublicKeyValidator final : public Validator {
 public:
  Result<void> check_name(ByteView name) const override;
  Result<void> check(ByteView name, ByteView value, WallTime now) const override;
  bool expired(ByteView, ByteView, WallTime) const override { return false; }
  bool better(ByteView, ByteView, ByteView) const override { return false; }
};

class Validators {
 public:
  /// Knows "pk".
  Validators();
  Validators(const Validators&) = delete;
  Validators& operator=(const Validators&) = delete;

  /// In place of the one that is there for the namespace.
  void add(std::string name_space, std::shared_ptr<const Validator> validator);

  /// bad_key, unknown_kind, too_long.
  Result<void> check_key(ByteView key) const;
  /// bad_key, unknown_kind, bad_value, too_long.
  Result<void> check(ByteView key, ByteView value, WallTime now) const;
  /// Whether a value that was checked for the key has become bad; true of an unknown kind.
  bool expired(ByteView key, ByteView value, WallTime now) const;
  /// Whether `a` is to be kept rather than `b`; both were checked for the key.
  bool better(ByteView key, ByteView a, ByteView b) const;

 private:
  struct Found {
    const Validator* validator;
    ByteView name;
  };
  Result<Found> find(ByteView key) const;

  std::map<std::string, std::shared_ptr<const Validator>, std::less<>> validators_;
};

}  // namespace kith::routing
