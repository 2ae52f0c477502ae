#include "analyzers/charts/option.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "analyzers/charts/palette.hpp"
#include "analyzers/render/display.hpp"

namespace latency::charts {
namespace {

using json = nlohmann::ordered_json;
using render::cell;

// Figures in a file that a person may read: nine significant digits, which is a nanosecond of a
// second.
json number(double raw, const render::scale& as) {
  if (!std::isfinite(raw)) return nullptr;
  const double value = raw / as.divisor;
  if (value == 0) return 0;
  const double unit = std::pow(10., 8 - std::floor(std::log10(std::fabs(value))));
  const double rounded = std::round(value * unit) / unit;
  if (rounded == std::round(rounded) && std::fabs(rounded) < 1e15)
    return static_cast<std::int64_t>(rounded);
  return rounded;
}

constexpr std::size_t few_points = 60;  // each can be seen

class option_builder {
 public:
  explicit option_builder(const chart& from) : from_(from) {
    std::vector<cell> xs, ys;
    for (const series& s : from.data) {
      for (const point& p : s.points) {
        xs.emplace_back(p.x);
        ys.emplace_back(p.y);
      }
      for (const box& b : s.boxes) {
        xs.insert(xs.end(), {cell(b.x0), cell(b.x1)});
        ys.insert(ys.end(), {cell(b.y0), cell(b.y1)});
      }
    }
    for (const mark& m : from.marks)
      (m.direction == mark::across::at_x ? xs : ys).emplace_back(m.at);
    x_ = scale_of(from.x, xs);
    y_ = scale_of(from.y, ys);
  }

  json build() const {
    json option;
    option["animation"] = false;
    option["title"] = title();
    option["tooltip"] = {{"trigger", "item"}, {"confine", true}};
    option["legend"] = legend();
    option["grid"] = {{"left", 16},
                      {"right", has_labels() ? 64 : 28},
                      {"top", header_pixels + 34},
                      {"bottom", legend_shown() ? 24 + 20 * legend_rows(from_) : 14},
                      {"outerBoundsMode", "same"},
                      {"outerBoundsContain", "all"}};
    option["xAxis"] = axis_option(from_.x, x_, true);
    option["yAxis"] = axis_option(from_.y, y_, false);
    option["series"] = json::array();
    for (const series& s : from_.data) option["series"].push_back(series_option(s));
    if (!from_.marks.empty() || !from_.bands.empty()) option["series"].push_back(marks_option());
    return option;
  }

 private:
  static render::scale scale_of(const axis& of, const std::vector<cell>& values) {
    if (!of.categories.empty()) return {};
    std::vector<const cell*> cells;
    cells.reserve(values.size());
    for (const cell& value : values) cells.push_back(&value);
    return render::scale_for(of.type, cells);
  }

  json title() const {
    std::string below = from_.shown;
    below += "\nn = " + std::to_string(from_.n) + " " + from_.counted;
    below += "   ·   source: " + shortened(from_.source, 90);
    return {{"text", from_.title},
            {"subtext", below},
            {"left", 12},
            {"top", 8},
            {"itemGap", 6},
            {"textStyle", {{"fontSize", 16}}},
            {"subtextStyle", {{"fontSize", 12}, {"lineHeight", 16}}}};
  }

  [[nodiscard]] bool has_labels() const {  // beside bars: the longest may end at the edge
    return std::any_of(from_.data.begin(), from_.data.end(),
                       [](const series& s) { return !s.point_labels.empty(); });
  }

  [[nodiscard]] bool legend_shown() const { return legend_rows(from_) > 0; }

  json legend() const {
    json names = json::array();
    for (const series& s : from_.data)
      if (!s.name.empty()) names.push_back(s.name);
    return {{"show", legend_shown()}, {"bottom", 8}, {"left", 12}, {"right", 12}, {"data", names}};
  }

  static json axis_option(const axis& of, const render::scale& as, bool horizontal) {
    json result;
    result["type"] = of.categories.empty() ? "value" : "category";
    std::string name = of.title;
    if (*as.unit != '\0') name.append(" (").append(as.unit).append(")");
    result["name"] = name;
    result["nameLocation"] = horizontal ? "middle" : "end";
    result["nameGap"] = horizontal ? 26 : 22;  // above the labels of marks
    if (!horizontal) result["nameTextStyle"] = {{"align", "left"}};
    if (of.hidden) result["show"] = false;
    if (of.from_top) result["inverse"] = true;
    result["axisLine"] = {{"onZero", false}};
    if (of.min) result["min"] = number(*of.min, as);
    if (of.max) result["max"] = number(*of.max, as);
    if (of.categories.empty()) {
      result["axisLabel"] = {{"hideOverlap", true}};
      // The end of a recording is no round number.
      if (of.max && of.type != render::unit::integer) result["axisLabel"]["showMaxLabel"] = false;
    }
    if (of.type == render::unit::integer && of.categories.empty()) result["minInterval"] = 1;
    if (!of.categories.empty()) {
      json names = json::array();
      for (const std::string& c : of.categories) names.push_back(shortened(c, 2 * most_letters));
      result["data"] = names;
      result["axisTick"] = {{"show", false}};
      if (!horizontal) result["axisLabel"] = {{"interval", 0}};
    }
    return result;
  }

  json series_option(const series& s) const {
    json result;
    result["name"] = s.name;
    result["color"] = s.colour;
    switch (s.as) {
      case shape::bar:
        result["type"] = "bar";
        result["barMaxWidth"] = 28;
        if (!s.stack.empty()) result["stack"] = s.stack;
        break;
      case shape::step:
        result["step"] = "end";
        [[fallthrough]];
      case shape::line:
        result["type"] = "line";
        result["showSymbol"] = s.points.size() <= few_points;
        result["symbolSize"] = 4;
        result["lineStyle"] = {{"width", s.wide ? 5 : 1.5}};
        break;
      case shape::points:
        result["type"] = "scatter";
        result["symbolSize"] = 5;
        break;
      case shape::boxes:
        return boxes_option(s, std::move(result));
    }
    json data = json::array();
    for (std::size_t i = 0; i < s.points.size(); ++i) {
      json position = {number(s.points[i].x, x_), number(s.points[i].y, y_)};
      if (s.point_colours.empty() && s.point_labels.empty()) {
        data.push_back(std::move(position));
        continue;
      }
      json item = {{"value", std::move(position)}};
      if (!s.point_colours.empty()) item["itemStyle"] = {{"color", s.point_colours[i]}};
      if (!s.point_labels.empty())
        item["label"] = {{"show", true}, {"position", "right"}, {"formatter", s.point_labels[i]}};
      data.push_back(std::move(item));
    }
    result["data"] = std::move(data);
    return result;
  }

  json boxes_option(const series& s, json result) const {
    result["type"] = "custom";
    result["renderItem"] = "latency_boxes";
    result["dimensions"] = {"from",
                            "to",
                            "bottom",
                            "top",
                            {{"name", "label"}, {"type", "ordinal"}},
                            {{"name", "colour"}, {"type", "ordinal"}}};
    result["encode"] = {{"x", {0, 1}}, {"y", {2, 3}}, {"itemName", 4}, {"tooltip", {0, 1}}};
    json data = json::array();
    for (const box& b : s.boxes)
      data.push_back({number(b.x0, x_), number(b.x1, x_), number(b.y0, y_), number(b.y1, y_),
                      shortened(b.label, 2 * most_letters),
                      b.colour.empty() ? s.colour : b.colour});
    result["data"] = std::move(data);
    return result;
  }

  // Carried by a series that draws nothing itself.
  json marks_option() const {
    json lines = json::array();
    for (const mark& m : from_.marks) {
      const bool at_x = m.direction == mark::across::at_x;
      json line = {{"name", shortened(m.label)},
                   {at_x ? "xAxis" : "yAxis", number(m.at, at_x ? x_ : y_)},
                   {"label",
                    {{"formatter", "{b}"},
                     {"position", !at_x              ? "insideEndTop"
                                  : from_.y.from_top ? "start"
                                                     : "end"}}}};
      if (!m.colour.empty()) line["lineStyle"] = {{"color", m.colour}};
      lines.push_back(std::move(line));
    }
    json areas = json::array();
    for (const band& b : from_.bands) {
      json begin = {{"name", shortened(b.label)},
                    {"xAxis", number(b.from, x_)},
                    {"itemStyle",
                     {{"color", b.emphasised ? "#cc79a7" : "#8a8f98"},
                      {"opacity", b.emphasised ? 0.22 : 0.12}}}};
      areas.push_back({std::move(begin), {{"xAxis", number(b.to, x_)}}});
    }
    return {
        {"type", "line"},
        {"data", json::array()},
        {"silent", true},
        {"markLine", {{"silent", true}, {"symbol", "none"}, {"data", std::move(lines)}}},
        {"markArea",
         {{"silent", true}, {"label", {{"position", "insideTop"}}}, {"data", std::move(areas)}}}};
  }

  const chart& from_;
  render::scale x_, y_;
};

}  // namespace

std::string option_json(const chart& from, int indentation) {
  return option_builder(from).build().dump(indentation, ' ', false,
                                           nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace latency::charts
