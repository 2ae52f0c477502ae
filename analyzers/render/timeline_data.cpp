#include "analyzers/render/timeline_data.hpp"

#include <nlohmann/json.hpp>
#include <string_view>

#include "analyzers/charts/chart.hpp"
#include "analyzers/charts/palette.hpp"

namespace latency::render {
namespace {

using json = nlohmann::ordered_json;

constexpr std::size_t most_letters_on_hover = 300;

// Base64 of unsigned LEB128 numbers.
class packed_numbers {
 public:
  void add(std::int64_t value) {
    auto rest = static_cast<std::uint64_t>(value);
    for (; rest >= 128; rest >>= 7) byte(static_cast<unsigned>(rest & 127) | 128);
    byte(static_cast<unsigned>(rest));
  }

  std::string take() {
    const unsigned held = bytes_held_;
    if (held > 0) {
      for (unsigned i = held; i < 3; ++i) byte(0);
      for (unsigned i = held; i < 3; ++i) text_[text_.size() - 3 + i] = '=';
    }
    return std::move(text_);
  }

 private:
  void byte(unsigned value) {
    constexpr std::string_view digits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    held_ = held_ << 8 | value;
    if (++bytes_held_ < 3) return;
    for (int shift = 18; shift >= 0; shift -= 6) text_ += digits[held_ >> shift & 63];
    held_ = bytes_held_ = 0;
  }

  std::string text_;
  unsigned held_ = 0;
  unsigned bytes_held_ = 0;
};

std::string packed(const analysis::timeline_level& level, std::int64_t origin_ns) {
  packed_numbers numbers;
  for (const auto& lane : level.lanes) {
    numbers.add(static_cast<std::int64_t>(lane.size()));
    std::int64_t end_ns = origin_ns;
    for (const analysis::timeline_item& item : lane) {
      numbers.add(item.start_ns - end_ns);
      numbers.add(item.end_ns - item.start_ns);
      numbers.add(std::int64_t{item.name} * 2 + (item.count > 1 ? 1 : 0));
      if (item.count > 1) {
        numbers.add(item.count);
        numbers.add(item.end_ns - item.start_ns - item.time_ns);
      }
      numbers.add(item.time_ns - item.exclusive_ns);
      if (item.count > 1) numbers.add(item.time_ns - item.most_ns);
      end_ns = item.end_ns;
    }
  }
  return numbers.take();
}

template <class mark, class work>
json marks(const std::vector<mark>& of, const char* what, json& not_drawn, const work& row) {
  json rows = json::array();
  if (of.size() > most_timeline_marks)
    not_drawn[what] = of.size();
  else
    for (const mark& m : of) rows.push_back(row(m));
  return rows;
}

}  // namespace

std::string timeline_json(const report_timeline& of) {
  const analysis::timeline_pyramid& from = of.pyramid;
  json result = {{"start", from.start_ns},      {"end", from.end_ns},
                 {"intervals", from.intervals}, {"not_shown", from.not_shown},
                 {"names", json::array()},      {"tracks", json::array()}};
  for (const std::string& name : from.names)
    result["names"].push_back(
        {charts::shortened(name, most_letters_on_hover),
         name == analysis::other_names ? charts::quiet_colour : charts::colour_of(name)});
  for (const analysis::timeline_track& t : from.tracks)
    result["tracks"].push_back({charts::shortened(t.title), analysis::to_string(t.kind),
                                t.first_lane, t.lanes, t.intervals});
  json not_drawn = json::object();
  result["blocks"] = marks(of.blocks, "blocks", not_drawn, [](const timeline_block& b) {
    return json{b.start_ns, b.end_ns, b.index, b.kind};
  });
  result["switches"] = marks(of.switches, "switches", not_drawn, [](const timeline_switch& s) {
    return json{s.time_ns, charts::shortened(s.label)};
  });
  result["pixel_frames"] =
      marks(of.pixel_frames, "pixel_frames", not_drawn, [](const timeline_pixel_frame& p) {
        return json{p.complete_ns, p.index, p.late_ns};
      });
  result["not_drawn"] = std::move(not_drawn);
  std::string text = result.dump(-1, ' ', false, json::error_handler_t::replace);
  text.back() = ',';  // the levels are large: past the document
  text += "\"levels\":[";
  for (const analysis::timeline_level& level : from.levels) {
    if (text.back() == ']') text += ',';
    text +=
        '[' + std::to_string(level.resolution_ns) + ",\"" + packed(level, from.start_ns) + "\"]";
  }
  return text + "]}";
}

}  // namespace latency::render
