// ValueRecords: the values that a node keeps for others, each checked by its namespace's validator,
// the better one of two, for value_ttl from when it last came (libp2p/specs kad-dht/README.md,
// "Value storage and retrieval"). Bounded in records and bytes; when there is no room the value
// whose key is furthest from our own place goes, as in ProviderRecords. Pure; the validators
// outlive it.
#pragma once

#include <functional>
#include <map>
#include <optional>

#include <kith/base/result.hpp>
#include <kith/base/time.hpp>
#include <kith/dht/key.hpp>
#include <kith/dht/limits.hpp>
#include <kith/routing/validator.hpp>

namespace kith::dht {

struct ValueLimits {
  std::size_t records = value_records_max;
  std::size_t bytes = value_record_bytes_max;
};

class ValueRecords {
 public:
  ValueRecords(Key self, const routing::Validators& validators, ValueLimits limits = {})
      : self_(self), validators_(validators), limits_(limits) {}

  /// Errors of Validators::check; RoutingError::older_value if a better one is here;
  /// Errc::limit_exceeded if all that is here is nearer.
  Result<void> put(ByteView key, ByteView value, WallTime now) { return put(key, value, now, now); }
  /// One that came at `received`, in an earlier life.
  Result<void> put(ByteView key, ByteView value, WallTime received, WallTime now);

  struct Value {
    Bytes value;
    WallTime received;
  };
  /// Nothing if it is too old, or isn't valid any more.
  std::optional<Value> get(ByteView key, WallTime now) const;

  void expire(WallTime now);
  /// `count` behind this distance, from the nearest if there is none; moves `after`. False once
  /// there are no more.
  bool each_after(std::optional<Key>& after, std::size_t count,
                  const std::function<void(ByteView key, const Value&)>& visit) const;
  std::size_t size() const noexcept { return values_.size(); }
  std::size_t bytes() const noexcept { return bytes_; }

 private:
  struct Held {
    Bytes key;
    Value value;
  };
  using Values = std::map<Key, Held>;

  bool good(const Held& held, WallTime now) const;
  Values::iterator erase(Values::iterator at);

  Key self_;
  const routing::Validators& validators_;
  ValueLimits limits_;
  Values values_;  ///< by their distance from us
  std::size_t bytes_ = 0;
};

}  // namespace kith::dht
