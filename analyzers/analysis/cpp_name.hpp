#pragma once
// Takes a C++ name, as a demangler writes it, apart: what is called, and what it was given.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace latency::analysis {

// A name without what stands in <> and () in it, and that, in the order in which it stands there.
struct cpp_name {
  std::string_view text;            // all of it
  std::string head;                 // "f::{lambda#1}" of "f<int>(float)::{lambda(int)#1}"
  std::vector<cpp_name> arguments;  // of templates, then those of functions and lambdas
  std::size_t template_arguments = 0;
};

// Refers to `text`. None unless all of it is a name, of not more than 16384 characters and 48
// levels of nesting. Linear.
[[nodiscard]] std::optional<cpp_name> parse_cpp_name(std::string_view text);

// The function's or type's own name; empty when there is none.
[[nodiscard]] std::string own_name(const cpp_name& name);

// With its namespaces, but for those that say nothing; without a return type.
[[nodiscard]] std::string qualified_name(const cpp_name& name);

// The first template argument that names code, not a number or a type of data. Null: none.
[[nodiscard]] const cpp_name* telling_argument(const cpp_name& name);

// A lambda in a function template only hands on what the template was given: that.
[[nodiscard]] const cpp_name& unwrapped(const cpp_name& name);

}  // namespace latency::analysis
