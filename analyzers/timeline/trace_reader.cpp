#include "analyzers/timeline/trace_reader.hpp"

#include <simdjson.h>

#include "analyzers/timeline/trace_builder.hpp"
#include "analyzers/timeline/trace_cutter.hpp"
#include "analyzers/timeline/trace_event.hpp"
#include "latency/detail/utf8.hpp"
#include "latency/error.hpp"

namespace latency {
namespace timeline {
namespace {

namespace ondemand = simdjson::ondemand;

// What is not UTF-8, and control characters in texts, are no reason to refuse a trace: PyTorch
// writes the names of Python functions and kernels as it finds them. Outside texts a control
// character is white space, or wrong in any case.
std::string repaired(std::string_view text) {
  std::string result;
  result.reserve(text.size() + simdjson::SIMDJSON_PADDING);
  for (std::size_t at = 0; at < text.size();) {
    const detail::utf8_sequence next = detail::decode_utf8(text.substr(at));
    const bool control = static_cast<unsigned char>(text[at]) < ' ';
    if (control)
      result += ' ';
    else
      result += next.valid ? text.substr(at, next.length) : detail::replacement_character;
    at += next.length;
  }
  result.reserve(result.size() + simdjson::SIMDJSON_PADDING);
  return result;
}

class trace_parser {
 public:
  trace_parser(byte_source& source, const std::string& name)
      : name_(name),
        cutter_(source, name,
                {"baseTimeNanoseconds", "distributedInfo", "deviceProperties", "traceName"}) {}

  recording parse() {
    for (;;) {
      const trace_cutter::piece piece = cutter_.next();
      if (piece.is == trace_cutter::piece::kind::end) break;
      parse(piece, piece.json);
    }
    if (!builder_.recognised() && !cutter_.cut_short())
      throw error(name_, "",
                  "is a Chrome trace without any event of PyTorch's profiler (operators, "
                  "annotations, CUDA calls, kernels)");
    recording result = builder_.finish(base_unix_ns_);
    result.source = name_;
    for (auto& [key, content] : run_) result.run.insert_or_assign(key, std::move(content));
    if (cutter_.cut_short()) {
      result.hygiene.incomplete = true;
      result.hygiene.cut_at = "byte " + std::to_string(cutter_.bytes_read());
    }
    return result;
  }

 private:
  // `json` is the piece's, or a repaired copy of it.
  void parse(const trace_cutter::piece& piece, std::string_view json) {
    ondemand::document document;
    const auto code =
        parser_.iterate(json.data(), json.size(), json.size() + simdjson::SIMDJSON_PADDING)
            .get(document);
    if ((code == simdjson::UTF8_ERROR || code == simdjson::UNESCAPED_CHARS) &&
        json.data() == piece.json.data()) {
      const std::string sound = repaired(json);
      return parse(piece, sound);
    }
    const char* event = json.data();  // that is being parsed
    try {
      simdjson::simdjson_result<ondemand::document>(code).value();
      ondemand::array elements = document.get_array();
      for (ondemand::value element : elements) {
        event = element.raw_json_token().data();
        if (piece.is == trace_cutter::piece::kind::member)
          read_member(piece.key, element);
        else
          read_event(element);
      }
    } catch (const simdjson::simdjson_error& refused) {
      fail(piece, json, event,
           std::string("not JSON: ") + simdjson::error_message(refused.error()));
    } catch (const refused_event& refused) {
      fail(piece, json, event, refused.why);
    }
  }

  struct refused_event {
    const char* why;
  };

  [[noreturn]] void fail(const trace_cutter::piece& piece, std::string_view json, const char* event,
                         const std::string& why) const {
    // A repaired copy is a little longer; its places are nearly right.
    const auto at = std::min(static_cast<std::size_t>(event - json.data()), piece.json.size());
    cutter_.fail(cutter_.offset_of(piece.json.data() + at), why);
  }

  void read_event(ondemand::value element) {
    const ondemand::json_type type = element.type();
    if (type == ondemand::json_type::null) return;
    if (type != ondemand::json_type::object) throw refused_event{"an event is not an object"};
    builder_.add(parse_trace_event(element.get_object()));
  }

  // Members may be of any shape: what is not as PyTorch writes it is passed over.
  void read_member(std::string_view key, ondemand::value value) {
    const ondemand::json_type type = value.type();
    if (key == "baseTimeNanoseconds") {
      std::int64_t base_ns = 0;
      if (type == ondemand::json_type::number &&
          value.get_int64().get(base_ns) == simdjson::SUCCESS)
        base_unix_ns_ = base_ns;
    } else if (key == "traceName") {
      if (type == ondemand::json_type::string)
        run_["trace_name"] = std::string(std::string_view(value.get_string()));
    } else if (key == "distributedInfo" && type == ondemand::json_type::object) {
      for (ondemand::field field : value.get_object()) {
        const std::string_view name = field.unescaped_key();
        std::int64_t number = 0;
        if ((name == "rank" || name == "world_size") &&
            field.value().get_int64().get(number) == simdjson::SUCCESS)
          run_[std::string(name)] = number;
        if (name == "backend" && field.value().type() == ondemand::json_type::string)
          run_["distributed_backend"] = std::string(std::string_view(field.value().get_string()));
      }
    } else if (key == "deviceProperties" && type == ondemand::json_type::array) {
      for (ondemand::value device : value.get_array())
        if (device.type() == ondemand::json_type::object) read_device(device.get_object());
    }
  }

  void read_device(ondemand::object properties) {
    std::uint64_t id = UINT64_MAX;
    std::string name;
    for (ondemand::field field : properties) {
      const std::string_view key = field.unescaped_key();
      if (key == "id" && field.value().get_uint64().get(id) != simdjson::SUCCESS) id = UINT64_MAX;
      if (key == "name" && field.value().type() == ondemand::json_type::string)
        name = std::string_view(field.value().get_string());
    }
    if (id <= UINT32_MAX) builder_.name_device(static_cast<std::uint32_t>(id), name);
  }

  std::string name_;
  trace_cutter cutter_;
  trace_builder builder_;
  ondemand::parser parser_;
  std::int64_t base_unix_ns_ = 0;
  std::map<std::string, run_value> run_;
};

}  // namespace
}  // namespace timeline

recording parse_trace(std::string_view bytes, const std::string& name,
                      const timeline::release_bytes& release) {
  if (!timeline::is_gzip(bytes)) {
    timeline::plain_source source(bytes, release);
    return timeline::trace_parser(source, name).parse();
  }
  timeline::gzip_source source(bytes, name, release);
  try {
    recording result = timeline::trace_parser(source, name).parse();
    if (!result.hygiene.cut_at.empty()) result.hygiene.cut_at += " (inflated)";
    return result;
  } catch (const error&) {
    // Damaged data may inflate to rubbish for a while: then that is what to say.
    timeline::read_to_end(source);
    throw;
  }
}

}  // namespace latency
