#pragma once
// The numbers that paths of spans have in the journal: a path goes there when a row first names it.
// One thread at a time.

#include <cstdint>
#include <vector>

#include "device_writer.hpp"
#include "span_paths.hpp"

namespace latency::detail {

class journal_paths {
 public:
  explicit journal_paths(const path_table& paths) : paths_(paths) {}

  // Of a path of the table, -1 for -1. Inside recorder::write_device().
  [[nodiscard]] std::int32_t number(std::int32_t path, device_writer& out) {
    if (path < 0) return -1;
    const auto index = static_cast<std::size_t>(path);
    if (index >= known_.size()) {
      for (const path_table::path& more : paths_.from(known_.size())) known_.push_back(more);
      numbers_.resize(known_.size(), -1);
    }
    if (numbers_[index] < 0)
      numbers_[index] =
          out.new_path({number(known_[index].parent, out), out.name(known_[index].name)});
    return numbers_[index];
  }

 private:
  const path_table& paths_;
  std::vector<path_table::path> known_;
  std::vector<std::int32_t> numbers_;
};

}  // namespace latency::detail
