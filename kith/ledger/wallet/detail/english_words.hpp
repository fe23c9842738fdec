// The English word list of BIP-39. Thread: any.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace kith::ledger::detail {

inline constexpr std::size_t english_words = 2048;

/// `index` is below english_words.
std::string_view english_word(std::size_t index) noexcept;
std::optional<std::size_t> english_index(std::string_view word) noexcept;

}  // namespace kith::ledger::detail
