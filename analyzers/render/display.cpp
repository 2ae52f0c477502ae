#include "analyzers/render/display.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace latency::render {
namespace {

struct step {
  double divisor;
  const char* unit;
};

// Ascending; a column takes the last step whose `from` its largest value reaches.
struct ladder_step {
  double from;
  step use;
};
constexpr ladder_step duration_ladder[] = {
    {0, {1, "ns"}}, {1e3, {1e3, "us"}}, {1e6, {1e6, "ms"}}, {100e9, {1e9, "s"}}};
constexpr ladder_step bytes_ladder[] = {{0, {1, "B"}},
                                        {1024., {1024., "KiB"}},
                                        {1048576., {1048576., "MiB"}},
                                        {10737418240., {1073741824., "GiB"}}};

constexpr ladder_step rate_ladder[] = {
    {0, {1, "B/s"}}, {1e3, {1e3, "kB/s"}}, {1e6, {1e6, "MB/s"}}, {1e9, {1e9, "GB/s"}}};

template <std::size_t count>
step choose(const ladder_step (&ladder)[count], double largest) {
  step chosen = ladder[0].use;
  for (const ladder_step& entry : ladder)
    if (largest >= entry.from) chosen = entry.use;
  return chosen;
}

bool as_number(const cell& value, double& to) {
  if (const auto* integer = std::get_if<std::int64_t>(&value))
    to = static_cast<double>(*integer);
  else if (const auto* real = std::get_if<double>(&value))
    to = *real;
  else
    return false;
  return std::isfinite(to);
}

bool all_integers(const std::vector<const cell*>& cells) {
  return std::none_of(cells.begin(), cells.end(),
                      [](const cell* c) { return std::holds_alternative<double>(*c); });
}

}  // namespace

std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

scale scale_for(unit type, const std::vector<const cell*>& cells) {
  double largest = 0;
  double smallest = 0;  // other than zero
  for (const cell* const c : cells) {
    double number = 0;
    if (!as_number(*c, number) || number == 0) continue;
    number = std::fabs(number);
    largest = std::max(largest, number);
    smallest = smallest == 0 ? number : std::min(smallest, number);
  }
  scale result;
  switch (type) {
    case unit::text:
    case unit::path:
    case unit::integer:
      return result;
    case unit::exact_ns:
      result.unit = "ns";
      return result;
    case unit::number:
      break;
    case unit::rate:
      result.unit = "per s";
      break;
    case unit::ratio:
      result = {0.01, "%", 1};
      break;
    case unit::duration_ns:
    case unit::bytes:
    case unit::bytes_per_second: {
      const step chosen = type == unit::bytes         ? choose(bytes_ladder, largest)
                          : type == unit::duration_ns ? choose(duration_ladder, largest)
                                                      : choose(rate_ladder, largest);
      result = {chosen.divisor, chosen.unit, 0};
      if (chosen.divisor == 1 && all_integers(cells)) return result;
      break;
    }
  }
  const double biggest = largest / result.divisor;
  const int least = type == unit::ratio || biggest >= 100 ? 1 : 2;
  const int wanted =
      smallest == 0 ? 0 : 1 - static_cast<int>(std::floor(std::log10(smallest / result.divisor)));
  result.decimals = std::clamp(wanted, least, type == unit::ratio ? 2 : 3);
  return result;
}

std::string shown(const cell& value, const scale& as) {
  if (const auto* text = std::get_if<std::string>(&value)) return printable(*text);
  if (const auto* integer = std::get_if<std::int64_t>(&value); integer && as.divisor == 1)
    return std::to_string(*integer);
  double number = 0;
  if (!as_number(value, number)) return "-";
  number /= as.divisor;
  const double resolution = std::pow(10., -as.decimals);
  if (number != 0 && std::fabs(number) < resolution / 2)
    return fmt::format("{}<{:.{}f}", number < 0 ? "-" : "", resolution, as.decimals);
  return fmt::format("{:.{}f}", number, as.decimals);
}

std::string sentence(const line& from) {
  std::string result;
  std::size_t next = 0;
  for (std::size_t i = 0; i < from.text.size(); ++i) {
    if (from.text.compare(i, 2, "{}") != 0 || next == from.figures.size()) {
      result += from.text[i];
      continue;
    }
    const figure& f = from.figures[next++];
    const scale as = scale_for(f.type, {&f.value});
    result += shown(f.value, as);
    if (*as.unit != '\0' && !std::holds_alternative<std::monostate>(f.value)) {
      result += ' ';
      result += as.unit;
    }
    ++i;
  }
  return printable(result);
}

namespace {

bool has_figure(const std::vector<const cell*>& cells) {
  double number = 0;
  return std::any_of(cells.begin(), cells.end(),
                     [&](const cell* c) { return as_number(*c, number) && number != 0; });
}

// A column of nothing but zeros or gaps takes the unit of its table, so that no "0 ns" stands among
// milliseconds.
std::vector<scale> scales_of(const table& from,
                             const std::vector<std::vector<const cell*>>& cells) {
  std::vector<scale> scales;
  for (std::size_t c = 0; c < cells.size(); ++c)
    scales.push_back(scale_for(from.columns[c].type, cells[c]));
  for (std::size_t c = 0; c < cells.size(); ++c) {
    if (has_figure(cells[c])) continue;
    const scale* largest = nullptr;
    for (std::size_t other = 0; other < cells.size(); ++other)
      if (from.columns[other].type == from.columns[c].type && has_figure(cells[other]) &&
          (largest == nullptr || scales[other].divisor > largest->divisor))
        largest = &scales[other];
    if (largest != nullptr && largest->divisor != 1)
      scales[c] = {largest->divisor, largest->unit, 1};
  }
  return scales;
}

}  // namespace

shown_table shown(const table& from, std::string_view indentation) {
  std::vector<std::vector<const cell*>> cells(from.columns.size());
  for (const auto& row : from.rows)
    for (std::size_t c = 0; c < cells.size(); ++c) cells[c].push_back(&row[c]);
  const std::vector<scale> scales = scales_of(from, cells);
  shown_table result;
  result.rows.resize(from.rows.size());
  for (std::size_t c = 0; c < cells.size(); ++c) {
    const column& of = from.columns[c];
    result.titles.push_back(printable(of.title));
    result.units.emplace_back(scales[c].unit);
    result.right_aligned.push_back(of.type != unit::text && of.type != unit::path);
    for (std::size_t r = 0; r < from.rows.size(); ++r) {
      std::string text = shown(from.rows[r][c], scales[c]);
      if (of.type == unit::path) {
        std::string indented;
        for (const char letter : text)
          if (letter == ';') indented += indentation;
        text = indented + text.substr(text.rfind(';') + 1);
      }
      result.rows[r].push_back(std::move(text));
    }
  }
  return result;
}

}  // namespace latency::render
