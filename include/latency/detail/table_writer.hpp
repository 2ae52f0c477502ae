#pragma once
// How rows become columns of a timing file: building blocks of timing_file.hpp.

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "latency/json_writer.hpp"
#include "latency/recording.hpp"

namespace latency::detail {

// end - start; wraps instead of overflowing when the two lie more than 292 years apart.
[[nodiscard]] inline std::int64_t duration_ns(std::int64_t start_ns, std::int64_t end_ns) noexcept {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(end_ns) -
                                   static_cast<std::uint64_t>(start_ns));
}

inline void write_value(json_writer& json, const run_value& v) {
  if (const auto* integer = std::get_if<std::int64_t>(&v)) {
    json.integer(*integer);
  } else if (const auto* real = std::get_if<double>(&v)) {
    json.real(*real);
  } else {
    json.string(std::get<std::string>(v));
  }
}

// The members of one attribute object, in order; of attributes with the same key the last counts,
// so that no object has a key twice.
inline void write_attribute_members(json_writer& json, const recording& run,
                                    attribute_range range) {
  const std::uint64_t end = range.first + range.count;
  for (std::uint64_t i = range.first; i < end; ++i) {
    const recorded_attribute& a = run.attributes[i];
    bool replaced = false;
    for (std::uint64_t later = i + 1; later < end; ++later)
      replaced = replaced || run.attributes[later].key == a.key;
    if (replaced) continue;
    json.key(run.strings[a.key]);
    switch (a.type) {
      case recorded_attribute::kind::integer:
        json.integer(a.integer);
        break;
      case recorded_attribute::kind::real:
        json.real(a.real);
        break;
      case recorded_attribute::kind::text:
        json.string(run.strings[a.text]);
        break;
    }
  }
}

class table_writer {
 protected:
  table_writer(const recording& run, const std::string& path) : run_(run), json_(path) {}

  template <class Body>
  void object(std::string_view name, const Body& body) {
    json_.line_break();
    json_.key(name);
    json_.begin_object();
    body();
    json_.end_object();
  }
  template <class Row, class Write>
  void column(std::string_view name, const std::vector<Row>& rows, const Write& write) {
    json_.line_break();
    json_.key(name);
    json_.begin_array();
    for (const Row& row : rows) write(row);
    json_.end_array();
  }
  template <class Row, class Integer>
  void integers(std::string_view name, const std::vector<Row>& rows, Integer Row::*member) {
    column(name, rows, [&](const Row& row) {
      if constexpr (sizeof(Integer) == 8 && Integer(-1) > Integer(0)) {
        json_.unsigned_integer(row.*member);
      } else {
        json_.integer(row.*member);
      }
    });
  }
  template <class Row, class Enumeration>
  void words(std::string_view name, const std::vector<Row>& rows, Enumeration Row::*member) {
    column(name, rows, [&](const Row& row) { json_.string(to_text(row.*member)); });
  }
  template <class Row>
  void times(const std::vector<Row>& rows) {
    integers("start_ns", rows, &Row::start_ns);
    column("duration_ns", rows,
           [&](const Row& row) { json_.integer(duration_ns(row.start_ns, row.end_ns)); });
  }
  template <class Row>
  void attributes(const std::vector<Row>& rows) {
    column("attributes", rows, [&](const Row& row) {
      if (row.attributes.count == 0) return json_.null();
      json_.begin_object();
      write_attribute_members(json_, run_, row.attributes);
      json_.end_object();
    });
  }
  void text(std::string_view name, std::string_view content) {
    json_.key(name);
    json_.string(content);
  }
  void integer(std::string_view name, std::int64_t content) {
    json_.key(name);
    json_.integer(content);
  }

  const recording& run_;
  json_writer json_;
};

}  // namespace latency::detail
