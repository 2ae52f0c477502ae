#pragma once
// What a report says, before anybody decides how it looks: sections of text lines and typed tables.
// Every figure is raw (nanoseconds, bytes, plain ratios); units for people exist only in the
// writers (writers.hpp).

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace latency::render {

// What a figure is. In files its name ends accordingly: see raw_name.
enum class unit : std::uint8_t {
  text,
  path,         // names joined by ';', outermost first; terminals show the last one, indented
  integer,      // a count or an index
  number,       // a plain real number
  duration_ns,  // nanoseconds, shown in the unit that suits them
  exact_ns,     // nanoseconds, shown as such, to the last one
  ratio,        // 1 = all; shown as percent
  bytes,
  rate,             // per second
  bytes_per_second  // shown in powers of 1000, as rates of copies are
};

// Nothing (shown as "-"), a text, or a figure in the unit of its column.
using cell = std::variant<std::monostate, std::string, std::int64_t, double>;

struct column {
  std::string key;    // snake_case, without a unit
  std::string title;  // for people, without a unit
  unit type = unit::text;
  bool compared = false;  // shown when several files stand side by side
  bool whole = false;     // texts that people copy (paths, command lines): a terminal wraps them at
                          // spaces where it would cut other texts; at most the last column
};

struct table {
  std::string key;
  std::string title;
  std::vector<column> columns;
  std::vector<std::vector<cell>> rows;  // each as long as `columns`
  std::size_t key_columns = 1;          // leading columns that say which row it is
};

struct figure {
  std::string key;
  unit type = unit::integer;
  cell value;
};

enum class tone : std::uint8_t { plain, good, warning, bad, faint };

// A sentence; each "{}" stands for the next figure, shown with its unit.
struct line {
  std::string text;
  std::vector<figure> figures;
  tone colour = tone::plain;
};

struct section {
  std::string key;
  std::string title;
  std::vector<std::variant<line, table>> items;  // in the order in which they are shown
};

struct document {
  std::string kind;    // "breakdown": files say "latency.breakdown"
  std::string title;   // for people
  std::string source;  // the file or files that it reports on
  std::vector<section> sections;
};

// "A", ..., "Z", "AA", ...: what the file of that index is called where several are shown.
[[nodiscard]] std::string file_letter(std::size_t index);

// Which letter is which file.
[[nodiscard]] section files_section(const std::vector<std::string>& sources);

// "spans dropped" -> "spans_dropped".
[[nodiscard]] std::string as_key(std::string_view words);

// Name of a figure in csv and json: its key and the unit, as in "mean_ns", "share_ratio",
// "moved_bytes", "pixel_frames_per_second", "rate_bytes_per_second".
[[nodiscard]] std::string raw_name(const std::string& key, unit type);

// One document that shows several reports of the same kind side by side: tables are joined on their
// key columns and have their `compared` columns once for each file (all of them when
// `all_columns`); lines stand below each other. Files are called A, B, ... and the first section
// says which is which.
[[nodiscard]] document side_by_side(const std::vector<document>& documents, bool all_columns);

}  // namespace latency::render
