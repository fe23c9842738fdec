// A fuzz target with a bug on purpose, outside of the table: behind four bytes that nobody guesses
// it believes a length. tests/fuzz/run.py wants libFuzzer and AddressSanitizer to find it; if they
// don't, their silence about the real targets means nothing.
#include <kith/base/bytes.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::uint32_t magic = 0x6b697468;
  if (size < 5 || kith::load_be<std::uint32_t>(data) != magic) return 0;
  std::size_t length = data[4];
  volatile std::uint8_t sum = 0;
  for (std::size_t i = 0; i < length; ++i)
    sum = static_cast<std::uint8_t>(sum + data[5 + i]);
  return 0;
}
