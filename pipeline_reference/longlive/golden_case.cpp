#include "pipeline_reference/longlive/golden_case.hpp"

#include "pipeline_reference/files/text_file.hpp"

namespace longlive {

nlohmann::json parse_golden_case(const std::string& text, const std::string& path) {
  nlohmann::json json;
  try {
    json = nlohmann::json::parse(text);
  } catch (const nlohmann::json::parse_error& e) {  // its own message quotes the text at any length
    throw latency::error(path, "byte " + std::to_string(e.byte), "not JSON");
  } catch (const nlohmann::json::out_of_range&) {
    throw latency::error(path, "", "a number that no computer holds");
  }
  if (!json.is_object() || !json.contains("kind") || !json["kind"].is_string())
    throw latency::error(path, "kind", "expected a text");
  return json;
}

nlohmann::json read_golden_case(const std::string& folder) {
  constexpr std::size_t most_bytes = std::size_t{16} << 20;
  const std::string path = folder + "/case.json";
  return parse_golden_case(files::read_text_file(path, most_bytes), path);
}

}  // namespace longlive
