// The media type of a file: by its name, else by how it begins (mimesniff.spec.whatwg.org, as Go's
// net/http reads it, and a few more that browsers show). Pure; any thread.
#pragma once

#include <string_view>

#include <kith/base/bytes.hpp>

namespace kith::api::gateway {

/// By the name's ending; empty if it says nothing.
std::string_view content_type_of_name(std::string_view name) noexcept;

/// By the first bytes, of which gateway_sniff_bytes are looked at. `whole`: there are no more.
std::string_view content_type_of_bytes(ByteView start, bool whole);

/// Whether the start of a file could be that of any JSON text.
bool begins_as_json(ByteView start, bool whole);

}  // namespace kith::api::gateway
