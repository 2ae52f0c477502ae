#pragma once
// How the columns of one table become rows of a struct.

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "analyzers/timeline/column_reader.hpp"
#include "latency/device_words.hpp"
#include "latency/saturating.hpp"

namespace latency::timeline {

// What the accounting takes (saturating.hpp); further from the session's start is damage. The end
// of a span, start plus duration, cannot overflow.
inline constexpr integer_range time_range{-time_limit_ns, time_limit_ns, "out of range"};
inline constexpr integer_range duration_range{0, 2 * time_limit_ns, "negative duration"};
// A device may report an end before the start: such an op is kept, flagged and counted.
inline constexpr integer_range device_duration_range{-2 * time_limit_ns, 2 * time_limit_ns,
                                                     "out of range"};

// Values that an integer member can hold.
template <class member>
constexpr integer_range range_of() {
  if constexpr (std::is_integral_v<member> && sizeof(member) < sizeof(std::int64_t))
    return {std::numeric_limits<member>::min(), std::numeric_limits<member>::max(), "out of range"};
  else
    return {std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()};
}

// One column of a table: its name in the file and the member that it fills. An enumeration is read
// from the words of latency::to_text.
template <class row, class member>
struct column {
  column(std::string_view column_name, member row::*column_target,
         integer_range column_range = range_of<member>())
      : name(column_name), target(column_target), range(column_range) {}
  // Files of an older minor version lack the column: its members keep their defaults.
  column since(int minor_version) const {
    column result = *this;
    result.first_minor = minor_version;
    return result;
  }
  std::string_view name;
  member row::*target;
  integer_range range;
  int first_minor = 0;
};

inline constexpr int last_word(device_op_kind) {
  return static_cast<int>(device_op_kind::memcpy);
}
inline constexpr int last_word(copy_direction) {
  return static_cast<int>(copy_direction::peer);
}
inline constexpr int last_word(unattributed_reason) {
  return static_cast<int>(unattributed_reason::conditional_body);
}
inline constexpr int last_word(capture_reason) {
  return static_cast<int>(capture_reason::not_kept);
}
inline constexpr int last_word(api_call_kind) {
  return static_cast<int>(api_call_kind::other);
}
inline constexpr int last_word(device_tier) {
  return static_cast<int>(device_tier::kernels);
}

// An index of which -1 says "none".
inline constexpr integer_range optional_index_range{-1, std::numeric_limits<std::int32_t>::max(),
                                                    "neither an index nor -1"};
inline constexpr integer_range stream_range{-1, std::numeric_limits<std::uint32_t>::max(),
                                            "neither a stream nor -1"};
inline constexpr integer_range count_range{0, std::numeric_limits<std::int64_t>::max(),
                                           "negative count"};

// Reads one column after the other, in the order of the file; the first one makes the rows, the
// others must be as long. Every column that the file's version has must be there, once; unknown
// ones are passed over.
template <class row>
class table_reader {
 public:
  table_reader(json_cutter& cutter, column_reader& columns, std::string path, int minor_version,
               recording& into, std::vector<row>& rows)
      : cutter_(cutter),
        columns_(columns),
        path_(std::move(path)),
        minor_version_(minor_version),
        into_(into),
        rows_(rows) {}

  template <class... member>
  void read(const column<row, member>&... specified) {
    cutter_.open('{', path_);
    while (const auto key = cutter_.member()) {
      column_ = path_ + "/" + std::string(key->substr(0, 60));
      if (std::find(seen_.begin(), seen_.end(), *key) != seen_.end())
        columns_.fail(column_, "appears twice");
      if (!(read_if(*key, specified) || ...)) cutter_.skip();
    }
    (require(specified.name, specified.first_minor), ...);
  }

 private:
  template <class member>
  bool read_if(std::string_view key, const column<row, member>& wanted) {
    if (key != wanted.name) return false;
    count_ = 0;
    read_column(wanted);
    if (!seen_.empty() && count_ != rows_.size())
      columns_.fail(column_, std::to_string(count_) + (count_ == 1 ? " row" : " rows") + ", but " +
                                 path_ + "/" + seen_.front() + " has " +
                                 std::to_string(rows_.size()));
    seen_.emplace_back(key);
    return true;
  }

  template <class member>
  void read_column(const column<row, member>& wanted) {
    const auto target = wanted.target;
    if constexpr (std::is_same_v<member, std::uint64_t>) {
      columns_.identifiers(
          column_, store<std::uint64_t>([target](row& r, std::uint64_t v) { r.*target = v; }));
    } else if constexpr (std::is_integral_v<member>) {
      columns_.integers(column_, wanted.range,
                        store<std::int64_t>([target](row& r, std::int64_t v) {
                          r.*target = static_cast<member>(v);
                        }));
    } else if constexpr (std::is_same_v<member, double>) {
      columns_.reals(column_, store<double>([target](row& r, double v) { r.*target = v; }));
    } else if constexpr (std::is_same_v<member, std::string>) {
      columns_.texts(column_, store<std::string_view>(
                                  [target](row& r, std::string_view v) { r.*target = v; }));
    } else if constexpr (std::is_enum_v<member>) {
      columns_.texts(column_, store<std::string_view>([this, target](row& r, std::string_view v) {
                       r.*target = word<member>(v, &r - rows_.data());
                     }));
    } else {
      static_assert(std::is_same_v<member, attribute_range>);
      columns_.attributes(
          column_, into_,
          store<attribute_range>([target](row& r, attribute_range v) { r.*target = v; }));
    }
  }

  template <class value, class put>
  auto store(put assign) {
    return [this, assign](std::size_t first, const value* values, std::size_t count) {
      if (seen_.empty()) rows_.resize(first + count);
      const std::size_t end = std::min(first + count, rows_.size());
      for (std::size_t i = first; i < end; ++i) assign(rows_[i], values[i - first]);
      count_ = first + count;
    };
  }

  template <class enumeration>
  enumeration word(std::string_view text, std::ptrdiff_t index) const {
    for (int i = 0; i <= last_word(enumeration{}); ++i)
      if (to_text(static_cast<enumeration>(i)) == text) return static_cast<enumeration>(i);
    columns_.fail(column_ + "/" + std::to_string(index),
                  "unknown word '" + std::string(text.substr(0, 40)) + "'");
  }

  void require(std::string_view name, int first_minor) const {
    if (first_minor > minor_version_) return;
    if (std::find(seen_.begin(), seen_.end(), name) == seen_.end())
      columns_.fail(path_ + "/" + std::string(name), "missing");
  }

  json_cutter& cutter_;
  column_reader& columns_;
  std::string path_;
  int minor_version_;
  recording& into_;
  std::vector<row>& rows_;
  std::vector<std::string> seen_;  // columns that were read; the first one made the rows
  std::string column_;             // path of the column being read
  std::size_t count_ = 0;          // elements of it
};

}  // namespace latency::timeline
