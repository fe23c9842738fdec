// For fuzz targets whose input is a value of IPLD's data model: its kinds, and which of them one
// has.
#pragma once

#include <array>
#include <fuzz/kinds.hpp>

#include <kith/ipld/value.hpp>

namespace kith::fuzz {

/// All but links, which are the hardest to reach and so come last in a target's list.
inline constexpr std::array<std::string_view, 9> value_kinds = {
    "null", "bool", "integer", "negative", "float", "text", "bytes", "list", "map"};

/// Tells the kinds of the value and of all that is in it.
inline void tell_value(Kinds& kinds, const ipld::Value& value) {
  kinds.reached_if(value.is_null(), "null");
  kinds.reached_if(value.get<bool>() != nullptr, "bool");
  if (const auto* integer = value.get<ipld::Integer>())
    kinds.reached(integer->negative ? "negative" : "integer");
  kinds.reached_if(value.get<double>() != nullptr, "float");
  kinds.reached_if(value.get<std::string>() != nullptr, "text");
  kinds.reached_if(value.get<Bytes>() != nullptr, "bytes");
  kinds.reached_if(value.get<multiformats::Cid>() != nullptr, "link");
  if (const auto* list = value.get<ipld::List>()) {
    kinds.reached("list");
    for (const ipld::Value& one : *list)
      tell_value(kinds, one);
  }
  if (const auto* map = value.get<ipld::Map>()) {
    kinds.reached("map");
    for (const ipld::MapEntry& entry : *map)
      tell_value(kinds, entry.value);
  }
}

}  // namespace kith::fuzz
