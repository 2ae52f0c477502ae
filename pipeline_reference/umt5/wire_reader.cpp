#include "pipeline_reference/umt5/wire_reader.hpp"

#include <fmt/format.h>

#include "latency/error.hpp"

namespace umt5 {

void wire_reader::fail(const std::string& message) const {
  throw latency::error(path_, fmt::format("byte {}", field_start_ - file_.data()), message);
}

std::string_view wire_reader::take(std::uint64_t count) {
  if (count > rest_.size())
    fail(fmt::format("the field claims {} bytes, its message holds {} more", count, rest_.size()));
  const std::string_view taken = rest_.substr(0, count);
  rest_.remove_prefix(count);
  return taken;
}

std::uint64_t wire_reader::varint() {
  std::uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    const auto byte = static_cast<unsigned char>(take(1).front());
    value |= static_cast<std::uint64_t>(byte & 0x7fu) << shift;
    if (byte < 0x80) return value;
  }
  fail("a number of more than 10 bytes");
}

bool wire_reader::next(wire_field& field) {
  if (rest_.empty()) return false;
  field_start_ = rest_.data();
  const std::uint64_t tag = varint();
  if (tag >> 3 == 0 || tag >> 3 > 0x1fffffff) fail("not a SentencePiece model: a bad field number");
  field = {static_cast<std::uint32_t>(tag >> 3), static_cast<wire_type>(tag & 7), 0, {}};
  switch (field.type) {
    case wire_type::varint:
      field.value = varint();
      return true;
    case wire_type::bytes:
      field.bytes = take(varint());
      return true;
    case wire_type::fixed64:
    case wire_type::fixed32: {
      const std::string_view raw = take(field.type == wire_type::fixed64 ? 8 : 4);
      for (std::size_t i = raw.size(); i-- > 0;)
        field.value = field.value << 8 | static_cast<unsigned char>(raw[i]);
      return true;
    }
  }
  fail(fmt::format("not a SentencePiece model: field {} is of type {}", field.number, tag & 7));
}

void wire_reader::require_type(const wire_field& field, wire_type type, const char* name) const {
  if (field.type != type)
    fail(fmt::format("{} is of wire type {}, expected {}", name, static_cast<int>(field.type),
                     static_cast<int>(type)));
}

void wire_reader::require_once(const wire_field& field, wire_type type, const char* name) {
  require_type(field, type, name);
  const std::uint64_t bit = std::uint64_t{1} << field.number;
  if (seen_ & bit) fail(fmt::format("{} stands there twice", name));
  seen_ |= bit;
}

}  // namespace umt5
