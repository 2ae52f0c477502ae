#pragma once
// The normalization rules inside a SentencePiece model: a search tree from byte strings to
// replacements. The library follows it without checks, so every way through it is walked once here.
//
// Layout: uint32 little-endian, the tree's size in bytes; the tree, a double array of uint32 units;
// the replacements, each ended by a zero byte. A unit's bits: 0-7 the label by which it is reached,
// 8 "a rule ends here", 10-30 with bit 9 the offset to its children, 31 set in a leaf. Child c of
// unit i stands at i ^ offset ^ c; a leaf at i ^ offset, its lower 31 bits the place of the
// replacement.

#include <cstddef>
#include <string>
#include <string_view>

namespace umt5 {

inline constexpr std::size_t charsmap_max_bytes = 4 * 1024 * 1024;  // nmt_nfkc: about 0.24 MB
inline constexpr std::size_t charsmap_max_rule_bytes = 256;
inline constexpr std::size_t charsmap_max_replacement_bytes = 64;  // Unicode's longest: 33
inline constexpr std::size_t charsmap_max_prefix_rules = 32;       // the library's array

// Throws latency::error naming `path` unless every way from the root stays inside the array, ends
// within charsmap_max_rule_bytes, passes at most charsmap_max_prefix_rules rules and finds UTF-8
// replacements of at most charsmap_max_replacement_bytes. Cost: 256 steps per unit in use.
void check_charsmap(const std::string& path, std::string_view charsmap);

}  // namespace umt5
