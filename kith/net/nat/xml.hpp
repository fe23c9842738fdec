// The little of XML that routers write (UPnP Device Architecture): elements and their text.
// Attributes, comments and processing instructions are passed over, prefixes of names dropped. A
// document type, CDATA, or an entity other than XML's own five and ASCII characters by number is
// refused, and so is what isn't nested well: nothing in here can refer to anything, nor grow.
// Pure. Limits: limits.hpp.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <kith/base/result.hpp>

namespace kith::net {

struct XmlElement {
  std::string name;  ///< without prefix
  std::string text;  ///< its own, without blanks around it; cut at xml_text_bytes_max
  std::size_t parent = 0;
};

/// The elements in the order of the document; the first is the root, and its own parent.
class XmlDocument {
 public:
  /// Errc::corrupt, Errc::limit_exceeded.
  static Result<XmlDocument> parse(std::string_view text);

  const std::vector<XmlElement>& elements() const noexcept { return elements_; }
  /// The first child of that name.
  std::optional<std::size_t> child(std::size_t of, std::string_view name) const;
  /// Its text; empty if there is none.
  std::string_view text_of_child(std::size_t of, std::string_view name) const;
  /// The first element of that name anywhere.
  std::optional<std::size_t> find(std::string_view name) const;

 private:
  std::vector<XmlElement> elements_;
};

/// With `& < > " '` written as entities.
std::string xml_escaped(std::string_view text);

}  // namespace kith::net
