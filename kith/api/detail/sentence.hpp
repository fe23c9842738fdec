// Failures as they are told to a person: by a sentence of their own where they have one.
#pragma once

#include <string>

#include <kith/base/result.hpp>

namespace kith::api {

/// An error whose text says all: its message is that text and nothing else.
enum class Said { sentence = 1 };
const ErrorDomain& error_domain(Said) noexcept;

inline Error say(std::string sentence) {
  return Error(Said::sentence, std::move(sentence));
}

/// What a person did wrong is told in full by the error's text; its code's meaning would only
/// repeat it.
std::string sentence_of(const Error& error);

}  // namespace kith::api
