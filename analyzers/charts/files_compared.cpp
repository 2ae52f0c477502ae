#include <algorithm>

#include "analyzers/charts/bar_table.hpp"
#include "analyzers/charts/charts.hpp"
#include "analyzers/charts/palette.hpp"

namespace latency::charts {

using render::unit;

namespace {

constexpr std::size_t most_compared = 10;  // components, the largest in any file

struct compared_name {
  std::string name;
  std::int64_t largest_ns = 0;
};

const analysis::component* find(const compared_file& in, const std::string& name) {
  for (const analysis::component& c : in.parts->rows)
    if (in.run->strings[c.name] == name) return &c;
  return nullptr;
}

}  // namespace

std::optional<chart> files_compared(const std::vector<compared_file>& files) {
  if (files.size() < 2) return std::nullopt;
  std::vector<compared_name> names;
  for (const compared_file& file : files)
    for (const analysis::component& c : file.parts->rows) {
      const std::string& name = file.run->strings[c.name];
      const auto found = std::find_if(names.begin(), names.end(),
                                      [&](const compared_name& n) { return n.name == name; });
      if (found == names.end())
        names.push_back({name, c.exclusive_ns});
      else
        found->largest_ns = std::max(found->largest_ns, c.exclusive_ns);
    }
  if (names.empty()) return std::nullopt;
  std::stable_sort(names.begin(), names.end(), [](const compared_name& a, const compared_name& b) {
    return a.largest_ns > b.largest_ns;
  });

  chart result;
  result.key = "files_compared";
  result.title = "Files compared";
  result.shown = "exclusive time of the components that take longest in any of them";
  result.counted = "files";
  result.n = static_cast<std::int64_t>(files.size());
  result.x = {.title = "exclusive time", .type = unit::duration_ns, .min = 0.0};
  result.table = {"files_compared",
                  result.title,
                  {{"component", "component"},
                   {"file", "file"},
                   {"count", "spans", unit::integer},
                   {"exclusive", "exclusive", unit::duration_ns},
                   {"exclusive_share", "share of the wall", unit::ratio}},
                  {},
                  2};
  for (const compared_file& file : files) {
    result.source += (result.source.empty() ? "" : ", ") + shortened(file.name, 30);
    result.data.push_back({file.name, colour_of_index(result.data.size()), shape::bar});
  }
  for (const compared_name& n : names) {
    const bool shown = static_cast<double>(n.largest_ns) >=
                           least_bar * static_cast<double>(names.front().largest_ns) &&
                       result.y.categories.size() < most_compared && add_bar_name(result, n.name);
    for (std::size_t f = 0; f < files.size(); ++f) {
      const analysis::component* const c = find(files[f], n.name);
      if (c == nullptr) continue;
      result.table.rows.push_back(
          {n.name, files[f].name, c->count, c->exclusive_ns, c->exclusive_share});
      if (shown)
        result.data[f].points.push_back({static_cast<double>(c->exclusive_ns), last_bar(result)});
    }
  }
  finish_bars(result, static_cast<int>(10 + 12 * files.size()));
  return result;
}

}  // namespace latency::charts
