#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include <kith/api/detail/gateway_request.hpp>
#include <kith/api/gateway_limits.hpp>

namespace kith::api::gateway {
namespace {

struct FormatRow {
  Format format;
  std::string_view name;
  std::string_view media_type;
};

constexpr std::array format_rows{
    FormatRow{Format::raw, "raw", "application/vnd.ipld.raw"},
    FormatRow{Format::car, "car", "application/vnd.ipld.car"},
    FormatRow{Format::dag_json, "dag-json", "application/vnd.ipld.dag-json"},
    FormatRow{Format::dag_cbor, "dag-cbor", "application/vnd.ipld.dag-cbor"},
    FormatRow{Format::json, "json", "application/json"},
    FormatRow{Format::cbor, "cbor", "application/cbor"},
    FormatRow{Format::tar, "tar", "application/x-tar"},
    FormatRow{Format::ipns_record, "ipns-record", "application/vnd.ipfs.ipns-record"},
};

std::unexpected<Error> refuse(std::string text) {
  return std::unexpected(Error(Errc::invalid_argument, std::move(text)));
}

std::string_view trim(std::string_view text) noexcept {
  constexpr std::string_view blank = " \t";
  std::size_t first = text.find_first_not_of(blank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blank) - first + 1);
}

/// Cuts what stands before the next comma that is in no quotes off `list`.
std::string_view next_of_list(std::string_view& list) noexcept {
  bool quoted = false;
  std::size_t end = 0;
  for (; end < list.size() && (quoted || list[end] != ','); ++end) {
    if (list[end] == '"') quoted = !quoted;
    if (list[end] == '\\' && quoted) ++end;
  }
  end = std::min(end, list.size());
  std::string_view element = trim(list.substr(0, end));
  list.remove_prefix(std::min(end + 1, list.size()));
  return element;
}

template <class Number>
std::optional<Number> number_of(std::string_view text) noexcept {
  Number value = 0;
  auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || failure != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

/// A place in content, or nothing if it isn't a number; the last place there is for a larger one.
std::optional<std::uint64_t> place_of(std::string_view text) noexcept {
  const bool digits = std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  if (text.empty() || !digits) return std::nullopt;
  return number_of<std::uint64_t>(text).value_or(UINT64_MAX);
}

/// A weight (RFC 9110, section 12.4.2) in thousandths.
int weight_of(const http::ParameterizedValue& type) noexcept {
  std::string_view text = type.get("q").value_or("1");
  if (text.empty() || (text[0] != '0' && text[0] != '1')) return 1000;
  int value = (text[0] - '0') * 1000;
  int unit = 100;
  for (std::size_t i = 2; i < text.size() && unit > 0; ++i, unit /= 10) {
    if (text[i] >= '0' && text[i] <= '9') value += (text[i] - '0') * unit;
  }
  return std::min(value, 1000);
}

Result<void> set_car_parameter(CarParameters& car, std::string_view name, std::string_view value) {
  if (value.empty()) return {};
  if (name == "version" && value != "1") {
    return refuse("only version 1 of CAR is made here: leave the version out, or ask for 1");
  }
  if (name == "order") {
    if (value != "dfs" && value != "unk") {
      return refuse("the order of blocks can be dfs (depth first) or unk (any)");
    }
    car.order = value == "dfs" ? "dfs" : "unk";
  }
  if (name == "dups") {
    if (value != "y" && value != "n") return refuse("dups can be y or n");
    car.duplicates = value == "y";
  }
  return {};
}

constexpr std::array<std::string_view, 3> car_parameters{"version", "order", "dups"};

/// What an Accept header says of the formats that have a name.
struct Accepted {
  std::optional<Format> format;
  bool or_else = false;
  CarParameters car;
};

Result<Accepted> read_accept(const http::Headers& headers, std::optional<Format> only) {
  Accepted best;
  int best_weight = 0;
  std::optional<Error> refused;
  for (std::string_view field : headers.all("Accept")) {
    while (!field.empty()) {
      auto type = http::parse_parameterized(next_of_list(field));
      if (!type) continue;
      int weight = weight_of(*type);
      if (type->value == "*/*" || type->value == "text/html") best.or_else |= weight > 0;
      auto row = std::ranges::find(format_rows, type->value, &FormatRow::media_type);
      if (row == format_rows.end() || (only && row->format != *only)) continue;
      CarParameters car;
      Result<void> fits;
      for (std::string_view name : car_parameters) {
        if (!fits || row->format != Format::car) break;
        fits = set_car_parameter(car, name, type->get(name).value_or(""));
      }
      if (!fits) refused = fits.error();
      if (!fits || weight <= best_weight) continue;
      best_weight = weight;
      best.format = row->format;
      best.car = car;
    }
  }
  // An archive as nobody can make it is a mistake to be told of, unless something else will do.
  if (refused && !best.format && !only) return std::unexpected(*refused);
  return best;
}

Result<void> read_car_query(CarParameters& car, const http::Query& query) {
  for (std::string_view name : car_parameters) {
    KITH_CHECK(set_car_parameter(car, name, query.get(fmt::format("car-{}", name)).value_or("")));
  }
  if (auto bytes = query.get("entity-bytes")) {
    car.bytes = EntityBytes::parse(*bytes);
    if (!car.bytes) {
      return refuse("entity-bytes must be FROM:TO, as 0:1023, 512:* or -1024:*");
    }
    car.scope = DagScope::entity;
  }
  if (auto scope = query.get("dag-scope")) {
    if (*scope == "block") {
      car.scope = DagScope::block;
    } else if (*scope == "entity") {
      car.scope = DagScope::entity;
    } else if (*scope != "all") {
      return refuse("dag-scope must be block, entity or all");
    }
  }
  return {};
}

}  // namespace

std::string_view name_of(Format format) noexcept {
  auto row = std::ranges::find(format_rows, format, &FormatRow::format);
  return row == format_rows.end() ? std::string_view() : row->name;
}

std::string_view media_type_of(Format format) noexcept {
  auto row = std::ranges::find(format_rows, format, &FormatRow::format);
  return row == format_rows.end() ? std::string_view() : row->media_type;
}

std::optional<EntityBytes> EntityBytes::parse(std::string_view text) {
  std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  auto from = number_of<std::int64_t>(text.substr(0, colon));
  std::string_view last = text.substr(colon + 1);
  auto to = number_of<std::int64_t>(last);
  if (!from || (!to && last != "*")) return std::nullopt;
  if (to && *from >= 0 && *to >= 0 && *from > *to) return std::nullopt;
  return EntityBytes{*from, to};
}

Result<Wanted> read_wanted(const http::Query& query, const http::Headers& headers) {
  Wanted wanted;
  std::optional<Format> asked;
  if (auto name = query.get("format"); name && !name->empty()) {
    auto row = std::ranges::find(format_rows, *name, &FormatRow::name);
    if (row == format_rows.end()) {
      return refuse(
          "there is no such format: leave it out, or take raw, car, dag-json, dag-cbor, "
          "json or cbor");
    }
    asked = row->format;
    wanted.in_query = true;
  }
  KITH_TRY(Accepted accepted, read_accept(headers, asked));
  wanted.format = asked ? *asked : accepted.format.value_or(Format::automatic);
  wanted.or_else = !asked && (accepted.or_else || !accepted.format);
  wanted.car = accepted.car;
  if (wanted.format == Format::car) KITH_CHECK(read_car_query(wanted.car, query));
  return wanted;
}

std::string query_of(const Wanted& wanted, const http::Query& query) {
  http::Query full;
  auto computed = [](std::string_view name) {
    return name == "format" || name == "car-version" || name == "car-order" || name == "car-dups";
  };
  for (const auto& [name, value] : query.pairs()) {
    if (!computed(name)) full.add(name, value);
  }
  full.add("format", std::string(name_of(wanted.format)));
  if (wanted.format == Format::car) {
    full.add("car-version", "1");
    full.add("car-order", std::string(wanted.car.order));
    full.add("car-dups", wanted.car.duplicates ? "y" : "n");
  }
  return full.to_string();
}

Ranges read_ranges(std::string_view field, std::uint64_t size) {
  constexpr std::string_view unit = "bytes=";
  if (field.size() < unit.size() ||
      !http::equal_ignoring_case(field.substr(0, unit.size()), unit)) {
    return {};
  }
  field.remove_prefix(unit.size());
  Ranges ranges;
  std::uint64_t sum = 0;
  bool any = false;
  while (!field.empty()) {
    std::string_view text = next_of_list(field);
    if (text.empty()) continue;
    std::size_t dash = text.find('-');
    if (dash == std::string_view::npos) return {};
    std::string_view first_text = trim(text.substr(0, dash));
    std::string_view last_text = trim(text.substr(dash + 1));
    auto first = place_of(first_text);
    auto last = place_of(last_text);
    if ((!first && !first_text.empty()) || (!last && !last_text.empty())) return {};
    if ((!first && !last) || (first && last && *first > *last)) return {};
    any = true;
    ByteRange range;
    if (!first) {
      range.length = std::min(*last, size);
      range.offset = size - range.length;
    } else if (*first < size) {
      range.offset = *first;
      range.length = std::min(last.value_or(size - 1), size - 1) - *first + 1;
    }
    if (range.length == 0) continue;
    if (ranges.list.size() == gateway_ranges_max || range.length > size - sum) return {};
    sum += range.length;
    ranges.list.push_back(range);
  }
  if (!any) return {};
  ranges.kind = ranges.list.empty() ? Ranges::Kind::unsatisfiable : Ranges::Kind::partial;
  return ranges;
}

ByteRange range_of(const EntityBytes& bytes, std::uint64_t size) {
  auto place = [size](std::int64_t value) -> std::optional<std::uint64_t> {
    if (value >= 0) return static_cast<std::uint64_t>(value);
    std::uint64_t back = ~static_cast<std::uint64_t>(value) + 1;
    if (back > size) return std::nullopt;
    return size - back;
  };
  std::uint64_t first = place(bytes.from).value_or(0);
  if (first >= size) return {};
  std::uint64_t last = size - 1;
  if (bytes.to) {
    auto end = place(*bytes.to);
    if (!end || *end < first) return {};
    last = std::min(*end, last);
  }
  return {first, last - first + 1};
}

bool etag_listed(std::string_view field, std::string_view etag) {
  auto opaque = [](std::string_view tag) {
    if (tag.starts_with("W/")) tag.remove_prefix(2);
    return tag;
  };
  while (!field.empty()) {
    std::string_view tag = next_of_list(field);
    if (!tag.empty() && opaque(tag) == opaque(etag)) return true;
  }
  return false;
}

int status_of_conditions(const http::Headers& headers, std::string_view etag) {
  constexpr std::string_view any = "*";
  std::string_view wanted = trim(headers.get("If-Match").value_or(""));
  if (!wanted.empty() && wanted != any) {
    // A weak tag doesn't say that two answers are the same.
    bool same = false;
    while (!wanted.empty() && !same)
      same = next_of_list(wanted) == etag && !etag.starts_with("W/");
    if (!same) return 412;
  }
  std::string_view known = trim(headers.get("If-None-Match").value_or(""));
  return known == any || etag_listed(known, etag) ? 304 : 200;
}

std::string content_disposition(std::string_view kind, std::string_view filename) {
  if (filename.empty()) return std::string(kind);
  std::string ascii;
  bool plain = true;
  for (char c : filename) {
    auto byte = static_cast<unsigned char>(c);
    bool inside_character = (byte & 0xc0) == 0x80;
    bool kept = byte >= 0x20 && byte < 0x7f && c != '"' && c != '\\';
    plain = plain && kept;
    if (!inside_character) ascii += kept ? c : '_';
  }
  if (plain) return fmt::format("{}; filename=\"{}\"", kind, ascii);
  return fmt::format("{}; filename=\"{}\"; filename*=UTF-8''{}", kind, ascii,
                     http::percent_encode(filename));
}

}  // namespace kith::api::gateway
