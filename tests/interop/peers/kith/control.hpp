// The control protocol's lines (../README.md): requests from stdin, answers and events to stdout.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <boost/json/object.hpp>

#include <kith/port/task.hpp>
#include <kith/port/work_pool.hpp>

namespace kith_peer {

using kith::Result;
using kith::Task;

/// Writes one JSON object as a line. Ends the process if nobody reads any more.
void emit(const boost::json::object& line);

/// A request's fields. What is absent or of another type is an error that names the field.
class Request {
 public:
  /// Reads a line; Errc::corrupt if it is no JSON object.
  static Result<Request> parse(const std::string& line);

  Result<std::string> text(const char* field) const;
  Result<std::uint64_t> number(const char* field) const;
  std::uint64_t number_or(const char* field, std::uint64_t other) const;

 private:
  boost::json::object fields_;
};

/// Lines of stdin. A worker waits for them, so that the loop goes on.
class LineReader {
 public:
  explicit LineReader(kith::port::WorkPool& pool) : pool_(pool) {}

  /// The next line, nothing at the end. Errc::cancelled, errors of reading.
  Task<std::optional<std::string>> next();

 private:
  kith::port::WorkPool& pool_;
  std::string held_;
};

}  // namespace kith_peer
