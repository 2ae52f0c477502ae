#pragma once
// A case.json, which is untrusted: the document and its whole numbers.

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "latency/error.hpp"

namespace longlive {

// The document: an object whose `kind` is a text. `path` is its name in messages. Throws
// latency::error.
[[nodiscard]] nlohmann::json parse_golden_case(const std::string& text, const std::string& path);

// The same from FOLDER/case.json, of at most 16 MiB.
[[nodiscard]] nlohmann::json read_golden_case(const std::string& folder);

// nlohmann's own get() would also take 1.5, true and what 64 bits cannot hold. Throws
// latency::error "<place>: expected a whole number, found ..." for anything else.
[[nodiscard]] inline std::int64_t whole_number(const nlohmann::json& value,
                                               const std::string& place) {
  constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (!value.is_number_integer())
    throw latency::error("", place,
                         std::string("expected a whole number, found ") +
                             (value.is_number() ? "a fraction" : value.type_name()));
  if (value.is_number_unsigned() && value.get<std::uint64_t>() > most)
    throw latency::error("", place, "expected a whole number, found one that 64 bits cannot hold");
  return value.get<std::int64_t>();
}

// The same for a list; throws also nlohmann::json::exception when it is none.
[[nodiscard]] inline std::vector<std::int64_t> whole_numbers(const nlohmann::json& list,
                                                             const std::string& place) {
  std::vector<std::int64_t> numbers;
  for (const nlohmann::json& value : list.get_ref<const nlohmann::json::array_t&>())
    numbers.push_back(whole_number(value, place));
  return numbers;
}

}  // namespace longlive
