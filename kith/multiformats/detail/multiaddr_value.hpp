// The values of a multiaddr's components: checked, read from text, written as text.
#pragma once

#include <string>
#include <string_view>

#include <kith/base/bytes.hpp>
#include <kith/multiformats/error.hpp>
#include <kith/multiformats/protocol.hpp>

namespace kith::multiformats::detail {

/// True if `value` is one that a component of this kind may have.
bool is_valid_value(ValueKind kind, ByteView value);

/// The binary form of a text; bad_value if there is none. The result is valid.
Decoded<Bytes> value_from_text(ValueKind kind, std::string_view text);

/// The text of a valid value. A path has its leading "/".
std::string value_to_text(ValueKind kind, ByteView value);

}  // namespace kith::multiformats::detail
