#include "pipeline_reference/longlive/prompts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "latency/detail/utf8.hpp"
#include "latency/error.hpp"
#include "pipeline_reference/checkpoint/tensor_file.hpp"
#include "pipeline_reference/files/text_file.hpp"
#include "pipeline_reference/ops/random.hpp"

namespace longlive {
namespace {

[[noreturn]] void fail_in_line(const std::string& path, int line, const std::string& message) {
  throw latency::error(path, fmt::format("line {}", line), message);
}

std::string_view without_blanks(std::string_view text) {
  constexpr const char* blanks = " \t\r\n\f\v";
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

// Takes the first line off `rest`. Ends are "\n", "\r\n" and "\r", as where the published code
// reads text files; a byte order mark may stand before any line, as where files were joined.
std::string_view take_line(std::string_view& rest) {
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  const std::size_t end = std::min(rest.find_first_of("\r\n"), rest.size());
  std::string_view line = rest.substr(0, end);
  const std::size_t end_bytes = rest.substr(end, 2) == "\r\n" ? 2 : 1;
  rest.remove_prefix(std::min(end + end_bytes, rest.size()));
  if (line.substr(0, byte_order_mark.size()) == byte_order_mark)
    line.remove_prefix(byte_order_mark.size());
  return without_blanks(line);
}

void require_text(std::string_view prompt, const std::string& path, int line) {
  for (std::size_t at = 0; at < prompt.size();) {
    const auto sequence = latency::detail::decode_utf8(prompt.substr(at));
    if (!sequence.valid)
      fail_in_line(path, line, fmt::format("not UTF-8 at byte {} of the text", at));
    if (prompt[at] == '\0') fail_in_line(path, line, "holds a zero byte");
    at += sequence.length;
  }
}

std::vector<std::string> parse_jsonl_line(std::string_view text, const std::string& path,
                                          int line) {
  // A line needs two levels; what is nested deeper is dropped while parsing, so it costs no memory.
  const auto deep = [](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
    return depth <= 4;
  };
  const nlohmann::json object = nlohmann::json::parse(text.begin(), text.end(), deep, false);
  if (object.is_discarded())
    fail_in_line(path, line, "not JSON: expects {\"prompts\": [\"...\", ...]}");
  if (!object.is_object())
    fail_in_line(path, line, fmt::format("expects an object, found {}", object.type_name()));
  const auto list = object.find("prompts");
  if (list == object.end()) fail_in_line(path, line, "has no \"prompts\"");
  if (!list->is_array())
    fail_in_line(path, line,
                 fmt::format("\"prompts\" must be a list, found {}", list->type_name()));
  if (list->empty()) fail_in_line(path, line, "\"prompts\" is empty");
  std::vector<std::string> prompts;
  for (const nlohmann::json& prompt : *list) {
    if (!prompt.is_string())
      fail_in_line(
          path, line,
          fmt::format("prompt {} must be a text, found {}", prompts.size(), prompt.type_name()));
    prompts.push_back(prompt.get<std::string>());
    if (without_blanks(prompts.back()).empty())
      fail_in_line(path, line, fmt::format("prompt {} is empty", prompts.size() - 1));
    require_text(prompts.back(), path, line);
  }
  return prompts;
}

std::uint64_t text_hash(std::string_view text) {  // FNV-1a, 64 bit
  std::uint64_t hash = 14695981039346656037u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return hash;
}

}  // namespace

std::vector<prompt_line> parse_prompts(const std::string& text, bool jsonl,
                                       const std::string& path) {
  std::vector<prompt_line> lines;
  std::size_t prompts = 0;
  std::string_view rest = text;
  if (rest.substr(0, 2) == "\xff\xfe" || rest.substr(0, 2) == "\xfe\xff")
    throw latency::error(path, "", "is UTF-16, expected UTF-8");
  for (int number = 1; !rest.empty(); ++number) {
    const std::string_view line = take_line(rest);
    if (line.empty()) continue;
    if (line.size() > prompts_max_line_bytes)
      fail_in_line(
          path, number,
          fmt::format("{} bytes, more than the limit of {}", line.size(), prompts_max_line_bytes));
    prompt_line parsed{number, {}};
    if (jsonl) {
      parsed.prompts = parse_jsonl_line(line, path, number);
    } else {
      require_text(line, path, number);
      parsed.prompts.emplace_back(line);
    }
    if (!lines.empty() && lines.front().prompts.size() != parsed.prompts.size())
      fail_in_line(path, number,
                   fmt::format("has {} prompts, but line {} has {}", parsed.prompts.size(),
                               lines.front().line, lines.front().prompts.size()));
    prompts += parsed.prompts.size();
    if (prompts > prompts_max_count)
      fail_in_line(path, number, fmt::format("more than {} prompts up to here", prompts_max_count));
    lines.push_back(std::move(parsed));
  }
  if (lines.empty()) throw latency::error(path, "", "holds no prompt");
  return lines;
}

std::vector<prompt_line> read_prompts(const std::string& path) {
  const bool jsonl = std::filesystem::path(path).extension() == ".jsonl";
  return parse_prompts(files::read_text_file(path, prompts_max_bytes), jsonl, path);
}

prompt_embedding seeded_embedding(const std::string& prompt, std::uint64_t seed,
                                  std::int64_t text_len, std::int64_t text_dim) {
  std::int64_t words = 0;
  bool in_word = false;
  for (const char c : prompt) {
    const bool blank = c == ' ' || c == '\t' || c == '\n' || c == '\r';
    if (!blank && !in_word) ++words;
    in_word = !blank;
  }
  prompt_embedding embedding;
  embedding.token_count = std::min(words + 1, text_len);  // the encoder appends an end mark
  embedding.rows.assign(static_cast<std::size_t>(text_len * text_dim), 0.0f);
  const std::uint64_t key = text_hash(prompt) ^ seed;
  const auto used = static_cast<std::size_t>(embedding.token_count * text_dim);
  for (std::size_t i = 0; i < used; i += 4) {
    const std::array<float, 4> normals = ops::random_normals(key, 0, i / 4);
    std::copy_n(normals.begin(), std::min<std::size_t>(4, used - i), embedding.rows.begin() + i);
  }
  return embedding;
}

std::vector<prompt_embedding> read_embeddings(const std::string& path, std::size_t line_index,
                                              std::size_t segments, std::int64_t text_len,
                                              std::int64_t text_dim) {
  const checkpoint::tensor_file file = checkpoint::tensor_file::open(path);
  const std::vector<std::int64_t> shape{text_len, text_dim};
  std::vector<prompt_embedding> embeddings(segments);
  for (std::size_t segment = 0; segment < segments; ++segment) {
    std::string name = fmt::format("line{}.prompt_embeds.{}", line_index, segment);
    if (line_index == 0 && !file.contains(name)) name = fmt::format("prompt_embeds.{}", segment);
    prompt_embedding& embedding = embeddings[segment];
    embedding.rows = file.read_f32(name, shape);
    embedding.token_count = text_len;
    const auto is_zero_row = [&](std::int64_t row) {
      const auto first = embedding.rows.begin() + row * text_dim;
      return std::all_of(first, first + text_dim, [](float x) { return x == 0.0f; });
    };
    while (embedding.token_count > 0 && is_zero_row(embedding.token_count - 1))
      --embedding.token_count;
  }
  return embeddings;
}

}  // namespace longlive
