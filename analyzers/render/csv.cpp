#include <fmt/format.h>

#include <cmath>

#include "analyzers/render/writers.hpp"

namespace latency::render {
namespace {

std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == text.npos) return text;
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"') result += '"';
    result += c;
  }
  return result + "\"";
}

// Reals in the shortest form that reads back to the same value.
std::string raw(const cell& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return quoted(*text);
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return std::to_string(*integer);
  if (const auto* real = std::get_if<double>(&value); real && std::isfinite(*real))
    return fmt::format("{}", *real);
  return "";
}

class csv_writer {
 public:
  explicit csv_writer(const std::vector<document>& documents)
      : documents_(documents), named_(documents.size() > 1) {}

  // Blocks in the order of the first document that has them.
  std::string write() {
    for (const document& from : documents_)
      for (const section& part : from.sections) {
        figures(part.key);
        for (const auto& item : part.items)
          if (const auto* t = std::get_if<table>(&item)) rows(*t);
      }
    return std::move(out_);
  }

 private:
  bool start(const std::string& key, const std::string& header) {
    for (const std::string& done : done_)
      if (done == key) return false;
    done_.push_back(key);
    if (!out_.empty()) out_ += '\n';
    out_ += (named_ ? "file,table" : "table") + header + '\n';
    return true;
  }

  void begin_row(const document& from, const std::string& key) {
    if (named_) out_ += quoted(from.source) + ',';
    out_ += quoted(key);
  }

  void rows(const table& first) {
    std::string header;
    for (const column& c : first.columns) header += ',' + quoted(raw_name(c.key, c.type));
    if (!start(first.key, header)) return;
    for (const document& from : documents_)
      for (const section& part : from.sections)
        for (const auto& item : part.items)
          if (const auto* t = std::get_if<table>(&item); t && t->key == first.key)
            for (const auto& row : t->rows) {
              begin_row(from, t->key);
              for (const cell& value : row) out_ += ',' + raw(value);
              out_ += '\n';
            }
  }

  void figures(const std::string& section_key) {
    const std::string key = section_key + "_figures";
    std::string body;
    std::swap(out_, body);
    for (const document& from : documents_)
      for (const section& part : from.sections) {
        if (part.key != section_key) continue;
        for (const auto& item : part.items)
          if (const auto* text = std::get_if<line>(&item))
            for (const figure& f : text->figures) {
              begin_row(from, key);
              out_ += ',' + quoted(raw_name(f.key, f.type)) + ',' + raw(f.value) + '\n';
            }
      }
    std::swap(out_, body);
    if (!body.empty() && start(key, ",figure,value")) out_ += body;
  }

  const std::vector<document>& documents_;
  bool named_;
  std::vector<std::string> done_;
  std::string out_;
};

}  // namespace

std::string to_csv(const std::vector<document>& documents) {
  return csv_writer(documents).write();
}

}  // namespace latency::render
