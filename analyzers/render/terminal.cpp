#include <algorithm>
#include <numeric>

#include "analyzers/render/display.hpp"
#include "analyzers/render/writers.hpp"

namespace latency::render {
namespace {

constexpr std::size_t longest_text = 46;   // longer names are cut in the middle,
constexpr std::size_t shortest_text = 20;  // down to this where that keeps a table in one piece
constexpr std::size_t title_width = 8;     // titles are not wrapped narrower than this
constexpr std::string_view gap = "  ";

// Cuts a UTF-8 text at a character.
std::string_view first_characters(std::string_view text, std::size_t count) {
  std::size_t end = 0;
  while (end < text.size() && count > 0) {
    ++end;
    while (end < text.size() && (text[end] & 0xc0) == 0x80) ++end;
    --count;
  }
  return text.substr(0, end);
}

std::string elided(const std::string& text, std::size_t longest) {
  const std::size_t width = width_of(text);
  if (width <= longest) return text;
  const std::size_t head = longest / 3;  // the end of a name tells more than its start
  const std::size_t tail = longest - head - 2;
  const std::string_view start = first_characters(text, head);
  return std::string(start) + ".." + text.substr(first_characters(text, width - tail).size());
}

enum class long_words : std::uint8_t { cut, kept };

// Words in lines of at most `width` characters; words longer than that are cut or have a line of
// their own.
std::vector<std::string> wrapped(std::string_view text, std::size_t width,
                                 long_words policy = long_words::cut) {
  std::vector<std::string> lines(1);
  while (!text.empty()) {
    const std::size_t space = std::min(text.find(' '), text.size());
    std::string_view word = text.substr(0, space);
    text.remove_prefix(std::min(space + 1, text.size()));
    if (!lines.back().empty() && width_of(lines.back()) + 1 + width_of(word) > width)
      lines.emplace_back();
    while (policy == long_words::cut && width_of(word) > width) {
      const std::string_view part = first_characters(word, width);
      lines.back() = part;
      lines.emplace_back();
      word.remove_prefix(part.size());
    }
    if (!lines.back().empty()) lines.back() += ' ';
    lines.back() += word;
  }
  return lines;
}

class terminal_writer {
 public:
  explicit terminal_writer(bool colour) : colour_(colour) {}

  std::string write(const document& from) {
    // In one piece however long it is: a path that is broken cannot be copied.
    emit(printable(from.title + (from.source.empty() ? "" : ": " + from.source)), "1");
    for (const section& part : from.sections) {
      out_ += '\n';
      for (const std::string& text : wrapped(part.title, terminal_columns)) emit(text, "1");
      bool after_table = false;
      for (const auto& item : part.items) {
        const bool is_table = std::holds_alternative<table>(item);
        if (&item != part.items.data() && (is_table || after_table)) out_ += '\n';
        after_table = is_table;
        if (is_table)
          write(std::get<table>(item));
        else
          write(std::get<line>(item));
      }
    }
    return std::move(out_);
  }

 private:
  static const char* code_of(tone colour) {
    switch (colour) {
      case tone::good:
        return "32";
      case tone::warning:
        return "33";
      case tone::bad:
        return "1;31";
      case tone::faint:
        return "2";
      case tone::plain:
        break;
    }
    return "";
  }

  void emit(const std::string& text, const std::string& code) {
    const std::size_t end = text.find_last_not_of(' ') + 1;
    if (colour_ && !code.empty() && end > 0)
      out_ += "\x1b[" + code + "m" + text.substr(0, end) + "\x1b[0m";
    else
      out_ += text.substr(0, end);
    out_ += '\n';
  }

  void write(const line& from) {
    const auto lines = wrapped(sentence(from), terminal_columns - 4);
    for (std::size_t i = 0; i < lines.size(); ++i)
      emit((i == 0 ? "  " : "    ") + lines[i], code_of(from.colour));
  }

  void write(const table& from) {
    const std::size_t columns = from.columns.size();
    if (!from.title.empty())
      for (const std::string& text : wrapped(from.title, terminal_columns - gap.size()))
        emit(std::string(gap) + text, "");
    if (columns > 1 && from.columns.back().whole && !from.columns[columns - 2].whole)
      return write_wrapped(from);
    const shown_table cells = with_fitting_names(shown(from, "  "));
    std::vector<std::vector<std::string>> headers(columns);
    std::vector<std::size_t> widths(columns);
    for (std::size_t c = 0; c < columns; ++c) {
      headers[c] = header(cells, c, cell_width(cells, c));
      widths[c] = column_width(cells, c);
    }
    bool first = true;
    for (const auto& part : parts(widths, std::min(from.key_columns, columns))) {
      if (!first) out_ += '\n';
      first = false;
      write_part(cells, headers, widths, part);
    }
  }

  // The last column takes the rest of the line and as many lines as it needs.
  void write_wrapped(const table& from) {
    const shown_table cells = shown(from, "  ");
    const std::size_t last = from.columns.size() - 1;
    std::vector<std::size_t> widths(last);
    std::size_t width = gap.size();
    for (std::size_t c = 0; c < last; ++c) {
      for (const auto& row : cells.rows)
        widths[c] = std::max(widths[c], width_of(elided(row[c], longest_text)));
      width += gap.size() + widths[c];
    }
    for (const auto& row : cells.rows) {
      std::string text;
      for (std::size_t c = 0; c < last; ++c)
        append(text, elided(row[c], longest_text), widths[c], cells.right_aligned[c]);
      for (const std::string& part :
           wrapped(row[last], terminal_columns - width, long_words::kept)) {
        emit(text + std::string(gap) + part, "");
        text.assign(width - gap.size(), ' ');
      }
    }
  }

  static std::size_t cell_width(const shown_table& cells, std::size_t c) {
    std::size_t width = 1;
    for (const auto& row : cells.rows) width = std::max(width, width_of(row[c]));
    return width;
  }

  static std::size_t column_width(const shown_table& cells, std::size_t c) {
    std::size_t width = cell_width(cells, c);
    for (const std::string& text : header(cells, c, width)) width = std::max(width, width_of(text));
    return width;
  }

  static std::size_t table_width(const shown_table& cells) {
    std::size_t width = 0;
    for (std::size_t c = 0; c < cells.titles.size(); ++c)
      width += gap.size() + column_width(cells, c);
    return width;
  }

  static shown_table with_names_of(shown_table cells, std::size_t longest) {
    for (auto& row : cells.rows)
      for (std::size_t c = 0; c < row.size(); ++c)
        if (!cells.right_aligned[c]) row[c] = elided(row[c], longest);
    return cells;
  }

  // Cuts names no more than it takes to keep the table in one piece; if that is not enough, only
  // the very long ones.
  static shown_table with_fitting_names(const shown_table& cells) {
    const shown_table widest = with_names_of(cells, longest_text);
    if (table_width(widest) <= terminal_columns ||
        table_width(with_names_of(cells, shortest_text)) > terminal_columns)
      return widest;
    for (std::size_t longest = longest_text;; --longest) {
      shown_table shorter = with_names_of(cells, longest);
      if (table_width(shorter) <= terminal_columns) return shorter;
    }
  }

  // Lines of a column's title, at the width of its cells where words allow it, then its unit.
  static std::vector<std::string> header(const shown_table& cells, std::size_t c,
                                         std::size_t width) {
    std::size_t longest_word = 0;
    std::size_t word = 0;
    for (const char letter : cells.titles[c]) {
      word = letter == ' ' ? 0 : word + 1;
      longest_word = std::max(longest_word, word);
    }
    std::vector<std::string> lines =
        wrapped(cells.titles[c], std::max({width, longest_word, title_width}));
    lines.push_back(cells.units[c]);
    return lines;
  }

  // The columns of each part of a table, so that every part fits.
  static std::vector<std::vector<std::size_t>> parts(const std::vector<std::size_t>& widths,
                                                     std::size_t key_columns) {
    std::vector<std::size_t> keys(key_columns);
    std::iota(keys.begin(), keys.end(), 0);
    std::size_t key_width = 0;
    for (const std::size_t c : keys) key_width += gap.size() + widths[c];
    std::vector<std::vector<std::size_t>> result{keys};
    std::size_t width = key_width;
    for (std::size_t c = key_columns; c < widths.size(); ++c) {
      if (width + gap.size() + widths[c] > terminal_columns && result.back().size() > key_columns) {
        result.push_back(keys);
        width = key_width;
      }
      result.back().push_back(c);
      width += gap.size() + widths[c];
    }
    return result;
  }

  void write_part(const shown_table& cells, const std::vector<std::vector<std::string>>& headers,
                  const std::vector<std::size_t>& widths, const std::vector<std::size_t>& columns) {
    std::size_t height = 0;
    bool units = false;
    for (const std::size_t c : columns) {
      height = std::max(height, headers[c].size());
      units = units || !headers[c].back().empty();
    }
    for (std::size_t y = units ? 0 : 1; y < height; ++y) {
      std::string text;
      for (const std::size_t c : columns) {
        // Titles and units line up at the bottom; the unit is the last line.
        const std::size_t missing = height - headers[c].size();
        const std::size_t shifted = units ? y : y - 1;
        append(text, shifted < missing ? "" : headers[c][shifted - missing], widths[c],
               cells.right_aligned[c]);
      }
      emit(text, "2");
    }
    std::string rule;
    for (const std::size_t c : columns) append(rule, std::string(widths[c], '-'), widths[c], false);
    emit(rule, "2");
    for (const auto& row : cells.rows) {
      std::string text;
      for (const std::size_t c : columns) append(text, row[c], widths[c], cells.right_aligned[c]);
      emit(text, "");
    }
  }

  static void append(std::string& to, const std::string& text, std::size_t width, bool right) {
    const std::string padding(width - width_of(text), ' ');
    to += gap;
    to += right ? padding + text : text + padding;
  }

  bool colour_;
  std::string out_;
};

}  // namespace

std::string to_terminal(const document& from, bool colour) {
  return terminal_writer(colour).write(from);
}

}  // namespace latency::render
