#include "analyzers/timeline/column_reader.hpp"

#include <limits>

#include "latency/detail/printable.hpp"
#include "latency/error.hpp"

namespace latency::timeline {
namespace {

namespace ondemand = simdjson::ondemand;

constexpr std::size_t piece_bytes = std::size_t{256} << 10;  // stays in the second-level cache

bool is_type_error(simdjson::error_code code) {
  return code == simdjson::INCORRECT_TYPE || code == simdjson::NUMBER_ERROR ||
         code == simdjson::NUMBER_OUT_OF_RANGE;
}

std::string at_index(const std::string& path, std::size_t index) {
  return path + "/" + std::to_string(index);
}

// The text of a number, for messages.
std::string written(ondemand::value value) {
  std::string_view token = value.raw_json_token();
  while (!token.empty() && (token.back() == ' ' || token.back() == '\n')) token.remove_suffix(1);
  return std::string(token.substr(0, 40));
}

// JSON has no NaN or infinity: writers put null for them.
simdjson::error_code null_as_nan(ondemand::value from, double& to) {
  bool null = false;
  if (const auto code = from.is_null().get(null)) return code;
  to = std::numeric_limits<double>::quiet_NaN();
  return null ? simdjson::SUCCESS : simdjson::N_ATOM_ERROR;
}

// Adds the attributes of one object; keys repeat from row to row in the same order, so the id of a
// key is nearly always the one seen at this position in the row before.
class attribute_parser {
 public:
  explicit attribute_parser(recording& into) : into_(into) {}

  simdjson::error_code add(ondemand::object object, attribute_range& range) {
    range.first = into_.attributes.size();
    std::size_t position = 0;
    for (auto entry : object) {
      ondemand::field field;
      if (const auto code = std::move(entry).get(field)) return code;
      recorded_attribute attribute;
      if (const auto code = key(field, position++, attribute.key)) return code;
      if (const auto code = value(field.value(), attribute)) return code;
      into_.attributes.push_back(attribute);
    }
    range.count = static_cast<std::uint32_t>(into_.attributes.size() - range.first);
    return simdjson::SUCCESS;
  }

 private:
  simdjson::error_code key(ondemand::field& field, std::size_t position, string_id& id) {
    if (position < recent_.size() && field.key().unsafe_is_equal(recent_[position].text)) {
      id = recent_[position].id;
      return simdjson::SUCCESS;
    }
    std::string_view text;
    if (const auto code = field.unescaped_key().get(text)) return code;
    id = into_.strings.add(text);
    if (position >= recent_.size()) recent_.resize(position + 1);
    // A key with escapes does not equal its own raw form, and the raw comparison may read as far as
    // the padding: such keys take the long way each time.
    const bool plain =
        text.size() < simdjson::SIMDJSON_PADDING && text.find_first_of("\"\\") == text.npos;
    recent_[position] = {plain ? std::string(text) : std::string("\""), id};
    return simdjson::SUCCESS;
  }

  simdjson::error_code value(ondemand::value from, recorded_attribute& to) {
    ondemand::json_type type;
    if (const auto code = from.type().get(type)) return code;
    if (type == ondemand::json_type::string) {
      std::string_view text;
      if (const auto code = from.get_string().get(text)) return code;
      to.type = recorded_attribute::kind::text;
      to.text = into_.strings.add(text);
      return simdjson::SUCCESS;
    }
    if (type == ondemand::json_type::null) {
      to.type = recorded_attribute::kind::real;
      return null_as_nan(from, to.real);
    }
    if (type != ondemand::json_type::number) return simdjson::INCORRECT_TYPE;
    std::int64_t integer = 0;
    if (from.get_int64().get(integer) == simdjson::SUCCESS) {
      to.type = recorded_attribute::kind::integer;
      to.integer = integer;
      return simdjson::SUCCESS;
    }
    to.type = recorded_attribute::kind::real;
    return from.get_double().get(to.real);
  }

  struct recent_key {
    std::string text;
    string_id id = 0;
  };
  recording& into_;
  std::vector<recent_key> recent_;
};

}  // namespace

std::string found(ondemand::value value) {
  const std::string_view token = value.raw_json_token();
  return std::string("found ") + (token.empty() ? "nothing" : json_kind(token.front()));
}

void column_reader::fail(const std::string& path, const std::string& message) const {
  // Both may quote the file, whose keys and texts hold anything.
  throw error(cutter_.file(), detail::printable(path), detail::printable(message));
}

// `document` is null when the piece could not even be indexed.
void column_reader::fail_syntax(simdjson::error_code code, ondemand::document* document,
                                std::string_view piece) const {
  const char* place = nullptr;
  std::size_t offset = cutter_.offset_of(piece.data());
  if (document != nullptr && document->current_location().get(place) == simdjson::SUCCESS &&
      place > buffer_.data() && place <= buffer_.data() + piece.size())
    offset += static_cast<std::size_t>(place - buffer_.data()) - 1;
  const char* message = "not JSON";
  if (code == simdjson::UTF8_ERROR) message = "not valid UTF-8 from here on";
  if (code == simdjson::STRING_ERROR) message = "a text with an impossible escape";
  if (code == simdjson::UNESCAPED_CHARS) message = "a control character in a text from here on";
  cutter_.fail(offset, message);
}

// A copy of the piece with its brackets and the padding that simdjson reads past the end.
ondemand::document column_reader::iterate(std::string_view piece, char open, char close) {
  buffer_.clear();
  buffer_.reserve(piece.size() + 2 + simdjson::SIMDJSON_PADDING);
  buffer_ += open;
  buffer_ += piece;
  buffer_ += close;
  ondemand::document document;
  if (const auto code =
          parser_.iterate(buffer_.data(), buffer_.size(), buffer_.capacity() + 1).get(document))
    fail_syntax(code, nullptr, piece);
  return document;
}

template <class value, class convert>
void column_reader::read(const std::string& path, const consumer<value>& consume,
                         convert&& element) {
  cutter_.open('[', path);
  std::vector<value> values;
  std::size_t first = 0;
  for (;;) {
    const std::string_view piece = cutter_.elements(piece_bytes);
    if (piece.empty()) return;
    ondemand::document document = iterate(piece, '[', ']');
    ondemand::array array;
    if (const auto code = document.get_array().get(array)) fail_syntax(code, &document, piece);
    values.clear();
    for (auto entry : array) {
      ondemand::value item;
      if (const auto code = std::move(entry).get(item)) fail_syntax(code, &document, piece);
      value converted{};
      const auto code = element(item, first + values.size(), converted);
      if (code != simdjson::SUCCESS) fail_syntax(code, &document, piece);
      values.push_back(converted);
    }
    consume(first, values.data(), values.size());
    first += values.size();
  }
}

void column_reader::integers(const std::string& path, integer_range range,
                             const consumer<std::int64_t>& consume) {
  read<std::int64_t>(path, consume, [&](ondemand::value item, std::size_t index, std::int64_t& to) {
    const auto code = item.get_int64().get(to);
    if (is_type_error(code)) fail(at_index(path, index), "not a 64-bit integer: " + written(item));
    if (code != simdjson::SUCCESS) return code;
    if (to < range.lowest) fail(at_index(path, index), range.below + (": " + std::to_string(to)));
    if (to > range.highest)
      fail(at_index(path, index), "out of range: " + std::to_string(to) + " (at most " +
                                      std::to_string(range.highest) + ")");
    return simdjson::SUCCESS;
  });
}

void column_reader::identifiers(const std::string& path, const consumer<std::uint64_t>& consume) {
  read<std::uint64_t>(
      path, consume, [&](ondemand::value item, std::size_t index, std::uint64_t& to) {
        const auto code = item.get_uint64().get(to);
        if (is_type_error(code))
          fail(at_index(path, index), "not an unsigned 64-bit integer: " + written(item));
        return code;
      });
}

void column_reader::reals(const std::string& path, const consumer<double>& consume) {
  read<double>(path, consume, [&](ondemand::value item, std::size_t index, double& to) {
    const bool is_null = item.raw_json_token()[0] == 'n';
    const auto code = is_null ? null_as_nan(item, to) : item.get_double().get(to);
    if (is_type_error(code)) fail(at_index(path, index), "not a number: " + written(item));
    return code;
  });
}

void column_reader::texts(const std::string& path, const consumer<std::string_view>& consume) {
  read<std::string_view>(path, consume,
                         [&](ondemand::value item, std::size_t index, std::string_view& to) {
                           const auto code = item.get_string().get(to);
                           if (is_type_error(code))
                             fail(at_index(path, index), "expected a text, " + found(item));
                           return code;
                         });
}

void column_reader::attributes(const std::string& path, recording& into,
                               const consumer<attribute_range>& consume) {
  attribute_parser parser(into);
  read<attribute_range>(
      path, consume, [&](ondemand::value item, std::size_t index, attribute_range& to) {
        ondemand::json_type type;
        if (const auto code = item.type().get(type)) return code;
        if (type == ondemand::json_type::null) {
          double ignored = 0;
          return null_as_nan(item, ignored);
        }
        if (type != ondemand::json_type::object)
          fail(at_index(path, index), "expected null or an object, " + found(item));
        ondemand::object object;
        if (const auto code = item.get_object().get(object)) return code;
        const auto code = parser.add(object, to);
        if (is_type_error(code))
          fail(at_index(path, index), "an attribute is an integer, a real number or a text");
        return code;
      });
}

void column_reader::small_value(const std::string& path,
                                const std::function<void(ondemand::value)>& parse) {
  const std::string_view piece = cutter_.value();
  // Inside an array of one: simdjson refuses a scalar document as a value.
  ondemand::document document = iterate(piece, '[', ']');
  ondemand::array array;
  if (const auto code = document.get_array().get(array)) fail_syntax(code, &document, piece);
  for (auto entry : array) {
    ondemand::value item;
    if (const auto code = std::move(entry).get(item)) fail_syntax(code, &document, piece);
    try {
      parse(item);
    } catch (const simdjson::simdjson_error& refused) {
      if (is_type_error(refused.error())) fail(path, "a value of the wrong type");
      fail_syntax(refused.error(), &document, piece);
    }
  }
}

}  // namespace latency::timeline
