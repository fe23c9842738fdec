#include <algorithm>
#include <array>

#include <kith/base/assert.hpp>
#include <kith/multiformats/detail/base256emoji.hpp>
#include <kith/multiformats/detail/positional.hpp>
#include <kith/multiformats/detail/utf8.hpp>
#include <kith/multiformats/multibase.hpp>

namespace kith::multiformats {
namespace {

using detail::DigitTable;

enum class Form {
  identity,    // the bytes themselves
  bits,        // each character is a group of bits, RFC 4648
  positional,  // one number
  base45,
  proquint,
  emoji,
};

consteval DigitTable table_of(std::string_view digits, bool any_case) {
  DigitTable table;
  table.fill(-1);
  for (std::size_t i = 0; i < digits.size(); ++i) {
    auto character = static_cast<unsigned char>(digits[i]);
    table[character] = static_cast<std::int8_t>(i);
    bool letter = (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z');
    if (any_case && letter) table[character ^ 0x20] = static_cast<std::int8_t>(i);
  }
  return table;
}

struct Alphabet {
  std::string_view digits;
  DigitTable table;

  consteval Alphabet(std::string_view characters, bool any_case)
      : digits(characters), table(table_of(characters, any_case)) {}
};

constexpr Alphabet binary{"01", false};
constexpr Alphabet octal{"01234567", false};
constexpr Alphabet decimal{"0123456789", false};
constexpr Alphabet hex{"0123456789abcdef", true};
constexpr Alphabet hex_upper{"0123456789ABCDEF", true};
constexpr Alphabet rfc32{"abcdefghijklmnopqrstuvwxyz234567", true};
constexpr Alphabet rfc32_upper{"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", true};
constexpr Alphabet rfc32hex{"0123456789abcdefghijklmnopqrstuv", true};
constexpr Alphabet rfc32hex_upper{"0123456789ABCDEFGHIJKLMNOPQRSTUV", true};
constexpr Alphabet z32{"ybndrfg8ejkmcpqxot1uwisza345h769", false};
constexpr Alphabet digits36{"0123456789abcdefghijklmnopqrstuvwxyz", true};
constexpr Alphabet digits36_upper{"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", true};
constexpr Alphabet rfc45{"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:", false};
constexpr Alphabet bitcoin{"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz", false};
constexpr Alphabet flickr{"123456789abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ", false};
constexpr Alphabet rfc64{"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", false};
constexpr Alphabet rfc64url{"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
                            false};
constexpr Alphabet consonants{"bdfghjklmnprstvz", false};
constexpr Alphabet vowels{"aiou", false};

struct Row {
  BaseInfo info;
  Form form;
  const Alphabet* alphabet = nullptr;
  unsigned bits = 0;          // Form::bits: per character
  std::size_t pad_group = 0;  // Form::bits: padded to a multiple of this many characters; 0: not
};

constexpr Row rows[] = {
    {{Base::identity, "identity", {"\0", 1}}, Form::identity},
    {{Base::base2, "base2", "0"}, Form::bits, &binary, 1},
    {{Base::base8, "base8", "7"}, Form::bits, &octal, 3},
    {{Base::base10, "base10", "9"}, Form::positional, &decimal},
    {{Base::base16, "base16", "f"}, Form::bits, &hex, 4},
    {{Base::base16upper, "base16upper", "F"}, Form::bits, &hex_upper, 4},
    {{Base::base32hex, "base32hex", "v"}, Form::bits, &rfc32hex, 5},
    {{Base::base32hexupper, "base32hexupper", "V"}, Form::bits, &rfc32hex_upper, 5},
    {{Base::base32hexpad, "base32hexpad", "t"}, Form::bits, &rfc32hex, 5, 8},
    {{Base::base32hexpadupper, "base32hexpadupper", "T"}, Form::bits, &rfc32hex_upper, 5, 8},
    {{Base::base32, "base32", "b"}, Form::bits, &rfc32, 5},
    {{Base::base32upper, "base32upper", "B"}, Form::bits, &rfc32_upper, 5},
    {{Base::base32pad, "base32pad", "c"}, Form::bits, &rfc32, 5, 8},
    {{Base::base32padupper, "base32padupper", "C"}, Form::bits, &rfc32_upper, 5, 8},
    {{Base::base32z, "base32z", "h"}, Form::bits, &z32, 5},
    {{Base::base36, "base36", "k"}, Form::positional, &digits36},
    {{Base::base36upper, "base36upper", "K"}, Form::positional, &digits36_upper},
    {{Base::base45, "base45", "R"}, Form::base45, &rfc45},
    {{Base::base58btc, "base58btc", "z"}, Form::positional, &bitcoin},
    {{Base::base58flickr, "base58flickr", "Z"}, Form::positional, &flickr},
    {{Base::base64, "base64", "m"}, Form::bits, &rfc64, 6},
    {{Base::base64pad, "base64pad", "M"}, Form::bits, &rfc64, 6, 4},
    {{Base::base64url, "base64url", "u"}, Form::bits, &rfc64url, 6},
    {{Base::base64urlpad, "base64urlpad", "U"}, Form::bits, &rfc64url, 6, 4},
    {{Base::proquint, "proquint", "p"}, Form::proquint},
    {{Base::base256emoji, "base256emoji", "\xf0\x9f\x9a\x80"}, Form::emoji},
};

constexpr auto infos = [] {
  std::array<BaseInfo, std::size(rows)> out{};
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = rows[i].info;
  return out;
}();

const Row& row_of(Base base) noexcept {
  const Row* row = std::ranges::find(rows, base, [](const Row& each) { return each.info.base; });
  ASSERT(row != std::end(rows));
  return *row;
}

int digit_of(const Alphabet& alphabet, char character) noexcept {
  return alphabet.table[static_cast<unsigned char>(character)];
}

std::string encode_bits(const Row& row, ByteView bytes) {
  std::string out;
  out.reserve((bytes.size() * 8 + row.bits - 1) / row.bits + row.pad_group);
  std::uint32_t pending = 0;
  unsigned pending_bits = 0;
  for (std::uint8_t byte : bytes) {
    pending = (pending << 8) | byte;
    pending_bits += 8;
    while (pending_bits >= row.bits) {
      pending_bits -= row.bits;
      out.push_back(row.alphabet->digits[(pending >> pending_bits) & ((1U << row.bits) - 1)]);
    }
    pending &= (1U << pending_bits) - 1;
  }
  if (pending_bits > 0) out.push_back(row.alphabet->digits[pending << (row.bits - pending_bits)]);
  while (row.pad_group != 0 && out.size() % row.pad_group != 0)
    out.push_back('=');
  return out;
}

Decoded<Bytes> decode_bits(const Row& row, std::string_view text) {
  if (row.pad_group != 0) {
    if (text.size() % row.pad_group != 0) {
      return std::unexpected(MultiformatsError::bad_text_length);
    }
    std::size_t size = text.size();
    while (size > 0 && text.size() - size < row.pad_group && text[size - 1] == '=')
      --size;
    // Characters that carry no bit of a byte are refused below; a group of padding alone is here.
    if (text.size() - size == row.pad_group) {
      return std::unexpected(MultiformatsError::bad_text_length);
    }
    text = text.substr(0, size);
  }
  Bytes out;
  out.reserve(text.size() * row.bits / 8);
  std::uint32_t pending = 0;
  unsigned pending_bits = 0;
  for (char character : text) {
    int digit = digit_of(*row.alphabet, character);
    if (digit < 0) return std::unexpected(MultiformatsError::bad_character);
    pending = (pending << row.bits) | static_cast<std::uint32_t>(digit);
    pending_bits += row.bits;
    if (pending_bits >= 8) {
      pending_bits -= 8;
      out.push_back(static_cast<std::uint8_t>(pending >> pending_bits));
      pending &= (1U << pending_bits) - 1;
    }
  }
  // A last character that carries no bit of a byte has no business here.
  if (pending_bits >= row.bits) return std::unexpected(MultiformatsError::bad_text_length);
  if (pending != 0) return std::unexpected(MultiformatsError::not_canonical);
  return out;
}

// RFC 9285: two bytes are three characters, least significant first; a last byte is two.
std::string encode_base45(ByteView bytes) {
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    bool pair = i + 1 < bytes.size();
    std::uint32_t value = pair ? load_be<std::uint16_t>(&bytes[i]) : bytes[i];
    out.push_back(rfc45.digits[value % 45]);
    out.push_back(rfc45.digits[value / 45 % 45]);
    if (pair) out.push_back(rfc45.digits[value / (45 * 45)]);
  }
  return out;
}

Decoded<Bytes> decode_base45(std::string_view text) {
  if (text.size() % 3 == 1) return std::unexpected(MultiformatsError::bad_text_length);
  Bytes out;
  while (!text.empty()) {
    std::size_t size = std::min<std::size_t>(3, text.size());
    std::uint32_t value = 0;
    for (std::size_t i = size; i-- > 0;) {
      int digit = digit_of(rfc45, text[i]);
      if (digit < 0) return std::unexpected(MultiformatsError::bad_character);
      value = value * 45 + static_cast<std::uint32_t>(digit);
    }
    if (value > (size == 3 ? 0xffffU : 0xffU)) {
      return std::unexpected(MultiformatsError::not_canonical);
    }
    if (size == 3) out.push_back(static_cast<std::uint8_t>(value >> 8));
    out.push_back(static_cast<std::uint8_t>(value));
    text.remove_prefix(size);
  }
  return out;
}

// Proquint: 16 bits are consonant, vowel, consonant, vowel, consonant; words stand between "-".
// The "ro-" makes it, behind its prefix, "pro-...".
constexpr std::string_view proquint_lead = "ro-";
constexpr unsigned proquint_letter_bits[] = {4, 2, 4, 2, 4};

Decoded<std::string> encode_proquint(ByteView bytes) {
  if (bytes.size() % 2 != 0) return std::unexpected(MultiformatsError::not_representable);
  std::string out(proquint_lead);
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    if (i > 0) out.push_back('-');
    std::uint32_t word = load_be<std::uint16_t>(&bytes[i]);
    unsigned left = 16;
    for (unsigned bits : proquint_letter_bits) {
      left -= bits;
      const Alphabet& letters = bits == 4 ? consonants : vowels;
      out.push_back(letters.digits[(word >> left) & ((1U << bits) - 1)]);
    }
  }
  return out;
}

Decoded<Bytes> decode_proquint(std::string_view text) {
  if (!text.starts_with(proquint_lead)) return std::unexpected(MultiformatsError::bad_character);
  text.remove_prefix(proquint_lead.size());
  if (!text.empty() && text.size() % 6 != 5) {
    return std::unexpected(MultiformatsError::bad_text_length);
  }
  Bytes out;
  for (std::size_t at = 0; at < text.size(); at += 6) {
    std::uint32_t word = 0;
    for (std::size_t i = 0; i < 5; ++i) {
      unsigned bits = proquint_letter_bits[i];
      int digit = digit_of(bits == 4 ? consonants : vowels, text[at + i]);
      if (digit < 0) return std::unexpected(MultiformatsError::bad_character);
      word = (word << bits) | static_cast<std::uint32_t>(digit);
    }
    if (at + 5 < text.size() && text[at + 5] != '-') {
      return std::unexpected(MultiformatsError::bad_character);
    }
    out.push_back(static_cast<std::uint8_t>(word >> 8));
    out.push_back(static_cast<std::uint8_t>(word));
  }
  return out;
}

struct EmojiByte {
  char32_t character;
  std::uint8_t byte;
};

constexpr auto emoji_by_character = [] {
  std::array<EmojiByte, 256> out{};
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = {detail::base256emoji_alphabet[i], static_cast<std::uint8_t>(i)};
  }
  std::ranges::sort(out, {}, &EmojiByte::character);
  return out;
}();

std::string encode_emoji(ByteView bytes) {
  std::string out;
  for (std::uint8_t byte : bytes)
    detail::append_utf8(out, detail::base256emoji_alphabet[byte]);
  return out;
}

Decoded<Bytes> decode_emoji(std::string_view text) {
  Bytes out;
  while (!text.empty()) {
    auto character = detail::take_utf8(text);
    if (!character) return std::unexpected(MultiformatsError::bad_character);
    auto found =
        std::ranges::lower_bound(emoji_by_character, *character, {}, &EmojiByte::character);
    if (found == emoji_by_character.end() || found->character != *character) {
      return std::unexpected(MultiformatsError::bad_character);
    }
    out.push_back(found->byte);
  }
  return out;
}

}  // namespace

std::span<const BaseInfo> all_bases() noexcept {
  return infos;
}

std::string_view base_name(Base base) noexcept {
  return row_of(base).info.name;
}

std::optional<Base> base_from_name(std::string_view name) noexcept {
  for (const BaseInfo& info : infos) {
    if (info.name == name) return info.base;
  }
  return std::nullopt;
}

std::optional<Base> base_of(std::string_view text) noexcept {
  for (const BaseInfo& info : infos) {
    if (text.starts_with(info.prefix)) return info.base;
  }
  return std::nullopt;
}

Decoded<std::string> base_encode(Base base, ByteView bytes) {
  const Row& row = row_of(base);
  switch (row.form) {
    case Form::identity:
      return std::string(as_text(bytes));
    case Form::bits:
      return encode_bits(row, bytes);
    case Form::positional:
      return detail::positional_encode(row.alphabet->digits, bytes);
    case Form::base45:
      return encode_base45(bytes);
    case Form::proquint:
      return encode_proquint(bytes);
    case Form::emoji:
      return encode_emoji(bytes);
  }
  return std::unexpected(MultiformatsError::unknown_base);
}

Decoded<Bytes> base_decode(Base base, std::string_view text) {
  const Row& row = row_of(base);
  switch (row.form) {
    case Form::identity:
      return to_bytes(text);
    case Form::bits:
      return decode_bits(row, text);
    case Form::positional:
      return detail::positional_decode(static_cast<std::uint32_t>(row.alphabet->digits.size()),
                                       row.alphabet->table, text);
    case Form::base45:
      return decode_base45(text);
    case Form::proquint:
      return decode_proquint(text);
    case Form::emoji:
      return decode_emoji(text);
  }
  return std::unexpected(MultiformatsError::unknown_base);
}

Decoded<std::string> multibase_encode(Base base, ByteView bytes) {
  KITH_TRY(std::string text, base_encode(base, bytes));
  text.insert(0, row_of(base).info.prefix);
  return text;
}

Decoded<MultibaseValue> multibase_decode(std::string_view text) {
  if (text.empty()) return std::unexpected(MultiformatsError::empty);
  auto base = base_of(text);
  if (!base) return std::unexpected(MultiformatsError::unknown_base);
  KITH_TRY(Bytes bytes, base_decode(*base, text.substr(row_of(*base).info.prefix.size())));
  return MultibaseValue{*base, std::move(bytes)};
}

}  // namespace kith::multiformats
