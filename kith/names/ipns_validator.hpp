// IpnsValidator: the values of the namespace "ipns" in a ValueStore, which a server of the public
// DHT must know besides "pk": a record under its name, signed and not at its end.
//
//   validators.add("ipns", std::make_shared<names::IpnsValidator>());
//
// The better of two has the higher sequence, else the later end, else the larger bytes, as in boxo:
// all who store one keep the same. Pure. Thread: any.
#pragma once

#include <kith/routing/validator.hpp>

namespace kith::names {

class IpnsValidator final : public routing::Validator {
 public:
  Result<void> check_name(ByteView name) const override;
  Result<void> check(ByteView name, ByteView value, WallTime now) const override;
  bool expired(ByteView name, ByteView value, WallTime now) const override;
  bool better(ByteView name, ByteView a, ByteView b) const override;
};

}  // namespace kith::names
