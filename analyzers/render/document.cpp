#include "analyzers/render/document.hpp"

#include <algorithm>
#include <cctype>
#include <map>

namespace latency::render {
namespace {

const section* find(const document& in, const std::string& key) {
  for (const section& part : in.sections)
    if (part.key == key) return &part;
  return nullptr;
}

const table* find(const section* in, const std::string& key) {
  if (in == nullptr) return nullptr;
  for (const auto& item : in->items)
    if (const auto* t = std::get_if<table>(&item); t && t->key == key) return t;
  return nullptr;
}

class joiner {
 public:
  joiner(const std::vector<document>& documents, bool all_columns)
      : documents_(documents), all_columns_(all_columns) {}

  document join() {
    document result{documents_[0].kind, documents_[0].title, "", {}};
    std::vector<std::string> sources;
    for (const document& from : documents_) sources.push_back(from.source);
    result.sections.push_back(files_section(sources));
    for (const document& from : documents_)
      for (const section& part : from.sections)
        if (find(result, part.key) == nullptr) result.sections.push_back(join(part));
    return result;
  }

 private:
  section join(const section& first) {
    section result{first.key, first.title, {}};
    for (std::size_t d = 0; d < documents_.size(); ++d)
      if (const section* const part = find(documents_[d], first.key))
        for (const auto& item : part->items)
          if (const auto* text = std::get_if<line>(&item)) add_line(result, *text, d);
    for (const document& from : documents_)
      if (const section* const part = find(from, first.key))
        for (const auto& item : part->items)
          if (const auto* t = std::get_if<table>(&item); t && find(&result, t->key) == nullptr)
            result.items.emplace_back(join(first.key, *t));
    return result;
  }

  // A line that every file has, word for word, is about the section: it is shown once.
  void add_line(section& to, const line& text, std::size_t d) const {
    bool everywhere = text.figures.empty();
    for (const document& from : documents_)
      everywhere = everywhere && has_line(find(from, to.key), text.text);
    if (everywhere && has_line(&to, text.text)) return;
    to.items.emplace_back(text);
    if (!everywhere) std::get<line>(to.items.back()).text = file_letter(d) + ": " + text.text;
  }

  static bool has_line(const section* in, const std::string& text) {
    if (in == nullptr) return false;
    return std::any_of(in->items.begin(), in->items.end(), [&](const auto& item) {
      const auto* candidate = std::get_if<line>(&item);
      return candidate != nullptr && candidate->text == text;
    });
  }

  table join(const std::string& section_key, const table& first) {
    table result{first.key, first.title, {}, {}, first.key_columns};
    std::vector<std::size_t> shown_columns;
    for (std::size_t c = 0; c < first.columns.size(); ++c) {
      if (c < first.key_columns)
        result.columns.push_back(first.columns[c]);
      else if (all_columns_ || first.columns[c].compared)
        shown_columns.push_back(c);
    }
    for (const std::size_t c : shown_columns)
      for (std::size_t d = 0; d < documents_.size(); ++d) {
        column copy = first.columns[c];
        copy.key.append(1, '_').append(file_letter(d));
        copy.title.append(1, ' ').append(file_letter(d));
        result.columns.push_back(std::move(copy));
      }
    std::map<std::vector<cell>, std::size_t> row_of;
    for (std::size_t d = 0; d < documents_.size(); ++d) {
      const table* const t = find(find(documents_[d], section_key), first.key);
      if (t == nullptr) continue;
      for (const auto& row : t->rows) {
        std::vector<cell> key(row.begin(),
                              row.begin() + static_cast<std::ptrdiff_t>(first.key_columns));
        const auto [entry, added] = row_of.try_emplace(key, result.rows.size());
        if (added) {
          key.resize(result.columns.size());
          result.rows.push_back(std::move(key));
        }
        for (std::size_t i = 0; i < shown_columns.size(); ++i)
          result.rows[entry->second][first.key_columns + i * documents_.size() + d] =
              row[shown_columns[i]];
      }
    }
    return result;
  }

  const std::vector<document>& documents_;
  bool all_columns_;
};

}  // namespace

std::string file_letter(std::size_t index) {
  std::string name(1, static_cast<char>('A' + index % 26));
  return index < 26 ? name : file_letter(index / 26 - 1) + name;
}

section files_section(const std::vector<std::string>& sources) {
  table names{"files", "", {{"file", "file"}, {"path", "path", unit::text, true, true}}, {}};
  for (std::size_t i = 0; i < sources.size(); ++i)
    names.rows.push_back({file_letter(i), sources[i]});
  section legend{"files", "Files", {}};
  legend.items.emplace_back(std::move(names));
  return legend;
}

std::string as_key(std::string_view words) {
  std::string key;
  for (const char c : words) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0)
      key += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    else if (!key.empty() && key.back() != '_')
      key += '_';
  }
  while (!key.empty() && key.back() == '_') key.pop_back();
  return key;
}

std::string raw_name(const std::string& key, unit type) {
  switch (type) {
    case unit::duration_ns:
    case unit::exact_ns:
      return key + "_ns";
    case unit::ratio:
      return key + "_ratio";
    case unit::bytes:
      return key + "_bytes";
    case unit::rate:
      return key + "_per_second";
    case unit::bytes_per_second:
      return key + "_bytes_per_second";
    case unit::text:
    case unit::path:
    case unit::integer:
    case unit::number:
      break;
  }
  return key;
}

document side_by_side(const std::vector<document>& documents, bool all_columns) {
  return joiner(documents, all_columns).join();
}

}  // namespace latency::render
