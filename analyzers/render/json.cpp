#include <cmath>
#include <nlohmann/json.hpp>

#include "analyzers/render/display.hpp"
#include "analyzers/render/writers.hpp"

namespace latency::render {
namespace {

using json = nlohmann::ordered_json;

json raw_json(const cell& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return *integer;
  if (const auto* real = std::get_if<double>(&value); real && std::isfinite(*real)) return *real;
  return nullptr;
}

json rows_of(const table& from) {
  json rows = json::array();
  for (const auto& row : from.rows) {
    json entry = json::object();
    for (std::size_t c = 0; c < row.size(); ++c)
      entry[raw_name(from.columns[c].key, from.columns[c].type)] = raw_json(row[c]);
    rows.push_back(std::move(entry));
  }
  return rows;
}

json body_of(const document& from) {
  json sections = json::object();
  for (const section& part : from.sections) {
    json lines = json::array();
    json tables = json::object();
    for (const auto& item : part.items) {
      if (const auto* t = std::get_if<table>(&item)) {
        tables[t->key] = rows_of(*t);
        continue;
      }
      const line& text = std::get<line>(item);
      json figures = json::object();
      for (const figure& f : text.figures) figures[raw_name(f.key, f.type)] = raw_json(f.value);
      lines.push_back({{"text", sentence(text)}, {"figures", std::move(figures)}});
    }
    sections[part.key] = {
        {"title", part.title}, {"lines", std::move(lines)}, {"tables", std::move(tables)}};
  }
  return {{"title", from.title}, {"source", from.source}, {"sections", std::move(sections)}};
}

}  // namespace

std::string to_json(const std::vector<document>& documents) {
  json result;
  result["schema"] = {{"name", "latency." + (documents.empty() ? "" : documents[0].kind)},
                      {"version", "1.0"}};
  if (documents.size() == 1) {
    result.update(body_of(documents[0]));
  } else {
    result["files"] = json::array();
    for (const document& from : documents) result["files"].push_back(body_of(from));
  }
  return result.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace latency::render
