#include "analyzers/timeline/tracker_file.hpp"

#include <simdjson.h>

#include "analyzers/timeline/json_cutter.hpp"
#include "analyzers/timeline/tracker_rows.hpp"
#include "latency/error.hpp"

namespace latency::timeline {
namespace {

namespace dom = simdjson::dom;

// What Python writes at the start of `json` and JSON does not know; else nothing.
std::string_view no_number(std::string_view json) {
  for (const std::string_view word : {"NaN", "Infinity", "-Infinity", "-NaN"})
    if (json.substr(0, word.size()) == word) return word;
  return {};
}

void append_with_null_for_nan(std::string& to, std::string_view json) {
  bool in_text = false;
  for (std::size_t at = 0; at < json.size(); ++at) {
    const char c = json[at];
    if (in_text && c == '\\' && at + 1 < json.size()) {
      to += c;
      to += json[++at];
      continue;
    }
    if (c == '"') in_text = !in_text;
    if (!in_text && (c == 'N' || c == 'I' || c == '-')) {
      if (const std::string_view word = no_number(json.substr(at)); !word.empty()) {
        to += "null";
        at += word.size() - 1;
        continue;
      }
    }
    to += c;
  }
}

class tracker_parser {
 public:
  tracker_parser(std::string_view json, const std::string& name) : cutter_(json, name) {}

  tracker_file parse() {
    members("", [this](const std::string& key) { return read_member(key); });
    cutter_.finish();
    if (!known_)
      throw error(cutter_.file(), "",
                  "is no file of the older LongLive tracker: it has none of its tables");
    result_.shape = shape();
    return std::move(result_);
  }

 private:
  [[nodiscard]] tracker_shape shape() const {
    if (wrapped_) return tracker_shape::comprehensive;
    if (statistics_) return tracker_shape::interactive;
    return enhanced_ ? tracker_shape::enhanced : tracker_shape::frames;
  }

  // Walks the object here; `read` says whether it took the value of that key.
  template <class reader>
  void members(const std::string& path, const reader& read) {
    cutter_.open('{', path);
    while (const auto key = cutter_.member())
      if (!read(std::string(*key))) cutter_.skip();
  }

  template <class reader>
  void elements(const std::string& path, const reader& read) {
    constexpr std::size_t piece_bytes = std::size_t{1} << 20;
    cutter_.open('[', path);
    for (;;) {
      const std::string_view piece = cutter_.elements(piece_bytes);
      if (piece.empty()) return;
      const dom::element parsed = parsed_of(piece, true);
      for (const dom::element one : parsed.get_array()) {
        dom::object object;
        if (one.get_object().get(object) != simdjson::SUCCESS)
          cutter_.fail(cutter_.offset_of(piece.data()), path + " holds what is no object");
        read(object);
      }
    }
  }

  template <class reader>
  void object(const std::string& path, const reader& read) {
    const std::string_view piece = cutter_.value();
    dom::object found;
    if (parsed_of(piece, false).get_object().get(found) != simdjson::SUCCESS)
      cutter_.fail(cutter_.offset_of(piece.data()), path + " is no object");
    read(found);
  }

  // `of_array`: the piece is elements without the brackets around them.
  dom::element parsed_of(std::string_view piece, bool of_array) {
    buffer_.clear();
    buffer_.reserve(piece.size() + 2 + simdjson::SIMDJSON_PADDING);
    if (of_array) buffer_ += '[';
    append_with_null_for_nan(buffer_, piece);
    if (of_array) buffer_ += ']';
    dom::element result;
    if (const auto refused = parser_.parse(buffer_).get(result); refused != simdjson::SUCCESS)
      cutter_.fail(cutter_.offset_of(piece.data()),
                   std::string("not JSON: ") + simdjson::error_message(refused));
    return result;
  }

  bool read_member(const std::string& key) {
    if (key == "comprehensive_statistics") {
      wrapped_ = known_ = true;
      members("/" + key,
              [this, &key](const std::string& inner) { return read_statistics("/" + key, inner); });
    } else if (key == "component_timings") {
      wrapped_ = known_ = true;
      members("/" + key, [this](const std::string& component) {
        elements("/component_timings/" + component,
                 [&](const dom::object& event) { rows_.add_event(component, event); });
        return true;
      });
    } else if (key == "frame_times") {
      known_ = true;
      elements("/" + key, [this](const dom::object& from) { rows_.add_latent_frame(from); });
    } else if (key == "inter_frame_latencies") {
      known_ = true;
      elements("/" + key, [this](const dom::object& from) { rows_.add_gap(from); });
    } else if (key == "enhanced_statistics" || key == "analysis_config" || key == "metadata" ||
               key == "statistics") {
      enhanced_ = enhanced_ || key == "enhanced_statistics" || key == "analysis_config";
      object("/" + key, [this](const dom::object& from) { rows_.add_facts(from); });
    } else {
      return read_statistics("", key);
    }
    return true;
  }

  bool read_statistics(const std::string& path, const std::string& key) {
    if (key == "component_breakdown") {
      statistics_ = known_ = true;
      members(path + "/" + key, [&](const std::string& component) {
        object(path + "/component_breakdown/" + component,
               [&](const dom::object& from) { rows_.add_statistics(component, from); });
        return true;
      });
    } else if (key == "block_analysis") {
      statistics_ = known_ = true;
      elements(path + "/" + key, [this](const dom::object& from) { rows_.add_block(from); });
    } else if (key == "configuration" || key == "performance_metrics") {
      object(path + "/" + key, [this](const dom::object& from) { rows_.add_facts(from); });
    } else {
      return false;
    }
    return true;
  }

  tracker_file result_;
  tracker_rows rows_{result_};
  json_cutter cutter_;
  dom::parser parser_;
  std::string buffer_;
  bool known_ = false;       // some table of the tracker's came
  bool wrapped_ = false;     // statistics with the events they are of
  bool statistics_ = false;  // statistics outermost
  bool enhanced_ = false;
};

}  // namespace

const char* to_string(tracker_shape shape) noexcept {
  switch (shape) {
    case tracker_shape::comprehensive:
      return "comprehensive_analysis";
    case tracker_shape::interactive:
      return "interactive_timing_analysis";
    case tracker_shape::enhanced:
      return "enhanced_latency_analysis";
    case tracker_shape::frames:
      break;
  }
  return "latency_analysis";
}

tracker_file parse_tracker_file(std::string_view text, const std::string& name) {
  return tracker_parser(text, name).parse();
}

bool is_tracker_file(std::string_view head) noexcept {
  for (const std::string_view key :
       {"\"component_breakdown\"", "\"component_timings\"", "\"inter_frame_latencies\"",
        "\"comprehensive_statistics\"", "\"block_analysis\""})
    if (head.find(key) != head.npos) return true;
  return head.find("\"frame_times\"") != head.npos &&
         head.find("\"elapsed_since_start\"") != head.npos;
}

}  // namespace latency::timeline
