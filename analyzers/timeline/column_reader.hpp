#pragma once
// Reads the arrays of a timing file, piece by piece, into plain values.

#include <simdjson.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "analyzers/timeline/json_cutter.hpp"
#include "latency/recording.hpp"

namespace latency::timeline {

// Smallest and largest value that a column may hold, and what to say about one below.
struct integer_range {
  std::int64_t lowest;
  std::int64_t highest;
  const char* below = "below the smallest value allowed";
};

// Each function reads the array at which the cutter stands and hands over its elements in runs:
// consume(first index, values, count). Throws latency::error naming `path` and the index.
class column_reader {
 public:
  explicit column_reader(json_cutter& cutter) : cutter_(cutter) {}

  template <class value>
  using consumer = std::function<void(std::size_t first, const value* values, std::size_t count)>;

  void integers(const std::string& path, integer_range range,
                const consumer<std::int64_t>& consume);
  void identifiers(const std::string& path, const consumer<std::uint64_t>& consume);
  void reals(const std::string& path, const consumer<double>& consume);
  void texts(const std::string& path, const consumer<std::string_view>& consume);
  // null or an object of integers, reals and texts; the attributes go to `into`.
  void attributes(const std::string& path, recording& into,
                  const consumer<attribute_range>& consume);

  // Runs `parse` on one whole value of the document (an object such as /run).
  void small_value(const std::string& path,
                   const std::function<void(simdjson::ondemand::value)>& parse);

  [[noreturn]] void fail(const std::string& path, const std::string& message) const;

 private:
  template <class value, class convert>
  void read(const std::string& path, const consumer<value>& consume, convert&& element);
  simdjson::ondemand::document iterate(std::string_view piece, char open, char close);
  [[noreturn]] void fail_syntax(simdjson::error_code code, simdjson::ondemand::document* document,
                                std::string_view piece) const;

  json_cutter& cutter_;
  simdjson::ondemand::parser parser_;
  std::string buffer_;
};

// "found a text", for values of the wrong type.
[[nodiscard]] std::string found(simdjson::ondemand::value value);

}  // namespace latency::timeline
