// The files of tests/vectors/wallet. For tests only.
#pragma once

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <kith/base/test_fixtures.hpp>
#include <kith/crypto/secret.hpp>

namespace kith::ledger::testing {

inline boost::json::value vectors(const std::string& name) {
  const Bytes text = kith::testing::read_test_file(std::filesystem::path(KITH_SOURCE_DIR) /
                                                   "tests/vectors/wallet" / name);
  return boost::json::parse({reinterpret_cast<const char*>(text.data()), text.size()});
}

inline std::string text_of(const boost::json::value& value) {
  return std::string(std::string_view(value.as_string()));
}

/// With "0x" or without.
inline Bytes bytes_of(const boost::json::value& value) {
  std::string_view digits = value.as_string();
  if (digits.starts_with("0x")) digits.remove_prefix(2);
  return from_hex(digits).value();
}

inline crypto::SecretArray<32> secret_of(const boost::json::value& value) {
  return crypto::SecretArray<32>(ByteView(bytes_of(value)).first<32>());
}

/// Bytes that count up, so that a test is the same each time.
inline void counting_random(MutableBytes out) {
  static std::uint8_t next = 0;
  for (std::uint8_t& byte : out)
    byte = next++;
}

}  // namespace kith::ledger::testing
