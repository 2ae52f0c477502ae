#pragma once
// The texts of a recording, each once; rows refer to them by index.

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace latency {

using string_id = std::uint32_t;
class string_table {
 public:
  string_id add(std::string_view text) {
    auto [entry, inserted] =
        ids_.try_emplace(std::string(text), static_cast<string_id>(texts_.size()));
    if (inserted) texts_.emplace_back(text);
    return entry->second;
  }
  [[nodiscard]] const std::string& operator[](string_id id) const { return texts_.at(id); }
  [[nodiscard]] std::size_t size() const noexcept { return texts_.size(); }
  [[nodiscard]] const std::vector<std::string>& all() const noexcept { return texts_; }
  // The id of a text, or size() when the recording does not use it.
  [[nodiscard]] string_id find(std::string_view text) const {
    const auto entry = ids_.find(std::string(text));
    return entry == ids_.end() ? static_cast<string_id>(texts_.size()) : entry->second;
  }

 private:
  std::vector<std::string> texts_;
  std::unordered_map<std::string, string_id> ids_;
};

}  // namespace latency
