#pragma once
// Reader of the pickles that torch.save writes: Python's pickle protocol 2. It builds a tree of
// plain values and nothing else. A pickle may name functions and classes ("globals"); those of a
// closed list stand in the tree by name, all others are refused by name, and none is ever called
// or imported.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace checkpoint {

// What a pickle may do with a global.
enum class global_use : std::uint8_t {
  constant,   // mention it
  function,   // call it: the tree says with which arguments
  dictionary  // call it with no arguments: an empty dictionary
};
struct allowed_global {
  std::string_view name;  // "collections.OrderedDict"
  global_use use;
};

enum class pickle_type : std::uint8_t {
  none,
  boolean,
  integer,
  real,
  text,
  tuple,
  list,
  dictionary,
  global,
  call,       // of a global; the one item is the tuple of arguments
  persistent  // an object outside the pickle; the one item identifies it
};

struct pickle_value {
  pickle_type type = pickle_type::none;
  std::uint32_t byte = 0;            // where it stands in the pickle
  std::int64_t integer = 0;          // integer, boolean; global and call: index of the allowed one
  std::string_view text;             // UTF-8 as it stands there, unchecked; a view into the pickle
  std::vector<std::uint32_t> items;  // indices of values; a dictionary's key, value, key, value
};

// Values refer to each other by index. They may do so in a circle, and one may stand in many
// places: whoever walks the tree limits depth and number of visits.
struct pickle_tree {
  std::vector<pickle_value> values;
  std::uint32_t root = 0;
};

// Reads one pickle, which must be all of `bytes` and stay alive as long as the tree. `place` stands
// before the byte in messages ("data.pkl"). Throws latency::error for anything that is not such a
// pickle, and for one of more than 4 million values (less than 400 MB of tree).
[[nodiscard]] pickle_tree read_pickle(const std::string& path, const std::string& place,
                                      std::span<const std::byte> bytes,
                                      std::span<const allowed_global> allowed);

}  // namespace checkpoint
